//! Amounts of an agent's resources and their arithmetic (`spec/mesos.md` §3.7).
//!
//! Scalars are fixed point with three decimals, so 0.1 + 0.2 is 0.3. Resources are unreserved or statically reserved for
//! one role. Absent on purpose: volumes, revocable, shared and provider resources, which one machine does not need.

mod machine;
mod message;
mod text;

pub use machine::agent_resources;
pub use message::{ResourceError, resources_from_messages, resources_to_internal, resources_to_offer};
pub(crate) use text::is_valid_role;
pub use text::{TextError, Value, parse_attributes, parse_resources, parse_value};

use std::collections::BTreeMap;
use std::fmt;

/// The role of resources that are reserved for nobody.
pub const UNRESERVED: &str = "*";

/// How much of one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// Thousandths.
    Scalar(i64),
    /// Inclusive, sorted, neither overlapping nor adjacent.
    Ranges(Vec<(u64, u64)>),
    /// Sorted, without duplicates.
    Set(Vec<String>),
}

impl Quantity {
    /// A scalar of a number, rounded to thousandths.
    #[must_use]
    pub fn scalar(value: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "a float cast saturates, and so it should here")]
        Self::Scalar((value * 1000.0).round() as i64)
    }

    /// Ranges in any order, which may overlap.
    #[must_use]
    pub fn ranges(mut ranges: Vec<(u64, u64)>) -> Self {
        ranges.sort_unstable();
        let mut whole: Vec<(u64, u64)> = Vec::with_capacity(ranges.len());
        for (begin, end) in ranges {
            match whole.last_mut() {
                Some(last) if begin <= last.1.saturating_add(1) => last.1 = last.1.max(end),
                _ => whole.push((begin, end)),
            }
        }
        Self::Ranges(whole)
    }

    /// Items in any order.
    #[must_use]
    pub fn set(mut items: Vec<String>) -> Self {
        items.sort_unstable();
        items.dedup();
        Self::Set(items)
    }

    /// Whether it is nothing at all.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        match self {
            Self::Scalar(value) => *value <= 0,
            Self::Ranges(ranges) => ranges.is_empty(),
            Self::Set(items) => items.is_empty(),
        }
    }

    /// Whether all of `other` is in it; never if they are of different kinds.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Scalar(have), Self::Scalar(want)) => have >= want,
            (Self::Ranges(have), Self::Ranges(want)) => {
                want.iter().all(|want| have.iter().any(|have| have.0 <= want.0 && want.1 <= have.1))
            }
            (Self::Set(have), Self::Set(want)) => want.iter().all(|item| have.contains(item)),
            _ => false,
        }
    }

    fn add(&mut self, other: &Self) {
        match (self, other) {
            (Self::Scalar(value), Self::Scalar(other)) => *value = value.saturating_add(*other),
            (Self::Ranges(ranges), Self::Ranges(other)) => {
                let all = ranges.iter().chain(other).copied().collect();
                if let Self::Ranges(sum) = Self::ranges(all) {
                    *ranges = sum;
                }
            }
            (Self::Set(items), Self::Set(other)) => {
                items.extend(other.iter().cloned());
                items.sort_unstable();
                items.dedup();
            }
            _ => {}
        }
    }

    fn subtract(&mut self, other: &Self) {
        match (self, other) {
            (Self::Scalar(value), Self::Scalar(other)) => *value = value.saturating_sub(*other).max(0),
            (Self::Ranges(ranges), Self::Ranges(other)) => {
                for (begin, end) in other {
                    *ranges = ranges.iter().flat_map(|range| cut(*range, (*begin, *end))).collect();
                }
            }
            (Self::Set(items), Self::Set(other)) => items.retain(|item| !other.contains(item)),
            _ => {}
        }
    }
}

fn cut(range: (u64, u64), hole: (u64, u64)) -> Vec<(u64, u64)> {
    if hole.1 < range.0 || range.1 < hole.0 {
        return vec![range];
    }
    let mut rest = Vec::with_capacity(2);
    if range.0 < hole.0 {
        rest.push((range.0, hole.0 - 1));
    }
    if hole.1 < range.1 {
        rest.push((hole.1 + 1, range.1));
    }
    rest
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scalar(value) => {
                #[expect(clippy::cast_precision_loss, reason = "amounts stay far below 2^53 thousandths")]
                let number = *value as f64 / 1000.0;
                write!(f, "{number}")
            }
            Self::Ranges(ranges) => {
                let parts: Vec<String> = ranges.iter().map(|(begin, end)| format!("{begin}-{end}")).collect();
                write!(f, "[{}]", parts.join(", "))
            }
            Self::Set(items) => write!(f, "{{{}}}", items.join(", ")),
        }
    }
}

/// A collection of resources: a quantity per name and role, in the order in which they were first added.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resources {
    entries: Vec<Entry>,
}

/// One resource of a collection.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Such as `cpus`.
    pub name: String,
    /// The role it is reserved for, or [`UNRESERVED`].
    pub role: String,
    /// How much.
    pub quantity: Quantity,
}

impl Resources {
    /// Adds an amount. Nothing happens for zero.
    pub fn add_entry(&mut self, name: &str, role: &str, quantity: &Quantity) {
        if quantity.is_zero() {
            return;
        }
        match self.entries.iter_mut().find(|entry| entry.name == name && entry.role == role) {
            Some(entry) => entry.quantity.add(quantity),
            None => {
                self.entries.push(Entry {
                    name: name.to_owned(),
                    role: role.to_owned(),
                    quantity: quantity.clone(),
                });
            }
        }
    }

    /// Adds all of another collection.
    pub fn add(&mut self, other: &Self) {
        for entry in &other.entries {
            self.add_entry(&entry.name, &entry.role, &entry.quantity);
        }
    }

    /// Takes all of another collection away, down to nothing.
    pub fn subtract(&mut self, other: &Self) {
        for taken in &other.entries {
            if let Some(entry) =
                self.entries.iter_mut().find(|entry| entry.name == taken.name && entry.role == taken.role)
            {
                entry.quantity.subtract(&taken.quantity);
            }
        }
        self.entries.retain(|entry| !entry.quantity.is_zero());
    }

    /// Whether all of `other` is in it.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        other.entries.iter().all(|want| {
            self.entries.iter().any(|have| {
                have.name == want.name && have.role == want.role && have.quantity.contains(&want.quantity)
            })
        })
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What is in it.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The part that a framework of this role may use.
    #[must_use]
    pub fn usable_by(&self, role: &str) -> Self {
        let entries = self
            .entries
            .iter()
            .filter(|entry| entry.role == UNRESERVED || entry.role == role)
            .cloned()
            .collect();
        Self { entries }
    }

    /// The sum of a scalar over all roles.
    #[must_use]
    pub fn scalar(&self, name: &str) -> f64 {
        let sum: i64 = self
            .entries
            .iter()
            .filter(|entry| entry.name == name)
            .map(|entry| if let Quantity::Scalar(value) = entry.quantity { value } else { 0 })
            .sum();
        #[expect(clippy::cast_precision_loss, reason = "amounts stay far below 2^53 thousandths")]
        let number = sum as f64 / 1000.0;
        number
    }

    /// Quantities per name, roles summed: what `/state` shows.
    #[must_use]
    pub fn by_name(&self) -> BTreeMap<&str, Quantity> {
        let mut sums: BTreeMap<&str, Quantity> = BTreeMap::new();
        for entry in &self.entries {
            sums.entry(&entry.name)
                .and_modify(|sum| sum.add(&entry.quantity))
                .or_insert_with(|| entry.quantity.clone());
        }
        sums
    }
}

impl fmt::Display for Resources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, entry) in self.entries.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{}", entry.name)?;
            if entry.role != UNRESERVED {
                write!(f, "(reservations: [(STATIC,{})])", entry.role)?;
            }
            write!(f, ":{}", entry.quantity)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resources(text: &str) -> Resources {
        parse_resources(text, UNRESERVED).unwrap()
    }

    #[test]
    fn scalars_are_fixed_point() {
        let mut sum = resources("cpus:0.1");
        sum.add(&resources("cpus:0.2"));
        assert_eq!(sum, resources("cpus:0.3"));
        assert!(resources("cpus:1").contains(&resources("cpus:1.0004")));
        assert!(!resources("cpus:1").contains(&resources("cpus:1.001")));
        assert!(resources("cpus:0.0004").is_empty());
    }

    #[test]
    fn ranges_coalesce_and_split() {
        let mut ports = resources("ports:[31000-31005]");
        ports.subtract(&resources("ports:[31002-31003]"));
        assert_eq!(ports.to_string(), "ports:[31000-31001, 31004-31005]");
        assert!(!ports.contains(&resources("ports:[31001-31002]")));
        ports.add(&resources("ports:[31003-31003];ports:[31002-31002]"));
        assert_eq!(ports, resources("ports:[31000-31005]"));
        ports.subtract(&resources("ports:[31000-31005]"));
        assert!(ports.is_empty());
    }

    #[test]
    fn reserved_resources_are_kept_apart() {
        let all = resources("cpus:4;cpus(aurora):2;mem:10");
        assert!(!all.contains(&resources("cpus:5")));
        assert_eq!(all.usable_by("other").to_string(), "cpus:4; mem:10");
        assert_eq!(all.usable_by("aurora"), all);
        assert!((all.scalar("cpus") - 6.0).abs() < 1e-9);
    }
}
