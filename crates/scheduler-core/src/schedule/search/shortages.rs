//! What offers lack of resources, added up over the indexes they are in.

use std::collections::BTreeMap;

use crate::explain::Findings;
use crate::offers::index::Index;
use crate::schedule::bag::Bag;
use crate::schedule::filter::{ResourceKind, Veto, lacking};

/// Of each resource, how many offers lack some, and the most that one of these has.
pub(super) struct Shortages {
    need: Bag,
    lacking: [usize; ResourceKind::ALL.len()],
    best: Bag,
}

impl Shortages {
    pub(super) fn new(need: Bag) -> Self {
        Self { need, lacking: Default::default(), best: Bag::default() }
    }

    /// What a task needs.
    pub(super) fn need(&self) -> &Bag {
        &self.need
    }

    /// Adds the offers of an index, without those that are told of one by one, which have so much.
    pub(super) fn add(&mut self, index: &Index, told: &[Bag]) {
        for resource in ResourceKind::ALL {
            let place = resource as usize;
            if let Some((best, lacking)) = lacking_of(resource, self.need[place], index, told) {
                self.best[place] = if self.lacking[place] == 0 { best } else { self.best[place].max(best) };
                self.lacking[place] += lacking;
            }
        }
    }

    /// Tells that so many offers lack all this, of which one comes nearest that has so much.
    pub(super) fn tell(&self, agents: usize, nearest: Option<Bag>, findings: &mut Findings) {
        let nearest = nearest.map_or_else(Vec::new, |has| lacking(&self.need, &has));
        findings.count_vetoes(&nearest);
        let shortage = |resource: ResourceKind| {
            let place = resource as usize;
            let veto = Veto::Insufficient { resource, need: self.need[place], available: self.best[place] };
            (self.lacking[place] > 0).then_some((veto, self.lacking[place]))
        };
        findings.remember_short(agents, ResourceKind::ALL.into_iter().filter_map(shortage), &nearest);
    }
}

/// The most that an offer has which lacks some of a resource, and how many lack some, without those that are told of one by one.
fn lacking_of(resource: ResourceKind, need: i64, index: &Index, told: &[Bag]) -> Option<(i64, usize)> {
    if told.is_empty() {
        return Some((index.most_below(resource, need)?, index.below(resource, need)));
    }
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
            return Some((available, lacking));
        }
        best = index.best_below(resource, available);
    }
    None
}
