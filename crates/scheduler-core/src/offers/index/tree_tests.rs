use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// A number, and how often it was put in.
#[derive(Debug)]
struct Counted(u16, u32);

impl Entry for Counted {
    type Key = u16;
    type Sum = u32;

    fn key(&self) -> u16 {
        self.0
    }

    fn sum_of(entries: &[Self]) -> u32 {
        entries.iter().map(|entry| entry.1).sum()
    }

    fn sum_of_branches(branches: &[Branch<Self>]) -> u32 {
        branches.iter().map(|branch| branch.sum).sum()
    }
}

/// The entries of a branch, after a look at what holds of every branch: sums, first keys, sizes, and equal depth.
fn entries(branch: &Branch<Counted>, is_root: bool) -> (Vec<(u16, u32)>, usize) {
    let len = branch.below.len();
    assert!(len <= MAX && (is_root || len >= MIN) && len > 0, "{branch:?}");
    let (entries, depth) = match &branch.below {
        Below::Entries(entries) => (entries.iter().map(|entry| (entry.0, entry.1)).collect(), 0),
        Below::Branches(branches) => {
            let below: Vec<_> = branches.iter().map(|branch| self::entries(branch, false)).collect();
            assert!(below.iter().all(|(_, depth)| *depth == below[0].1), "{branch:?}");
            (below.iter().flat_map(|(entries, _)| entries.clone()).collect::<Vec<_>>(), below[0].1 + 1)
        }
    };
    assert_eq!(branch.sum, entries.iter().map(|entry| entry.1).sum::<u32>());
    assert_eq!(branch.first, entries[0].0);
    (entries, depth)
}

proptest! {
    #[test]
    fn it_is_a_sorted_map_with_sums(
        first in prop::collection::btree_set(0..60_u16, 0..60),
        steps in prop::collection::vec((0..60_u16, any::<bool>()), 0..200),
    ) {
        let mut tree = Tree::of(first.iter().map(|number| Counted(*number, 1)).collect());
        let mut map: BTreeMap<u16, u32> = first.into_iter().map(|number| (number, 1)).collect();
        for (number, is_added) in steps {
            if is_added {
                if !tree.change(number, |entry| entry.1 += 1) {
                    tree.insert(Counted(number, 1));
                }
                *map.entry(number).or_default() += 1;
            } else {
                prop_assert_eq!(tree.remove(number).map(|entry| entry.1), map.remove(&number));
            }
            let found = tree.root().map(|root| entries(root, true).0).unwrap_or_default();
            prop_assert_eq!(found, map.iter().map(|(number, count)| (*number, *count)).collect::<Vec<_>>());
        }
    }
}
