//! Doing what a transition owes (`spec/scheduler.md` §1.2).

use std::sync::Arc;

use aurora_api::ids::{AgentId, RunIds, TaskId};
use aurora_api::task::{Assignment, Task, TaskConfig, TaskEvent, TaskStatus};

use super::flapping::{penalty_after, rescheduled_message};
use super::transition::{Action, Outcome, transition};
use crate::effect::Effect;
use crate::handle::{Core, Step};
use crate::operation::{ConfigId, Operation};

/// A wish to change a task's status.
#[derive(Clone, Debug)]
pub(crate) struct StatusChange {
    /// Whose.
    pub(crate) task: TaskId,
    /// Only if it has this status now.
    pub(crate) expected: Option<TaskStatus>,
    /// Where to; `None` deletes it.
    pub(crate) to: Option<TaskStatus>,
    /// Why, in words.
    pub(crate) message: Option<Arc<str>>,
    /// Its place, when it gets one.
    pub(crate) assignment: Option<Assignment>,
    /// The agent that told us, for a kill of a task we know nothing of.
    pub(crate) agent: Option<AgentId>,
}

impl StatusChange {
    pub(crate) fn to(task: &TaskId, status: TaskStatus) -> Self {
        Self {
            task: task.clone(),
            expected: None,
            to: Some(status),
            message: None,
            assignment: None,
            agent: None,
        }
    }

    pub(crate) fn expecting(self, status: TaskStatus) -> Self {
        Self { expected: Some(status), ..self }
    }

    pub(crate) fn because(self, message: impl Into<Arc<str>>) -> Self {
        Self { message: Some(message.into()), ..self }
    }
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChangeResult {
    /// Already there.
    Same,
    /// Done.
    Success,
    /// Refused.
    Illegal,
    /// Refused, but a kill was sent.
    IllegalWithKill,
    /// The task has not the expected status.
    Unexpected,
}

impl ChangeResult {
    /// As counters spell it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Same => "NOOP",
            Self::Success => "SUCCESS",
            Self::Illegal => "ILLEGAL",
            Self::IllegalWithKill => "ILLEGAL_WITH_SIDE_EFFECTS",
            Self::Unexpected => "INVALID_CAS_STATE",
        }
    }
}

impl Core {
    /// Changes a task's status, if the table allows it, and does all that is owed then.
    pub(crate) fn change_status(&mut self, change: &StatusChange, step: &mut Step<'_>) -> ChangeResult {
        let task = self.state.row(&change.task).map(|(task, config)| (Arc::clone(task), config));
        let from = task.as_ref().map(|(task, _)| task.status);
        if change.expected.is_some() && from != change.expected {
            return ChangeResult::Unexpected;
        }
        match (transition(from, change.to), task) {
            (Outcome::Same, _) => ChangeResult::Same,
            (Outcome::Legal(actions), Some((task, config))) => {
                self.execute(actions, task, config, change, step);
                ChangeResult::Success
            }
            (Outcome::Legal(_), None) => {
                unreachable!("the table allows nothing for a task that is not stored")
            }
            (Outcome::Illegal(actions), task) => {
                step.count("scheduler_illegal_task_state_transitions", 1);
                if actions.contains(&Action::Kill) {
                    let task = task.as_ref().map(|(task, _)| &**task);
                    self.kill(&change.task, task, change.agent.as_ref(), step);
                    ChangeResult::IllegalWithKill
                } else {
                    ChangeResult::Illegal
                }
            }
        }
    }

    /// A task that is STARTING already tells how far it is, and one that is RUNNING what it lacks: the event keeps the newest
    /// words (`spec/thermos.md` §7.3).
    ///
    /// It is no transition: nobody is told of a change of status, and the event keeps its time.
    pub(crate) fn keep_progress(
        &mut self,
        id: &TaskId,
        status: TaskStatus,
        message: Option<&Arc<str>>,
        step: &mut Step<'_>,
    ) {
        let Some(message) = message else { return };
        let Some(task) = self.state.task(id).filter(|task| task.status == status) else {
            return;
        };
        let mut task = Task::clone(task);
        let Some(event) = task
            .events
            .last_mut()
            .filter(|event| event.status == status && event.message.as_ref() != Some(message))
        else {
            return;
        };
        event.message = Some(Arc::clone(message));
        let config = self.config_of(id);
        self.commit(Operation::SaveTask { task: Arc::new(task), config }, step);
    }

    /// Stores new tasks of one configuration as PENDING, one for each of the instances.
    pub(crate) fn admit_all(
        &mut self,
        config: &Arc<TaskConfig>,
        instances: impl Iterator<Item = u32>,
        step: &mut Step<'_>,
    ) {
        let id = self.stored_config(config, step);
        let mut ids = RunIds::of(&config.job);
        for instance in instances {
            let task = self.new_task(config, instance, &mut ids);
            self.admit(task, id, TaskStatus::Pending, None, step);
        }
    }

    /// Stores a new task as PENDING or THROTTLED. Its configuration is stored already.
    fn admit(
        &mut self,
        task: Task,
        config: ConfigId,
        to: TaskStatus,
        message: Option<Arc<str>>,
        step: &mut Step<'_>,
    ) {
        let change = StatusChange { message, ..StatusChange::to(&task.id, to) };
        let from = task.status;
        assert_eq!(
            transition(Some(from), Some(to)),
            Outcome::Legal(&[Action::Save]),
            "new tasks are admitted as PENDING or THROTTLED"
        );
        let task = self.save_status(task, to, &change, config, step);
        self.publish(&task, from, step);
        self.on_entered(&task, config, step);
    }

    /// A task that was never stored. `ids` are of its job.
    fn new_task(&mut self, config: &Arc<TaskConfig>, instance: u32, ids: &mut RunIds) -> Task {
        let id = loop {
            let id = ids.run(instance, self.rng.uuid());
            if self.state.tables().is_free(&id) {
                break id;
            }
        };
        Task {
            id,
            instance,
            config: Arc::clone(config),
            status: TaskStatus::Init,
            assignment: None,
            failure_count: 0,
            times_partitioned: 0,
            events: Vec::with_capacity(1),
            ancestor: None,
        }
    }

    /// Forgets tasks that nothing more is owed for.
    pub(crate) fn delete_tasks(&mut self, ids: &[TaskId], step: &mut Step<'_>) {
        let mut deleted = Vec::with_capacity(ids.len());
        for id in ids {
            let Some((task, config)) = self.state.row(id) else { continue };
            if transition(Some(task.status), None) == Outcome::Legal(&[Action::Delete]) {
                let task = Arc::clone(task);
                self.remove(&task, config, step);
                deleted.push(task);
            }
        }
        if !deleted.is_empty() {
            step.batch.effects.push(Effect::TasksRemoved(deleted));
        }
    }

    fn execute(
        &mut self,
        actions: &[Action],
        task: Arc<Task>,
        config: ConfigId,
        change: &StatusChange,
        step: &mut Step<'_>,
    ) {
        let from = task.status;
        let mut failures = task.failure_count;
        let mut saved = None;
        for action in actions {
            match action {
                Action::CountFailure => failures += 1,
                Action::Save => {
                    let to = change.to.expect("the table saves only what gets a status");
                    let draft = Task { failure_count: failures, ..with_room(&task) };
                    saved = Some(self.save_status(draft, to, change, config, step));
                }
                Action::Reschedule
                | Action::RescheduleIfService
                | Action::RescheduleIfRetriesLeft
                | Action::RescheduleUnlessKilled => {
                    let ended = Arc::clone(saved.as_ref().unwrap_or(&task));
                    if is_rescheduled(*action, &ended) {
                        self.reschedule(&ended, config, step);
                    }
                }
                Action::MarkLost => {
                    let lost = StatusChange::to(&task.id, TaskStatus::Lost)
                        .because("Action performed on partitioned task, marking as LOST.");
                    self.change_status(&lost, step);
                }
                Action::Kill => self.kill(&task.id, Some(&task), None, step),
                Action::Delete => {
                    self.remove(&task, config, step);
                    step.batch.effects.push(Effect::TasksRemoved(vec![Arc::clone(&task)]));
                }
            }
        }
        // Only now: nested changes (a replacement, LOST after PARTITIONED) have told of themselves first.
        if let Some(saved) = saved {
            self.publish(&saved, from, step);
            // It has moved on already otherwise.
            if !actions.contains(&Action::MarkLost) {
                self.on_entered(&saved, config, step);
            }
        }
    }

    fn save_status(
        &mut self,
        mut task: Task,
        to: TaskStatus,
        change: &StatusChange,
        config: ConfigId,
        step: &mut Step<'_>,
    ) -> Arc<Task> {
        task.status = to;
        if to == TaskStatus::Partitioned {
            task.times_partitioned += 1;
            compact(&mut task.events);
        }
        if let Some(assignment) = &change.assignment {
            task.assignment = Some(assignment.clone());
        }
        task.events.push(TaskEvent {
            at: step.now,
            status: to,
            message: change.message.clone(),
            scheduler: Some(Arc::clone(&self.identity.host)),
        });
        let task = Arc::new(task);
        self.commit(Operation::SaveTask { task: Arc::clone(&task), config }, step);
        task
    }

    fn reschedule(&mut self, old: &Task, config: ConfigId, step: &mut Step<'_>) {
        let penalty = penalty_after(&self.state, old, &self.config, &mut self.rng);
        let to = if penalty > aurora_api::amounts::Millis::ZERO {
            TaskStatus::Throttled
        } else {
            TaskStatus::Pending
        };
        let replacement = Task {
            failure_count: old.failure_count,
            ancestor: Some(old.id.clone()),
            ..self.new_task(&old.config, old.instance, &mut RunIds::of(&old.config.job))
        };
        self.admit(replacement, config, to, Some(rescheduled_message(penalty)), step);
    }

    fn kill(&self, id: &TaskId, task: Option<&Task>, told_by: Option<&AgentId>, step: &mut Step<'_>) {
        let placed = task.and_then(|task| task.assignment.as_ref()).map(|assignment| &assignment.agent);
        let agent = placed.or(told_by).cloned();
        step.batch.effects.push(Effect::Kill { task: id.clone(), agent });
    }

    fn remove(&mut self, task: &Task, config: ConfigId, step: &mut Step<'_>) {
        self.commit(Operation::RemoveTask(task.id.clone()), step);
        if self.state.configs().uses(config) == 0 {
            self.commit(Operation::RemoveConfig(config), step);
        }
        self.on_left(task, task.status, step);
    }

    /// Tells of a change, and ends what hung on the old status.
    fn publish(&mut self, task: &Arc<Task>, from: TaskStatus, step: &mut Step<'_>) {
        step.batch.effects.push(Effect::StatusChanged { task: Arc::clone(task), from });
        self.on_left(task, from, step);
        if task.status.is_terminal() {
            self.on_ended_on_host(task, step);
        }
        if task.status == TaskStatus::Lost {
            self.count_loss(task, step);
        }
    }

    /// Counts a lost task by what its host has in common with others (`spec/scheduler.md` §10.3).
    fn count_loss(&self, task: &Task, step: &mut Step<'_>) {
        let host = task.assignment.as_ref().and_then(|place| self.state.tables().host(&place.host));
        for name in ["rack", "dedicated"] {
            for value in host.and_then(|host| host.attributes.get(name)).into_iter().flatten() {
                step.count(format!("tasks_lost_{name}_{value}"), 1);
            }
        }
    }

    fn config_of(&self, id: &TaskId) -> ConfigId {
        self.state.tables().config_id(id).expect("a stored task has a stored configuration")
    }

    /// The id of a configuration, stored now if it is new.
    pub(crate) fn stored_config(&mut self, config: &Arc<TaskConfig>, step: &mut Step<'_>) -> ConfigId {
        if let Some(id) = self.state.configs().id_of(config) {
            return id;
        }
        let id = self.state.configs().free_id();
        self.commit(Operation::SaveConfig { id, config: Arc::clone(config) }, step);
        id
    }
}

/// The task, with room for another event.
fn with_room(task: &Task) -> Task {
    let mut events = Vec::with_capacity(task.events.len() + 1);
    events.extend_from_slice(&task.events);
    Task {
        id: task.id.clone(),
        instance: task.instance,
        config: Arc::clone(&task.config),
        status: task.status,
        assignment: task.assignment.clone(),
        failure_count: task.failure_count,
        times_partitioned: task.times_partitioned,
        events,
        ancestor: task.ancestor.clone(),
    }
}

/// Whether this task, failures counted and status saved, gets a replacement (`spec/scheduler.md` §1.5).
fn is_rescheduled(action: Action, task: &Task) -> bool {
    let config = &task.config;
    match action {
        Action::Reschedule => true,
        Action::RescheduleIfService => config.is_service,
        Action::RescheduleIfRetriesLeft => {
            config.is_service
                || config.max_task_failures == -1
                || task.failure_count < config.max_task_failures
        }
        Action::RescheduleUnlessKilled => {
            !task.events.iter().any(|event| event.status == TaskStatus::Killing)
        }
        Action::CountFailure | Action::Save | Action::MarkLost | Action::Kill | Action::Delete => false,
    }
}

/// Drops the last round of `X, PARTITIONED, X` before another PARTITIONED, so that an agent that comes and goes does not
/// let the history grow (`spec/scheduler.md` §1.7).
fn compact(events: &mut Vec<TaskEvent>) {
    if let [.., first, partitioned, last] = events.as_slice()
        && partitioned.status == TaskStatus::Partitioned
        && first.status == last.status
    {
        events.truncate(events.len() - 2);
    }
}

#[cfg(test)]
#[path = "apply_tests.rs"]
mod tests;
