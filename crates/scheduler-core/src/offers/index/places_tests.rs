use proptest::prelude::*;

use super::*;
use crate::bench::*;
use crate::config::OfferOrder;
use crate::offers::HeldOffer;
use crate::operation::MaintenanceMode;

/// Some classes, with what each has and the place of its first member in the order.
fn classes() -> impl Strategy<Value = Vec<(Bag, u64)>> {
    let amounts = (0..6_i64, 0..6_i64, 0..4_i64, 0..2_i64, 0..2_i64);
    let bag = amounts.prop_map(|(cpus, ram, disk, ports, gpus)| {
        [cpus * 700, ram * 3000, disk * 70_000, ports * 100, gpus]
    });
    prop::collection::vec((bag, 0..4_u64), 0..60)
}

fn place(number: usize, has: Bag, chance: u64) -> Place {
    let offer = std::sync::Arc::new(offer(&format!("{number:03}"), resources(1.0, 1, 1), &[]));
    let held = HeldOffer { offer, mode: MaintenanceMode::None, until: None, chance };
    let id = u64::try_from(number).unwrap();
    Place::new(ClassId::of_number(id), has, Rank::of(&held, &[OfferOrder::Random]))
}

/// The classes that hold so much, found as a search finds them, sorted by rank.
fn held<'a>(branch: &'a Branch<Place>, need: &Bag, found: &mut Vec<&'a Place>) {
    match branch.below() {
        Below::Entries(places) => found.extend(places.iter().filter(|place| place.holds(need))),
        Below::Branches(branches) => {
            branches
                .iter()
                .filter(|branch| branch.may_hold(need))
                .for_each(|branch| held(branch, need, found));
        }
    }
}

/// Every branch names the first class below it.
fn check(branch: &Branch<Place>) {
    let mut all = Vec::new();
    held(branch, &[i64::MIN; 5], &mut all);
    let first = all.iter().map(|place| place.rank()).min().unwrap();
    assert_eq!((branch.rank(), branch.lead()), (first, first.lead()));
    if let Below::Branches(branches) = branch.below() {
        branches.iter().for_each(check);
    }
}

proptest! {
    #[test]
    fn the_tree_finds_what_a_look_at_each_finds(
        classes in classes(),
        gone in prop::collection::btree_set(0..60_usize, 0..30),
        (need, _) in (classes().prop_filter_map("one", |classes| classes.into_iter().next())),
        is_built_at_once in any::<bool>(),
    ) {
        let all = || classes.iter().enumerate().map(|(number, (has, chance))| place(number, *has, *chance));
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
        check(root);
        let mut found = Vec::new();
        held(root, &need, &mut found);
        let mut found: Vec<ClassId> = found.iter().map(|place| place.class()).collect();
        found.sort_unstable();
        let expected = left.iter().filter(|place| place.holds(&need)).map(Place::class);
        prop_assert_eq!(found, expected.collect::<Vec<_>>());

        let counts = |class: ClassId| class != left[0].class();
        let distances = left.iter().skip(1).map(|place| Distance::between(&need, &place.has));
        let nearest = nearest(&tree, &need, &counts).map(|has| Distance::between(&need, &has));
        prop_assert_eq!(nearest, distances.min());
    }
}
