//! The messages of the Mesos v1 API, generated from `proto/` by `cargo xtask codegen`, and short ways to make them.
//!
//! Field numbers are those of `spec/mesos.md` §§1–3 and §6. All of it is proto2: a missing required field decodes as
//! its default, and an enum value that is not known here reads as the first of its enum.

use std::fmt;

// The generated code documents itself through the comments of the definitions, and follows prost's habits, not ours.
#[allow(missing_docs, clippy::all, clippy::pedantic)]
mod generated {
    include!("generated/mesos.v1.rs");

    pub mod scheduler {
        include!("generated/mesos.v1.scheduler.rs");
    }
    pub mod executor {
        include!("generated/mesos.v1.executor.rs");
    }
    pub mod maintenance {
        include!("generated/mesos.v1.maintenance.rs");
    }
    pub mod master {
        include!("generated/mesos.v1.master.rs");
    }
    pub mod agent {
        include!("generated/mesos.v1.agent.rs");
    }
}

pub use generated::*;

/// The definitions themselves, as an encoded `google.protobuf.FileDescriptorSet`: for who turns messages into JSON.
pub const DESCRIPTORS: &[u8] = include_bytes!("generated/descriptors.bin");

/// Conversions of the messages that are nothing but a string.
macro_rules! identifiers {
    ($($name:ident),*) => {$(
        impl From<&str> for $name {
            fn from(value: &str) -> $name {
                $name { value: value.to_owned() }
            }
        }

        impl From<String> for $name {
            fn from(value: String) -> $name {
                $name { value }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.value)
            }
        }

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &$name) -> Option<std::cmp::Ordering> {
                Some(self.cmp(other))
            }
        }

        impl Ord for $name {
            fn cmp(&self, other: &$name) -> std::cmp::Ordering {
                self.value.cmp(&other.value)
            }
        }
    )*};
}

identifiers!(FrameworkId, OfferId, AgentId, TaskId, ExecutorId);

impl TaskState {
    /// Whether a task in this state has ended, as Mesos counts it (spec/mesos.md §3.4).
    pub fn is_terminal(self) -> bool {
        match self {
            TaskState::TaskFinished
            | TaskState::TaskFailed
            | TaskState::TaskKilled
            | TaskState::TaskError
            | TaskState::TaskLost
            | TaskState::TaskDropped
            | TaskState::TaskGone
            | TaskState::TaskGoneByOperator => true,
            TaskState::TaskStaging
            | TaskState::TaskStarting
            | TaskState::TaskRunning
            | TaskState::TaskKilling
            | TaskState::TaskUnreachable
            | TaskState::TaskUnknown => false,
        }
    }
}

impl Resource {
    /// An unreserved scalar, `cpus:1.5` for example.
    pub fn scalar(name: &str, value: f64) -> Resource {
        Resource {
            name: name.to_owned(),
            r#type: value::Type::Scalar.into(),
            scalar: Some(value::Scalar { value }),
            ..Resource::default()
        }
    }

    /// Unreserved ranges, both ends included, `ports:[31000-31002]` for example.
    pub fn ranges(name: &str, ranges: impl IntoIterator<Item = (u64, u64)>) -> Resource {
        let range = ranges.into_iter().map(|(begin, end)| value::Range { begin, end }).collect();
        Resource {
            name: name.to_owned(),
            r#type: value::Type::Ranges.into(),
            ranges: Some(value::Ranges { range }),
            ..Resource::default()
        }
    }
}

impl Attribute {
    /// A text attribute, `rack:r12` for example.
    pub fn text(name: &str, text: &str) -> Attribute {
        Attribute {
            name: name.to_owned(),
            r#type: value::Type::Text.into(),
            text: Some(value::Text { value: text.to_owned() }),
            ..Attribute::default()
        }
    }
}

impl scheduler::Call {
    fn of(kind: scheduler::call::Type) -> scheduler::Call {
        scheduler::Call { r#type: Some(kind.into()), ..scheduler::Call::default() }
    }

    /// Launches `tasks` on the agent of `offer_ids`; the rest of the offers is refused for `refuse_seconds`.
    pub fn accept(offer_ids: Vec<OfferId>, tasks: Vec<TaskInfo>, refuse_seconds: f64) -> scheduler::Call {
        let launch = offer::Operation {
            r#type: Some(offer::operation::Type::Launch.into()),
            launch: Some(offer::operation::Launch { task_infos: tasks }),
            ..offer::Operation::default()
        };
        scheduler::Call {
            accept: Some(scheduler::call::Accept {
                offer_ids,
                operations: vec![launch],
                filters: Some(Filters { refuse_seconds: Some(refuse_seconds) }),
            }),
            ..scheduler::Call::of(scheduler::call::Type::Accept)
        }
    }

    /// Gives offers back and hides the like of them for `refuse_seconds`.
    pub fn decline(offer_ids: Vec<OfferId>, refuse_seconds: f64) -> scheduler::Call {
        scheduler::Call {
            decline: Some(scheduler::call::Decline {
                offer_ids,
                filters: Some(Filters { refuse_seconds: Some(refuse_seconds) }),
            }),
            ..scheduler::Call::of(scheduler::call::Type::Decline)
        }
    }

    /// Kills a task; with `agent_id` also one that the master does not know at the moment (spec/mesos.md §1.10).
    pub fn kill(task_id: TaskId, agent_id: Option<AgentId>) -> scheduler::Call {
        scheduler::Call {
            kill: Some(scheduler::call::Kill { task_id, agent_id, kill_policy: None }),
            ..scheduler::Call::of(scheduler::call::Type::Kill)
        }
    }

    /// Acknowledges a status update, if it is one that asks for it: one with a uuid (spec/mesos.md §1.9).
    pub fn acknowledge(status: &TaskStatus) -> Option<scheduler::Call> {
        let acknowledge = scheduler::call::Acknowledge {
            agent_id: status.agent_id.clone()?,
            task_id: status.task_id.clone(),
            uuid: status.uuid.clone()?,
        };
        Some(scheduler::Call {
            acknowledge: Some(acknowledge),
            ..scheduler::Call::of(scheduler::call::Type::Acknowledge)
        })
    }

    /// Asks for the state of the given tasks, or of all tasks that the master knows if there are none.
    pub fn reconcile(tasks: impl IntoIterator<Item = (TaskId, Option<AgentId>)>) -> scheduler::Call {
        let tasks = tasks
            .into_iter()
            .map(|(task_id, agent_id)| scheduler::call::reconcile::Task { task_id, agent_id })
            .collect();
        scheduler::Call {
            reconcile: Some(scheduler::call::Reconcile { tasks }),
            ..scheduler::Call::of(scheduler::call::Type::Reconcile)
        }
    }

    /// Accepts inverse offers, with the filter of upstream: the default one.
    pub fn accept_inverse_offers(inverse_offer_ids: Vec<OfferId>) -> scheduler::Call {
        scheduler::Call {
            accept_inverse_offers: Some(scheduler::call::AcceptInverseOffers {
                inverse_offer_ids,
                filters: None,
            }),
            ..scheduler::Call::of(scheduler::call::Type::AcceptInverseOffers)
        }
    }

    /// Ends the framework and everything that runs for it.
    pub fn teardown() -> scheduler::Call {
        scheduler::Call::of(scheduler::call::Type::Teardown)
    }
}
