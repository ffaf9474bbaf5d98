//! The scheduler's shell: the loop of the real one, with crashes in it.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use aurora_api::amounts::{Millis, Timestamp};
use aurora_api::ids::{AgentId, OfferId, TaskId};
use aurora_api::task::{TaskConfig, TaskStatus};
use scheduler_core::effect::{Batch, Effect, Reply};
use scheduler_core::input::{FailedCall, Request};
use scheduler_core::operation::MaintenanceMode;
use scheduler_core::{Change, Core, Identity, Input, MesosEvent, Operation, RequestId, encode_operation};

use super::World;
use super::updates::Updates;
use crate::event::{Call, Event, Link};
use crate::invariants::affinity::{self, Kept};
use crate::invariants::preemption::{self, Scene};
use crate::invariants::{self, Violation};
use crate::ledger::Open;
use crate::timers::Timers;

/// The bytes that survive a crash.
#[derive(Debug, Default)]
pub struct Journal {
    /// The last snapshot.
    pub snapshot: Option<Vec<u8>>,
    /// The records after it.
    pub records: Vec<Vec<u8>>,
}

/// The scheduler's process, and its disk.
#[derive(Debug, Default)]
pub(super) struct Scheduler {
    core: Option<Core>,
    life: u64,
    started_at: Timestamp,
    inbox: Vec<Input>,
    is_woken: bool,
    timers: Timers,
    journal: Journal,
    session: Option<Link>,
    /// Whether this process has ever subscribed.
    has_subscribed: bool,
    crash: Option<CrashPoint>,
    batches: u64,
    /// Offers that were accepted or declined.
    used_offers: BTreeSet<OfferId>,
    /// Offers that came since the session began.
    session_offers: BTreeSet<OfferId>,
    /// Tasks that an administrator wants to be forgotten.
    prunable: BTreeSet<TaskId>,
    preemptions: preemption::Watch,
    affinity: affinity::Watch,
    /// Splits of the offers that the core keeps.
    splits: usize,
    /// Agents that are kept from an operation of the next batch on.
    keeping: Vec<(usize, Kept)>,
    pub(super) updates: Updates,
}

/// Where the process ends.
#[derive(Clone, Copy, Debug)]
pub(super) enum CrashPoint {
    /// Memory has changed, nothing is durable.
    BeforeCommit,
    /// All is durable, and of the effects so many were released.
    AfterEffects(usize),
}

pub(crate) fn identity() -> Identity {
    Identity { host: Arc::from("scheduler-host") }
}

impl Scheduler {
    pub(super) fn next_timer(&self) -> Option<Timestamp> {
        self.core.as_ref().and_then(|_| self.timers.next())
    }

    pub(super) fn batches(&self) -> u64 {
        self.batches
    }

    pub(super) fn started_at(&self) -> Timestamp {
        self.started_at
    }

    pub(super) fn journal(&self) -> &Journal {
        &self.journal
    }

    pub(super) fn calm_down(&mut self) {
        self.crash = None;
    }

    pub(super) fn has_subscribed(&self) -> bool {
        self.has_subscribed
    }

    pub(super) fn is_up(&self) -> bool {
        self.core.is_some()
    }

    /// The core and its timers, if nothing waits to be handled.
    pub(super) fn at_rest(&self) -> Option<(&Core, &Timers)> {
        self.core.as_ref().filter(|_| self.inbox.is_empty()).map(|core| (core, &self.timers))
    }
}

impl World {
    /// A new process starts from what the journal holds.
    pub(super) fn start_scheduler(&mut self) -> Result<(), Violation> {
        self.scheduler.life += 1;
        let life = self.scheduler.life;
        self.note(|| format!("scheduler starts, life {life}"));
        self.scheduler.started_at = self.now;
        let seed = self.chance.number();
        let mut batch = Batch::default();
        let core = Core::recover(
            self.plan.config.clone(),
            identity(),
            seed,
            self.scheduler.journal.snapshot.as_deref(),
            &self.scheduler.journal.records,
            self.now,
            &mut batch,
        )
        .map_err(|error| Violation::new("recovery", format!("the journal cannot be read: {error:?}")))?;
        self.scheduler.core = Some(core);
        self.settle(batch)?;
        if self.scheduler.is_up() {
            self.check_all()?;
            let delay = self.chance.millis(1, 3000);
            self.plan_in(delay, Event::Subscribe { life });
        }
        Ok(())
    }

    /// The process is gone, with everything that was not durable.
    pub(super) fn crash(&mut self) {
        self.note(|| "scheduler crashes".to_owned());
        self.tally.crashes += 1;
        self.scheduler.core = None;
        self.scheduler.inbox.clear();
        self.scheduler.timers = Timers::default();
        self.scheduler.session = None;
        self.scheduler.has_subscribed = false;
        self.scheduler.crash = None;
        self.scheduler.preemptions.crashed();
        self.scheduler.affinity.crashed();
        self.scheduler.keeping.clear();
        self.scheduler.session_offers.clear();
        self.ledger.crashed();
        self.mute.clear();
        self.hang_up();
        let longest = if self.chance.one_in(4) { 600_000 } else { 5000 };
        let delay = self.chance.millis(10, longest);
        self.plan_in(delay, Event::Start);
    }

    /// The next batch ends the process.
    pub(super) fn crash_soon(&mut self) {
        let point = if self.chance.one_in(3) {
            CrashPoint::BeforeCommit
        } else {
            CrashPoint::AfterEffects(self.chance.index(12))
        };
        self.scheduler.crash = Some(point);
    }

    /// The session is lost from the scheduler's point of view.
    pub(super) fn lose_session(&mut self) {
        if self.scheduler.session.take().is_none() {
            return;
        }
        self.tally.disconnected += 1;
        self.note(|| "session breaks".to_owned());
        self.hang_up();
        self.enqueue(Input::Mesos(MesosEvent::Disconnected));
        let life = self.scheduler.life;
        let delay = self.chance.millis(100, 20_000);
        self.plan_in(delay, Event::Subscribe { life });
    }

    pub(super) fn subscribe(&mut self, life: u64) {
        if self.scheduler.core.is_none() || self.scheduler.life != life || self.scheduler.session.is_some() {
            return;
        }
        let session = self.unique();
        self.scheduler.session = Some(session);
        self.pick_up(session);
    }

    /// Something comes from the master.
    pub(super) fn hear(&mut self, session: Link, event: MesosEvent) {
        if self.scheduler.session == Some(session) {
            self.enqueue(Input::Mesos(event));
        }
    }

    /// A user asks for a change; without a scheduler, there is no answer.
    pub(super) fn ask(&mut self, change: Change) -> RequestId {
        let id = self.ledger.ask(&change);
        if self.scheduler.is_up() {
            self.enqueue(Input::Request(Request { id, user: Arc::from("user"), change }));
        }
        id
    }

    fn enqueue(&mut self, input: Input) {
        if !self.scheduler.is_up() {
            return;
        }
        self.scheduler.inbox.push(input);
        if !self.scheduler.is_woken {
            self.scheduler.is_woken = true;
            // What comes meanwhile joins the batch.
            let delay = self.chance.millis(0, 3);
            self.plan_in(delay, Event::Wake);
        }
    }

    /// Takes all that waits, and handles it as one batch.
    pub(super) fn wake(&mut self) -> Result<(), Violation> {
        self.scheduler.is_woken = false;
        let Some(mut core) = self.scheduler.core.take() else { return Ok(()) };
        let mut inputs = std::mem::take(&mut self.scheduler.inbox);
        for key in self.scheduler.timers.take_due(self.now) {
            // Twice is as good as once.
            if self.faults.duplication > 0 && self.chance.one_in(50) {
                inputs.push(Input::Timer(key.clone()));
            }
            inputs.push(Input::Timer(key));
        }
        let mut batch = Batch::default();
        let rogues = invariants::known_or_killed::rogues(&inputs, &self.mirror);
        let threshold = self.plan.config.unavailability_threshold;
        let leaving = invariants::maintenance::leaving(&inputs, &self.mirror, threshold, self.now);
        for input in inputs {
            match &input {
                Input::Request(request) => {
                    self.note_request(&core, request);
                    if let Some(kept) = self.keep_place(&mut core, request.id) {
                        self.scheduler.keeping.push((batch.operations.len(), kept));
                    }
                }
                Input::Mesos(MesosEvent::Subscribed { .. }) => self.scheduler.has_subscribed = true,
                Input::Mesos(MesosEvent::Disconnected) => self.scheduler.session_offers.clear(),
                Input::Mesos(MesosEvent::Offers(offers)) => {
                    self.scheduler.session_offers.extend(offers.iter().map(|offer| offer.id.clone()));
                }
                _ => {}
            }
            let before = batch.effects.len();
            let is_new_session = matches!(input, Input::Mesos(MesosEvent::Subscribed { .. }));
            core.handle(input, self.now, &mut batch);
            if is_new_session {
                invariants::kills_repeated::check(&batch.effects[before..], &core.view())?;
            }
            for effect in &batch.effects[before..] {
                invariants::offers_once::of_session(effect, &self.scheduler.session_offers)?;
            }
        }
        invariants::maintenance::check_leaving(&leaving, &core.view())?;
        self.scheduler.core = Some(core);
        self.tally.left += leaving.len() as u64;
        self.tally.rogues += rogues.len() as u64;
        invariants::known_or_killed::check(&rogues, &batch.effects)?;
        self.settle(batch)?;
        self.go_on_with_updates();
        Ok(())
    }

    /// What a request comes to, by what the core knows when it takes it.
    fn note_request(&mut self, core: &Core, request: &Request) {
        self.trace.line(self.now, &format!("request {}", request.id.0));
        let view = core.view();
        let active = |job| view.job(job).into_iter().flat_map(|job| job.active());
        let create = |config: &TaskConfig, instances: Range<u32>| {
            let added = instances.end - instances.start;
            let quota = self.mirror.quota(config.job.role());
            let all = TaskStatus::ALL.into_iter().filter(|status| status.is_active());
            let tasks = all.flat_map(|status| view.tasks_with_status(status));
            Open::Create {
                exceeds_quota: invariants::quota::would_exceed(quota, tasks, config, added),
                job: config.job.clone(),
                instances,
                is_service: config.is_service,
            }
        };
        let open = match &request.change {
            Change::CreateJob(job) => create(&job.task, 0..job.instance_count),
            Change::AddInstances { job, instance, count } => {
                let like = active(job).find(|(number, _)| number == instance);
                let last = active(job).last().map(|(number, _)| number);
                match (like, last) {
                    (Some((_, like)), Some(last)) => create(&like.config, last + 1..last + 1 + count),
                    _ => return,
                }
            }
            Change::KillTasks { job, instances, .. } => {
                let hit = active(job)
                    .filter(|(instance, _)| instances.as_ref().is_none_or(|some| some.contains(instance)));
                Open::Kill(hit.map(|(_, task)| task.id.clone()).collect())
            }
            Change::PruneTasks(ids) => {
                self.scheduler.prunable.extend(ids.iter().cloned());
                return;
            }
            _ => return,
        };
        self.ledger.taken(request.id, open);
    }

    /// Makes a batch durable, then releases its effects; or crashes on the way.
    fn settle(&mut self, batch: Batch) -> Result<(), Violation> {
        let crash = self.scheduler.crash.take();
        if let Some(CrashPoint::BeforeCommit) = crash {
            self.crash();
            return Ok(());
        }
        self.scheduler.batches += 1;
        let mut touched = BTreeSet::new();
        let mut keeping = std::mem::take(&mut self.scheduler.keeping).into_iter().peekable();
        for (number, operation) in batch.operations.iter().enumerate() {
            while let Some((_, kept)) = keeping.next_if(|(from, _)| *from <= number) {
                self.scheduler.affinity.keep(kept);
            }
            let is_back = self.scheduler.affinity.before(operation, &self.mirror, self.now)?;
            self.judge_preemption(Some(operation), is_back)?;
            invariants::on_operation(&self.mirror, operation)?;
            self.count(operation);
            if let Operation::RemoveTask(id) = operation {
                let is_asked = self.scheduler.prunable.contains(id);
                invariants::history::check(&self.mirror, id, is_asked, &self.plan.config, self.now)?;
            }
            self.mirror.apply(operation);
            self.scheduler.preemptions.after(&self.mirror);
            invariants::after_operation(&self.mirror, operation)?;
            match operation {
                Operation::SaveTask { task, .. } => touched.insert(task.id.clone()),
                Operation::RemoveTask(id) => touched.insert(id.clone()),
                _ => false,
            };
            let record = encode_operation(operation);
            self.trace.bytes(&record);
            self.scheduler.journal.records.push(record);
        }
        keeping.for_each(|(_, kept)| self.scheduler.affinity.keep(kept));
        self.tally.kept = self.scheduler.affinity.used;
        self.judge_preemption(None, false)?;
        if let Some(core) = &self.scheduler.core {
            let view = core.view();
            let splits = view.sizes().offer_splits;
            self.tally.splits += splits.saturating_sub(self.scheduler.splits) as u64;
            self.scheduler.splits = splits;
            for id in &touched {
                invariants::recovery::same_task(&view, &self.mirror, id)?;
                invariants::acknowledged::stays_killed(&self.ledger, &self.mirror, id)?;
            }
        }
        for (released, effect) in batch.effects.into_iter().enumerate() {
            if let Some(CrashPoint::AfterEffects(count)) = crash
                && released >= count
            {
                self.crash();
                return Ok(());
            }
            self.release(effect)?;
        }
        if crash.is_some() {
            self.crash();
            return Ok(());
        }
        self.look_after()
    }

    fn count(&mut self, operation: &Operation) {
        let tally = &mut self.tally;
        match operation {
            Operation::SaveTask { task, .. } if self.mirror.status(&task.id) != Some(task.status) => {
                tally.preempted += u64::from(task.status == TaskStatus::Preempting);
                tally.drained += u64::from(task.status == TaskStatus::Draining);
                tally.throttled += u64::from(task.status == TaskStatus::Throttled);
            }
            Operation::SaveHost(host) => {
                let was = self.mirror.host(&host.host).map(|host| host.mode);
                let is = host.mode == MaintenanceMode::Drained;
                tally.emptied += u64::from(is && was == Some(MaintenanceMode::Draining));
            }
            Operation::RemoveTask(_) => tally.forgotten += 1,
            _ => {}
        }
    }

    /// Judges what preemption does with this operation; without one, its last case.
    fn judge_preemption(&mut self, operation: Option<&Operation>, is_back: bool) -> Result<(), Violation> {
        let mut watch = std::mem::take(&mut self.scheduler.preemptions);
        let Self { machines, master, mirror, plan, now, .. } = &*self;
        let machine = |agent: &AgentId| {
            let machine = machines.get(agent).filter(|machine| machine.is_alive)?;
            let live: BTreeSet<&TaskId> = machine.live().map(|run| &run.task.id).collect();
            let stored: BTreeSet<&TaskId> = mirror
                .on_host(&machine.host)
                .filter(|id| {
                    let place = mirror.task(id).and_then(|task| task.assignment.as_ref());
                    place.is_some_and(|place| place.agent == *agent)
                })
                .collect();
            let known: BTreeSet<&TaskId> = master.tasks_on(agent).collect();
            (live == stored && live == known).then_some(machine)
        };
        let scene = Scene { mirror, machine: &machine, config: &plan.config, now: *now, is_back };
        let outcome = match operation {
            Some(operation) => watch.before(operation, &scene),
            None => watch.close(&scene),
        };
        self.scheduler.preemptions = watch;
        outcome
    }

    /// Snapshots, and checks of the whole state: the larger it is, the rarer.
    fn look_after(&mut self) -> Result<(), Violation> {
        let size = (self.mirror.len() + self.mirror.host_count()) as u64;
        if self.chance.number().is_multiple_of(32 + size) {
            self.check_all()?;
        }
        if self.scheduler.journal.records.len() > 200 + self.mirror.len() && self.chance.one_in(20) {
            self.take_snapshot();
        }
        Ok(())
    }

    pub(super) fn take_snapshot(&mut self) {
        if let Some(core) = &self.scheduler.core {
            self.scheduler.journal.snapshot = Some(core.snapshot());
            self.scheduler.journal.records.clear();
            self.note(|| "snapshot".to_owned());
        }
    }

    fn release(&mut self, effect: Effect) -> Result<(), Violation> {
        invariants::durability::check(&effect, &self.mirror)?;
        invariants::offers_once::check(&effect, &mut self.scheduler.used_offers)?;
        match effect {
            Effect::SetTimer { key, at } => self.scheduler.timers.set(key, at),
            Effect::CancelTimer(key) => self.scheduler.timers.cancel(&key),
            Effect::Reply(id, reply) => {
                self.note(|| format!("reply {}: {reply:?}", id.0));
                if let Reply::Invalid(lines) = &reply {
                    self.tally.over_quota += u64::from(lines.iter().any(|line| line.contains("quota")));
                }
                self.ledger.replied(id, &reply, &self.mirror)?;
            }
            Effect::Launch { offer, agent, tasks, refuse } => {
                self.note(|| {
                    let ids: Vec<&str> = tasks.iter().map(|task| task.id.as_str()).collect();
                    format!("launch on {agent} with {offer}: {}", ids.join(" "))
                });
                self.tally.launches += tasks.len() as u64;
                if let Some(offer) = self.master.offer(&offer) {
                    self.tally.before_window += u64::from(offer.unavailable_from.is_some());
                    let threshold = self.plan.config.unavailability_threshold;
                    invariants::maintenance::check_offer(offer, threshold, self.now)?;
                }
                let ids: Vec<TaskId> = tasks.iter().map(|task| task.id.clone()).collect();
                let is_refused = self.chance.permille(self.faults.refused_calls);
                self.tally.refused += u64::from(is_refused);
                if is_refused || !self.call(Call::Accept { offer, tasks, refuse }) {
                    let call = FailedCall::Launch(ids);
                    let reason = Arc::from("the call was refused");
                    self.enqueue(Input::Mesos(MesosEvent::CallFailed { call, reason }));
                }
            }
            Effect::Decline { offers, refuse } => {
                self.call(Call::Decline { offers, refuse });
            }
            Effect::Kill { task, agent } => {
                self.note(|| format!("kill {task}"));
                if !self.call(Call::Kill(task.clone(), agent)) {
                    let (call, reason) = (FailedCall::Kill(task), Arc::from("no session"));
                    self.enqueue(Input::Mesos(MesosEvent::CallFailed { call, reason }));
                }
            }
            Effect::Acknowledge { task, agent, uuid } => {
                self.call(Call::Acknowledge(task, agent, uuid));
            }
            Effect::Reconcile(tasks) => {
                let count = tasks.len();
                self.note(|| format!("reconcile {count}"));
                self.call(Call::Reconcile(tasks));
            }
            Effect::StatusChanged { task, from } => {
                self.note(|| format!("{} {from} -> {}", task.id, task.status));
            }
            _ => {}
        }
        Ok(())
    }

    /// Sends a call to the master; says whether there was a session to send it over.
    fn call(&mut self, call: Call) -> bool {
        let Some(session) = self.scheduler.session else { return false };
        if self.chance.permille(self.faults.loss) {
            self.tally.lost += 1;
            return true;
        }
        let times = if self.chance.permille(self.faults.duplication) { 2 } else { 1 };
        self.tally.repeated += times - 1;
        for _ in 0..times {
            let delay = self.delay();
            let at = self.master.call_arrives(self.now + delay);
            self.agenda.plan(at, Event::ToMaster(session, call.clone()));
        }
        true
    }

    /// A scheduler without a session gets one soon.
    pub(super) fn reconnect(&mut self) {
        if self.scheduler.is_up() && self.scheduler.session.is_none() {
            let life = self.scheduler.life;
            self.plan_in(Millis(1000), Event::Subscribe { life });
        }
    }
}
