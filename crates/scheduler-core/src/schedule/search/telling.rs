//! Why the offers that took no task do not suit.

use std::collections::{BTreeMap, BTreeSet};
use std::slice;

use aurora_api::task::{Constraint, ConstraintRule};

use super::limits::{Limits, limits_of};
use super::shortages::Shortages;
use super::{LargeKind, Misfit, Passed, Search, judge};
use crate::explain::Findings;
use crate::offers::Offers;
use crate::offers::classes::{ClassId, Classes, SlotId};
use crate::offers::kinds::KindId;
use crate::schedule::assign::Attempt;
use crate::schedule::bag::Bag;
use crate::schedule::filter::{Reached, Request, ResourceKind, vetoes};

/// The offers that are told of one by one, and what they belong to.
struct Told {
    slots: BTreeSet<SlotId>,
    /// How many of each class.
    of_class: BTreeMap<ClassId, usize>,
    /// The class of each.
    of_kind: BTreeMap<KindId, Vec<ClassId>>,
}

impl Told {
    fn of(slots: BTreeSet<SlotId>, offers: &Offers) -> Self {
        let mut told = Self { slots, of_class: BTreeMap::new(), of_kind: BTreeMap::new() };
        for (id, _, _) in told.slots.iter().filter_map(|slot| offers.member(*slot)) {
            *told.of_class.entry(id).or_default() += 1;
            if let Some(class) = offers.classes().get(id) {
                told.of_kind.entry(class.kind).or_default().push(id);
            }
        }
        told
    }

    fn of_class(&self, id: ClassId) -> usize {
        self.of_class.get(&id).copied().unwrap_or(0)
    }

    fn of_kind(&self, id: KindId) -> &[ClassId] {
        self.of_kind.get(&id).map_or(&[], Vec::as_slice)
    }
}

impl Search<'_> {
    /// Tells of all offers that took no task, as they stand now that no task is left that one of them suits.
    pub(in crate::schedule) fn explain(
        mut self,
        attempt: &mut Attempt<'_>,
        findings: &mut Findings,
        placed: usize,
    ) {
        self.judge_kinds(attempt, findings, placed);
        while let Some((_, id)) = self.heads.next() {
            self.judge(*id, attempt, findings, placed);
        }
        let mut told = tell_one_by_one(self.offers, &self.passed, attempt, findings);
        if self.has_limits {
            let none = |_| Reached::default();
            let mut limits = Limits::new(self.offers, attempt);
            let at_limits = limits.count_each(|_| true, none, &mut told, attempt);
            limits.tell(at_limits, attempt, findings, placed);
        }
        let told = Told::of(told, self.offers);
        for Misfit { id, found, judged_after } in self.misfits {
            let Some(class) = self.offers.classes().get(id) else { continue };
            // Tasks placed since may have brought a limit to its end.
            let found = if judged_after < placed { judge(class, attempt).into() } else { found };
            findings.remember(&found, class.len().saturating_sub(told.of_class(id)));
        }
        for mut large in self.large.into_iter().flatten() {
            large.judge(attempt, placed);
            let agents = large.kind.len().saturating_sub(told.of_kind(large.id).len());
            match &large.refusal {
                Some(veto) => findings.remember(slice::from_ref(veto), agents),
                None if agents == 0 => {}
                None => tell_short(&large, agents, &told, self.offers.classes(), attempt.request, findings),
            }
        }
    }
}

/// Tells what the other offers of a kind lack, of which nothing but resources keeps the task away.
fn tell_short(
    large: &LargeKind<'_>,
    agents: usize,
    told: &Told,
    classes: &Classes,
    request: &Request<'_>,
    findings: &mut Findings,
) {
    let told_of = told.of_kind(large.id).iter().filter_map(|id| classes.get(*id));
    let told_of: Vec<Bag> =
        told_of.map(|class| ResourceKind::all_of(class.space.of(request.pool()))).collect();
    let mut shortages = Shortages::new(ResourceKind::all_of(&request.footprint));
    shortages.add(large.index, &told_of);
    let mut nearest = None;
    large.index.nearest(shortages.need(), &|slot| !told.slots.contains(&slot), &mut nearest);
    shortages.tell(agents, nearest.map(|(_, has)| has), findings);
}

/// Tells of the offers that differ from the rest of their class for this request: those that were passed over, the kept ones,
/// and those with values that rules name.
pub(super) fn tell_one_by_one(
    offers: &Offers,
    passed: &Passed,
    attempt: &Attempt<'_>,
    findings: &mut Findings,
) -> BTreeSet<SlotId> {
    let mut told: BTreeSet<SlotId> = passed.used.iter().copied().collect();
    for agent in (attempt.kept_agents)() {
        let slot = offers.usable_of_agent(&agent).filter(|slot| !told.contains(slot));
        if let Some((kept_for, slot)) = (attempt.kept_for)(&agent).zip(slot) {
            told.insert(slot);
            findings.pass_over(kept_for);
        }
    }
    for slot in passed.vetoed.iter().copied().chain(named(offers, attempt)) {
        let Some((_, _, held)) = offers.member(slot) else { continue };
        if told.insert(slot) {
            let space = held.offer_space();
            let found = vetoes(held, &space, attempt.request, &attempt.counts, attempt.now);
            findings.remember(&found, 1);
        }
    }
    told
}

/// The offers with a value of an individual attribute that a rule names, and those that have reached a limit beyond the first few.
fn named(offers: &Offers, attempt: &Attempt<'_>) -> Vec<SlotId> {
    let classes = offers.classes();
    let mut slots = Vec::new();
    for Constraint { name, rule } in &attempt.request.config.constraints {
        if let ConstraintRule::Value { values, .. } = rule
            && classes.is_individual(name)
        {
            slots.extend(values.iter().flat_map(|value| classes.with_value(name, value)));
        }
    }
    for (name, limit) in limits_of(classes, attempt).skip(Reached::LIMITS_MAX) {
        let reached = attempt.counts.reached(name, limit);
        slots.extend(reached.into_iter().flat_map(|value| classes.with_value(name, value)));
    }
    slots
}
