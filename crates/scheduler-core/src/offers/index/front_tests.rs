use proptest::prelude::*;

use super::super::places::tests::{offers, place};
use super::*;

#[derive(Clone, Copy, Debug)]
enum Step {
    /// The offer with this number comes, or goes if it is there.
    Turn(usize),
    /// One of these needs is asked for.
    Ask(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![3 => (0..60_usize).prop_map(Step::Turn), 2 => (0..10_usize).prop_map(Step::Ask)];
    prop::collection::vec(step, 0..80)
}

proptest! {
    /// A front is the beginning of what a look at each offer finds, whatever comes and goes.
    #[test]
    fn a_front_is_the_beginning_of_what_holds_enough(
        offers in offers(),
        needs in offers().prop_filter("some", |needs| !needs.is_empty()),
        steps in steps(),
        max in 1..9_usize,
    ) {
        let place = |number: usize| {
            let (has, chance) = offers.get(number)?;
            Some(place(number, *has, *chance))
        };
        let need = |number: usize| Need::new(needs[number % needs.len()].0);
        let mut tree = Tree::of(Vec::new());
        let mut fronts = Fronts::default();
        let mut there: BTreeMap<Rank, (SlotId, Bag)> = BTreeMap::new();
        let mut asked: Vec<Bag> = Vec::new();
        for step in steps {
            match step {
                Step::Turn(number) => {
                    let Some(place) = place(number) else { continue };
                    let (slot, has, rank) = (place.slot(), *place.has(), place.rank().clone());
                    if there.remove(&rank).is_some() {
                        tree.remove(Place::key_of(slot, &has));
                        fronts.leave(&has, &rank);
                    } else {
                        fronts.enter(slot, &has, &rank);
                        there.insert(rank, (slot, has));
                        tree.insert(place);
                    }
                }
                Step::Ask(number) => {
                    let need = need(number);
                    fronts.prepare(&need, max, &tree);
                    let was_asked = asked.contains(&need.bag);
                    asked.retain(|other| *other != need.bag);
                    asked.push(need.bag);
                    if asked.len() > NEEDS_MAX {
                        asked.remove(0);
                    }
                    prop_assert_eq!(fronts.ahead(&need).is_some(), was_asked);
                    if let Some(mut ahead) = fronts.ahead(&need) {
                        prop_assert!(ahead.end().is_none() || ahead.next().is_some(), "it leads somewhere");
                    }
                }
            }
            for need in (0..needs.len()).map(need) {
                let Some(mut ahead) = fronts.ahead(&need) else { continue };
                let end = ahead.end();
                let found: Vec<SlotId> = std::iter::from_fn(|| ahead.next()).map(|(_, slot)| slot).collect();
                let in_reach = there.iter().filter(|(rank, _)| end.is_none_or(|end| *rank <= end));
                let expected: Vec<SlotId> =
                    in_reach.filter(|(_, (_, has))| holds(has, &need.bag)).map(|(_, (slot, _))| *slot).collect();
                prop_assert_eq!(&found, &expected);
                prop_assert!(found.len() <= max);
            }
        }
    }
}
