//! The offers that suit a task, best first, found without a look at every offer.
//!
//! Classes of equal offers are judged in the order of their first members; the members of those that suit are merged by
//! rank. A kind of many classes is judged as one, apart from resources; in its [index](crate::offers::index) the branches in
//! which something may have enough are followed, in the order of their first members too.
//!
//! What an individual attribute decides (see [`crate::offers::classes`]) is decided for each member: if a rule asks for values,
//! only the offers with one of these values come into question; if it forbids some, or limits them, the members it excludes are
//! passed over, and if they are many, [another search](DomainSearch) goes on. So what is found, and what is told of the rest, is
//! what a look at each offer would find.

mod domains;
mod limits;
mod shortages;
mod telling;
mod waiting;

use std::collections::{BTreeSet, BinaryHeap, btree_map};
use std::iter::Peekable;
use std::slice;
use std::sync::Arc;

use aurora_api::task::{Constraint, ConstraintRule};

use super::assign::Attempt;
use super::filter::{Veto, VetoGroup, refusal, vetoes};
use crate::explain::Findings;
use crate::offers::classes::{Class, ClassId, Classes, SlotId};
use crate::offers::index::{Ahead, Fits, Index, Need};
use crate::offers::kinds::{Kind, KindId};
use crate::offers::{Offers, Rank};
pub(super) use domains::DomainSearch;
use domains::{patience, worthwhile_split};
use waiting::{Waiting, What};

/// A walk over the offers that may suit, in the order in which they are tried.
pub(super) trait Walk {
    /// The next offer that may suit. `placed` tasks have found their place in this attempt.
    fn next(&mut self, attempt: &mut Attempt<'_>, findings: &mut Findings, placed: usize) -> Option<SlotId>;

    /// An offer took tasks; findings know why it takes no more.
    fn use_up(&mut self, slot: SlotId, attempt: &Attempt<'_>);

    /// An offer does not suit, though its class does.
    fn veto(&mut self, slot: SlotId, vetoes: &[Veto], findings: &mut Findings);

    /// Whether there may be a shorter way.
    fn is_hindered(&self) -> bool;
}

/// Offers that were handed out.
#[derive(Debug, Default)]
pub(super) struct Passed {
    /// Those that took tasks.
    used: Vec<SlotId>,
    /// Those that took none.
    vetoed: Vec<SlotId>,
    /// Whether nothing else suits.
    are_all: bool,
}

impl Passed {
    fn contains(&self, slot: SlotId) -> bool {
        self.used.contains(&slot) || self.vetoed.contains(&slot)
    }
}

/// A walk over the offers that may suit.
pub(super) struct Search<'a> {
    offers: &'a Offers,
    /// Classes that were not judged yet.
    heads: Peekable<btree_map::Iter<'a, Rank, ClassId>>,
    /// Kinds of many classes, once they were judged.
    large: Option<Vec<LargeKind<'a>>>,
    /// What the task needs.
    need: Need,
    /// Whether it has rules that limit its siblings.
    has_limits: bool,
    /// Classes that suit.
    open: Vec<Open<'a>>,
    /// Their next members, and where else to look, by rank.
    next: BinaryHeap<Waiting<'a>>,
    /// The offers that a rule asks for, last first; `None` if no rule asks for values of an individual attribute.
    asked_for: Option<Vec<(&'a Rank, SlotId)>>,
    /// Classes that do not suit, or no longer.
    misfits: Vec<Misfit>,
    passed: Passed,
    /// How many more offers may be vetoed because of limits before there may be a shorter way.
    patience: usize,
    /// What was found last: many classes lack the same.
    latest: Option<Arc<[Veto]>>,
}

/// A class that does not suit.
struct Misfit {
    id: ClassId,
    found: Arc<[Veto]>,
    judged_after: usize,
}

/// A kind of many classes.
struct LargeKind<'a> {
    id: KindId,
    kind: &'a Kind,
    index: &'a Index,
    /// Why it does not suit, whatever its classes have.
    refusal: Option<Veto>,
    judged_after: usize,
    /// The offers that are known to hold what the task needs, as far as they were not handed out.
    ahead: Option<Ahead<'a>>,
    /// The last of those, once they are handed out: others come behind it.
    behind: Option<&'a Rank>,
}

impl<'a> LargeKind<'a> {
    /// Where to look for its next offer; it has this number.
    fn next(&mut self, need: &Need, number: usize) -> Option<Waiting<'a>> {
        if let Some(ahead) = &mut self.ahead {
            if let Some((rank, slot)) = ahead.next() {
                return Some(Waiting::ahead(rank, slot, number));
            }
            self.behind = Some(ahead.end()?);
            self.ahead = None;
        }
        self.index.fits(need).map(|fits| Waiting::fits(fits, &self.kind.common, number))
    }

    /// Judges it anew, if it suited and tasks were placed since. Says whether it does not suit any more.
    fn judge(&mut self, attempt: &Attempt<'_>, placed: usize) -> bool {
        if self.refusal.is_some() || self.judged_after == placed {
            return false;
        }
        self.judged_after = placed;
        self.refusal = refusal(&*self.kind.common, attempt.request, &attempt.counts, attempt.now);
        self.refusal.is_some()
    }
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
    /// Over offers that were [prepared](Offers::prepare) for what the task needs.
    pub(super) fn new(
        offers: &'a Offers,
        need: Need,
        attempt: &Attempt<'_>,
        findings: &mut Findings,
    ) -> Self {
        let constraints = &attempt.request.config.constraints;
        let asked_for = constraints
            .iter()
            .find_map(|constraint| asked_for(offers.classes(), constraint))
            .map(|slots| by_rank(offers, slots));
        let mut search = Self {
            offers,
            heads: offers.classes().heads().peekable(),
            large: None,
            need,
            has_limits: constraints
                .iter()
                .any(|constraint| matches!(constraint.rule, ConstraintRule::Limit(_))),
            open: Vec::new(),
            next: BinaryHeap::new(),
            asked_for,
            misfits: Vec::new(),
            passed: Passed::default(),
            patience: usize::MAX,
            latest: None,
        };
        if search.asked_for.is_none() {
            if search.has_limits {
                search.patience = patience(offers, attempt);
            }
            search.judge_kinds(attempt, findings, 0);
            for (index, large) in search.large.iter_mut().flatten().enumerate() {
                if large.refusal.is_none() {
                    search.next.extend(large.next(&search.need, index));
                }
            }
        }
        search
    }

    /// Judges the kinds of many classes, if that was not done yet.
    fn judge_kinds(&mut self, attempt: &Attempt<'_>, findings: &mut Findings, placed: usize) {
        if self.large.is_some() {
            return;
        }
        let judge = |(id, kind): (KindId, &'a Kind)| {
            let index = kind.index(attempt.request.pool()).expect("offers are prepared for the request");
            let refusal = refusal(&*kind.common, attempt.request, &attempt.counts, attempt.now);
            findings.look();
            if let Some(veto) = &refusal {
                findings.count_vetoes(slice::from_ref(veto));
            }
            let ahead = index.ahead(&self.need);
            LargeKind { id, kind, index, refusal, judged_after: placed, ahead, behind: None }
        };
        self.large = Some(self.offers.classes().large_kinds().map(judge).collect());
    }

    /// Whether a kind of many classes still suits.
    fn suits(&mut self, large: usize, attempt: &Attempt<'_>, findings: &mut Findings, placed: usize) -> bool {
        let Some(large) = self.large.as_mut().and_then(|all| all.get_mut(large)) else { return false };
        if large.judge(attempt, placed) {
            findings.look();
            findings.count_vetoes(large.refusal.as_slice());
        }
        large.refusal.is_none()
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

    /// Whether an open class suits after so many tasks were placed.
    fn still_suits(
        &mut self,
        index: usize,
        attempt: &Attempt<'_>,
        findings: &mut Findings,
        placed: usize,
    ) -> bool {
        let open = &mut self.open[index];
        if open.judged_after == placed {
            return true;
        }
        open.judged_after = placed;
        let found = judge(open.class, attempt);
        if found.is_empty() {
            return true;
        }
        findings.look();
        findings.count_vetoes(&found);
        self.misfits.push(Misfit { id: open.id, found: found.into(), judged_after: placed });
        false
    }

    /// Takes the first of some offers of a large kind, or looks closer.
    fn take(&mut self, fits: Fits<'a>, number: usize) -> Option<SlotId> {
        let large = self.large.as_ref()?.get(number)?;
        let place = Waiting::take(&mut self.next, fits, &self.need, &large.kind.common, number)?;
        large.behind.is_none_or(|last| place.rank() > last).then(|| place.slot())
    }

    /// Begins to walk the members of a class.
    fn open(&mut self, id: ClassId, placed: usize) {
        let Some(class) = self.offers.classes().get(id) else { return };
        let mut members = class.members();
        if let Some((rank, slot)) = members.next() {
            self.next.push(Waiting::member(rank, *slot, self.open.len()));
        }
        self.open.push(Open { id, class, members, judged_after: placed });
    }

    /// The limited attributes by which the offers should be split for the rest, if many of them have a value that has reached its
    /// limit.
    pub(super) fn worthwhile_split(&self, attempt: &Attempt<'_>) -> Option<Vec<Arc<str>>> {
        if self.has_limits { worthwhile_split(self.offers, attempt) } else { None }
    }

    /// Goes on however many are at their limits.
    pub(super) fn persist(&mut self) {
        self.patience = usize::MAX;
    }

    /// Ends it for another that goes on, or if nothing else suits.
    pub(super) fn end(self) -> Passed {
        let are_all = !self.is_hindered();
        Passed { are_all, ..self.passed }
    }

    /// Judges a class, and begins to walk its members if it suits.
    fn judge(&mut self, id: ClassId, attempt: &mut Attempt<'_>, findings: &mut Findings, placed: usize) {
        let Some(class) = self.offers.classes().get(id) else { return };
        if !class.space.is_worth_trying() {
            // Never tried, but told: a full cluster must say that it is full.
            let found = self.share(judge(class, attempt));
            self.misfits.push(Misfit { id, found, judged_after: placed });
            return;
        }
        if let Some(known) = attempt.bans.get(&id) {
            findings.remember_ban();
            let known = Arc::clone(known);
            // A limit that was reached since hides what is lacking.
            let found = if self.has_limits { self.share(judge(class, attempt)) } else { known };
            self.misfits.push(Misfit { id, found, judged_after: placed });
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
        self.open(id, placed);
    }
}

impl Walk for Search<'_> {
    fn next(&mut self, attempt: &mut Attempt<'_>, findings: &mut Findings, placed: usize) -> Option<SlotId> {
        if let Some(asked_for) = &mut self.asked_for {
            return asked_for.pop().map(|(_, slot)| slot);
        }
        loop {
            let best = self.next.peek();
            let head = self.heads.next_if(|(rank, _)| best.is_none_or(|best| best.is_behind(rank)));
            if let Some((_, id)) = head {
                self.judge(*id, attempt, findings, placed);
                continue;
            }
            match self.next.pop()?.what {
                What::Fits(fits, large) => {
                    if self.suits(large, attempt, findings, placed)
                        && let Some(slot) = self.take(fits, large)
                    {
                        return Some(slot);
                    }
                }
                What::Ahead(_, slot, large) => {
                    if self.suits(large, attempt, findings, placed) {
                        let kind = self.large.as_mut().and_then(|all| all.get_mut(large));
                        self.next.extend(kind.and_then(|kind| kind.next(&self.need, large)));
                        return Some(slot);
                    }
                }
                What::Member(_, slot, index) => {
                    if self.still_suits(index, attempt, findings, placed) {
                        if let Some((rank, slot)) = self.open[index].members.next() {
                            self.next.push(Waiting::member(rank, *slot, index));
                        }
                        return Some(slot);
                    }
                }
            }
        }
    }

    fn use_up(&mut self, slot: SlotId, _: &Attempt<'_>) {
        self.passed.used.push(slot);
    }

    fn veto(&mut self, slot: SlotId, vetoes: &[Veto], findings: &mut Findings) {
        findings.look();
        findings.count_vetoes(vetoes);
        self.passed.vetoed.push(slot);
        if vetoes.iter().any(|veto| matches!(veto, Veto::Limit { .. })) {
            self.patience = self.patience.saturating_sub(1);
        }
    }

    fn is_hindered(&self) -> bool {
        self.patience == 0
    }
}

fn judge(class: &Class, attempt: &Attempt<'_>) -> Vec<Veto> {
    vetoes(&*class.common, &class.space, attempt.request, &attempt.counts, attempt.now)
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

#[cfg(test)]
#[path = "search_tests.rs"]
mod tests;
