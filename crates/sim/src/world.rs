//! The cluster, its clock, and the order of things.

mod agents;
mod kinds;
mod master;
mod scheduler;
mod updates;
mod users;

use std::collections::BTreeMap;

use aurora_api::amounts::{Millis, Timestamp};
use aurora_api::ids::{AgentId, TaskId};

use crate::chance::Chance;
use crate::event::{Agenda, Event, Link};
use crate::invariants::{self, Violation};
use crate::ledger::Ledger;
use crate::mirror::Mirror;
use crate::plan::{Faults, Plan};
use crate::run::Report;
use crate::tally::Tally;
use crate::trace::Trace;
pub use agents::Machine;
use master::Master;
pub(crate) use master::room_of;
pub use scheduler::Journal;
use scheduler::Scheduler;
pub(crate) use scheduler::identity;

/// When the clock starts.
const START: Timestamp = Timestamp(1_000_000_000_000);

/// How often convergence is looked for, and for how long.
const PROBE: Millis = Millis::from_secs(600);
const PROBES_MAX: usize = 48;

/// Everything there is.
#[derive(Debug)]
pub struct World {
    /// Where the run comes from.
    pub plan: Plan,
    /// What time it is.
    pub now: Timestamp,
    /// What is durable.
    pub mirror: Mirror,
    /// What users were promised.
    pub ledger: Ledger,
    /// The agents that ever were, by id.
    pub machines: BTreeMap<AgentId, Machine>,
    faults: Faults,
    chance: Chance,
    agenda: Agenda,
    trace: Trace,
    scheduler: Scheduler,
    master: Master,
    /// Things that still happen before faults are off.
    happenings_left: u32,
    made: u64,
    tally: Tally,
    /// Pending tasks without reasons, since when.
    mute: BTreeMap<TaskId, Timestamp>,
}

impl World {
    /// A cluster that is about to start.
    pub(crate) fn new(plan: &Plan, is_shown: bool) -> Self {
        let mut world = Self {
            plan: plan.clone(),
            now: START,
            mirror: Mirror::default(),
            ledger: Ledger::default(),
            machines: BTreeMap::new(),
            faults: plan.faults,
            chance: Chance::new(plan.seed),
            agenda: Agenda::default(),
            trace: Trace::new(is_shown),
            scheduler: Scheduler::default(),
            master: Master::default(),
            happenings_left: plan.happenings,
            made: 0,
            tally: Tally::default(),
            mute: BTreeMap::new(),
        };
        for number in 0..plan.agents {
            world.add_machine(number);
        }
        world.plan_in(Millis::ZERO, Event::Start);
        world.plan_in(Millis(1000), Event::Happening);
        world
    }

    /// Both phases.
    pub(crate) fn run(&mut self) -> Result<(), Violation> {
        while self.happenings_left > 0 {
            self.step()?;
        }
        self.calm_down();
        let mut outcome = Ok(());
        for _ in 0..PROBES_MAX {
            let end = self.now + PROBE;
            while self.next().is_some_and(|next| next <= end) {
                self.step()?;
            }
            self.now = end;
            self.check_all()?;
            outcome = invariants::convergence::check(self);
            if outcome.is_ok() {
                break;
            }
        }
        outcome
    }

    pub(crate) fn report(&self) -> Report {
        Report {
            seed: self.plan.seed,
            hash: self.trace.hash(),
            batches: self.scheduler.batches(),
            tally: self.tally,
            agents: self.plan.agents,
            lasted: self.age(),
        }
    }

    pub(crate) fn age(&self) -> Millis {
        self.now.since(START)
    }

    fn next(&self) -> Option<Timestamp> {
        let timer = self.scheduler.next_timer();
        self.agenda.next().into_iter().chain(timer).min()
    }

    /// The next thing happens.
    fn step(&mut self) -> Result<(), Violation> {
        let Some(next) = self.next() else { return Ok(()) };
        self.now = self.now.max(next);
        if self.scheduler.next_timer().is_some_and(|at| at <= self.now)
            && self.agenda.next().is_none_or(|at| at > next)
        {
            return self.wake();
        }
        let Some(event) = self.agenda.pop() else { return Ok(()) };
        match event {
            Event::Wake => return self.wake(),
            Event::Start => return self.start_scheduler(),
            Event::Subscribe { life } => self.subscribe(life),
            Event::ToScheduler(session, event) => self.hear(session, event),
            Event::ToMaster(session, call) => return self.on_call(session, call),
            Event::ToAgent(agent, link, order) => self.on_order(&agent, link, order),
            Event::FromAgent(agent, link, update, task) => self.on_agent_update(&agent, link, update, &task),
            Event::Unheard(agent, link) => self.on_unheard(&agent, link),
            Event::Heal(agent, link) => self.on_heal(&agent, link),
            Event::Allocate(agent) => self.on_allocate(&agent),
            Event::WantBack(agent, window) => self.on_want_back(&agent, window),
            Event::OfferTimeout(offer) => self.rescind(&offer),
            Event::Executor(agent, task, status) => self.on_executor(&agent, &task, status),
            Event::Retry(agent, task, uuid, delay) => self.on_retry(&agent, &task, uuid, delay),
            Event::Happening => self.on_happening(),
        }
        Ok(())
    }

    fn plan_in(&mut self, delay: Millis, event: Event) {
        self.agenda.plan(self.now + delay, event);
    }

    /// A number that no other thing has.
    fn unique(&mut self) -> u64 {
        self.made += 1;
        self.made
    }

    /// How long a message takes.
    fn delay(&mut self) -> Millis {
        // Most are quick, whatever is possible.
        if self.chance.one_in(4) {
            self.chance.millis(0, self.faults.delay_max.0)
        } else {
            self.chance.millis(0, 10)
        }
    }

    fn note(&mut self, line: impl FnOnce() -> String) {
        self.trace.line(self.now, &line());
    }

    /// Faults end; what is broken is repaired.
    fn calm_down(&mut self) {
        self.note(|| "calm".to_owned());
        self.faults = Faults::none();
        self.scheduler.calm_down();
        self.repair_machines();
        let ids: Vec<AgentId> = self.machines.keys().cloned().collect();
        for id in ids {
            self.set_window(&id, None);
        }
    }

    /// The whole state, now and then.
    fn check_all(&mut self) -> Result<(), Violation> {
        invariants::agent_resources::check(&self.machines, &self.plan.config)?;
        let Some((core, timers)) = self.scheduler.at_rest() else { return Ok(()) };
        let view = core.view();
        invariants::recovery::same_tasks(&view, &self.mirror)?;
        invariants::recovery::same_indexes(&view, &self.mirror)?;
        invariants::recovery::same_hosts_and_quotas(&view, &self.mirror)?;
        invariants::recovery::same_bytes(core, self.scheduler.journal(), &self.plan.config)?;
        let has_subscribed = self.scheduler.has_subscribed();
        invariants::timers::check(&view, &self.mirror, timers, &self.plan.config, has_subscribed)?;
        invariants::maintenance::check_all(&self.mirror)?;
        let started_at = self.scheduler.started_at();
        invariants::history::check_all(&self.mirror, &self.plan.config, self.now, started_at)?;
        invariants::acknowledged::check(&self.ledger, &self.mirror)?;
        invariants::pending_reasons::check(&view, self.now, self.scheduler.started_at(), &mut self.mute)
    }

    /// The master's word on which tasks live, for those who compare.
    pub(crate) fn connection(&self) -> Option<Link> {
        self.master.session()
    }

    /// The scheduler's picture, if it is up and has nothing to do at once.
    pub(crate) fn view(&self) -> Option<scheduler_core::View> {
        self.scheduler.at_rest().map(|(core, _)| core.view())
    }
}
