//! Amounts of every kind of resource beside each other, and how far they are from what a task needs.

use super::filter::{ResourceKind, Veto};

/// How many kinds there are.
const KINDS: usize = ResourceKind::ALL.len();

/// Amounts in the order of [`ResourceKind::ALL`].
pub(crate) type Bag = [i64; KINDS];

/// How far an offer is from what a task needs. The least is nearest: that of the smallest score, as upstream has it
/// (`spec/scheduler.md` §2.11), and of equal scores that which lacks less of the first resource, then of the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Distance {
    score: i64,
    lacks: Bag,
}

impl Distance {
    /// From what is there to what is needed, resources alone.
    #[inline]
    pub(crate) fn between(need: &Bag, has: &Bag) -> Self {
        let mut distance = Self::default();
        for (index, resource) in ResourceKind::ALL.into_iter().enumerate() {
            let lack = need[index].saturating_sub(has[index]);
            if lack > 0 {
                distance.score += resource.score(lack);
                distance.lacks[index] = lack;
            }
        }
        distance
    }

    /// As vetoes tell it.
    pub(crate) fn of(vetoes: &[Veto]) -> Self {
        let mut distance = Self { score: vetoes.iter().map(Veto::score).sum(), ..Self::default() };
        for veto in vetoes {
            if let Veto::Insufficient { resource, need, available } = veto {
                distance.lacks[*resource as usize] = need.saturating_sub(*available);
            }
        }
        distance
    }

    /// The sum of the scores of all vetoes.
    pub(crate) fn score(&self) -> i64 {
        self.score
    }
}
