//! The Task that a runner is given: reading and checking its JSON (`spec/thermos.md` §1.1).

mod field;
mod logger;

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use crate::binding;
use crate::plan::machine::Shape;
use crate::plan::planner::{PlanError, Planner, Schedule};
use field::Fields;
pub use logger::{DEFAULT_BACKUPS, DEFAULT_LOG_BYTES, Destination, LogMode, Logger, LoggerError, Rotation};

/// A Task that cannot be run. All but [`TaskError::UnboundPorts`] are the job's own fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TaskError {
    /// Not JSON, or not an object.
    #[error("Failed to parse task: {0}")]
    NotJson(String),
    /// A name that cannot be a folder's name.
    #[error("Task has invalid process: Invalid process name: {name}")]
    ProcessName {
        /// The name.
        name: String,
    },
    /// A field is missing or of the wrong kind.
    #[error("Failed to fully evaluate task: {detail}")]
    Field {
        /// Which, and what it should be.
        detail: String,
    },
    /// The order of the processes makes no sense.
    #[error("Task has invalid plan: {0}")]
    Plan(#[from] PlanError),
    /// References that nothing binds.
    #[error("Unexpected unbound refs: {}. Make sure you are not nesting template variables.", refs.join(" "))]
    UnboundRefs {
        /// Each with its braces.
        refs: Vec<String>,
    },
    /// Ports that were not assigned.
    #[error("ERROR!  Unbound ports: {}", names.join(", "))]
    UnboundPorts {
        /// Their names.
        names: Vec<String>,
    },
}

/// One command of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// When it runs and how often.
    pub schedule: Schedule,
    /// Given to bash.
    pub cmdline: String,
    /// Belongs to the finalizing plan.
    pub is_final: bool,
    /// Where its output goes, when it says so itself.
    pub logger: Option<Logger>,
}

/// A task, ready to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Its name.
    pub name: String,
    /// Each name once: the last of a name wins, with a warning (D2).
    pub processes: Vec<Process>,
    /// The `order` lists of its constraints.
    pub orders: Vec<Vec<String>>,
    /// Failed processes that fail it; 0 = no limit.
    pub max_failures: i64,
    /// Processes at a time; 0 = unlimited.
    pub max_concurrency: i64,
    /// Time for CLEANING and FINALIZING together.
    pub finalization_wait: Duration,
    /// Disk it may use, in bytes, when it says so.
    pub disk_bytes: Option<i64>,
    /// What is odd, though accepted.
    pub warnings: Vec<String>,
}

impl Task {
    /// Reads a Task whose references are bound.
    ///
    /// # Errors
    /// [`TaskError`], in the order of `spec/thermos.md` §1.1.
    pub fn from_json(value: &Value) -> Result<Self, TaskError> {
        let fields = Fields::of("Task", value)?;
        let listed = fields
            .list("processes")?
            .ok_or_else(|| TaskError::Field { detail: "Task[processes] is required.".into() })?;
        for process in listed {
            if let Some(name) = process.get("name").and_then(Value::as_str) {
                check_process_name(name)?;
            }
        }
        let mut warnings = Vec::new();
        let mut processes: Vec<Process> = Vec::new();
        for process in listed {
            let process = read_process(process)?;
            let same = processes.iter_mut().find(|other| other.schedule.name == process.schedule.name);
            match same {
                Some(other) => {
                    warnings.push(format!(
                        "two processes are named '{}': only the last of them runs",
                        process.schedule.name
                    ));
                    *other = process;
                }
                None => processes.push(process),
            }
        }
        let name = match fields.text("name")?.filter(|name| name != "{{processes[0].name}}") {
            Some(name) => name,
            None => processes.first().map(|process| process.schedule.name.clone()).ok_or_else(|| {
                TaskError::Field { detail: "Task[name] is required when there are no processes.".into() }
            })?,
        };
        let orders = read_orders(&fields)?;
        let task = Self {
            name,
            orders,
            max_failures: fields.integer("max_failures")?.unwrap_or(1),
            max_concurrency: fields.integer("max_concurrency")?.unwrap_or(0),
            finalization_wait: fields.seconds("finalization_wait")?.unwrap_or(Duration::from_secs(30)),
            disk_bytes: value
                .get("resources")
                .and_then(|resources| resources.get("disk"))
                .and_then(Value::as_i64),
            processes,
            warnings,
        };
        task.checked()
    }

    /// The process of this name.
    pub fn process(&self, name: &str) -> Option<&Process> {
        self.processes.iter().find(|process| process.schedule.name == name)
    }

    /// What the plan needs to know.
    pub fn shape(&self, run_limit: Option<u32>) -> Shape {
        let schedules = |is_final| {
            self.processes
                .iter()
                .filter(|process| process.is_final == is_final)
                .map(|process| process.schedule.clone())
                .collect()
        };
        Shape {
            regular: schedules(false),
            finalizing: schedules(true),
            orders: self.orders.clone(),
            max_failures: self.max_failures,
            max_concurrency: self.max_concurrency,
            finalization_wait: self.finalization_wait,
            run_limit,
        }
    }

    fn checked(mut self) -> Result<Self, TaskError> {
        let shape = self.shape(None);
        Planner::new(shape.regular, &self.orders, None)?;
        Planner::new(shape.finalizing, &self.orders, None)?;
        let known: BTreeSet<&str> =
            self.processes.iter().map(|process| process.schedule.name.as_str()).collect();
        let idle: Vec<String> = self
            .orders
            .iter()
            .filter(|order| order.iter().all(|name| !known.contains(name.as_str())))
            .map(|order| {
                format!("the order [{}] names no process of this task and has no effect", order.join(", "))
            })
            .collect();
        self.warnings.extend(idle);
        Ok(self)
    }
}

/// Binds the runner's own variables in a Task JSON and reads it.
///
/// # Errors
/// [`TaskError::UnboundPorts`] for ports without a number, else as [`Task::from_json`].
pub fn bind_and_read(json: &Value, context: &binding::Context) -> Result<Task, TaskError> {
    let bound = binding::bind(json, context, binding::Escapes::Strip);
    let (ports, others): (Vec<_>, Vec<_>) =
        bound.unbound.into_iter().partition(|unbound| unbound.port.is_some());
    // The default name of a task refers to its first process; it is resolved when the Task is read.
    let refs: Vec<String> = others
        .into_iter()
        .map(|unbound| unbound.text)
        .filter(|text| text != "{{processes[0].name}}")
        .collect();
    if !refs.is_empty() {
        // A Task with other defects names those first.
        Task::from_json(&bound.value)?;
        return Err(TaskError::UnboundRefs { refs });
    }
    let names: Vec<String> = ports.into_iter().filter_map(|unbound| unbound.port).collect();
    if !names.is_empty() {
        Task::from_json(&bound.value)?;
        return Err(TaskError::UnboundPorts { names });
    }
    Task::from_json(&bound.value)
}

/// `^[^./][^/]*$`, and no NUL (D2): the name is a folder's name.
fn check_process_name(name: &str) -> Result<(), TaskError> {
    let good = !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\0']);
    if good { Ok(()) } else { Err(TaskError::ProcessName { name: name.to_owned() }) }
}

fn read_process(value: &Value) -> Result<Process, TaskError> {
    let fields = Fields::of("Process", value)?;
    let name = fields.required_text("name")?;
    check_process_name(&name)?;
    Ok(Process {
        cmdline: fields.required_text("cmdline")?,
        is_final: fields.boolean("final")?.unwrap_or(false),
        logger: match value.get("logger") {
            None | Some(Value::Null) => None,
            Some(logger) => Some(Logger::from_json(logger)?),
        },
        schedule: Schedule {
            name,
            daemon: fields.boolean("daemon")?.unwrap_or(false),
            ephemeral: fields.boolean("ephemeral")?.unwrap_or(false),
            max_failures: fields.integer("max_failures")?.unwrap_or(1),
            min_duration: fields.seconds("min_duration")?.unwrap_or(Duration::from_secs(5)),
        },
    })
}

fn read_orders(fields: &Fields<'_>) -> Result<Vec<Vec<String>>, TaskError> {
    let mut orders = Vec::new();
    for constraint in fields.list("constraints")?.map_or(&[][..], Vec::as_slice) {
        let constraint = Fields::of("Constraint", constraint)?;
        let Some(order) = constraint.list("order")? else {
            return Err(TaskError::Field { detail: "Constraint[order] is required.".into() });
        };
        let names: Option<Vec<String>> = order.iter().map(|name| name.as_str().map(str::to_owned)).collect();
        orders.push(names.ok_or_else(|| TaskError::Field {
            detail: "Constraint[order] must be a list of names.".into(),
        })?);
    }
    Ok(orders)
}

#[cfg(test)]
#[path = "task_tests.rs"]
mod tests;
