//! What a task runs and needs.

use std::collections::BTreeMap;

use aurora_api::thrift::{
    AppcImage, Constraint, Container, CoordinatorSlaPolicy, CountSlaPolicy, DockerContainer, DockerImage,
    DockerParameter, ExecutorConfig, Identity, Image, JobKey, LimitConstraint, MesosContainer, Metadata,
    Mode, PartitionPolicy, PercentageSlaPolicy, Resource, SlaPolicy, TaskConfig, TaskConstraint,
    ValueConstraint, Volume,
};
use aurora_model::schema::EXECUTOR_NAME;
use aurora_model::{Budget, Escapes, Value};
use serde_json::Value as Json;

use crate::check::{Checked, view};
use crate::diagnostic::Diagnostic;

const MB: i64 = 1 << 20;

type Translated<T> = Result<T, Vec<Diagnostic>>;

/// A whole number that thrift carries in 32 bits.
pub(super) fn i32_field(object: &Value, field: &str) -> Translated<Option<i32>> {
    view::int(object, field)
        .map(|number| {
            i32::try_from(number).map_err(|_| {
                vec![
                    Diagnostic::error("number", format!("{field} is {number}, which is out of range"))
                        .at_maybe(view::place(object, field)),
                ]
            })
        })
        .transpose()
}

/// The whole job as JSON; escapes stay for the runner, which strips them once (`spec/config.md` §5.8).
pub(super) fn job_json(job: &Value) -> Translated<Json> {
    job.to_json_within(Escapes::Keep, &Budget::default())
        .map_err(|error| vec![Diagnostic::error("json", error.to_string())])
}

pub(super) fn task_config(
    checked: &Checked,
    key: &JobKey,
    owner: &Identity,
    json: &Json,
) -> Translated<TaskConfig> {
    let job = &checked.job;
    Ok(TaskConfig {
        job: Some(key.clone()),
        owner: Some(owner.clone()),
        is_service: Some(view::flag(job, "service").unwrap_or(false)),
        priority: Some(i32_field(job, "priority")?.unwrap_or(0)),
        max_task_failures: Some(i32_field(job, "max_task_failures")?.unwrap_or(1)),
        production: Some(view::flag(job, "production").unwrap_or(false)),
        tier: view::text(job, "tier"),
        resources: Some(resources(checked)),
        constraints: Some(constraints(job)),
        contact_email: view::text(job, "contact"),
        metadata: Some(metadata(job)),
        partition_policy: job.raw_field("partition_policy").map(|policy| PartitionPolicy {
            reschedule: view::flag(policy, "reschedule"),
            delay_secs: view::int(policy, "delay_secs"),
        }),
        sla_policy: view::object(job, "sla_policy").as_ref().and_then(sla_policy),
        container: Some(container(view::object(job, "container").as_ref())?),
        task_links: Some(BTreeMap::new()),
        executor_config: Some(executor_config(job, json)),
        ..TaskConfig::default()
    })
}

fn resources(checked: &Checked) -> Vec<Resource> {
    let mut out = Vec::new();
    if let Some(amounts) = checked.job.raw_field("task").and_then(|task| task.raw_field("resources")) {
        out.push(Resource::NumCpus(view::float(amounts, "cpu").unwrap_or(0.0)));
        out.push(Resource::RamMb(view::int(amounts, "ram").unwrap_or(0).div_euclid(MB)));
        out.push(Resource::DiskMb(view::int(amounts, "disk").unwrap_or(0).div_euclid(MB)));
        if let Some(gpu) = view::int(amounts, "gpu").filter(|gpu| *gpu != 0) {
            out.push(Resource::NumGpus(gpu));
        }
    }
    out.extend(checked.ports.iter().cloned().map(Resource::NamedPort));
    out
}

/// `limit:N`, `a,b` or `!a,b` (`spec/config.md` §5.4). Nothing is trimmed.
fn constraints(job: &Value) -> Vec<Constraint> {
    view::map(job, "constraints")
        .into_iter()
        .map(|(name, value, _)| {
            let limit = value.strip_prefix("limit:").and_then(|limit| limit.trim().parse().ok());
            let constraint = match limit {
                Some(limit) => TaskConstraint::Limit(LimitConstraint { limit: Some(limit) }),
                None => {
                    let (negated, listed) = match value.strip_prefix('!') {
                        Some(rest) => (true, rest),
                        None => (false, value.as_str()),
                    };
                    let mut values: Vec<String> = listed.split(',').map(str::to_owned).collect();
                    values.sort();
                    values.dedup();
                    TaskConstraint::Value(ValueConstraint { negated: Some(negated), values: Some(values) })
                }
            };
            Constraint { name: Some(name), constraint: Some(constraint) }
        })
        .collect()
}

fn metadata(job: &Value) -> Vec<Metadata> {
    let mut out: Vec<Metadata> = Vec::new();
    for item in view::list(job, "metadata") {
        let item = Metadata { key: view::text(item, "key"), value: view::text(item, "value") };
        if !out.contains(&item) {
            out.push(item);
        }
    }
    out
}

fn sla_policy(policy: &Value) -> Option<SlaPolicy> {
    let duration_secs = view::int(policy, "duration_secs");
    Some(match view::kind(policy).as_str() {
        "CountSlaPolicy" => {
            SlaPolicy::CountSlaPolicy(CountSlaPolicy { count: view::int(policy, "count"), duration_secs })
        }
        "PercentageSlaPolicy" => SlaPolicy::PercentageSlaPolicy(PercentageSlaPolicy {
            percentage: view::float(policy, "percentage"),
            duration_secs,
        }),
        "CoordinatorSlaPolicy" => SlaPolicy::CoordinatorSlaPolicy(CoordinatorSlaPolicy {
            coordinator_url: view::text(policy, "coordinator_url"),
            status_key: view::text(policy, "status_key"),
        }),
        _ => return None,
    })
}

fn container(container: Option<&Value>) -> Translated<Container> {
    let Some(container) = container else { return Ok(Container::Mesos(MesosContainer::default())) };
    match view::kind(container).as_str() {
        "Docker" => Ok(Container::Docker(docker(container))),
        "Container" => match container.raw_field("docker") {
            Some(inner) => Ok(Container::Docker(docker(inner))),
            None => Err(vec![
                Diagnostic::error("container", "Container needs docker=")
                    .at_maybe(container.origin().map(crate::origin::unpack))
                    .help("write container=Docker(image='...')"),
            ]),
        },
        _ => {
            let volumes = view::list(container, "volumes").iter().map(|volume| Volume {
                container_path: view::text(volume, "container_path"),
                host_path: view::text(volume, "host_path"),
                mode: Some(if view::text(volume, "mode").as_deref() == Some("RO") {
                    Mode::Ro
                } else {
                    Mode::Rw
                }),
            });
            let image = view::object(container, "image").map(|image| match view::kind(&image).as_str() {
                "AppcImage" => Image::Appc(AppcImage {
                    name: view::text(&image, "name"),
                    image_id: view::text(&image, "image_id"),
                }),
                _ => Image::Docker(DockerImage {
                    name: view::text(&image, "name"),
                    tag: view::text(&image, "tag"),
                }),
            });
            let volumes: Vec<Volume> = volumes.collect();
            Ok(Container::Mesos(MesosContainer { image, volumes: (!volumes.is_empty()).then_some(volumes) }))
        }
    }
}

fn docker(container: &Value) -> DockerContainer {
    let parameters = view::list(container, "parameters")
        .iter()
        .map(|parameter| DockerParameter {
            name: view::text(parameter, "name"),
            value: view::text(parameter, "value"),
        })
        .collect();
    DockerContainer { image: view::text(container, "image"), parameters: Some(parameters) }
}

/// For Thermos the job itself without what is no part of the task, as canonical JSON (`spec/config.md` §5.3).
fn executor_config(job: &Value, json: &Json) -> ExecutorConfig {
    let given = job.raw_field("executor_config");
    let name =
        given.and_then(|config| view::text(config, "name")).unwrap_or_else(|| EXECUTOR_NAME.to_owned());
    let data = if name == EXECUTOR_NAME {
        let mut json = json.clone();
        if let Json::Object(fields) = &mut json {
            fields.shift_remove("update_config");
            fields.shift_remove("instances");
        }
        aurora_model::canonical_json(&json)
    } else {
        given.and_then(|config| view::text(config, "data")).unwrap_or_default()
    };
    ExecutorConfig { name: Some(name), data: Some(data) }
}
