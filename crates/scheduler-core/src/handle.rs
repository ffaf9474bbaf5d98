//! The core: one match, one line per input.

use std::collections::BTreeMap;
use std::sync::Arc;

use aurora_api::amounts::{Millis, Timestamp};
use aurora_api::ids::TaskId;
use imbl::OrdMap;

use crate::away::Away;
use crate::collect::Collections;
use crate::config::{CoreConfig, Identity};
use crate::effect::{Batch, CounterName, Effect, Reply, TimerKey};
use crate::explain::Explanation;
use crate::input::{Change, Input, MesosEvent, Request};
use crate::offers::Offers;
use crate::operation::{ConfigId, Operation};
use crate::prune::PruneQueue;
use crate::reconcile::Reconciliation;
use crate::rng::CoreRng;
use crate::schedule::{Affinity, Groups, Preemption, RateLimiter, Seats};
use crate::state::State;
use crate::timeouts::KillRetry;
use crate::view::{Sizes, View};

/// The scheduler's mind: its durable state, and what it remembers for the moment.
///
/// It changes memory before the operations are durable. If they cannot be made durable, drop it and recover another.
#[derive(Debug)]
pub struct Core {
    pub(crate) config: CoreConfig,
    pub(crate) identity: Identity,
    pub(crate) rng: CoreRng,
    pub(crate) state: State,
    pub(crate) offers: Offers,
    pub(crate) groups: Groups,
    pub(crate) limiter: RateLimiter,
    pub(crate) preemption: Preemption,
    pub(crate) seats: Seats,
    pub(crate) affinity: Affinity,
    pub(crate) explanations: OrdMap<ConfigId, Arc<Explanation>>,
    pub(crate) session: Session,
    pub(crate) reconciliation: Reconciliation,
    pub(crate) prune: PruneQueue,
    pub(crate) collections: Collections,
    pub(crate) kill_retries: BTreeMap<TaskId, KillRetry>,
    pub(crate) away: Away,
}

/// How we stand with Mesos.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Session {
    /// Not subscribed since the start.
    #[default]
    Never,
    /// Subscribed.
    Open,
    /// Was subscribed.
    Broken,
}

/// One input's time, and where what it owes is collected.
pub(crate) struct Step<'a> {
    pub(crate) now: Timestamp,
    pub(crate) batch: &'a mut Batch,
}

impl Step<'_> {
    pub(crate) fn count(&mut self, name: impl Into<CounterName>, by: u64) {
        if by > 0 {
            self.batch.effects.push(Effect::Count { name: name.into(), by });
        }
    }

    pub(crate) fn set_timer(&mut self, key: TimerKey, at: Timestamp) {
        self.batch.effects.push(Effect::SetTimer { key, at });
    }

    pub(crate) fn set_timer_in(&mut self, key: TimerKey, delay: Millis) {
        self.set_timer(key, self.now + delay);
    }

    pub(crate) fn cancel_timer(&mut self, key: TimerKey) {
        self.batch.effects.push(Effect::CancelTimer(key));
    }
}

impl Core {
    /// A core without any state: a cluster's first start. `config` passed [`CoreConfig::check`].
    ///
    /// The seed fixes all chance. A scheduler takes a new one at each start, or the ids of new tasks would repeat.
    pub fn new(config: CoreConfig, identity: Identity, seed: u64) -> Self {
        let mut state = State::default();
        state.set_layers(config.layers);
        Self {
            limiter: RateLimiter::new(config.schedule_attempts_per_1000_s),
            offers: Offers::new(config.search),
            seats: Seats::new(config.search),
            config,
            identity,
            rng: CoreRng::new(seed),
            state,
            groups: Groups::default(),
            preemption: Preemption::default(),
            affinity: Affinity::default(),
            explanations: OrdMap::new(),
            session: Session::default(),
            reconciliation: Reconciliation::default(),
            prune: PruneQueue::default(),
            collections: Collections::default(),
            kill_retries: BTreeMap::new(),
            away: Away::default(),
        }
    }

    /// Applies one input. The same state, input, time and seed give the same batch.
    ///
    /// Operations and effects are appended; the effects are owed once the operations are durable. `now` never goes back.
    pub fn handle(&mut self, input: Input, now: Timestamp, batch: &mut Batch) {
        let step = &mut Step { now, batch };
        match input {
            Input::Request(request) => self.on_request(request, step),
            Input::Mesos(event) => self.on_mesos(event, step),
            Input::Timer(key) => self.on_timer(key, step),
        }
        self.preemption.count_removals(step);
        self.affinity.count_removals(step);
    }

    /// The state for those who only look. Cheap: it shares everything with the core.
    pub fn view(&self) -> View {
        View {
            tables: self.state.tables().clone(),
            offers: self.offers.shown().clone(),
            explanations: self.explanations.clone(),
            away: self.away.clone(),
            sizes: Sizes {
                offers: self.offers.len(),
                offer_splits: self.offers.split_count(),
                globally_banned_offers: self.offers.banned_len(),
                statically_banned_offers: self.groups.ban_count(),
                reservations: self.preemption.reservation_count(),
                preemption_slots: self.preemption.slot_count(),
                update_affinities: self.affinity.count(),
            },
        }
    }

    fn on_request(&mut self, Request { id, user, change }: Request, step: &mut Step<'_>) {
        let reply = match change {
            Change::Snapshot => {
                step.batch.effects.push(Effect::Snapshot(id));
                return;
            }
            Change::CreateJob(job) => self.create_job(&job, step),
            Change::KillTasks { job, instances, message } => {
                self.kill_tasks(&job, instances.as_ref(), message.as_deref(), &user, step)
            }
            Change::RestartInstances { job, instances } => {
                self.restart_instances(&job, &instances, &user, step)
            }
            Change::AddInstances { job, instance, count } => self.add_instances(&job, instance, count, step),
            Change::SetQuota { role, quota } => self.set_quota(&role, quota, step),
            Change::ForceStatus { task, status } => self.force_status(&task, status, &user, step),
            Change::PruneTasks(tasks) => self.prune_on_request(&tasks, step),
            Change::Maintain { hosts, call } => self.maintain(&hosts, call, step),
            Change::ReconcileExplicit { batch_size } => {
                self.reconcile_explicit(batch_size, step);
                Reply::Done(Vec::new())
            }
            Change::ReconcileImplicit => {
                self.reconcile_implicit(step);
                Reply::Done(Vec::new())
            }
        };
        step.batch.effects.push(Effect::Reply(id, reply));
    }

    fn on_mesos(&mut self, event: MesosEvent, step: &mut Step<'_>) {
        match event {
            MesosEvent::Subscribed { framework } => self.on_subscribed(framework, step),
            MesosEvent::Disconnected => self.on_disconnected(step),
            MesosEvent::Offers(offers) => self.on_offers(offers, step),
            MesosEvent::Rescinded(offer) => self.on_rescinded(&offer, step),
            MesosEvent::InverseOffers(offers) => self.on_inverse_offers(&offers, step),
            MesosEvent::Status(update) => self.on_status(update, step),
            MesosEvent::AgentLost(agent) => self.on_agent_lost(&agent, step),
            MesosEvent::CallFailed { call, reason } => self.on_call_failed(call, &reason, step),
        }
    }

    fn on_timer(&mut self, key: TimerKey, step: &mut Step<'_>) {
        match key {
            TimerKey::ScheduleGroup(group) => self.on_group_due(ConfigId(group), step),
            TimerKey::TransientTimeout(task, status) => self.on_transient_timeout(&task, status, step),
            TimerKey::KillRetry(task) => self.on_kill_retry(&task, step),
            TimerKey::Throttle(task) => self.on_throttle_served(&task, step),
            TimerKey::Partition(task) => self.on_partitioned_too_long(&task, step),
            TimerKey::OfferHold(offer) => self.on_offer_held_long_enough(&offer, step),
            TimerKey::ReconcileExplicit => self.on_reconcile_explicit(step),
            TimerKey::ReconcileImplicit => self.on_reconcile_implicit(step),
            TimerKey::ReconcileBatch => self.send_reconciliation_batch(step),
            TimerKey::Prune => self.on_prune(step),
            TimerKey::PreemptionSearch => self.on_preemption_search(step),
        }
    }

    /// Makes a durable change: in memory now, in the journal with the batch.
    pub(crate) fn commit(&mut self, operation: Operation, step: &mut Step<'_>) {
        self.state.apply(&operation).expect("a decision never contradicts the state it was made from");
        if let Operation::SaveHost(host) = &operation {
            self.seats.save(host);
        }
        step.batch.operations.push(operation);
    }
}
