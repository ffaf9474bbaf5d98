//! Whether an offer suits a task, and if not, why (`spec/scheduler.md` §2.9, §2.10).

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use aurora_api::amounts::{Millis, Resources, Timestamp};
use aurora_api::task::{Constraint, ConstraintRule, TaskConfig};

use super::bag::Bag;
use super::counts::AttributeCounts;
use crate::offers::HeldOffer;
use crate::offers::kinds::Common;
use crate::offers::values::Attributes;
use crate::operation::MaintenanceMode;

/// The attribute that reserves agents.
pub(crate) const DEDICATED: &str = "dedicated";

/// One reason why an offer does not suit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Veto {
    /// The agent is reserved, and the task does not ask for such agents.
    Dedicated,
    /// The agent is being emptied, or soon is by Mesos.
    Draining,
    /// The agent is empty for maintenance.
    Drained,
    /// A rule on an attribute's values is broken, or a limit is on an attribute that the agent lacks.
    Constraint {
        /// The attribute.
        name: Arc<str>,
        /// Whether the agent has no such attribute at all.
        is_missing: bool,
    },
    /// The agent's value of an attribute has as many tasks of the job as it may have.
    Limit {
        /// The attribute.
        name: Arc<str>,
        /// The limit.
        limit: i32,
    },
    /// There is not enough of a resource.
    Insufficient {
        /// Which.
        resource: ResourceKind,
        /// How much the task and its executor need, in the kind's unit.
        need: i64,
        /// How much the offer has.
        available: i64,
    },
}

/// The kinds of resources, in upstream's order (`spec/scheduler.md` §2.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ResourceKind {
    /// In thousandths of a core.
    Cpus,
    /// In MB.
    Ram,
    /// In MB.
    Disk,
    /// A number.
    Ports,
    /// A number.
    Gpus,
}

impl ResourceKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Cpus, Self::Ram, Self::Disk, Self::Ports, Self::Gpus];

    /// As upstream's messages call it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cpus => "CPU",
            Self::Ram => "RAM",
            Self::Disk => "disk",
            Self::Ports => "ports",
            Self::Gpus => "GPU",
        }
    }

    /// Amounts of every kind.
    pub(crate) fn all_of(resources: &Resources) -> Bag {
        Self::ALL.map(|resource| resource.of(resources))
    }

    /// How much of it there is.
    pub const fn of(self, resources: &Resources) -> i64 {
        match self {
            Self::Cpus => resources.cpus.0,
            Self::Ram => resources.ram.0,
            Self::Disk => resources.disk.0,
            Self::Ports => resources.ports,
            Self::Gpus => resources.gpus,
        }
    }

    /// The shortage that has the full score, in upstream's unit; processors are counted in thousandths here.
    pub(crate) const fn scale(self) -> (i64, i64) {
        match self {
            Self::Cpus => (16, 1),
            Self::Ram => (24_576, 1000),
            Self::Disk => (460_800, 1000),
            Self::Ports => (1000, 1000),
            Self::Gpus => (4, 1000),
        }
    }

    /// How far away it is from fitting if so much is lacking.
    pub(crate) fn score(self, lack: i64) -> i64 {
        let (range, factor) = self.scale();
        (lack.saturating_mul(factor) / range).min(1000)
    }
}

impl Veto {
    /// How far away the task is from fitting; a smaller sum is nearer.
    pub fn score(&self) -> i64 {
        match self {
            Self::Dedicated => 1_000_000,
            Self::Draining | Self::Drained => 100_000,
            Self::Constraint { .. } | Self::Limit { .. } => 10_000,
            Self::Insufficient { resource, need, available } => {
                resource.score(need.saturating_sub(*available))
            }
        }
    }

    /// Whether it holds for as long as the offer does. A limit can be met again when a task ends.
    pub const fn is_static(&self) -> bool {
        !matches!(self, Self::Limit { .. })
    }

    /// The kind, as counters spell it.
    pub(crate) const fn counter(&self) -> &'static str {
        match self {
            Self::Dedicated => "scheduling_veto_dedicated_constraint_mismatch",
            Self::Draining | Self::Drained => "scheduling_veto_maintenance",
            Self::Constraint { .. } => "scheduling_veto_constraint_mismatch",
            Self::Limit { .. } => "scheduling_veto_limit_not_satisfied",
            Self::Insufficient { .. } => "scheduling_veto_insufficient_resources",
        }
    }
}

/// Upstream's text.
impl fmt::Display for Veto {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dedicated => write!(formatter, "Host is dedicated"),
            Self::Draining => write!(formatter, "Host draining for maintenance"),
            Self::Drained => write!(formatter, "Host drained for maintenance"),
            Self::Constraint { name, .. } => write!(formatter, "Constraint not satisfied: {name}"),
            Self::Limit { name, .. } => write!(formatter, "Limit not satisfied: {name}"),
            Self::Insufficient { resource, .. } => write!(formatter, "Insufficient: {}", resource.as_str()),
        }
    }
}

/// Whether vetoes last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VetoGroup {
    /// There are none.
    Empty,
    /// All last as long as the offer.
    Static,
    /// None does.
    Dynamic,
    /// Some do.
    Mixed,
}

impl VetoGroup {
    /// Of these vetoes.
    pub fn of(vetoes: &[Veto]) -> Self {
        let lasting = vetoes.iter().filter(|veto| veto.is_static()).count();
        match (lasting, vetoes.len()) {
            (_, 0) => Self::Empty,
            (0, _) => Self::Dynamic,
            (lasting, all) if lasting == all => Self::Static,
            _ => Self::Mixed,
        }
    }

    pub(crate) const fn counter(self) -> Option<&'static str> {
        match self {
            Self::Empty => None,
            Self::Static => Some("scheduling_veto_static"),
            Self::Dynamic => Some("scheduling_veto_dynamic"),
            Self::Mixed => Some("scheduling_veto_mixed"),
        }
    }
}

/// What a task asks of an offer.
#[derive(Clone, Debug)]
pub(crate) struct Request<'a> {
    pub(crate) config: &'a TaskConfig,
    /// The task's resources and its executor's.
    pub(crate) footprint: Resources,
    /// Whether its tier takes revocable resources.
    pub(crate) is_revocable: bool,
    pub(crate) unavailability_threshold: Millis,
}

impl Request<'_> {
    /// Where its tasks take their resources from.
    pub(crate) fn pool(&self) -> Pool {
        if self.is_revocable { Pool::Revocable } else { Pool::Regular }
    }
}

/// Resources of an offer that tasks of one kind of tier may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pool {
    /// Tiers that are not revocable.
    Regular,
    /// Revocable tiers.
    Revocable,
}

/// What an offer still has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Space {
    /// For tasks of a non-revocable tier.
    pub(crate) regular: Resources,
    /// For tasks of a revocable tier.
    pub(crate) revocable: Resources,
}

impl HeldOffer {
    /// All that it offers.
    pub(crate) fn offer_space(&self) -> Space {
        Space { regular: self.offer.resources, revocable: self.offer.revocable }
    }
}

impl Space {
    /// What is in a pool.
    pub(crate) fn of(&self, pool: Pool) -> &Resources {
        match pool {
            Pool::Regular => &self.regular,
            Pool::Revocable => &self.revocable,
        }
    }

    /// Offers without processors or memory cannot hold any task and are not even looked at.
    pub(super) fn is_worth_trying(&self) -> bool {
        let Self { regular, revocable } = self;
        (regular.cpus.0 > 0 || revocable.cpus.0 > 0) && (regular.ram.0 > 0 || revocable.ram.0 > 0)
    }
}

/// What the filter looks at, apart from resources: an offer, or what a class of offers has in common.
pub(super) trait Agent {
    fn mode(&self) -> MaintenanceMode;
    fn unavailable_from(&self) -> Option<Timestamp>;
    fn attribute(&self, name: &str) -> Attribute<'_>;
}

/// An attribute of an agent.
pub(super) enum Attribute<'a> {
    Missing,
    Values(&'a BTreeSet<Arc<str>>),
    /// It has some, but none that a rule names or that has reached a limit.
    Other,
    /// It has some, none that a rule names, of which one has as many tasks as this limit allows, which is the highest that any
    /// has reached.
    AtLimit(i32),
}

impl Agent for HeldOffer {
    fn mode(&self) -> MaintenanceMode {
        self.mode
    }

    fn unavailable_from(&self) -> Option<Timestamp> {
        self.offer.unavailable_from
    }

    fn attribute(&self, name: &str) -> Attribute<'_> {
        self.offer.attributes.get(name).map_or(Attribute::Missing, Attribute::Values)
    }
}

/// The members of a class that have a value which a rule names, or which has reached a limit, must be looked at themselves.
impl Agent for Common {
    fn mode(&self) -> MaintenanceMode {
        self.mode
    }

    fn unavailable_from(&self) -> Option<Timestamp> {
        self.unavailable_from
    }

    fn attribute(&self, name: &str) -> Attribute<'_> {
        match self.shared.get(name) {
            Some(values) => Attribute::Values(values),
            None if self.individual.contains(name) => Attribute::Other,
            None => Attribute::Missing,
        }
    }
}

/// Some of the limits of a request, by their numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Reached(u64);

impl Reached {
    /// Numbers are below this.
    pub(super) const LIMITS_MAX: usize = u64::BITS as usize;

    pub(super) fn add(&mut self, number: usize) {
        self.0 |= 1 << number;
    }

    pub(super) fn is_any(self) -> bool {
        self.0 != 0
    }

    fn contains(self, number: usize) -> bool {
        self.0 & (1 << number) != 0
    }
}

/// Having reached these limits on individual attributes, and no others.
pub(super) struct AtLimits<'a> {
    pub(super) limits: &'a [(&'a Arc<str>, i32)],
    pub(super) reached: Reached,
}

/// What members of a class have that others of it have not.
pub(super) trait Individual {
    /// An individual attribute that all of the class have.
    fn attribute(&self, name: &str) -> Attribute<'_>;
}

impl Individual for AtLimits<'_> {
    fn attribute(&self, name: &str) -> Attribute<'_> {
        let of_name = |number: &usize| {
            let (limited, _) = self.limits[*number];
            self.reached.contains(*number) && **limited == *name
        };
        let reached = (0..self.limits.len()).filter(of_name).map(|number| self.limits[number].1);
        reached.max().map_or(Attribute::Other, Attribute::AtLimit)
    }
}

impl Individual for &Attributes {
    fn attribute(&self, name: &str) -> Attribute<'_> {
        self.get(name).map_or(Attribute::Missing, Attribute::Values)
    }
}

/// An offer of a class, or several. What all its members have in common is looked at there, as that is near in memory.
pub(super) struct Member<'a, I> {
    pub(super) common: &'a Common,
    pub(super) individual: I,
}

impl<I: Individual> Agent for Member<'_, I> {
    fn mode(&self) -> MaintenanceMode {
        self.common.mode
    }

    fn unavailable_from(&self) -> Option<Timestamp> {
        self.common.unavailable_from
    }

    fn attribute(&self, name: &str) -> Attribute<'_> {
        match self.common.attribute(name) {
            Attribute::Other => self.individual.attribute(name),
            known => known,
        }
    }
}

/// Why this offer does not suit; nothing if it does. Each stage hides the later ones.
pub(super) fn vetoes(
    agent: &impl Agent,
    space: &Space,
    request: &Request<'_>,
    counts: &AttributeCounts,
    now: Timestamp,
) -> Vec<Veto> {
    match refusal(agent, request, counts, now) {
        Some(veto) => vec![veto],
        None => shortages(space.of(request.pool()), request),
    }
}

/// Why an agent does not suit, however much it has.
pub(super) fn refusal(
    agent: &impl Agent,
    request: &Request<'_>,
    counts: &AttributeCounts,
    now: Timestamp,
) -> Option<Veto> {
    dedicated(agent, request)
        .or_else(|| maintenance(agent, request, now))
        .or_else(|| constraints(agent, request, counts))
}

fn dedicated(agent: &impl Agent, request: &Request<'_>) -> Option<Veto> {
    let is_dedicated = !matches!(agent.attribute(DEDICATED), Attribute::Missing);
    let asks_for_it = || request.config.constraints.iter().any(|constraint| &*constraint.name == DEDICATED);
    (is_dedicated && !asks_for_it()).then_some(Veto::Dedicated)
}

fn maintenance(agent: &impl Agent, request: &Request<'_>, now: Timestamp) -> Option<Veto> {
    let is_unavailable_soon =
        || agent.unavailable_from().is_some_and(|from| from.since(now) < request.unavailability_threshold);
    match agent.mode() {
        MaintenanceMode::Draining => Some(Veto::Draining),
        MaintenanceMode::Drained => Some(Veto::Drained),
        MaintenanceMode::None | MaintenanceMode::Scheduled => is_unavailable_soon().then_some(Veto::Draining),
    }
}

/// Rules on values first, as they cost less and last longer.
fn constraints(agent: &impl Agent, request: &Request<'_>, counts: &AttributeCounts) -> Option<Veto> {
    let is_limit = |constraint: &&Constraint| matches!(constraint.rule, ConstraintRule::Limit(_));
    let constraints = &request.config.constraints;
    let values_first =
        constraints.iter().filter(|rule| !is_limit(rule)).chain(constraints.iter().filter(is_limit));
    values_first.into_iter().find_map(|constraint| broken(constraint, agent, counts))
}

fn broken(constraint: &Constraint, agent: &impl Agent, counts: &AttributeCounts) -> Option<Veto> {
    let name = &constraint.name;
    let attribute = agent.attribute(name);
    let is_missing = matches!(attribute, Attribute::Missing);
    let mismatch = || Veto::Constraint { name: Arc::clone(name), is_missing };
    match &constraint.rule {
        ConstraintRule::Value { negated, values } => {
            let matches = matches!(attribute, Attribute::Values(of_agent) if !of_agent.is_disjoint(values));
            (matches == *negated).then(mismatch)
        }
        ConstraintRule::Limit(limit) => {
            let is_reached = match attribute {
                Attribute::Missing => return Some(mismatch()),
                _ if *limit > 0 && counts.is_empty(name) => false,
                Attribute::Values(of_agent) => {
                    of_agent.iter().any(|value| i64::from(*limit) <= i64::from(counts.get(name, value)))
                }
                Attribute::Other => *limit <= 0,
                Attribute::AtLimit(highest) => *limit <= highest,
            };
            is_reached.then(|| Veto::Limit { name: Arc::clone(name), limit: *limit })
        }
    }
}

fn shortages(available: &Resources, request: &Request<'_>) -> Vec<Veto> {
    if available.holds(&request.footprint) {
        return Vec::new();
    }
    lacking(&ResourceKind::all_of(&request.footprint), &ResourceKind::all_of(available))
}

/// What is lacking.
pub(super) fn lacking(need: &Bag, has: &Bag) -> Vec<Veto> {
    let shortage = |resource: ResourceKind| {
        let (need, available) = (need[resource as usize], has[resource as usize]);
        (need > available).then_some(Veto::Insufficient { resource, need, available })
    };
    ResourceKind::ALL.into_iter().filter_map(shortage).collect()
}

#[cfg(test)]
#[path = "filter_tests.rs"]
mod tests;
