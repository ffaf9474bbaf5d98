//! Tasks: what one is configured to do, which status it has, what happened to it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use crate::amounts::{Resources, Timestamp};
use crate::ids::{AgentId, HostName, InstanceKey, JobKey, TaskId};

/// The scheduler's view of a task (`spec/scheduler.md` §1.1). The numbers are on the wire and on disk: never renumber.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum TaskStatus {
    /// Waiting for an offer.
    Pending = 0,
    /// Its executor was told to start it.
    Starting = 1,
    /// Up.
    Running = 2,
    /// Ended with success.
    Finished = 3,
    /// Ended with failure.
    Failed = 4,
    /// Ended on request.
    Killed = 5,
    /// Asked to end by a user, an update or cron.
    Killing = 6,
    /// Its fate is unknown and it counts as gone.
    Lost = 7,
    /// Matched to an agent, launch sent.
    Assigned = 9,
    /// Only in memory, before it is first saved.
    Init = 11,
    /// Being restarted by a user.
    Restarting = 12,
    /// Being killed for a task of a higher tier.
    Preempting = 13,
    /// Serving a penalty for flapping.
    Throttled = 16,
    /// Being moved off its agent for maintenance.
    Draining = 17,
    /// Its agent is unreachable.
    Partitioned = 18,
}

impl TaskStatus {
    /// Every status, in the order of the wire's numbers.
    pub const ALL: [Self; 15] = [
        Self::Pending,
        Self::Starting,
        Self::Running,
        Self::Finished,
        Self::Failed,
        Self::Killed,
        Self::Killing,
        Self::Lost,
        Self::Assigned,
        Self::Init,
        Self::Restarting,
        Self::Preempting,
        Self::Throttled,
        Self::Draining,
        Self::Partitioned,
    ];

    /// The name on the wire and in every message.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Starting => "STARTING",
            Self::Running => "RUNNING",
            Self::Finished => "FINISHED",
            Self::Failed => "FAILED",
            Self::Killed => "KILLED",
            Self::Killing => "KILLING",
            Self::Lost => "LOST",
            Self::Assigned => "ASSIGNED",
            Self::Init => "INIT",
            Self::Restarting => "RESTARTING",
            Self::Preempting => "PREEMPTING",
            Self::Throttled => "THROTTLED",
            Self::Draining => "DRAINING",
            Self::Partitioned => "PARTITIONED",
        }
    }

    /// The wire's number.
    pub const fn number(self) -> i32 {
        self as i32
    }

    /// The status of a wire number, if there is one.
    pub fn from_number(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.number() == number)
    }

    /// `FINISHED`, `FAILED`, `KILLED`, `LOST`: nothing follows.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Finished | Self::Failed | Self::Killed | Self::Lost)
    }

    /// Neither ended nor unsaved.
    pub const fn is_active(self) -> bool {
        !self.is_terminal() && !matches!(self, Self::Init)
    }

    /// Active and on an agent.
    pub const fn is_assigned(self) -> bool {
        self.is_active() && !matches!(self, Self::Pending | Self::Throttled)
    }

    /// Up, or on its way down.
    pub const fn is_live(self) -> bool {
        self.is_assigned() && !matches!(self, Self::Assigned | Self::Starting)
    }
}

impl fmt::Display for TaskStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What to run and what it needs. Immutable, shared by all instances of one generation of a job.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TaskConfig {
    /// The job it belongs to.
    pub job: JobKey,
    /// The user old clients name as owner; decides nothing, and reads back as it was sent.
    pub owner: Option<Arc<str>>,
    /// Restart for ever; otherwise the task may finish.
    pub is_service: bool,
    /// Orders tasks of one role for preemption.
    pub priority: i32,
    /// Failures allowed before the job's instance counts as failed; -1 is no limit.
    pub max_task_failures: i32,
    /// Derived from the tier, kept because clients read it.
    pub production: bool,
    /// The tier's name.
    pub tier: Arc<str>,
    /// What one instance needs, ports counted.
    pub resources: Resources,
    /// Names of the ports it needs.
    pub ports: BTreeSet<Arc<str>>,
    /// What an agent must be like.
    pub constraints: BTreeSet<Constraint>,
    /// Fetched into the sandbox before the executor starts.
    pub fetcher_uris: BTreeSet<FetcherUri>,
    /// Labels and URL templates shown with the task.
    pub task_links: BTreeMap<Arc<str>, Arc<str>>,
    /// Whom to tell.
    pub contact_email: Option<Arc<str>>,
    /// Which executor, and the blob it gets.
    pub executor: Option<ExecutorConfig>,
    /// Free-form labels; a key may repeat.
    pub metadata: BTreeSet<(Arc<str>, Arc<str>)>,
    /// What happens when its agent is unreachable.
    pub partition_policy: Option<PartitionPolicy>,
    /// How many of its instances must stay up.
    pub sla_policy: Option<SlaPolicy>,
    /// Where it runs.
    pub container: Container,
}

/// A rule over an agent attribute.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Constraint {
    /// Attribute name: `host`, `rack`, `dedicated`, …
    pub name: Arc<str>,
    /// What it must satisfy.
    pub rule: ConstraintRule,
}

/// The two kinds of constraint (`spec/scheduler.md` §2.10). Values sort before limits, as they are checked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConstraintRule {
    /// Some value matches; or, negated, none does.
    Value {
        /// Turns the match round.
        negated: bool,
        /// The values to match.
        values: BTreeSet<Arc<str>>,
    },
    /// At most this many active tasks of the job per attribute value.
    Limit(i32),
}

/// The executor of a task and its data.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ExecutorConfig {
    /// `AuroraExecutor` or a configured name.
    pub name: Arc<str>,
    /// Opaque to the scheduler; for Thermos a JSON document.
    pub data: Arc<str>,
}

/// A file to fetch into the sandbox.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FetcherUri {
    /// Where it comes from.
    pub value: Arc<str>,
    /// Unpack an archive.
    pub extract: bool,
    /// Use the agent's cache.
    pub cache: bool,
    /// The file's name in the sandbox.
    pub output_file: Option<Arc<str>>,
}

/// What to do about a task whose agent is unreachable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PartitionPolicy {
    /// Start it elsewhere.
    pub reschedule: bool,
    /// After this many seconds.
    pub delay_secs: i64,
}

/// A share of instances, compared bit by bit, so that two configurations are equal exactly if the wire says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Percentage(u64);

impl Percentage {
    /// From the wire's number, 0 to 100.
    pub const fn new(value: f64) -> Self {
        Self(value.to_bits())
    }

    /// The wire's number.
    pub const fn value(self) -> f64 {
        f64::from_bits(self.0)
    }
}

/// How many instances must stay up while the scheduler moves tasks about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SlaPolicy {
    /// A share of them.
    Percentage {
        /// 0 to 100.
        percentage: Percentage,
        /// Time RUNNING before an instance counts as up.
        duration_secs: i64,
    },
    /// A number of them.
    Count {
        /// Instances.
        count: i64,
        /// Time RUNNING before an instance counts as up.
        duration_secs: i64,
    },
    /// Another service decides.
    Coordinator {
        /// Whom to ask.
        url: Arc<str>,
        /// The key of its reply.
        status_key: Arc<str>,
    },
}

/// Where a task runs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Container {
    /// The agent's own containerizer, with an image or on the host's files.
    Mesos {
        /// Absent: the host's files.
        image: Option<Image>,
        /// Mounted into it.
        volumes: Vec<Volume>,
    },
    /// Docker's engine.
    Docker {
        /// Its image.
        image: Arc<str>,
        /// Command-line parameters.
        parameters: Vec<(Arc<str>, Arc<str>)>,
    },
}

/// An image for the agent's own containerizer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Image {
    /// Docker's format.
    Docker {
        /// Repository.
        name: Arc<str>,
        /// Tag.
        tag: Arc<str>,
    },
    /// The App Container format.
    Appc {
        /// Name.
        name: Arc<str>,
        /// Id.
        image_id: Arc<str>,
    },
}

/// A directory of the host in the container.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Volume {
    /// Path inside.
    pub container_path: Arc<str>,
    /// Path outside.
    pub host_path: Arc<str>,
    /// Whether the task may only read.
    pub read_only: bool,
}

/// One run of an instance: configuration, place, status and history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Its id.
    pub id: TaskId,
    /// Slot of the job.
    pub instance: u32,
    /// What it runs.
    pub config: Arc<TaskConfig>,
    /// Its status.
    pub status: TaskStatus,
    /// Where it was put; absent until then.
    pub assignment: Option<Assignment>,
    /// Failures of this instance over its ancestors.
    pub failure_count: i32,
    /// How often its agent was unreachable.
    pub times_partitioned: i32,
    /// What happened, oldest first.
    pub events: Vec<TaskEvent>,
    /// The run this one replaces.
    pub ancestor: Option<TaskId>,
}

impl Task {
    /// The slot it fills.
    pub fn instance_key(&self) -> InstanceKey {
        self.config.job.instance(self.instance)
    }

    /// The latest thing that happened.
    pub fn last_event(&self) -> Option<&TaskEvent> {
        self.events.last()
    }
}

/// The place of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The agent.
    pub agent: AgentId,
    /// Its host.
    pub host: HostName,
    /// Port numbers by name.
    pub ports: BTreeMap<Arc<str>, u16>,
}

/// One line of a task's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskEvent {
    /// When.
    pub at: Timestamp,
    /// The status it entered.
    pub status: TaskStatus,
    /// Why, in words.
    pub message: Option<Arc<str>>,
    /// Host of the scheduler that recorded it.
    pub scheduler: Option<Arc<str>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_groups_of_statuses_are_those_of_the_api() {
        let names = |test: fn(TaskStatus) -> bool| -> Vec<&str> {
            TaskStatus::ALL.into_iter().filter(|status| test(*status)).map(TaskStatus::as_str).collect()
        };
        assert_eq!(names(TaskStatus::is_terminal), ["FINISHED", "FAILED", "KILLED", "LOST"]);
        assert_eq!(
            names(TaskStatus::is_live),
            ["RUNNING", "KILLING", "RESTARTING", "PREEMPTING", "DRAINING", "PARTITIONED"]
        );
        assert_eq!(names(TaskStatus::is_active).len(), 10);
        assert_eq!(names(TaskStatus::is_assigned).len(), 8);
    }

    #[test]
    fn every_status_reads_back_from_its_number() {
        for status in TaskStatus::ALL {
            assert_eq!(TaskStatus::from_number(status.number()), Some(status));
        }
        assert_eq!(TaskStatus::from_number(8), None);
    }
}
