//! The structs of Thermos and Aurora (`spec/config.md` §3): first as tables, which documentation and editors read too,
//! then as types made from them.

mod aurora;
mod editor;
mod manual;
mod policy;
mod table;
mod thermos;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use indexmap::IndexMap;

use crate::error::Error;
use crate::raw::Raw;
use crate::types::{Signature, Type};
use crate::value::Value;

pub use editor::json_schema;
pub use manual::reference;
pub use table::{Constant, EnumTable, FieldTable, Layer, Presence, StructTable, TypeTable};

/// Name of the executor that runs Thermos tasks, `AURORA_EXECUTOR_NAME` in config files.
pub const EXECUTOR_NAME: &str = "AuroraExecutor";

/// All structs, each after those it uses.
#[must_use]
pub fn structs() -> &'static [&'static StructTable] {
    STRUCTS
}

/// All enumerations.
#[must_use]
pub fn enumerations() -> &'static [&'static EnumTable] {
    ENUMERATIONS
}

static ENUMERATIONS: &[&EnumTable] = &[&thermos::LOGGER_DESTINATION, &thermos::LOGGER_MODE, &aurora::MODE];

static STRUCTS: &[&StructTable] = &[
    &thermos::ROTATE_POLICY,
    &thermos::LOGGER,
    &thermos::RESOURCES,
    &thermos::CONSTRAINT,
    &thermos::PROCESS,
    &thermos::TASK,
    &thermos::THERMOS_CONTEXT,
    &aurora::MESOS_CONTEXT,
    &policy::QUEUE_UPDATE_STRATEGY,
    &policy::BATCH_UPDATE_STRATEGY,
    &policy::VARIABLE_BATCH_UPDATE_STRATEGY,
    &policy::UPDATE_CONFIG,
    &aurora::HTTP_HEALTH_CHECKER,
    &aurora::SHELL_HEALTH_CHECKER,
    &aurora::HEALTH_CHECKER_CONFIG,
    &aurora::HEALTH_CHECK_CONFIG,
    &aurora::HTTP_LIFECYCLE_CONFIG,
    &aurora::LIFECYCLE_CONFIG,
    &aurora::ANNOUNCER,
    &aurora::PARAMETER,
    &aurora::DOCKER,
    &aurora::CONTAINER,
    &aurora::DOCKER_IMAGE,
    &aurora::APPC_IMAGE,
    &aurora::VOLUME,
    &aurora::MESOS,
    &aurora::EXECUTOR_CONFIG,
    &policy::METADATA,
    &policy::PARTITION_POLICY,
    &policy::COUNT_SLA_POLICY,
    &policy::PERCENTAGE_SLA_POLICY,
    &policy::COORDINATOR_SLA_POLICY,
    &aurora::MESOS_TASK_INSTANCE,
    &aurora::MESOS_JOB,
];

/// The types made from the tables, by name.
struct Types {
    by_name: IndexMap<&'static str, Type>,
}

static TYPES: LazyLock<Types> = LazyLock::new(|| {
    let mut types = Types { by_name: IndexMap::new() };
    for table in enumerations() {
        types.by_name.insert(table.name, known(enumeration_of(table)));
    }
    for table in STRUCTS {
        let ty = known(types.struct_of(table));
        types.by_name.insert(table.name, ty);
    }
    types
});

/// The tables are constants, and every one of them is made in the tests.
#[allow(clippy::expect_used)]
fn known<T>(made: Result<T, Error>) -> T {
    made.expect("the schema tables are well formed")
}

fn enumeration_of(table: &EnumTable) -> Result<Type, Error> {
    Type::enumeration(None, table.values.iter().map(|value| (*value).into()).collect())
}

impl Types {
    fn struct_of(&self, table: &StructTable) -> Result<Type, Error> {
        let fields = table.fields.iter().map(|field| {
            let ty = self.type_of(&field.ty)?;
            let signature = match &field.presence {
                Presence::Required => Signature::required(ty),
                Presence::Optional => Signature::optional(ty),
                Presence::Default(constant) => Signature::default(ty, &constant.raw())?,
            };
            Ok((field.name, signature))
        });
        Type::structure(table.name, fields.collect::<Result<Vec<_>, Error>>()?)
    }

    fn type_of(&self, table: &TypeTable) -> Result<Type, Error> {
        Ok(match table {
            TypeTable::String => Type::String,
            TypeTable::Integer => Type::Integer,
            TypeTable::Float => Type::Float,
            TypeTable::Boolean => Type::Boolean,
            TypeTable::Enum(table) => self.named(table.name)?,
            TypeTable::Struct(table) => self.named(table.name)?,
            TypeTable::List(element) => Type::list(self.type_of(element)?)?,
            TypeTable::Map(key, value) => Type::map(self.type_of(key)?, self.type_of(value)?)?,
            TypeTable::Choice(alternatives) => {
                let alternatives = alternatives.iter().map(|table| self.type_of(table));
                Type::choice(None, alternatives.collect::<Result<_, _>>()?)?
            }
        })
    }

    fn named(&self, name: &str) -> Result<Type, Error> {
        let undeclared = || Error::Declaration { message: format!("{name} is used before its table").into() };
        self.by_name.get(name).cloned().ok_or_else(undeclared)
    }
}

/// A type of the schema by its name, `Job` being another name of `MesosJob`.
#[must_use]
pub fn type_named(name: &str) -> Option<&'static Type> {
    TYPES.by_name.get(if name == "Job" { "MesosJob" } else { name })
}

/// The names a config file has in scope, with their types: those of Thermos for the `.thermos` files, all of them for
/// the `.aurora` files.
pub fn names(layer: Layer) -> impl Iterator<Item = (&'static str, &'static Type)> {
    let enumerations = enumerations().iter().map(|table| (table.name, table.layer));
    let structs = STRUCTS.iter().map(|table| (table.name, table.layer));
    enumerations
        .chain(structs)
        .chain([("Job", Layer::Aurora)])
        .filter(move |(_, of)| *of == Layer::Thermos || layer == Layer::Aurora)
        .filter_map(|(name, _)| Some((name, type_named(name)?)))
}

/// The values a config file has in scope: `Service`, `DefaultHealthChecker`, `DefaultLifecycleConfig` and
/// `DisableLifecycle`.
#[must_use]
pub fn prebuilt() -> Vec<(&'static str, Value)> {
    let empty = || Raw::map::<&str>([]);
    let made = |ty: &str, named: &[(Arc<str>, Raw)]| known(type_or_panic(ty).call(&[], named));
    vec![
        ("Service", made("MesosJob", &[("service".into(), Raw::from(true))])),
        ("DefaultHealthChecker", made("HealthCheckerConfig", &[("http".into(), empty())])),
        ("DefaultLifecycleConfig", made("LifecycleConfig", &[("http".into(), empty())])),
        ("DisableLifecycle", made("LifecycleConfig", &[])),
    ]
}

fn type_or_panic(name: &str) -> &'static Type {
    known(type_named(name).ok_or_else(|| Error::Declaration { message: format!("no table {name}").into() }))
}

/// The type `Job`, whose name in messages is `MesosJob`.
#[must_use]
pub fn job() -> &'static Type {
    type_or_panic("MesosJob")
}

/// The type `Task`.
#[must_use]
pub fn task() -> &'static Type {
    type_or_panic("Task")
}

/// The type `Process`.
#[must_use]
pub fn process() -> &'static Type {
    type_or_panic("Process")
}

/// The type `MesosTaskInstance`, what an executor makes of its data.
#[must_use]
pub fn task_instance() -> &'static Type {
    type_or_panic("MesosTaskInstance")
}

/// What the executor binds as `mesos` (`spec/config.md` §5.8).
#[must_use]
pub fn mesos_context(instance: u32, hostname: &str) -> Value {
    let fields =
        [("instance".into(), Raw::from(i64::from(instance))), ("hostname".into(), Raw::from(hostname))];
    known(type_or_panic("MesosContext").call(&[], &fields))
}

/// What the runner binds as `thermos` (`spec/config.md` §5.8); the ports by name.
#[must_use]
pub fn thermos_context(task_id: &str, user: &str, ports: &BTreeMap<String, u16>) -> Value {
    let ports = Raw::map(ports.iter().map(|(name, port)| (name.as_str(), Raw::from(i64::from(*port)))));
    let fields =
        [("task_id".into(), Raw::from(task_id)), ("user".into(), Raw::from(user)), ("ports".into(), ports)];
    known(type_or_panic("ThermosContext").call(&[], &fields))
}

impl Value {
    /// Binds `mesos` (`spec/config.md` §5.8).
    ///
    /// # Errors
    /// As [`Value::bind`].
    pub fn bind_mesos(&self, instance: u32, hostname: &str) -> Result<Value, Error> {
        self.bind(&[], &[("mesos".into(), Raw::from(mesos_context(instance, hostname)))])
    }

    /// Binds `thermos` (`spec/config.md` §5.8).
    ///
    /// # Errors
    /// As [`Value::bind`].
    pub fn bind_thermos(
        &self,
        task_id: &str,
        user: &str,
        ports: &BTreeMap<String, u16>,
    ) -> Result<Value, Error> {
        self.bind(&[], &[("thermos".into(), Raw::from(thermos_context(task_id, user, ports)))])
    }
}

/// What became of a field that older releases had (`spec/config.md` §3.2 to §3.4), as a hint.
///
/// ```
/// use aurora_model::schema::removed_field;
/// assert_eq!(removed_field("MesosJob", "cron_policy"), Some("use cron_collision_policy"));
/// ```
#[must_use]
pub fn removed_field(ty: &str, field: &str) -> Option<&'static str> {
    Some(match (ty, field) {
        ("MesosJob" | "MesosTaskInstance", "health_check_interval_secs") => {
            "use health_check_config=HealthCheckConfig(interval_secs=...)"
        }
        ("MesosJob", "cron_policy") => "use cron_collision_policy",
        ("MesosJob", "daemon") => "use service",
        ("MesosJob", "recipes" | "layout" | "package") => {
            "it was specific to one site and is gone; leave it out"
        }
        ("Announcer", "stats_port") => "it is gone; name the port in portmap",
        ("UpdateConfig", "restart_threshold") => {
            "it is gone since 0.12; health checks decide now, leave it out"
        }
        ("HealthCheckConfig", "endpoint" | "expected_response" | "expected_response_code") => {
            "use health_checker=HealthCheckerConfig(http=HttpHealthChecker(...))"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_becomes_a_type() {
        for table in STRUCTS {
            let ty = type_named(table.name).unwrap().as_struct().unwrap();
            assert_eq!(ty.fields().len(), table.fields.len(), "{}", table.name);
        }
        assert_eq!(names(Layer::Aurora).count(), STRUCTS.len() + enumerations().len() + 1);
        assert!(names(Layer::Thermos).all(|(name, _)| name != "Job"));
    }

    #[test]
    fn defaults_pass_their_own_check() {
        for table in STRUCTS {
            let ty = type_named(table.name).unwrap();
            let problems = ty.call(&[], &[]).unwrap().check().problems;
            let broken: Vec<_> =
                problems.iter().filter(|p| !matches!(p.cause, crate::Cause::Required)).collect();
            assert!(broken.is_empty(), "{}: {broken:?}", table.name);
        }
    }

    #[test]
    fn the_schema_is_as_the_specification_lists_it() {
        let mut lines = String::new();
        for table in STRUCTS {
            lines.push_str(&format!("{}\n", table.name));
            let ty = type_named(table.name).unwrap().as_struct().unwrap();
            for ((name, signature), field) in ty.fields().zip(table.fields) {
                let presence = match signature.default_value() {
                    Some(default) => format!("= {}", crate::render::raw_repr(&default.get().unwrap().data)),
                    None if signature.is_required() => "required".to_owned(),
                    None => "optional".to_owned(),
                };
                lines.push_str(&format!(
                    "  {name}: {} {presence} ({})\n",
                    signature.ty().name(),
                    field.since
                ));
            }
        }
        insta::assert_snapshot!("schema", lines);
    }
}
