//! How many agents have how much of one resource.

use super::tree::{Below, Branch, Entry, Tree};

/// An amount, and how many agents have just that.
#[derive(Debug)]
struct Step {
    amount: i64,
    agents: usize,
}

/// What a branch knows.
#[derive(Debug)]
struct Total {
    agents: usize,
    /// The most that any of them has.
    most: i64,
}

impl Entry for Step {
    type Key = i64;
    type Sum = Total;

    fn key(&self) -> i64 {
        self.amount
    }

    fn sum_of(entries: &[Self]) -> Total {
        let agents = entries.iter().map(|step| step.agents).sum();
        Total { agents, most: entries[entries.len() - 1].amount }
    }

    fn sum_of_branches(branches: &[Branch<Self>]) -> Total {
        let agents = branches.iter().map(|branch| branch.sum().agents).sum();
        Total { agents, most: branches[branches.len() - 1].sum().most }
    }
}

/// What agents have of one resource, sorted and counted.
#[derive(Debug)]
pub(super) struct Amounts(Tree<Step>);

impl Amounts {
    /// Of agents that have so much each.
    pub(super) fn of(mut amounts: Vec<i64>) -> Self {
        amounts.sort_unstable();
        let mut steps: Vec<Step> = Vec::new();
        for amount in amounts {
            match steps.last_mut() {
                Some(step) if step.amount == amount => step.agents += 1,
                _ => steps.push(Step { amount, agents: 1 }),
            }
        }
        Self(Tree::of(steps))
    }

    /// One more agent has so much.
    pub(super) fn add(&mut self, amount: i64) {
        if !self.0.change(amount, |step| step.agents += 1) {
            self.0.insert(Step { amount, agents: 1 });
        }
    }

    /// One agent less has so much.
    pub(super) fn take(&mut self, amount: i64) {
        let mut is_last = false;
        self.0.change(amount, |step| {
            step.agents -= 1;
            is_last = step.agents == 0;
        });
        if is_last {
            self.0.remove(amount);
        }
    }

    /// How many agents have less than `need`.
    #[inline]
    pub(super) fn below(&self, need: i64) -> usize {
        let mut agents = 0;
        let mut branch = self.0.root();
        while let Some(next) = branch.take() {
            if next.sum().most < need {
                return agents + next.sum().agents;
            }
            if next.first() >= need {
                return agents;
            }
            match next.below() {
                Below::Entries(steps) => {
                    let below = steps.iter().take_while(|step| step.amount < need);
                    agents += below.map(|step| step.agents).sum::<usize>();
                }
                Below::Branches(branches) => {
                    let reached = branches.partition_point(|branch| branch.first() < need);
                    // All but the last of them are below as a whole.
                    if let Some((last, whole)) = branches[..reached].split_last() {
                        agents += whole.iter().map(|branch| branch.sum().agents).sum::<usize>();
                        branch = Some(last);
                    }
                }
            }
        }
        agents
    }

    /// The most that is less than `need`.
    pub(super) fn most_below(&self, need: i64) -> Option<i64> {
        match self.0.root() {
            Some(root) if root.sum().most < need => Some(root.sum().most),
            Some(root) if root.first() >= need => None,
            _ => self.best_below(need).map(|(amount, _)| amount),
        }
    }

    /// The most that is less than `need`, and how many agents have that.
    pub(super) fn best_below(&self, need: i64) -> Option<(i64, usize)> {
        let mut branch = self.0.root()?;
        loop {
            match branch.below() {
                Below::Entries(steps) => {
                    let reached = steps.partition_point(|step| step.amount < need);
                    return steps[..reached].last().map(|step| (step.amount, step.agents));
                }
                Below::Branches(branches) => {
                    let reached = branches.partition_point(|branch| branch.first() < need);
                    branch = branches[..reached].last()?;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn they_are_counted_as_they_are(
            first in prop::collection::vec(0..20_i64, 0..40),
            steps in prop::collection::vec((0..20_i64, any::<bool>()), 0..60),
        ) {
            let mut amounts = Amounts::of(first.clone());
            let mut all = first;
            for (amount, is_added) in steps {
                if is_added {
                    all.push(amount);
                    amounts.add(amount);
                } else if let Some(at) = all.iter().position(|other| *other == amount) {
                    all.swap_remove(at);
                    amounts.take(amount);
                }
                for need in 0..21 {
                    let below = || all.iter().copied().filter(|amount| *amount < need);
                    prop_assert_eq!(amounts.below(need), below().count());
                    let best = below().max().map(|best| (best, below().filter(|amount| *amount == best).count()));
                    prop_assert_eq!(amounts.best_below(need), best);
                    prop_assert_eq!(amounts.most_below(need), best.map(|(amount, _)| amount));
                }
            }
        }
    }
}
