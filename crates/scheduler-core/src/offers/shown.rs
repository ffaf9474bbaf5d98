//! The offers as readers see them.

use std::sync::Arc;

use imbl::OrdMap;

use super::classes::SlotId;
use crate::input::Offer;

/// Slots whose state is kept in one place.
const WORDS: u32 = 8;
const BITS: u32 = u64::BITS;

/// Offers that may be used, shared with every view.
///
/// Offers go much more often than tables of pointers like to be copied, so a slot that is empty keeps its last offer until
/// another takes the slot, and a bit says that it is gone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shown {
    last: OrdMap<SlotId, Arc<Offer>>,
    /// A bit for each slot, by the number of its page.
    live: OrdMap<u32, [u64; WORDS as usize]>,
}

/// Page, word and bit of a slot.
fn place(slot: SlotId) -> (u32, usize, u64) {
    let words = slot.0 / BITS;
    let (page, word) = (words / WORDS, (words % WORDS) as usize);
    (page, word, 1 << (slot.0 % BITS))
}

impl Shown {
    pub(super) fn insert(&mut self, slot: SlotId, offer: &Arc<Offer>) {
        self.last.insert(slot, Arc::clone(offer));
        let (page, word, bit) = place(slot);
        self.live.entry(page).or_insert([0; WORDS as usize])[word] |= bit;
    }

    pub(super) fn remove(&mut self, slot: SlotId) {
        let (page, word, bit) = place(slot);
        if let Some(words) = self.live.get_mut(&page) {
            words[word] &= !bit;
        }
    }

    /// The offers with their slots, by slot.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (SlotId, &Arc<Offer>)> {
        let is_live = |slot: SlotId| {
            let (page, word, bit) = place(slot);
            self.live.get(&page).is_some_and(|words| words[word] & bit != 0)
        };
        self.last.iter().map(|(slot, offer)| (*slot, offer)).filter(move |(slot, _)| is_live(*slot))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use aurora_api::amounts::Resources;
    use proptest::prelude::*;

    use super::*;
    use crate::bench::offer;

    proptest! {
        #[test]
        fn what_is_shown_is_what_is_there(steps in prop::collection::vec((0..1200_u32, any::<bool>()), 0..200)) {
            let mut shown = Shown::default();
            let mut there = BTreeMap::new();
            for (number, (slot, comes)) in steps.into_iter().enumerate() {
                if comes {
                    let offer = Arc::new(offer(&number.to_string(), Resources::default(), &[]));
                    shown.insert(SlotId(slot), &offer);
                    there.insert(SlotId(slot), offer.id.clone());
                } else {
                    shown.remove(SlotId(slot));
                    there.remove(&SlotId(slot));
                }
            }
            let seen: BTreeMap<_, _> = shown.iter().map(|(slot, offer)| (slot, offer.id.clone())).collect();
            prop_assert_eq!(seen, there);
        }
    }
}
