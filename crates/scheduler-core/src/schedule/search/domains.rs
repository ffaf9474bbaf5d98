//! The search where limits are reached on values that many agents share, such as a job's tasks in most racks.
//!
//! The offers are split into [domains](crate::offers::domains) by these values. Which limits a domain has reached decides for all
//! its offers of a kind at once: those that have reached one are never looked at, neither to find an offer nor to tell.

use std::cell::Cell;
use std::collections::{BTreeMap, BinaryHeap};
use std::slice;
use std::sync::Arc;

use super::limits::{Limits, limits_of};
use super::shortages::Shortages;
use super::telling::tell_one_by_one;
use super::waiting::{Waiting, What};
use super::{Passed, Walk};
use crate::explain::Findings;
use crate::offers::Offers;
use crate::offers::classes::SlotId;
use crate::offers::domains::{DomainId, Domains, PartId};
use crate::offers::index::{Index, Need, Place};
use crate::offers::kinds::{Common, Kind, KindId};
use crate::schedule::assign::Attempt;
use crate::schedule::bag::{Bag, Distance};
use crate::schedule::filter::{Reached, ResourceKind, Veto};

/// Domains cost about as much each as so many offers that are told of one by one.
const DOMAINS_PER_OFFER: usize = 8;

/// For so many values one more offer at its limit is looked at before one asks how many there are.
const VALUES_PER_OFFER: usize = 16;

/// Of this many values fewer than one without a task are few.
const FREE_VALUES_MAX: usize = 64;

/// The limited attributes by which offers may be split, with the numbers of their values: many agents share a value.
pub(super) fn shared_attributes<'a>(offers: &Offers, attempt: &Attempt<'a>) -> Vec<(&'a Arc<str>, usize)> {
    let mut shared: Vec<(&Arc<str>, usize)> = Vec::new();
    for (name, _) in limits_of(offers.classes(), attempt) {
        let values = offers.classes().values_of(name);
        let is_shared = offers.known_agents() >= values * offers.sizes().agents_per_value;
        if is_shared && shared.last().is_none_or(|(last, _)| *last != name) {
            shared.push((name, values));
        }
    }
    shared
}

/// How many offers whose values have reached limits are looked at before one asks whether to split them: the more values there are,
/// the dearer that is. None if few values have no task of the job yet.
pub(super) fn patience(offers: &Offers, attempt: &Attempt<'_>) -> usize {
    let shared = shared_attributes(offers, attempt);
    let is_nearly_full = |(name, values): &(&Arc<str>, usize)| {
        values.saturating_sub(attempt.counts.value_count(name)) * FREE_VALUES_MAX <= *values
    };
    if shared.iter().any(is_nearly_full) {
        return 0;
    }
    offers.sizes().patience_min + shared.iter().map(|(_, values)| values).sum::<usize>() / VALUES_PER_OFFER
}

/// The limited attributes by which the offers should be split, if many of them have a value that has reached its limit.
pub(super) fn worthwhile_split(offers: &Offers, attempt: &Attempt<'_>) -> Option<Vec<Arc<str>>> {
    if limits_of(offers.classes(), attempt).nth(Reached::LIMITS_MAX).is_some() {
        return None;
    }
    let shared = shared_attributes(offers, attempt);
    let values: usize = shared.iter().map(|(_, values)| values).sum();
    let mut left = offers.sizes().at_limits_max + values / DOMAINS_PER_OFFER;
    for (name, limit) in limits_of(offers.classes(), attempt) {
        if shared.iter().any(|(shared, _)| *shared == name) {
            for value in attempt.counts.reached(name, limit) {
                match left.checked_sub(offers.classes().agents_with(name, value).len()) {
                    Some(less) => left = less,
                    None => return Some(shared.iter().map(|(name, _)| Arc::clone(name)).collect()),
                }
            }
        }
    }
    None
}

/// A walk over the offers that may suit, as far as their domains have reached no limit.
pub(in crate::schedule) struct DomainSearch<'a> {
    offers: &'a Offers,
    domains: &'a Domains,
    limits: Limits<'a>,
    /// Which of the limits on its attributes each domain has reached.
    reached: Vec<Reached>,
    need: Need,
    next: BinaryHeap<Waiting<'a>>,
    /// Where they come from.
    sources: Vec<(DomainId, KindId, &'a Common)>,
    passed: Passed,
}

impl<'a> DomainSearch<'a> {
    /// Over offers that were [split](Offers::split) by these attributes. It goes on where another search has passed over some;
    /// and walks no further if that found that there is no other.
    pub(in crate::schedule) fn new(
        offers: &'a Offers,
        names: &[Arc<str>],
        attempt: &Attempt<'a>,
        passed: Passed,
        placed: usize,
    ) -> Self {
        let domains = offers.classes().domains(names, attempt.request.pool()).expect("offers are split");
        let mut search = Self {
            offers,
            domains,
            limits: Limits::new(offers, attempt),
            reached: vec![Reached::default(); domains.places()],
            need: Need::new(ResourceKind::all_of(&attempt.request.footprint)),
            next: BinaryHeap::new(),
            sources: Vec::new(),
            passed,
        };
        search.find_reached(attempt);
        if !search.passed.are_all {
            search.begin(attempt, placed);
        }
        search
    }

    fn find_reached(&mut self, attempt: &Attempt<'_>) {
        for (number, (name, limit)) in self.limits.iter() {
            let Some(place) = self.domains.place_of(name) else { continue };
            for value in attempt.counts.reached(name, limit) {
                for domain in self.domains.with_value(place, value) {
                    self.reached[domain.index()].add(number);
                }
            }
        }
    }

    fn begin(&mut self, attempt: &Attempt<'_>, placed: usize) {
        let domains = self.domains;
        for (id, part) in domains.parts() {
            if self.reached[part.domain.index()].is_any() || self.refuses(part.kind, attempt, placed) {
                continue;
            }
            let Some(kind) = self.kind(part.kind) else { continue };
            if let Some(fits) = domains.index(id).fits(&self.need) {
                self.next.push(Waiting::fits(fits, &kind.common, self.sources.len()));
                self.sources.push((part.domain, part.kind, &kind.common));
            }
        }
    }

    fn kind(&self, id: KindId) -> Option<&'a Kind> {
        self.offers.classes().kind(id)
    }

    /// Whether offers of a kind do not suit though they have reached no limit.
    fn refuses(&mut self, kind: KindId, attempt: &Attempt<'_>, placed: usize) -> bool {
        self.limits.refusal(kind, Reached::default(), attempt, placed).is_some()
    }

    /// Tells of all offers that took no task, as they stand now that no task is left that one of them suits.
    pub(in crate::schedule) fn explain(
        mut self,
        attempt: &mut Attempt<'_>,
        findings: &mut Findings,
        placed: usize,
    ) {
        let domains = self.domains;
        let mut told = tell_one_by_one(self.offers, &self.passed, attempt, findings);
        let of_domain = |slot: SlotId| {
            domains.domain_of(slot).map_or_else(Reached::default, |domain| self.reached[domain.index()])
        };
        let is_other = |name: &str| domains.place_of(name).is_none();
        let mut at_limits = self.limits.count_each(is_other, of_domain, &mut told, attempt);
        let mut told_of: BTreeMap<PartId, Vec<Bag>> = BTreeMap::new();
        for slot in &told {
            let class = self.offers.member(*slot).and_then(|(id, _, _)| self.offers.classes().get(id));
            let Some(class) = class else { continue };
            if let Some(part) = domains.part_of(*slot, class.kind) {
                let has = ResourceKind::all_of(class.space.of(attempt.request.pool()));
                told_of.entry(part).or_default().push(has);
            }
        }
        let told_of = |part: PartId| told_of.get(&part).map_or(&[][..], Vec::as_slice);

        let mut left: BTreeMap<KindId, (usize, Vec<PartId>)> = BTreeMap::new();
        for (id, part) in domains.parts() {
            let reached = self.reached[part.domain.index()];
            let agents = part.agents.saturating_sub(told_of(id).len());
            if reached.is_any() {
                *at_limits.entry((part.kind, reached)).or_default() += agents;
            } else {
                let (agents_left, parts) = left.entry(part.kind).or_default();
                *agents_left += agents;
                parts.push(id);
            }
        }
        self.limits.tell(at_limits, attempt, findings, placed);
        for (id, (agents, parts)) in left {
            if let Some(veto) = self.limits.refusal(id, Reached::default(), attempt, placed) {
                findings.remember(slice::from_ref(veto), agents);
                continue;
            }
            let Some(kind) = self.kind(id).filter(|_| agents > 0) else { continue };
            let mut shortages = Shortages::new(ResourceKind::all_of(&attempt.request.footprint));
            for part in &parts {
                shortages.add(domains.index(*part), told_of(*part));
            }
            let is_told = |slot: SlotId| told.contains(&slot);
            let large = kind.index(attempt.request.pool());
            let nearest = self.nearest(&parts, large, shortages.need(), &is_told);
            shortages.tell(agents, nearest, findings);
        }
    }

    /// What the offer has that comes nearest to having enough, of those in these parts, all of one kind, that are not told of one
    /// by one.
    fn nearest(
        &self,
        parts: &[PartId],
        large: Option<&Index>,
        need: &Bag,
        is_told: &dyn Fn(SlotId) -> bool,
    ) -> Option<Bag> {
        if let Some(index) = large
            && let Ok(nearest) = self.nearest_of_kind(index, need, is_told)
        {
            return nearest;
        }
        let least = |part: &PartId| Some((self.domains.index(*part).least_distance(need)?, *part));
        let mut ahead: Vec<(Distance, PartId)> = parts.iter().filter_map(least).collect();
        ahead.sort_unstable();
        let mut best: Option<(Distance, Bag)> = None;
        for (least, part) in ahead {
            if best.is_some_and(|(distance, _)| distance <= least) {
                break;
            }
            self.domains.index(part).nearest(need, &|slot| !is_told(slot), &mut best);
        }
        best.map(|(_, has)| has)
    }

    /// The same, found among all offers of the kind, unless too many that are at their limits are in the way.
    fn nearest_of_kind(
        &self,
        index: &Index,
        need: &Bag,
        is_told: &dyn Fn(SlotId) -> bool,
    ) -> Result<Option<Bag>, TooMany> {
        let passed_over = Cell::new(0);
        let passed_over_max = self.offers.sizes().passed_over_max;
        let counts = |slot: SlotId| {
            let is_at_limit =
                self.domains.domain_of(slot).is_some_and(|domain| self.reached[domain.index()].is_any());
            passed_over.set(passed_over.get() + usize::from(is_at_limit));
            // With too many, whatever is found ends the search; it does not count then.
            passed_over.get() > passed_over_max || !(is_at_limit || is_told(slot))
        };
        let mut best = None;
        index.nearest(need, &counts, &mut best);
        if passed_over.get() > passed_over_max { Err(TooMany) } else { Ok(best.map(|(_, has)| has)) }
    }
}

/// Too many offers at their limits were passed over.
struct TooMany;

impl Walk for DomainSearch<'_> {
    fn next(&mut self, attempt: &mut Attempt<'_>, findings: &mut Findings, placed: usize) -> Option<SlotId> {
        loop {
            let What::Fits(fits, source) = self.next.pop()?.what else { continue };
            let (domain, kind, common) = self.sources[source];
            if self.reached[domain.index()].is_any() || self.refuses(kind, attempt, placed) {
                findings.look();
                continue;
            }
            let slot = Waiting::take(&mut self.next, fits, &self.need, common, source).map(Place::slot);
            if let Some(slot) = slot.filter(|slot| !self.passed.contains(*slot)) {
                return Some(slot);
            }
        }
    }

    fn use_up(&mut self, slot: SlotId, attempt: &Attempt<'_>) {
        self.passed.used.push(slot);
        let Some((_, _, held)) = self.offers.member(slot) else { return };
        for (number, (name, limit)) in self.limits.iter() {
            let Some(place) = self.domains.place_of(name) else { continue };
            for value in held.offer.attributes.get(name).into_iter().flatten() {
                if i64::from(attempt.counts.get(name, value)) >= i64::from(limit) {
                    for domain in self.domains.with_value(place, value) {
                        self.reached[domain.index()].add(number);
                    }
                }
            }
        }
    }

    fn veto(&mut self, slot: SlotId, vetoes: &[Veto], findings: &mut Findings) {
        findings.look();
        findings.count_vetoes(vetoes);
        self.passed.vetoed.push(slot);
    }

    fn is_hindered(&self) -> bool {
        false
    }
}
