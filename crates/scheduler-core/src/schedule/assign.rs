//! First fit: each task gets the first offer that suits it (`spec/scheduler.md` §2.4).
//!
//! An offer may take several tasks of one attempt. Limits and resources are checked again after each (T4).

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use aurora_api::amounts::{Megabytes, MilliCpus, Resources, Timestamp};
use aurora_api::ids::{AgentId, OfferId, TaskId};

use super::StaticBans;
use super::counts::AttributeCounts;
use super::filter::{Member, Request, ResourceKind, Space, Veto, vetoes};
use super::search::{DomainSearch, Search, Walk};
use crate::config::CoreConfig;
use crate::explain::{Findings, KeptFor};
use crate::offers::classes::{Class, SlotId};
use crate::offers::index::Need;
use crate::offers::kinds::Common;
use crate::offers::{HeldOffer, Offers};
use crate::rng::CoreRng;

/// Ports by name.
pub(super) type Ports = BTreeMap<Arc<str>, u16>;

/// Tasks for one offer.
#[derive(Clone, Debug)]
pub(super) struct Placement {
    pub(super) offer: SlotId,
    pub(super) tasks: Vec<(TaskId, Ports)>,
}

/// What one attempt knows and learns.
pub(super) struct Attempt<'a> {
    pub(super) request: &'a Request<'a>,
    /// Grows with each placed task.
    pub(super) counts: AttributeCounts,
    /// Classes of offers that cannot suit this group; grows.
    pub(super) bans: &'a mut StaticBans,
    /// Whom an agent is kept for, if not for this group.
    pub(super) kept_for: &'a dyn Fn(&AgentId) -> Option<KeptFor>,
    /// The agents that are kept for anybody.
    pub(super) kept_agents: &'a dyn Fn() -> Vec<AgentId>,
    /// Tasks that keep their agent: they go to that offer, or, without one, nowhere for now.
    pub(super) places: BTreeMap<TaskId, Option<OfferId>>,
    pub(super) now: Timestamp,
}

/// An offer that fills up with tasks.
struct Filling<'a> {
    slot: SlotId,
    held: &'a HeldOffer,
    /// What its class has in common.
    common: &'a Common,
    space: Space,
    /// What is left of its ports, once some were taken.
    ports: Option<Vec<(u16, u16)>>,
    placed: Vec<(TaskId, Ports)>,
}

impl<'a> Filling<'a> {
    fn of(slot: SlotId, held: &'a HeldOffer, class: &'a Class) -> Self {
        // The resources of the class are those of the offer, and nearer in memory.
        Self { slot, held, common: &class.common, space: class.space, ports: None, placed: Vec::new() }
    }

    /// Adds a task, or says why it does not suit.
    fn place(
        &mut self,
        task: &TaskId,
        attempt: &mut Attempt<'_>,
        config: &CoreConfig,
        rng: &mut CoreRng,
    ) -> Result<(), Vec<Veto>> {
        let member = Member { common: self.common, individual: &self.held.offer.attributes };
        let found = vetoes(&member, &self.space, attempt.request, &attempt.counts, attempt.now);
        if !found.is_empty() {
            return Err(found);
        }
        let mut ports = Ports::new();
        if !attempt.request.config.ports.is_empty() {
            let left = self.ports.get_or_insert_with(|| self.held.offer.ports.clone());
            ports = take_ports(left, attempt.request, rng);
        }
        self.placed.push((task.clone(), ports));
        attempt.counts.add(&self.held.offer);
        self.space.take(attempt.request, config);
        Ok(())
    }

    fn placement(self) -> Placement {
        Placement { offer: self.slot, tasks: self.placed }
    }
}

/// Finds offers for tasks of one configuration.
///
/// Placing a task never makes another offer suit, so one pass over the offers is enough for all the tasks.
pub(super) fn first_fit(
    offers: &mut Offers,
    config: &CoreConfig,
    attempt: &mut Attempt<'_>,
    tasks: &[TaskId],
    rng: &mut CoreRng,
) -> (Vec<Placement>, Findings) {
    let pool = attempt.request.pool();
    let need = Need::new(ResourceKind::all_of(&attempt.request.footprint));
    offers.prepare(pool, &need);
    let mut findings = Findings::default();
    let placements = at_kept_places(offers, config, attempt, tasks, &mut findings, rng);
    let waiting = tasks.iter().filter(|task| !attempt.places.contains_key(*task)).collect();
    let mut run = Run { config, rng, waiting, placed: 0, placements, findings };
    let mut search = Search::new(offers, need, attempt, &mut run.findings);
    run.walk(offers, &mut search, attempt);
    if run.waiting.is_empty() {
        return (run.placements, run.findings);
    }
    if let Some(names) = search.worthwhile_split(attempt) {
        let passed = search.end();
        offers.split(&names, pool);
        let mut search = DomainSearch::new(offers, &names, attempt, passed, run.placed);
        run.walk(offers, &mut search, attempt);
        if !run.waiting.is_empty() {
            search.explain(attempt, &mut run.findings, run.placed);
        }
    } else {
        if search.is_hindered() {
            search.persist();
            run.walk(offers, &mut search, attempt);
        }
        if !run.waiting.is_empty() {
            search.explain(attempt, &mut run.findings, run.placed);
        }
    }
    if !run.waiting.is_empty() {
        // What is gone is gone for good.
        attempt.bans.retain(|class, _| offers.classes().get(*class).is_some());
    }
    (run.placements, run.findings)
}

/// The tasks of an attempt, as far as they got.
struct Run<'a> {
    config: &'a CoreConfig,
    rng: &'a mut CoreRng,
    waiting: VecDeque<&'a TaskId>,
    /// How many found a place in a walk.
    placed: usize,
    placements: Vec<Placement>,
    findings: Findings,
}

impl Run<'_> {
    /// Puts tasks where they suit until none is left, nothing suits, or there may be a shorter way.
    fn walk(&mut self, offers: &Offers, search: &mut impl Walk, attempt: &mut Attempt<'_>) {
        while let Some(mut task) = self.waiting.front() {
            if search.is_hindered() {
                return;
            }
            let Some(slot) = search.next(attempt, &mut self.findings, self.placed) else { return };
            let Some((class, _, held)) = offers.member(slot) else { continue };
            let Some(class) = offers.classes().get(class) else { continue };
            if !class.space.is_worth_trying() || (attempt.kept_for)(&held.offer.agent).is_some() {
                continue;
            }
            let mut filling = Filling::of(slot, held, class);
            loop {
                match filling.place(task, attempt, self.config, self.rng) {
                    Ok(()) => {
                        self.placed += 1;
                        self.waiting.pop_front();
                        let Some(next) = self.waiting.front() else { break };
                        task = next;
                    }
                    Err(found) => {
                        if filling.placed.is_empty() {
                            search.veto(slot, &found, &mut self.findings);
                        } else {
                            self.findings.add(&found);
                        }
                        break;
                    }
                }
            }
            if !filling.placed.is_empty() {
                search.use_up(slot, attempt);
                self.placements.push(filling.placement());
            }
        }
    }
}

/// Puts tasks that keep their agent there, or leaves them waiting (`spec/scheduler.md` §2.4, first bullet).
///
/// The agent was just left by them, so neither an old ban nor a reservation stands against it, and no ban comes of it.
fn at_kept_places(
    offers: &Offers,
    config: &CoreConfig,
    attempt: &mut Attempt<'_>,
    tasks: &[TaskId],
    findings: &mut Findings,
    rng: &mut CoreRng,
) -> Vec<Placement> {
    if attempt.places.is_empty() {
        return Vec::new();
    }
    let mut fillings: BTreeMap<&OfferId, Filling<'_>> = BTreeMap::new();
    for task in tasks {
        let Some(place) = attempt.places.get(task).cloned() else { continue };
        let slot = place.and_then(|offer| offers.usable_slot(&offer));
        let member = slot.and_then(|slot| Some((slot, offers.member(slot)?)));
        let Some((slot, (class, _, held))) = member else {
            findings.wait_for_place(&[]);
            continue;
        };
        let Some(class) = offers.classes().get(class) else { continue };
        let new = || Filling::of(slot, held, class);
        let filling = fillings.entry(&held.offer.id).or_insert_with(new);
        if let Err(found) = filling.place(task, attempt, config, rng) {
            findings.wait_for_place(&found);
        }
    }
    fillings.into_values().filter(|filling| !filling.placed.is_empty()).map(Filling::placement).collect()
}

impl Space {
    /// Takes away what a task uses.
    pub(super) fn take(&mut self, request: &Request<'_>, config: &CoreConfig) {
        let [regular, revocable] = pools(&request.footprint, request.is_revocable, config);
        self.regular = self.regular - regular;
        self.revocable = self.revocable - revocable;
    }

    /// Gives back what a task used.
    pub(crate) fn give(&mut self, footprint: &Resources, is_revocable: bool, config: &CoreConfig) {
        let [regular, revocable] = pools(footprint, is_revocable, config);
        self.regular += regular;
        self.revocable += revocable;
    }
}

/// What a task takes from the regular and from the revocable pool. Resources of which Mesos offers no revocable kind come
/// from one and the same pool, and count in both.
fn pools(footprint: &Resources, is_revocable: bool, config: &CoreConfig) -> [Resources; 2] {
    [false, true].map(|is_pool_revocable| {
        let mut taken = *footprint;
        if is_pool_revocable != is_revocable {
            if config.revocable_cpus {
                taken.cpus = MilliCpus::ZERO;
            }
            if config.revocable_ram {
                taken.ram = Megabytes::ZERO;
            }
        }
        taken
    })
}

/// Takes a port at random for each name.
fn take_ports(ranges: &mut Vec<(u16, u16)>, request: &Request<'_>, rng: &mut CoreRng) -> Ports {
    let take = |name: &Arc<str>| {
        let port = take_port(ranges, rng).expect("the offer has as many ports as the filter saw");
        (Arc::clone(name), port)
    };
    request.config.ports.iter().map(take).collect()
}

/// Takes one port at random out of closed ranges.
fn take_port(ranges: &mut Vec<(u16, u16)>, rng: &mut CoreRng) -> Option<u16> {
    let width = |(low, high): (u16, u16)| u64::from(high) - u64::from(low) + 1;
    let total: u64 = ranges.iter().copied().map(width).sum();
    if total == 0 {
        return None;
    }
    let mut place = rng.below(total);
    let mut index = 0;
    while place >= width(ranges[index]) {
        place -= width(ranges[index]);
        index += 1;
    }
    let (low, high) = ranges[index];
    let port = low + u16::try_from(place).expect("a place within a range of ports is a port's distance");
    let rest = [(low < port).then(|| (low, port - 1)), (port < high).then(|| (port + 1, high))];
    ranges.splice(index..=index, rest.into_iter().flatten());
    Some(port)
}

#[cfg(test)]
#[path = "assign_tests.rs"]
mod tests;
