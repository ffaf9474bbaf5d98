//! A status of Mesos in the core's terms (`spec/scheduler.md` §1.1, §1.8).

use std::sync::Arc;

use aurora_api::ids::{AgentId, TaskId};
use aurora_api::task::TaskStatus;
use mesos_v1::messages::task_status::Reason;
use mesos_v1::messages::{self, TaskState};
use scheduler_core::input::StatusUpdate;

/// The status that stands for a Mesos state; `None` for a state this version does not know.
pub fn task_status(state: i32) -> Option<TaskStatus> {
    Some(match TaskState::try_from(state).ok()? {
        TaskState::TaskStaging | TaskState::TaskStarting => TaskStatus::Starting,
        TaskState::TaskRunning => TaskStatus::Running,
        TaskState::TaskFinished => TaskStatus::Finished,
        TaskState::TaskFailed => TaskStatus::Failed,
        TaskState::TaskKilling | TaskState::TaskKilled => TaskStatus::Killed,
        TaskState::TaskLost
        | TaskState::TaskError
        | TaskState::TaskDropped
        | TaskState::TaskGone
        | TaskState::TaskGoneByOperator => TaskStatus::Lost,
        TaskState::TaskUnreachable | TaskState::TaskUnknown => TaskStatus::Partitioned,
    })
}

fn message(status: &messages::TaskStatus, reason: Option<Reason>) -> Option<Arc<str>> {
    let given = status.message.as_deref().filter(|message| !message.is_empty());
    let text = match (reason, given) {
        (_, Some(message)) => Some(message),
        (Some(Reason::ContainerLimitationMemory), None) => Some("Task used more memory than requested."),
        (Some(Reason::ContainerLimitationDisk), None) => Some("Task used more disk than requested."),
        (_, None) => None,
    };
    text.map(Arc::from)
}

/// The core's picture of an update; `None` if its state is not known here.
pub fn core_status(status: &messages::TaskStatus) -> Option<StatusUpdate> {
    let reason = status.reason.and_then(|reason| Reason::try_from(reason).ok());
    Some(StatusUpdate {
        task: TaskId::new(status.task_id.value.as_str()),
        status: task_status(status.state)?,
        message: message(status, reason),
        reason: reason.as_ref().map(Reason::as_str_name),
        agent: status.agent_id.as_ref().map(|agent| AgentId::new(agent.value.as_str())),
        uuid: status.uuid.as_deref().and_then(|uuid| uuid.try_into().ok()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(reason: Option<Reason>, message: Option<&str>) -> Option<String> {
        let status = messages::TaskStatus {
            reason: reason.map(Into::into),
            message: message.map(str::to_owned),
            ..messages::TaskStatus::default()
        };
        core_status(&status).unwrap().message.map(|message| message.to_string())
    }

    #[test]
    fn sched_159_every_state_has_its_status() {
        use TaskState::*;
        for (states, status) in [
            (&[TaskStaging, TaskStarting][..], "STARTING"),
            (&[TaskRunning], "RUNNING"),
            (&[TaskFinished], "FINISHED"),
            (&[TaskFailed], "FAILED"),
            (&[TaskKilling, TaskKilled], "KILLED"),
            (&[TaskLost, TaskError, TaskDropped, TaskGone, TaskGoneByOperator], "LOST"),
            (&[TaskUnreachable, TaskUnknown], "PARTITIONED"),
        ] {
            for state in states {
                assert_eq!(task_status((*state).into()).map(TaskStatus::as_str), Some(status), "{state:?}");
            }
        }
        let known = (0..99).filter(|number| TaskState::try_from(*number).is_ok());
        assert!(known.into_iter().all(|number| task_status(number).is_some()), "none is unmapped");
        assert_eq!(task_status(99), None);
    }

    #[test]
    fn sched_157_messages_are_completed_from_the_reason() {
        assert_eq!(status(None, Some("bye")).as_deref(), Some("bye"));
        // Upstream drops these words, which are the only ones there are (`spec/thermos.md` §7.3, item 10).
        assert_eq!(status(Some(Reason::ExecutorUnregistered), Some("bye")).as_deref(), Some("bye"));
        assert_eq!(
            status(Some(Reason::ContainerLimitationMemory), None).as_deref(),
            Some("Task used more memory than requested.")
        );
        assert_eq!(status(Some(Reason::ContainerLimitationMemory), Some("full")).as_deref(), Some("full"));
        assert_eq!(
            status(Some(Reason::ContainerLimitationDisk), None).as_deref(),
            Some("Task used more disk than requested.")
        );
        assert_eq!(status(Some(Reason::ContainerLimitationDisk), Some("full")).as_deref(), Some("full"));
        assert_eq!(status(Some(Reason::TaskInvalid), None), None);
    }

    #[test]
    fn only_a_uuid_of_16_bytes_is_to_be_acknowledged() {
        let with_uuid = |uuid: Option<Vec<u8>>| {
            core_status(&messages::TaskStatus { uuid, ..messages::TaskStatus::default() }).unwrap().uuid
        };
        assert_eq!(with_uuid(Some(vec![7; 16])), Some([7; 16]));
        assert_eq!(with_uuid(Some(vec![7; 15])), None);
        assert_eq!(with_uuid(None), None);
    }
}
