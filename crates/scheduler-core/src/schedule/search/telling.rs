//! Why the offers that took no task do not suit.

use std::collections::{BTreeMap, BTreeSet};
use std::slice;

use aurora_api::task::{Constraint, ConstraintRule};

use super::{LargeKind, Misfit, Search, judge};
use crate::explain::Findings;
use crate::offers::Offers;
use crate::offers::classes::{ClassId, Classes, SlotId};
use crate::offers::index::Index;
use crate::offers::kinds::KindId;
use crate::schedule::assign::Attempt;
use crate::schedule::bag::Bag;
use crate::schedule::filter::{Request, ResourceKind, Veto, lacking, vetoes};

/// The offers that are told of one by one.
#[derive(Default)]
struct Told {
    slots: BTreeSet<SlotId>,
    /// How many of each class.
    of_class: BTreeMap<ClassId, usize>,
    /// The class of each.
    of_kind: BTreeMap<KindId, Vec<ClassId>>,
}

impl Told {
    /// Finds out what they belong to.
    fn sort(&mut self, offers: &Offers) {
        for (id, _, _) in self.slots.iter().filter_map(|slot| offers.member(*slot)) {
            *self.of_class.entry(id).or_default() += 1;
            if let Some(class) = offers.classes().get(id) {
                self.of_kind.entry(class.kind).or_default().push(id);
            }
        }
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
        let told = self.tell_one_by_one(attempt, findings);
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

    /// Tells of the offers that differ from the rest of their class for this request.
    fn tell_one_by_one(&self, attempt: &Attempt<'_>, findings: &mut Findings) -> Told {
        let mut told = Told { slots: self.used.iter().copied().collect(), ..Told::default() };
        for agent in (attempt.kept_agents)() {
            let slot = self.offers.usable_of_agent(&agent).filter(|slot| !told.slots.contains(slot));
            if let Some((kept_for, slot)) = (attempt.kept_for)(&agent).zip(slot) {
                told.slots.insert(slot);
                findings.pass_over(kept_for);
            }
        }
        for slot in self.vetoed.iter().copied().chain(excluded(self.offers, attempt)) {
            let Some((_, _, held)) = self.offers.member(slot) else { continue };
            if told.slots.insert(slot) {
                let space = held.offer_space();
                let found = vetoes(held, &space, attempt.request, &attempt.counts, attempt.now);
                findings.remember(&found, 1);
            }
        }
        told.sort(self.offers);
        told
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
    let need = ResourceKind::all_of(&request.footprint);
    let told_of = told.of_kind(large.id).iter().filter_map(|id| classes.get(*id));
    let told_of: Vec<Bag> =
        told_of.map(|class| ResourceKind::all_of(class.space.of(request.pool()))).collect();
    let is_left = |slot: SlotId| !told.slots.contains(&slot);
    let nearest = large.index.nearest(&need, &is_left).map_or_else(Vec::new, |has| lacking(&need, &has));
    findings.count_vetoes(&nearest);
    let lacking =
        |resource: ResourceKind| lacking_of(resource, need[resource as usize], large.index, &told_of);
    findings.remember_short(agents, ResourceKind::ALL.into_iter().filter_map(lacking), &nearest);
}

/// The least that an offer lacks of a resource, and how many lack some, without those that are told of one by one.
fn lacking_of(resource: ResourceKind, need: i64, index: &Index, told: &[Bag]) -> Option<(Veto, usize)> {
    let mut told_below: BTreeMap<i64, usize> = BTreeMap::new();
    for has in told.iter().map(|bag| bag[resource as usize]).filter(|has| *has < need) {
        *told_below.entry(has).or_default() += 1;
    }
    let lacking = index.below(resource, need) - told_below.values().sum::<usize>();
    if lacking == 0 {
        return None;
    }
    let mut best = index.best_below(resource, need);
    while let Some((available, agents)) = best {
        if told_below.get(&available).is_none_or(|told| *told < agents) {
            return Some((Veto::Insufficient { resource, need, available }, lacking));
        }
        best = index.best_below(resource, available);
    }
    None
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
