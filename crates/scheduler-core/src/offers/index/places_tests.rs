use proptest::prelude::*;

use super::*;
use crate::bench::*;
use crate::config::OfferOrder;
use crate::offers::HeldOffer;
use crate::offers::index::{First, Fits, Need};
use crate::operation::MaintenanceMode;

/// Some offers, with what each has and its place in the order.
pub(in crate::offers::index) fn offers() -> impl Strategy<Value = Vec<(Bag, u64)>> {
    let amounts = (0..6_i64, 0..6_i64, 0..4_i64, 0..2_i64, 0..2_i64);
    let bag = amounts.prop_map(|(cpus, ram, disk, ports, gpus)| {
        [cpus * 700, ram * 3000, disk * 70_000, ports * 100, gpus]
    });
    prop::collection::vec((bag, 0..4_u64), 0..60)
}

pub(in crate::offers::index) fn place(number: usize, has: Bag, chance: u64) -> Place {
    let offer = std::sync::Arc::new(offer(&format!("{number:03}"), resources(1.0, 1, 1), &[]));
    let held = HeldOffer { offer, mode: MaintenanceMode::None, until: None, chance };
    let slot = SlotId(u32::try_from(number).unwrap());
    Place::new(slot, has, Rank::of(&held, &[OfferOrder::Random]))
}

/// The offers that hold so much, as a search finds them.
fn found(root: &Branch<Place>, need: &Need) -> Vec<SlotId> {
    let mut waiting: Vec<Fits<'_>> = Fits::of(root, need).into_iter().collect();
    let mut found = Vec::new();
    while let Some(first) = (0..waiting.len()).min_by_key(|index| waiting[*index].rank()) {
        let fits = waiting.swap_remove(first);
        assert_eq!(fits.key(), fits.rank().first_key());
        let (first, left) = fits.take(need);
        waiting.extend(left);
        match first {
            First::Offer(place) => found.push(place.slot()),
            First::Below(below) => waiting.extend(below),
        }
    }
    found
}

proptest! {
    #[test]
    fn the_tree_finds_what_a_look_at_each_finds(
        offers in offers(),
        gone in prop::collection::btree_set(0..60_usize, 0..30),
        (need, _) in (offers().prop_filter_map("one", |offers| offers.into_iter().next())),
        is_built_at_once in any::<bool>(),
    ) {
        let all = || offers.iter().enumerate().map(|(number, (has, chance))| place(number, *has, *chance));
        let mut tree = Tree::of(if is_built_at_once { all().collect() } else { Vec::new() });
        if !is_built_at_once {
            all().for_each(|place| tree.insert(place));
        }
        for place in all().enumerate().filter(|(number, _)| gone.contains(number)).map(|(_, place)| place) {
            prop_assert!(tree.remove(place.key()).is_some());
        }
        let left: Vec<Place> =
            all().enumerate().filter(|(number, _)| !gone.contains(number)).map(|(_, place)| place).collect();
        let Some(root) = tree.root() else {
            prop_assert!(left.is_empty());
            return Ok(());
        };
        let mut expected: Vec<&Place> = left.iter().filter(|place| holds(&place.has, &need)).collect();
        expected.sort_by_key(|place| &place.rank);
        let expected: Vec<SlotId> = expected.iter().map(|place| place.slot).collect();
        prop_assert_eq!(found(root, &Need::new(need)), expected);

        let counts = |slot: SlotId| slot != left[0].slot;
        let distances = left.iter().skip(1).map(|place| Distance::between(&need, &place.has));
        let expected = distances.min();
        let mut best = None;
        nearest(&tree, &need, &counts, &mut best);
        prop_assert_eq!(best.map(|(distance, _)| distance), expected);
        if let Some((distance, has)) = best {
            prop_assert_eq!(distance, Distance::between(&need, &has));
            prop_assert!(least_distance(&tree, &need).is_some_and(|least| least <= distance));
        }
    }
}
