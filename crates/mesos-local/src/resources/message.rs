//! Between resources and the messages that carry them (`spec/mesos.md` §3.6).

use mesos_v1::messages as v1;

use super::text::is_valid_role;
use super::{Quantity, Resources, UNRESERVED, Value};

/// A resource message that cannot be used, with the reason a scheduler is told.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("Resource '{resource}' is invalid: {problem}")]
pub struct ResourceError {
    /// Its name and value.
    pub resource: String,
    /// Why it cannot be used.
    pub problem: String,
}

/// Sums the messages up.
///
/// # Errors
/// One of them is invalid (`spec/mesos.md` §3.7), or of a kind the embedded cluster never offers.
pub fn resources_from_messages(messages: &[v1::Resource]) -> Result<Resources, ResourceError> {
    let mut resources = Resources::default();
    for message in messages {
        let error =
            |problem: &str| ResourceError { resource: describe(message), problem: problem.to_owned() };
        let quantity = quantity_of(message).map_err(error)?;
        let role = role_of(message).map_err(error)?;
        resources.add_entry(&message.name, &role, &quantity);
    }
    Ok(resources)
}

fn describe(message: &v1::Resource) -> String {
    match message.r#type() {
        v1::value::Type::Scalar => {
            let value = message.scalar.map_or(0.0, |scalar| scalar.value);
            format!("{}:{}", message.name, Quantity::scalar(value))
        }
        _ => message.name.clone(),
    }
}

fn quantity_of(message: &v1::Resource) -> Result<Quantity, &'static str> {
    if message.name.is_empty() {
        return Err("it has no name");
    }
    let (scalar, ranges, set) = (&message.scalar, &message.ranges, &message.set);
    match (message.r#type(), scalar, ranges, set) {
        (v1::value::Type::Scalar, Some(scalar), None, None) => {
            if !scalar.value.is_finite() || scalar.value < 0.0 {
                return Err("the scalar is negative or no number");
            }
            let quantity = Quantity::scalar(scalar.value);
            if scalar.value > 0.0 && quantity.is_zero() {
                return Err("the scalar rounds to zero");
            }
            if message.name == "gpus" && scalar.value.fract() != 0.0 {
                return Err("gpus must be whole");
            }
            Ok(quantity)
        }
        (v1::value::Type::Ranges, None, Some(ranges), None) => {
            let mut pairs: Vec<(u64, u64)> =
                ranges.range.iter().map(|range| (range.begin, range.end)).collect();
            pairs.sort_unstable();
            if pairs.iter().any(|(begin, end)| begin > end) {
                return Err("a range ends before it begins");
            }
            if pairs.windows(2).any(|pair| pair[1].0 <= pair[0].1) {
                return Err("its ranges overlap");
            }
            Ok(Quantity::ranges(pairs))
        }
        (v1::value::Type::Set, None, None, Some(set)) => {
            let quantity = Quantity::set(set.item.clone());
            match &quantity {
                Quantity::Set(items) if items.len() == set.item.len() => Ok(quantity),
                _ => Err("an item is there twice"),
            }
        }
        (v1::value::Type::Text, ..) => Err("it is text"),
        _ => Err("the type does not agree with the value"),
    }
}

fn role_of(message: &v1::Resource) -> Result<String, &'static str> {
    if message.disk.is_some()
        || message.revocable.is_some()
        || message.shared.is_some()
        || message.provider_id.is_some()
    {
        return Err("the embedded cluster offers no volumes, revocable, shared or provider resources");
    }
    let role = match message.reservations.as_slice() {
        [] if message.reservation.is_some() => {
            return Err("the embedded cluster has no dynamic reservations");
        }
        [] => message.role.as_deref().unwrap_or(UNRESERVED),
        [one] if one.r#type() == v1::resource::reservation_info::Type::Static => {
            if message.role.is_some() {
                return Err("it is reserved in two ways at once");
            }
            one.role.as_deref().unwrap_or_default()
        }
        _ => return Err("the embedded cluster has no dynamic or refined reservations"),
    };
    if role == UNRESERVED || is_valid_role(role) { Ok(role.to_owned()) } else { Err("the role is malformed") }
}

fn message_of(name: &str, quantity: &Quantity) -> v1::Resource {
    match quantity {
        Quantity::Scalar(value) => {
            #[expect(clippy::cast_precision_loss, reason = "amounts stay far below 2^53 thousandths")]
            let value = *value as f64 / 1000.0;
            v1::Resource::scalar(name, value)
        }
        Quantity::Ranges(ranges) => v1::Resource::ranges(name, ranges.iter().copied()),
        Quantity::Set(items) => v1::Resource {
            name: name.to_owned(),
            r#type: v1::value::Type::Set.into(),
            set: Some(v1::value::Set { item: items.clone() }),
            ..v1::Resource::default()
        },
    }
}

/// As schedulers see them: the role in every resource, and the allocation for those that know several roles.
#[must_use]
pub fn resources_to_offer(resources: &Resources, allocated_to: Option<&str>) -> Vec<v1::Resource> {
    let allocation = allocated_to.map(|role| v1::resource::AllocationInfo { role: Some(role.to_owned()) });
    resources
        .entries()
        .iter()
        .map(|entry| v1::Resource {
            role: Some(entry.role.clone()),
            allocation_info: allocation.clone(),
            ..message_of(&entry.name, &entry.quantity)
        })
        .collect()
}

/// As executors see them: the allocation in every resource, and reservations in a list (`spec/mesos.md` §2.2).
#[must_use]
pub fn resources_to_internal(resources: &Resources, role: &str) -> Vec<v1::Resource> {
    resources
        .entries()
        .iter()
        .map(|entry| {
            let reservation = v1::resource::ReservationInfo {
                role: Some(entry.role.clone()),
                r#type: Some(v1::resource::reservation_info::Type::Static.into()),
                ..v1::resource::ReservationInfo::default()
            };
            v1::Resource {
                reservations: if entry.role == UNRESERVED { Vec::new() } else { vec![reservation] },
                allocation_info: Some(v1::resource::AllocationInfo { role: Some(role.to_owned()) }),
                ..message_of(&entry.name, &entry.quantity)
            }
        })
        .collect()
}

impl Value {
    /// The attribute of this name and value.
    #[must_use]
    pub fn to_attribute(&self, name: &str) -> v1::Attribute {
        let attribute = |kind: v1::value::Type| v1::Attribute {
            name: name.to_owned(),
            r#type: kind.into(),
            ..v1::Attribute::default()
        };
        match self {
            Self::Scalar(value) => v1::Attribute {
                scalar: Some(v1::value::Scalar { value: *value }),
                ..attribute(v1::value::Type::Scalar)
            },
            Self::Ranges(ranges) => {
                let range =
                    ranges.iter().map(|(begin, end)| v1::value::Range { begin: *begin, end: *end }).collect();
                v1::Attribute {
                    ranges: Some(v1::value::Ranges { range }),
                    ..attribute(v1::value::Type::Ranges)
                }
            }
            Self::Set(items) => v1::Attribute {
                set: Some(v1::value::Set { item: items.clone() }),
                ..attribute(v1::value::Type::Set)
            },
            Self::Text(text) => v1::Attribute::text(name, text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::parse_resources;

    #[test]
    fn offers_and_executors_see_their_own_forms() {
        let resources = parse_resources("cpus(web):1.5;ports:[1-3,5-6];zones:{a}", "*").unwrap();
        let offered = resources_to_offer(&resources, None);
        assert!(offered.iter().all(|one| one.role.is_some() && one.allocation_info.is_none()));
        assert_eq!(resources_from_messages(&offered).unwrap(), resources);
        let internal = resources_to_internal(&resources, "web");
        assert!(internal.iter().all(|one| one.role.is_none() && one.allocation_info.is_some()));
        assert_eq!(resources_from_messages(&internal).unwrap(), resources);
    }

    #[test]
    fn invalid_messages_name_what_is_wrong() {
        let tiny = v1::Resource::scalar("cpus", 0.0004);
        let error = resources_from_messages(&[tiny]).unwrap_err();
        assert_eq!(error.to_string(), "Resource 'cpus:0' is invalid: the scalar rounds to zero");
        assert!(resources_from_messages(&[v1::Resource::scalar("cpus", 0.0)]).unwrap().is_empty());
        for bad in [
            v1::Resource::scalar("cpus", -1.0),
            v1::Resource::scalar("gpus", 0.5),
            v1::Resource::scalar("", 1.0),
            v1::Resource::ranges("ports", [(5, 1)]),
            v1::Resource::ranges("ports", [(1, 5), (5, 6)]),
            v1::Resource { ranges: Some(v1::value::Ranges::default()), ..v1::Resource::scalar("cpus", 1.0) },
            v1::Resource { role: Some("a//b".into()), ..v1::Resource::scalar("cpus", 1.0) },
            v1::Resource { revocable: Some(Default::default()), ..v1::Resource::scalar("cpus", 1.0) },
        ] {
            assert!(resources_from_messages(std::slice::from_ref(&bad)).is_err(), "{bad:?}");
        }
    }
}
