//! Tasks with their place, status and history.

use std::sync::Arc;

use super::config::read_ports;
use super::{ConvertError, required, required_text, shared, text, wire_count};
use crate::amounts::Timestamp;
use crate::ids::{AgentId, HostName, TaskId};
use crate::task::{Assignment, Task, TaskConfig, TaskEvent, TaskStatus};
use crate::thrift;

impl From<TaskStatus> for thrift::ScheduleStatus {
    fn from(status: TaskStatus) -> Self {
        match status {
            TaskStatus::Pending => Self::Pending,
            TaskStatus::Starting => Self::Starting,
            TaskStatus::Running => Self::Running,
            TaskStatus::Finished => Self::Finished,
            TaskStatus::Failed => Self::Failed,
            TaskStatus::Killed => Self::Killed,
            TaskStatus::Killing => Self::Killing,
            TaskStatus::Lost => Self::Lost,
            TaskStatus::Assigned => Self::Assigned,
            TaskStatus::Init => Self::Init,
            TaskStatus::Restarting => Self::Restarting,
            TaskStatus::Preempting => Self::Preempting,
            TaskStatus::Throttled => Self::Throttled,
            TaskStatus::Draining => Self::Draining,
            TaskStatus::Partitioned => Self::Partitioned,
        }
    }
}

impl From<thrift::ScheduleStatus> for TaskStatus {
    fn from(wire: thrift::ScheduleStatus) -> Self {
        match wire {
            thrift::ScheduleStatus::Pending => Self::Pending,
            thrift::ScheduleStatus::Starting => Self::Starting,
            thrift::ScheduleStatus::Running => Self::Running,
            thrift::ScheduleStatus::Finished => Self::Finished,
            thrift::ScheduleStatus::Failed => Self::Failed,
            thrift::ScheduleStatus::Killed => Self::Killed,
            thrift::ScheduleStatus::Killing => Self::Killing,
            thrift::ScheduleStatus::Lost => Self::Lost,
            thrift::ScheduleStatus::Assigned => Self::Assigned,
            thrift::ScheduleStatus::Init => Self::Init,
            thrift::ScheduleStatus::Restarting => Self::Restarting,
            thrift::ScheduleStatus::Preempting => Self::Preempting,
            thrift::ScheduleStatus::Throttled => Self::Throttled,
            thrift::ScheduleStatus::Draining => Self::Draining,
            thrift::ScheduleStatus::Partitioned => Self::Partitioned,
        }
    }
}

impl From<&Task> for thrift::AssignedTask {
    fn from(task: &Task) -> Self {
        let place = task.assignment.as_ref();
        let ports = place.map(|place| {
            place.ports.iter().map(|(name, number)| (name.to_string(), i32::from(*number))).collect()
        });
        Self {
            task_id: Some(task.id.to_string()),
            slave_id: place.map(|place| place.agent.to_string()),
            slave_host: place.map(|place| place.host.to_string()),
            task: Some(thrift::TaskConfig::from(&*task.config)),
            assigned_ports: Some(ports.unwrap_or_default()),
            instance_id: Some(wire_count(task.instance)),
        }
    }
}

impl From<&Task> for thrift::ScheduledTask {
    fn from(task: &Task) -> Self {
        Self {
            assigned_task: Some(thrift::AssignedTask::from(task)),
            status: Some(task.status.into()),
            failure_count: Some(task.failure_count),
            times_partitioned: Some(task.times_partitioned),
            task_events: Some(task.events.iter().map(thrift::TaskEvent::from).collect()),
            ancestor_id: task.ancestor.as_ref().map(ToString::to_string),
        }
    }
}

impl From<&TaskEvent> for thrift::TaskEvent {
    fn from(event: &TaskEvent) -> Self {
        Self {
            timestamp: Some(event.at.0),
            status: Some(event.status.into()),
            message: event.message.as_ref().and_then(text),
            scheduler: event.scheduler.as_ref().and_then(text),
        }
    }
}

impl TryFrom<&thrift::TaskEvent> for TaskEvent {
    type Error = ConvertError;

    fn try_from(wire: &thrift::TaskEvent) -> Result<Self, ConvertError> {
        Ok(Self {
            at: Timestamp(*required(wire.timestamp.as_ref(), "taskEvents.timestamp")?),
            status: (*required(wire.status.as_ref(), "taskEvents.status")?).into(),
            message: shared(wire.message.as_ref()),
            scheduler: shared(wire.scheduler.as_ref()),
        })
    }
}

impl TryFrom<&thrift::ScheduledTask> for Task {
    type Error = ConvertError;

    fn try_from(wire: &thrift::ScheduledTask) -> Result<Self, ConvertError> {
        let assigned = required(wire.assigned_task.as_ref(), "assignedTask")?;
        let instance = *required(assigned.instance_id.as_ref(), "instanceId")?;
        Ok(Self {
            id: TaskId::new(required_text(assigned.task_id.as_ref(), "taskId")?),
            instance: u32::try_from(instance).map_err(|_| ConvertError::OutOfRange {
                field: "instanceId",
                value: i64::from(instance),
                expected: "0 to 2147483647",
            })?,
            config: Arc::new(TaskConfig::try_from(required(assigned.task.as_ref(), "task")?)?),
            status: (*required(wire.status.as_ref(), "status")?).into(),
            assignment: read_assignment(assigned)?,
            failure_count: wire.failure_count.unwrap_or(0),
            times_partitioned: wire.times_partitioned.unwrap_or(0),
            events: wire.task_events.iter().flatten().map(TaskEvent::try_from).collect::<Result<_, _>>()?,
            ancestor: shared(wire.ancestor_id.as_ref()).map(TaskId::new),
        })
    }
}

fn read_assignment(assigned: &thrift::AssignedTask) -> Result<Option<Assignment>, ConvertError> {
    let Some(agent) = shared(assigned.slave_id.as_ref()) else { return Ok(None) };
    Ok(Some(Assignment {
        agent: AgentId::new(agent),
        host: HostName::new(required_text(assigned.slave_host.as_ref(), "slaveHost")?),
        ports: assigned.assigned_ports.as_ref().map(read_ports).transpose()?.unwrap_or_default(),
    }))
}
