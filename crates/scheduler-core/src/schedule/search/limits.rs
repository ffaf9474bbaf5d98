//! What the limits decide that offers have reached, whatever the offers have: answered once for each kind of offers and each set
//! of limits.

use std::collections::{BTreeMap, BTreeSet};
use std::slice;
use std::sync::Arc;

use aurora_api::task::{Constraint, ConstraintRule};

use crate::explain::Findings;
use crate::offers::Offers;
use crate::offers::classes::{Classes, SlotId};
use crate::offers::kinds::KindId;
use crate::schedule::assign::Attempt;
use crate::schedule::filter::{AtLimits, Member, Reached, Veto, refusal};

/// The limits of a request on individual attributes, the first few if there are very many, and what they refuse.
pub(super) struct Limits<'a> {
    offers: &'a Offers,
    /// By their numbers.
    limits: Vec<(&'a Arc<str>, i32)>,
    refusals: BTreeMap<(KindId, Reached), Option<Veto>>,
    /// How many tasks were placed when they were judged: each can bring a limit to its end.
    judged_after: usize,
}

/// Limits that something can reach, on individual attributes.
pub(super) fn limits_of<'a>(
    classes: &Classes,
    attempt: &Attempt<'a>,
) -> impl Iterator<Item = (&'a Arc<str>, i32)> {
    let limits =
        attempt.request.config.constraints.iter().filter_map(|Constraint { name, rule }| match rule {
            // No limit at all: the whole kind is judged so.
            ConstraintRule::Limit(limit) if *limit > 0 => Some((name, *limit)),
            _ => None,
        });
    limits.filter(|(name, _)| classes.is_individual(name))
}

impl<'a> Limits<'a> {
    pub(super) fn new(offers: &'a Offers, attempt: &Attempt<'a>) -> Self {
        let limits = limits_of(offers.classes(), attempt).take(Reached::LIMITS_MAX).collect();
        Self { offers, limits, refusals: BTreeMap::new(), judged_after: 0 }
    }

    /// All of them, with their numbers.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, (&'a Arc<str>, i32))> {
        self.limits.iter().copied().enumerate()
    }

    /// Why offers of a kind do not suit that have reached these limits, whatever they have.
    pub(super) fn refusal(
        &mut self,
        kind: KindId,
        reached: Reached,
        attempt: &Attempt<'_>,
        placed: usize,
    ) -> Option<&Veto> {
        if self.judged_after != placed {
            self.judged_after = placed;
            self.refusals.clear();
        }
        let (classes, limits) = (self.offers.classes(), &self.limits);
        let judge = || {
            let common = &*classes.kind(kind)?.common;
            let agent = Member { common, individual: AtLimits { limits, reached } };
            refusal(&agent, attempt.request, &attempt.counts, attempt.now)
        };
        self.refusals.entry((kind, reached)).or_insert_with(judge).as_ref()
    }

    /// Tells of so many offers of each kind that have reached these limits.
    pub(super) fn tell(
        &mut self,
        agents: BTreeMap<(KindId, Reached), usize>,
        attempt: &Attempt<'_>,
        findings: &mut Findings,
        placed: usize,
    ) {
        for ((kind, reached), agents) in agents {
            if let Some(veto) = self.refusal(kind, reached, attempt, placed) {
                findings.remember(slice::from_ref(veto), agents);
            }
        }
    }

    /// How many offers of each kind have reached limits on some attributes, apart from those that are told already; they are told
    /// from then on. `elsewhere` says what other limits they have reached.
    pub(super) fn count_each(
        &self,
        on: impl Fn(&str) -> bool,
        elsewhere: impl Fn(SlotId) -> Reached,
        told: &mut BTreeSet<SlotId>,
        attempt: &Attempt<'_>,
    ) -> BTreeMap<(KindId, Reached), usize> {
        let classes = self.offers.classes();
        let mut at_limits: Vec<(SlotId, usize)> = Vec::new();
        for (number, (name, limit)) in self.iter().filter(|(_, (name, _))| on(name)) {
            for value in attempt.counts.reached(name, limit) {
                at_limits.extend(classes.with_value(name, value).map(|slot| (slot, number)));
            }
        }
        at_limits.sort_unstable();
        let mut agents: BTreeMap<(KindId, Reached), usize> = BTreeMap::new();
        for of_slot in at_limits.chunk_by(|(slot, _), (other, _)| slot == other) {
            let slot = of_slot[0].0;
            let Some((class, _, _)) = self.offers.member(slot) else { continue };
            let Some(class) = classes.get(class).filter(|_| told.insert(slot)) else { continue };
            let mut reached = elsewhere(slot);
            of_slot.iter().for_each(|(_, number)| reached.add(*number));
            *agents.entry((class.kind, reached)).or_default() += 1;
        }
        agents
    }
}
