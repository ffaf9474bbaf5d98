//! The agents that we know, found by what a task asks of them apart from resources.

use std::sync::Arc;

use aurora_api::amounts::{Resources, Timestamp};
use aurora_api::ids::HostName;

use super::Wish;
use crate::offers::Rank;
use crate::offers::classes::{ClassId, Classes, Lookup, SlotId, Traits};
use crate::offers::kinds::Common;
use crate::operation::HostAttributes;
use crate::schedule::filter::{Space, vetoes};
use crate::schedule::search::asked_for;

use super::victims::plenty;

/// Every host whose attributes are stored, in classes of equal mode and attributes.
///
/// Invariant: it holds exactly the hosts of the tables, as they are stored.
#[derive(Debug, Default)]
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

/// The hosts that may suit a group, as far as they were not looked at yet.
#[derive(Debug)]
pub(super) enum Candidates {
    /// Those a rule asks for, last first.
    Named(Vec<SlotId>),
    /// Those of some classes, last class first, behind a member of that class.
    Classes(Vec<ClassId>, Option<Rank>),
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
            return Candidates::Named(named.into_iter().rev().collect());
        }
        let space = Space { regular: plenty(), revocable: plenty() };
        let suits = |class: &Arc<Common>| vetoes(&**class, &space, request, counts, now).is_empty();
        let classes = self.classes.iter().filter(|(_, class)| suits(&class.common)).map(|(id, _)| id);
        let mut classes: Vec<ClassId> = classes.collect();
        classes.reverse();
        Candidates::Classes(classes, None)
    }

    /// Takes the next candidate.
    pub(super) fn next(&self, candidates: &mut Candidates) -> Option<SlotId> {
        match candidates {
            Candidates::Named(named) => named.pop(),
            Candidates::Classes(classes, last) => loop {
                let class = self.classes.get(*classes.last()?);
                if let Some((rank, slot)) = class.and_then(|class| class.member_after(last.as_ref())) {
                    *last = Some(rank.clone());
                    return Some(slot);
                }
                classes.pop();
                *last = None;
            },
        }
    }
}

#[cfg(test)]
#[path = "seats_tests.rs"]
mod tests;
