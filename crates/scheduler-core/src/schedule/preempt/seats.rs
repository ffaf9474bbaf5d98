//! The agents that we know, found by what a task asks of them apart from resources.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::sync::Arc;

use aurora_api::amounts::{Resources, Timestamp};
use aurora_api::ids::HostName;

use super::Wish;
use crate::offers::classes::{Class, ClassId, Classes, Lookup, SlotId, Traits};
use crate::offers::kinds::Common;
use crate::offers::{Rank, SearchSizes};
use crate::operation::HostAttributes;
use crate::schedule::filter::{Space, vetoes};
use crate::schedule::search::asked_for;

use super::victims::plenty;

/// Every host whose attributes are stored, in classes of equal mode and attributes.
///
/// Invariant: it holds exactly the hosts of the tables, as they are stored.
#[derive(Debug)]
pub(crate) struct Seats {
    slots: Vec<Slot>,
    by_host: Lookup<HostName, SlotId>,
    classes: Classes,
}

#[derive(Debug)]
struct Slot {
    host: Arc<HostAttributes>,
    rank: Rank,
    class: Option<ClassId>,
}

/// The hosts that may suit a group, as far as they were not looked at yet: those that no maintenance is planned for first, then
/// by name.
#[derive(Debug)]
pub(super) enum Candidates {
    /// Those a rule asks for, last first.
    Named(Vec<SlotId>),
    /// The next member of each class that suits.
    Classes(BinaryHeap<Reverse<(Rank, SlotId, ClassId)>>),
}

fn traits(host: &HostAttributes) -> Traits<'_> {
    Traits {
        mode: host.mode,
        unavailable_from: None,
        space: Space { regular: Resources::default(), revocable: Resources::default() },
        attributes: &host.attributes,
    }
}

impl Seats {
    pub(crate) fn new(sizes: SearchSizes) -> Self {
        Self { slots: Vec::new(), by_host: Lookup::default(), classes: Classes::new(sizes) }
    }

    /// A host is stored, or stored anew.
    pub(crate) fn save(&mut self, host: &Arc<HostAttributes>) {
        let id = if let Some(id) = self.by_host.get(&host.host) {
            let slot = &mut self.slots[id.0 as usize];
            let old = std::mem::replace(&mut slot.host, Arc::clone(host));
            if old.mode == host.mode && old.attributes == host.attributes {
                return;
            }
            if let Some(class) = slot.class.take() {
                self.classes.leave(class, &slot.rank);
            }
            self.classes.forget(*id, &old.attributes);
            slot.rank = Rank::of_host(host);
            *id
        } else {
            let id = SlotId(u32::try_from(self.slots.len()).expect("there are fewer hosts than 2^32"));
            self.by_host.insert(host.host.clone(), id);
            self.slots.push(Slot { host: Arc::clone(host), rank: Rank::of_host(host), class: None });
            id
        };
        match self.classes.know(id, &host.attributes) {
            Ok(()) => self.classify(id),
            Err(too_many) => {
                let known = (0..).map(SlotId).zip(&self.slots).map(|(id, slot)| (id, &slot.host.attributes));
                self.classes.make_individual(too_many, known);
                let all = (0..self.slots.len()).filter_map(|number| u32::try_from(number).ok()).map(SlotId);
                all.for_each(|id| self.classify(id));
            }
        }
    }

    fn classify(&mut self, id: SlotId) {
        let slot = &mut self.slots[id.0 as usize];
        let home = self.classes.class_of(&traits(&slot.host), None);
        self.classes.enter(home.class, id, &slot.rank, &slot.host.attributes);
        slot.class = Some(home.class);
    }

    pub(super) fn host(&self, id: SlotId) -> Option<&Arc<HostAttributes>> {
        self.slots.get(id.0 as usize).map(|slot| &slot.host)
    }

    /// The hosts that no mode and no rule on values excludes, and some that they do: look at each before you use it.
    pub(super) fn candidates(&self, (request, counts): &Wish<'_>, now: Timestamp) -> Candidates {
        let constraints = &request.config.constraints;
        if let Some(named) = constraints.iter().find_map(|constraint| asked_for(&self.classes, constraint)) {
            let mut named: Vec<SlotId> = named.into_iter().collect();
            named.sort_by_key(|id| Reverse(&self.slots[id.0 as usize].rank));
            return Candidates::Named(named);
        }
        let space = Space { regular: plenty(), revocable: plenty() };
        let suits = |class: &Arc<Common>| vetoes(&**class, &space, request, counts, now).is_empty();
        let first_of = |(id, class): (ClassId, &Class)| {
            let (rank, slot) = class.member_after(None).filter(|_| suits(&class.common))?;
            Some(Reverse((rank.clone(), slot, id)))
        };
        Candidates::Classes(self.classes.iter().filter_map(first_of).collect())
    }

    /// Takes the next candidate.
    pub(super) fn next(&self, candidates: &mut Candidates) -> Option<SlotId> {
        match candidates {
            Candidates::Named(named) => named.pop(),
            Candidates::Classes(next) => {
                let mut first = next.peek_mut()?;
                let Reverse((rank, slot, class)) = &mut *first;
                let found = *slot;
                match self.classes.get(*class).and_then(|class| class.member_after(Some(rank))) {
                    Some((behind, slot_behind)) => (*rank, *slot) = (behind.clone(), slot_behind),
                    None => drop(PeekMut::pop(first)),
                }
                Some(found)
            }
        }
    }
}

#[cfg(test)]
#[path = "seats_tests.rs"]
mod tests;
