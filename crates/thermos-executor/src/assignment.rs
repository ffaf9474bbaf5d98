//! From what the agent hands over to a task that can be run (`spec/thermos.md` §3.6).

use std::collections::BTreeMap;

use aurora_api::thrift::{AssignedTask, Container, DecodeError, decode_binary};
use serde_json::Value;
use thermos::binding::{self, Context, Escapes};
use thermos::task::{Task, TaskError, bind_and_read};

use crate::announcer::{AnnounceError, Announcement, Identity};
use crate::flags::Flags;
use crate::health::HealthConfig;
use crate::http_lifecycle::LifecycleConfig;
use crate::ports::{PortCycle, resolve};

/// What can be wrong with the task's data. All of it would be wrong on every host.
#[derive(Debug, thiserror::Error)]
pub enum AssignmentError {
    /// `TaskInfo.data`.
    #[error("Could not deserialize task.: {0}; the scheduler and this executor may be of different versions")]
    Undecodable(DecodeError),
    /// A field of it.
    #[error(
        "Could not deserialize task. The field {0} is missing; the scheduler and this executor may be of different versions"
    )]
    Incomplete(&'static str),
    /// No executor data.
    #[error(
        "Could not deserialize Thermos task from AssignedTask: Task did not have a thermos config!: the job's executor_config.data is empty; submit it with the aurora client"
    )]
    NoConfig,
    /// Executor data that is not JSON.
    #[error(
        "Could not deserialize Thermos task from AssignedTask: Could not deserialize thermos config: {0}; executor_config.data must be the JSON that the aurora client writes"
    )]
    NotJson(String),
    /// A Task that cannot be run.
    #[error(
        "Could not deserialize Thermos task from AssignedTask: Got invalid task: {0}; correct the job's configuration and submit it again"
    )]
    Invalid(TaskError),
    /// Ports that name each other.
    #[error("Internal error: {0}")]
    Ports(#[from] PortCycle),
    /// An announcement that is not possible.
    #[error(transparent)]
    Announce(#[from] AnnounceError),
}

/// The part of an assignment that is needed before anything is unpacked.
#[derive(Debug, Clone)]
pub struct Assigned {
    /// The task.
    pub task_id: String,
    /// Its instance.
    pub instance: i32,
    /// The agent's host.
    pub host: String,
    /// Whose job it is.
    pub role: String,
    /// The job's environment.
    pub environment: String,
    /// The job's name.
    pub job: String,
    /// Numbers by port name.
    pub ports: BTreeMap<String, u16>,
    /// The executor runs inside the task's container.
    pub is_docker: bool,
    /// Whether the task's processes run in an image, beside which this process is.
    pub has_image: bool,
    data: Option<String>,
}

/// All that is needed to run the task.
#[derive(Debug, Clone)]
pub struct Assignment {
    /// The Task with the executor's variables bound and the runner's not.
    pub task_json: Value,
    /// The same, fully bound and read, unless ports are missing (the runner says which).
    pub task: Option<Task>,
    /// Numbers by port name, aliases included.
    pub ports: BTreeMap<String, u16>,
    /// Whether and how health is checked.
    pub health: HealthConfig,
    /// How the task is asked to end over HTTP.
    pub lifecycle: Option<LifecycleConfig>,
    /// How the task is made known in ZooKeeper.
    pub announcement: Option<Announcement>,
    /// What is odd, for the RUNNING message and the log.
    pub warnings: Vec<String>,
}

impl Assigned {
    /// Reads `TaskInfo.data`.
    ///
    /// # Errors
    /// [`AssignmentError::Undecodable`], [`AssignmentError::Incomplete`].
    pub fn decode(data: &[u8]) -> Result<Self, AssignmentError> {
        let assigned: AssignedTask = decode_binary(data).map_err(AssignmentError::Undecodable)?;
        let task = assigned.task.ok_or(AssignmentError::Incomplete("task"))?;
        let key = task.job.unwrap_or_default();
        let role = key
            .role
            .or_else(|| task.owner.and_then(|owner| owner.user))
            .ok_or(AssignmentError::Incomplete("task.job.role"))?;
        let has_image = matches!(&task.container, Some(Container::Mesos(mesos)) if mesos.image.is_some());
        Ok(Self {
            task_id: assigned.task_id.ok_or(AssignmentError::Incomplete("taskId"))?,
            instance: assigned.instance_id.unwrap_or(0),
            host: assigned.slave_host.unwrap_or_default(),
            role,
            environment: key.environment.unwrap_or_default(),
            job: key.name.unwrap_or_default(),
            ports: assigned
                .assigned_ports
                .unwrap_or_default()
                .into_iter()
                .filter_map(|(name, port)| Some((name, u16::try_from(port).ok()?)))
                .collect(),
            is_docker: matches!(task.container, Some(Container::Docker(_))),
            has_image,
            data: task.executor_config.and_then(|config| config.data),
        })
    }

    /// Unpacks the executor data: a job, or an instance of one.
    ///
    /// # Errors
    /// [`AssignmentError`].
    pub fn unpack(&self, user: &str, flags: &Flags) -> Result<Assignment, AssignmentError> {
        let data =
            self.data.as_deref().filter(|data| !data.trim().is_empty()).ok_or(AssignmentError::NoConfig)?;
        let raw: Value =
            serde_json::from_str(data).map_err(|error| AssignmentError::NotJson(error.to_string()))?;
        if !raw.is_object() {
            return Err(AssignmentError::NotJson("it is no object".to_owned()));
        }
        let job = binding::bind(&raw, &Context::mesos(self.instance, &self.host), Escapes::Keep).value;
        let Some(task_json) = job.get("task").filter(|task| task.is_object()).cloned() else {
            let missing = TaskError::Field { detail: "MesosJob[task] is required.".to_owned() };
            return Err(AssignmentError::Invalid(missing));
        };
        let announce = job.get("announce").filter(|announce| announce.is_object());
        let resolved = resolve(&self.ports, announce.and_then(|announce| announce.get("portmap")))?;
        let context = Context::thermos(&self.task_id, user, &resolved.numbers);
        let task = match bind_and_read(&task_json, &context) {
            Ok(task) => Some(task),
            Err(TaskError::UnboundPorts { .. }) => None,
            Err(error) => return Err(AssignmentError::Invalid(error)),
        };
        let mut warnings: Vec<String> = task.iter().flat_map(|task| task.warnings.clone()).collect();
        warnings.extend(resolved.unmapped.iter().map(|alias| format!("Task has unmapped port: {alias}")));
        if announce.is_some() && flags.announcer_ensemble.is_none() {
            warnings.push(NOT_ANNOUNCED.to_owned());
        }
        let who = Identity {
            role: &self.role,
            environment: &self.environment,
            name: &self.job,
            instance: self.instance,
            host: &self.host,
        };
        let announcement = Announcement::read(&job, &resolved.numbers, who, flags)?;
        let health = HealthConfig::read(
            &job,
            &context.and(Context::mesos(self.instance, &self.host)),
            &resolved.numbers,
        );
        warnings.extend(health.warnings.iter().cloned());
        let (lifecycle, warning) = LifecycleConfig::read(&job, &resolved.numbers);
        warnings.extend(warning);
        Ok(Assignment { task_json, task, ports: resolved.numbers, health, lifecycle, announcement, warnings })
    }
}

/// Upstream says nothing (D22).
const NOT_ANNOUNCED: &str = "the job asks to be announced, but the executor was started without --announcer-ensemble: it is not, and nobody will find it in ZooKeeper; set the flag in the scheduler's -thermos_executor_flags";

#[cfg(test)]
#[path = "assignment_tests.rs"]
mod tests;
