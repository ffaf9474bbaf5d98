//! Tasks, their events, and queries for them (`spec/api.md` §1.4).

use super::enums::ScheduleStatus;
use super::keys::JobKey;
use super::protocol::{List, Map, Set};
use super::task_config::TaskConfig;
use crate::thrift_struct;

thrift_struct! {
    /// One status change of a task.
    pub struct TaskEvent {
        /// When, in epoch ms.
        1 "timestamp" => timestamp: i64,
        /// The status entered.
        2 "status" => status: ScheduleStatus,
        /// Why.
        3 "message" => message: String,
        /// Host of the scheduler that recorded it.
        4 "scheduler" => scheduler: String,
    }
}

thrift_struct! {
    /// A task with what it was assigned.
    pub struct AssignedTask {
        /// Id of the task.
        1 "taskId" => task_id: String,
        /// Mesos id of the agent, once assigned.
        2 "slaveId" => slave_id: String,
        /// Host of the agent, once assigned.
        3 "slaveHost" => slave_host: String,
        /// What it runs.
        4 "task" => task: TaskConfig,
        /// Its ports by name.
        5 "assignedPorts" => assigned_ports: Map<String, i32>,
        /// The instance it is a run of.
        6 "instanceId" => instance_id: i32,
    }
}

thrift_struct! {
    /// A task as the scheduler keeps it.
    pub struct ScheduledTask {
        /// The task.
        1 "assignedTask" => assigned_task: AssignedTask,
        /// Its status.
        2 "status" => status: ScheduleStatus,
        /// Failures, those of its ancestors included.
        3 "failureCount" => failure_count: i32,
        /// Its history, oldest first.
        4 "taskEvents" => task_events: List<TaskEvent>,
        /// The task it replaces.
        5 "ancestorId" => ancestor_id: String,
        /// How often its agent was partitioned away.
        6 "timesPartitioned" => times_partitioned: i32,
    }
}

thrift_struct! {
    /// Which tasks are meant; unset terms do not restrict.
    pub struct TaskQuery {
        /// Job name.
        2 "jobName" => job_name: String,
        /// Task ids.
        4 "taskIds" => task_ids: Set<String>,
        /// Statuses.
        5 "statuses" => statuses: Set<ScheduleStatus>,
        /// Instance ids.
        7 "instanceIds" => instance_ids: Set<i32>,
        /// Environment.
        9 "environment" => environment: String,
        /// Agent hosts.
        10 "slaveHosts" => slave_hosts: Set<String>,
        /// Jobs.
        11 "jobKeys" => job_keys: Set<JobKey>,
        /// How many matches to leave out; none when not positive.
        12 "offset" => offset: i32,
        /// Most matches to return; all when not positive.
        13 "limit" => limit: i32,
        /// Role.
        14 "role" => role: String,
    }
}

thrift_struct! {
    /// Why a task is pending.
    pub struct PendingReason {
        /// The task.
        1 "taskId" => task_id: String,
        /// Its vetoes joined by commas; empty when none is known.
        2 "reason" => reason: String,
    }
}
