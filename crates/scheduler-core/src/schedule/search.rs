//! The offers that suit a task, best first, found without a look at every offer.
//!
//! Classes of equal offers are judged in the order of their first members; the members of those that suit are merged by
//! rank. What an individual attribute decides (see [`crate::offers::classes`]) is decided for each member: if a rule asks for
//! values, only the offers with one of these values come into question; if it forbids some, or limits them, the members it
//! excludes are passed over. So what is found, and what is told of the rest, is what a look at each offer would find.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, btree_map};
use std::iter::Peekable;
use std::sync::Arc;

use aurora_api::task::{Constraint, ConstraintRule};

use super::assign::Attempt;
use super::filter::{Space, Veto, VetoGroup, vetoes};
use crate::explain::Findings;
use crate::offers::classes::{Class, ClassId, Classes, SlotId};
use crate::offers::{Offers, Rank};

/// A walk over the offers that may suit.
pub(super) struct Search<'a> {
    offers: &'a Offers,
    /// Classes that were not judged yet.
    heads: Peekable<btree_map::Iter<'a, Rank, ClassId>>,
    /// Classes that suit.
    open: Vec<Open<'a>>,
    /// Their next members, by rank.
    next: BinaryHeap<Reverse<(&'a Rank, usize, SlotId)>>,
    /// The offers that a rule asks for, last first; `None` if no rule asks for values of an individual attribute.
    asked_for: Option<Vec<(&'a Rank, SlotId)>>,
    /// Classes that do not suit, or no longer.
    misfits: Vec<Misfit>,
    /// Offers that were handed out and took tasks.
    used: Vec<SlotId>,
    /// Offers that were handed out and took none.
    vetoed: Vec<SlotId>,
    /// What was found last: many classes lack the same.
    latest: Option<Arc<[Veto]>>,
}

/// A class that does not suit.
struct Misfit {
    id: ClassId,
    found: Arc<[Veto]>,
    judged_after: usize,
}

/// A class that suits, as far as the class alone decides.
struct Open<'a> {
    id: ClassId,
    class: &'a Class,
    members: btree_map::Iter<'a, Rank, SlotId>,
    /// How many tasks were placed when it was judged: each can bring a limit to its end.
    judged_after: usize,
}

impl<'a> Search<'a> {
    pub(super) fn new(offers: &'a Offers, attempt: &Attempt<'_>) -> Self {
        let asked_for = attempt
            .request
            .config
            .constraints
            .iter()
            .find_map(|constraint| asked_for(offers.classes(), constraint))
            .map(|slots| by_rank(offers, slots));
        Self {
            offers,
            heads: offers.classes().heads().peekable(),
            open: Vec::new(),
            next: BinaryHeap::new(),
            asked_for,
            misfits: Vec::new(),
            used: Vec::new(),
            vetoed: Vec::new(),
            latest: None,
        }
    }

    /// These vetoes, in one place of memory with those of the class before if they are the same.
    fn share(&mut self, found: Vec<Veto>) -> Arc<[Veto]> {
        match &self.latest {
            Some(latest) if **latest == *found => Arc::clone(latest),
            _ => {
                let found: Arc<[Veto]> = found.into();
                self.latest = Some(Arc::clone(&found));
                found
            }
        }
    }

    /// The next offer that may suit. `placed` tasks have found their place in this attempt.
    pub(super) fn next(
        &mut self,
        attempt: &mut Attempt<'_>,
        findings: &mut Findings,
        placed: usize,
    ) -> Option<SlotId> {
        if let Some(asked_for) = &mut self.asked_for {
            return asked_for.pop().map(|(_, slot)| slot);
        }
        loop {
            let best = self.next.peek().map(|Reverse((rank, _, _))| *rank);
            let head = self.heads.next_if(|(rank, _)| best.is_none_or(|best| *rank < best));
            if let Some((_, id)) = head {
                self.judge(*id, attempt, findings, placed);
                continue;
            }
            let Reverse((_, index, slot)) = self.next.pop()?;
            let open = &mut self.open[index];
            if open.judged_after < placed {
                open.judged_after = placed;
                let found = judge(open.class, attempt);
                if !found.is_empty() {
                    findings.look();
                    findings.count_vetoes(&found);
                    self.misfits.push(Misfit { id: open.id, found: found.into(), judged_after: placed });
                    continue;
                }
            }
            if let Some((rank, slot)) = open.members.next() {
                self.next.push(Reverse((rank, index, *slot)));
            }
            return Some(slot);
        }
    }

    /// An offer took tasks; findings know why it takes no more.
    pub(super) fn use_up(&mut self, slot: SlotId) {
        self.used.push(slot);
    }

    /// An offer does not suit, though its class does.
    pub(super) fn veto(&mut self, slot: SlotId, vetoes: &[Veto], findings: &mut Findings) {
        findings.look();
        findings.count_vetoes(vetoes);
        self.vetoed.push(slot);
    }

    /// Judges a class, and begins to walk its members if it suits.
    fn judge(&mut self, id: ClassId, attempt: &mut Attempt<'_>, findings: &mut Findings, placed: usize) {
        let Some(class) = self.offers.classes().get(id) else { return };
        if !space(class).is_worth_trying() {
            // Never tried, but told: a full cluster must say that it is full.
            let found = self.share(judge(class, attempt));
            self.misfits.push(Misfit { id, found, judged_after: placed });
            return;
        }
        if let Some(known) = attempt.bans.get(&id) {
            findings.remember_ban();
            self.misfits.push(Misfit { id, found: Arc::clone(known), judged_after: placed });
            return;
        }
        findings.look();
        let found = judge(class, attempt);
        if !found.is_empty() {
            findings.count_vetoes(&found);
            let found = self.share(found);
            if VetoGroup::of(&found) == VetoGroup::Static {
                attempt.bans.insert(id, Arc::clone(&found));
            }
            self.misfits.push(Misfit { id, found, judged_after: placed });
            return;
        }
        let mut members = class.members();
        if let Some((rank, slot)) = members.next() {
            self.next.push(Reverse((rank, self.open.len(), *slot)));
        }
        self.open.push(Open { id, class, members, judged_after: placed });
    }

    /// Tells of all offers that took no task, as they stand now that no task is left that one of them suits.
    pub(super) fn explain(mut self, attempt: &mut Attempt<'_>, findings: &mut Findings, placed: usize) {
        while let Some((_, id)) = self.heads.next() {
            self.judge(*id, attempt, findings, placed);
        }
        let mut told: BTreeSet<SlotId> = self.used.iter().copied().collect();
        for agent in (attempt.kept_agents)() {
            let slot = self.offers.usable_of_agent(&agent).filter(|slot| !told.contains(slot));
            if let Some((kept_for, slot)) = (attempt.kept_for)(&agent).zip(slot) {
                told.insert(slot);
                findings.pass_over(kept_for);
            }
        }
        for slot in self.vetoed.iter().copied().chain(excluded(self.offers, attempt)) {
            let Some((_, _, held)) = self.offers.member(slot) else { continue };
            if told.insert(slot) {
                let space = held.offer_space();
                let found = vetoes(held, &space, attempt.request, &attempt.counts, attempt.now);
                findings.remember(&found, 1);
            }
        }
        let mut told_of: BTreeMap<ClassId, usize> = BTreeMap::new();
        for (class, _, _) in told.iter().filter_map(|slot| self.offers.member(*slot)) {
            *told_of.entry(class).or_default() += 1;
        }
        for Misfit { id, found, judged_after } in self.misfits {
            let Some(class) = self.offers.classes().get(id) else { continue };
            let told = told_of.get(&id).copied().unwrap_or(0);
            // Tasks placed since may have brought a limit to its end.
            let found = if judged_after < placed { judge(class, attempt).into() } else { found };
            findings.remember(&found, class.len().saturating_sub(told));
        }
    }
}

fn space(class: &Class) -> Space {
    Space { regular: class.common.resources, revocable: class.common.revocable }
}

fn judge(class: &Class, attempt: &Attempt<'_>) -> Vec<Veto> {
    vetoes(&*class.common, &space(class), attempt.request, &attempt.counts, attempt.now)
}

/// The offers with a value that a rule asks for, if it is one on an individual attribute.
pub(super) fn asked_for(classes: &Classes, constraint: &Constraint) -> Option<BTreeSet<SlotId>> {
    let Constraint { name, rule: ConstraintRule::Value { negated: false, values } } = constraint else {
        return None;
    };
    let slots = || values.iter().flat_map(|value| classes.with_value(name, value)).collect();
    classes.is_individual(name).then(slots)
}

/// Offers in the order in which they are tried, last first.
fn by_rank(offers: &Offers, slots: BTreeSet<SlotId>) -> Vec<(&Rank, SlotId)> {
    let rank = |slot: SlotId| offers.member(slot).map(|(_, rank, _)| (rank, slot));
    let mut ranked: Vec<(&Rank, SlotId)> = slots.into_iter().filter_map(rank).collect();
    ranked.sort_unstable_by(|a, b| b.cmp(a));
    ranked
}

/// The offers that differ from the others of their class for this request: they have a value of an individual attribute that
/// a rule names, or that has reached a limit.
fn excluded(offers: &Offers, attempt: &Attempt<'_>) -> Vec<SlotId> {
    let classes = offers.classes();
    let mut slots = Vec::new();
    for Constraint { name, rule } in &attempt.request.config.constraints {
        if !classes.is_individual(name) {
            continue;
        }
        match rule {
            ConstraintRule::Value { values, .. } => {
                slots.extend(values.iter().flat_map(|value| classes.with_value(name, value)));
            }
            // No limit at all: the whole class is judged so.
            ConstraintRule::Limit(limit) if *limit <= 0 => {}
            ConstraintRule::Limit(limit) => {
                let reached = attempt.counts.reached(name, *limit);
                slots.extend(reached.iter().flat_map(|value| classes.with_value(name, value)));
            }
        }
    }
    slots
}

#[cfg(test)]
#[path = "search_tests.rs"]
mod tests;
