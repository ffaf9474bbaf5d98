//! The executor that collects old task state on agents (`spec/scheduler.md` §12.3, `spec/thermos.md` §6.1).

use aurora_api::amounts::{Megabytes, MilliCpus, Millis, Resources};
use aurora_api::ids::{HostName, TaskId};
use aurora_api::task::TaskStatus;
use aurora_api::thrift::{self, AdjustRetainedTasks, ScheduleStatus};
use mesos_v1::messages::command_info::Uri;
use mesos_v1::messages::{CommandInfo, ExecutorInfo, Offer, TaskInfo};
use scheduler_core::collect::COLLECTION_FOOTPRINT;

use super::offer::Revocable;
use super::split::{Shares, TooLittle, split};
use crate::flags::amounts::TimeAmount;

/// Id and name of the executor; there is one on each agent.
const EXECUTOR: &str = "aurora.gc";

/// The name of its tasks.
const TASK_NAME: &str = "system-gc";

/// What of the footprint is the task's own.
const TASK_SHARE: Resources =
    Resources { cpus: MilliCpus(10), ram: Megabytes(1), disk: Megabytes(1), gpus: 0, ports: 0 };

/// Whether and how old task state on agents is collected.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Collection of old task state")]
pub struct CollectorFlags {
    /// The program gc_executor, as a path on the agents or a URI they can fetch. Without it nothing is collected: agents remove
    /// sandboxes by themselves.
    #[arg(long = "gc_executor_path", value_name = "URI")]
    pub gc_executor_path: Option<String>,
    /// Flags for it.
    #[arg(long = "gc_executor_flags", allow_hyphen_values = true)]
    pub gc_executor_flags: Option<String>,
    /// On each host it runs after a random part of this time, again and again.
    #[arg(long = "executor_gc_interval", default_value = "1hrs")]
    pub executor_gc_interval: TimeAmount,
}

/// The same as plain settings.
#[derive(Clone, Debug, Default)]
pub struct CollectorSettings {
    /// The program; without one nothing is collected.
    path: String,
    flags: String,
}

impl CollectorFlags {
    /// How it is started.
    pub fn settings(&self) -> CollectorSettings {
        CollectorSettings {
            path: self.gc_executor_path.clone().unwrap_or_default(),
            flags: self.gc_executor_flags.clone().unwrap_or_default(),
        }
    }

    /// How often, if at all.
    pub fn interval(&self) -> Option<Millis> {
        self.gc_executor_path
            .as_ref()
            .filter(|path| !path.is_empty())
            .map(|_| self.executor_gc_interval.millis())
    }
}

/// Describes a collection, taking its resources from the offer.
///
/// # Errors
/// The offer is too small.
pub fn task_info(
    offer: &Offer,
    host: &HostName,
    task: &TaskId,
    retained: Vec<(TaskId, TaskStatus)>,
    settings: &CollectorSettings,
) -> Result<TaskInfo, TooLittle> {
    let rest = Resources {
        cpus: MilliCpus(COLLECTION_FOOTPRINT.cpus.0 - TASK_SHARE.cpus.0),
        ram: Megabytes(COLLECTION_FOOTPRINT.ram.0 - TASK_SHARE.ram.0),
        disk: Megabytes(COLLECTION_FOOTPRINT.disk.0 - TASK_SHARE.disk.0),
        ..Resources::default()
    };
    let ordinary = Revocable { cpus: false, ram: false };
    let Shares { task: own, executor } = split(offer, &TASK_SHARE, &rest, &[], false, ordinary)?;
    let retained =
        retained.into_iter().map(|(id, status)| (id.as_str().to_owned(), ScheduleStatus::from(status)));
    let data = AdjustRetainedTasks { retained_tasks: Some(retained.collect()) };
    Ok(TaskInfo {
        name: TASK_NAME.to_owned(),
        task_id: task.as_str().into(),
        agent_id: offer.agent_id.clone(),
        resources: own,
        executor: Some(ExecutorInfo {
            executor_id: EXECUTOR.into(),
            name: Some(EXECUTOR.to_owned()),
            source: Some(host.to_string()),
            command: Some(settings.command()),
            resources: executor,
            ..ExecutorInfo::default()
        }),
        data: Some(thrift::encode_binary(&data)),
        ..TaskInfo::default()
    })
}

impl CollectorSettings {
    fn command(&self) -> CommandInfo {
        let program = self.path.trim_end_matches('/').rsplit('/').next().unwrap_or(&self.path);
        let value = format!("${{MESOS_SANDBOX=.}}/{program} {}", self.flags).trim().to_owned();
        CommandInfo {
            uris: vec![Uri { value: self.path.clone(), executable: Some(true), ..Uri::default() }],
            value: Some(value),
            shell: Some(true),
            ..CommandInfo::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use mesos_v1::messages::Resource;

    use super::*;

    #[test]
    fn a_collection_is_described_as_upstream_did() {
        let offer = Offer {
            id: "o1".into(),
            agent_id: "a1".into(),
            resources: vec![
                Resource::scalar("cpus", 4.0),
                Resource::scalar("mem", 4096.0),
                Resource::scalar("disk", 4096.0),
            ],
            ..Offer::default()
        };
        let settings = CollectorSettings { path: "/opt/gc_executor".to_owned(), flags: "--x".to_owned() };
        let retained = vec![(TaskId::new("t"), TaskStatus::Running)];
        let host = HostName::new("h");
        let info = task_info(&offer, &host, &TaskId::new("system-gc-1"), retained, &settings).unwrap();
        let executor = info.executor.unwrap();
        assert_eq!((info.name.as_str(), info.task_id.value.as_str()), ("system-gc", "system-gc-1"));
        assert_eq!(executor.executor_id.value, "aurora.gc");
        assert_eq!((executor.name.as_deref(), executor.source.as_deref()), (Some("aurora.gc"), Some("h")));
        let command = executor.command.unwrap();
        assert_eq!(command.value.as_deref(), Some("${MESOS_SANDBOX=.}/gc_executor --x"));
        let amounts = |resources: &[Resource]| -> Vec<f64> {
            resources.iter().filter_map(|entry| Some(entry.scalar.as_ref()?.value)).collect()
        };
        assert_eq!(amounts(&info.resources), [0.01, 1.0, 1.0]);
        assert_eq!(amounts(&executor.resources), [0.19, 127.0, 15.0]);
        // A map at field 2: from text to an i32, one entry `t` = 2.
        let expected =
            [&[0x0d, 0, 2, 0x0b, 0x08, 0, 0, 0, 1, 0, 0, 0, 1][..], b"t", &[0, 0, 0, 2, 0]].concat();
        assert_eq!(info.data, Some(expected));
        let small = Offer { resources: vec![Resource::scalar("cpus", 0.1)], ..offer };
        assert!(task_info(&small, &host, &TaskId::new("x"), Vec::new(), &settings).is_err());
    }
}
