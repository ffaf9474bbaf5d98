//! Starting again from the journal (`spec/scheduler.md` §11.1).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aurora_api::amounts::{Millis, Timestamp};
use aurora_api::ids::TaskId;
use aurora_api::task::{Task, TaskStatus};

use crate::codec::{CodecError, decode_operation, decode_snapshot};
use crate::config::{CoreConfig, Identity};
use crate::effect::Batch;
use crate::handle::{Core, Step};
use crate::operation::{ConfigId, Operation};
use crate::state::Inconsistent;
use crate::timeouts::entered_at;
use crate::validate::with_default_diversity;

/// Why the state cannot be recovered. Which file, and what to do instead, the journal knows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecoverError {
    /// The snapshot cannot be read.
    #[error("cannot read the snapshot")]
    Snapshot(#[source] CodecError),
    /// An operation cannot be read.
    #[error("cannot read operation {index} after the snapshot")]
    Operation {
        /// Counted from 0.
        index: u64,
        /// Why.
        #[source]
        source: CodecError,
    },
    /// An operation contradicts what came before.
    #[error("operation {index} after the snapshot contradicts what came before it")]
    Contradiction {
        /// Counted from 0.
        index: u64,
        /// How.
        #[source]
        source: Inconsistent,
    },
}

impl Core {
    /// The core as it was when the last of `operations` was made, with its timers started again.
    ///
    /// What is owed for the restart is in `batch`, like what [`Core::handle`] owes. Offers and everything else that is
    /// not durable is gone; the next subscription asks Mesos about all tasks.
    ///
    /// # Errors
    /// If the snapshot or an operation is damaged or was written by a newer version. Nothing is skipped: a state with
    /// holes would kill tasks that should run.
    pub fn recover<B: AsRef<[u8]>>(
        config: CoreConfig,
        identity: Identity,
        seed: u64,
        snapshot: Option<&[u8]>,
        operations: impl IntoIterator<Item = B>,
        now: Timestamp,
        batch: &mut Batch,
    ) -> Result<Self, RecoverError> {
        let mut core = Self::new(config, identity, seed);
        if let Some(snapshot) = snapshot {
            core.state = decode_snapshot(snapshot).map_err(RecoverError::Snapshot)?;
            core.state.set_layers(core.config.layers);
        }
        for (index, bytes) in (0..).zip(operations) {
            let operation = decode_operation(bytes.as_ref(), &core.state)
                .map_err(|source| RecoverError::Operation { index, source })?;
            core.state.apply(&operation).map_err(|source| RecoverError::Contradiction { index, source })?;
        }
        core.state.tables().hosts().for_each(|host| core.seats.save(host));
        core.recall_missing();
        core.resume(&mut Step { now, batch });
        Ok(core)
    }

    /// Starts again what hangs on the status of each task.
    fn resume(&mut self, step: &mut Step<'_>) {
        if self.config.policy.legacy_constraints {
            self.add_default_diversity(step);
        }
        let spread = self.startup_spread();
        let ids: Vec<TaskId> = self.state.tables().tasks().map(|(task, _)| task.id.clone()).collect();
        for id in ids {
            // An earlier round may have pruned it.
            let Some(task) = self.state.task(&id).cloned() else { continue };
            let elapsed = step.now.since(entered_at(&task)).max(Millis::ZERO);
            self.start_waiting(&task, elapsed, step);
            if task.status == TaskStatus::Pending {
                self.rejoin_group(&task, spread, step);
            } else if task.status.is_terminal() {
                let due = entered_at(&task) + self.config.history_max_age;
                self.on_ended(&task, due, step);
            }
        }
    }

    /// Over how much time the groups of a restarted cluster are spread: as long as their attempts take at the rate that
    /// is allowed, and never longer than the flag says.
    fn startup_spread(&self) -> Millis {
        let tables = self.state.tables();
        let groups: BTreeSet<ConfigId> =
            tables.with_status(TaskStatus::Pending).filter_map(|task| tables.config_id(&task.id)).collect();
        let count = u64::try_from(groups.len()).unwrap_or(u64::MAX);
        let needed = count.saturating_mul(1_000_000) / self.config.schedule_attempts_per_1000_s.max(1);
        Millis(i64::try_from(needed).unwrap_or(i64::MAX)).min(self.config.startup_delay_max)
    }

    fn rejoin_group(&mut self, task: &Task, spread: Millis, step: &mut Step<'_>) {
        let spread = self.rng.time_below(spread);
        let delay = spread + self.flapping_penalty(task);
        let Some(config) = self.state.tables().config_id(&task.id) else { return };
        self.join_group(task, config, delay, step);
        if let Some(group) = self.groups.get_mut(config) {
            group.is_starting = true;
        }
    }

    /// Gives stored tasks the default constraints they would get if they were created now.
    ///
    /// Compat: switching the flag on changes what is stored, switching it off takes nothing away (`spec/scheduler.md`
    /// §12.1).
    fn add_default_diversity(&mut self, step: &mut Step<'_>) {
        let changed: Vec<(ConfigId, _)> = self
            .state
            .configs()
            .iter()
            .filter_map(|(id, config)| Some((id, Arc::new(with_default_diversity(config)?))))
            .collect();
        let mut heirs = BTreeMap::new();
        for (old, config) in changed {
            heirs.insert(old, (self.stored_config(&config, step), config));
        }
        if heirs.is_empty() {
            return;
        }
        let tables = self.state.tables();
        let with_heir = |(task, old): (&Arc<Task>, ConfigId)| {
            let (new, config) = heirs.get(&old)?;
            Some((Arc::new(Task { config: Arc::clone(config), ..Task::clone(task) }), *new))
        };
        let tasks: Vec<(Arc<Task>, ConfigId)> = tables.tasks().filter_map(with_heir).collect();
        for (task, config) in tasks {
            self.commit(Operation::SaveTask { task, config }, step);
        }
        for old in heirs.into_keys() {
            self.commit(Operation::RemoveConfig(old), step);
        }
    }
}

#[cfg(test)]
#[path = "recover_tests.rs"]
mod tests;
