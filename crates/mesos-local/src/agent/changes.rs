//! What may differ between two starts of an agent under one id (`spec/mesos.md` §4.3).

use mesos_v1::messages as v1;

use crate::resources::resources_from_messages;
use crate::shape::view_attribute;

/// Which changes keep the id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReconfigurationPolicy {
    /// None.
    Equal,
    /// More resources, new attributes, wider ranges.
    Additive,
}

impl std::str::FromStr for ReconfigurationPolicy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "equal" => Ok(Self::Equal),
            "additive" => Ok(Self::Additive),
            other => Err(format!("{other:?} is no reconfiguration policy: use equal or additive")),
        }
    }
}

/// Every change that the policy does not allow, from what to what.
pub fn forbidden_changes(
    old: &v1::AgentInfo,
    new: &v1::AgentInfo,
    policy: ReconfigurationPolicy,
) -> Vec<String> {
    let mut changes = Vec::new();
    if old.hostname != new.hostname {
        changes.push(format!("hostname changed from {} to {}", old.hostname, new.hostname));
    }
    if old.port() != new.port() {
        changes.push(format!("port changed from {} to {}", old.port(), new.port()));
    }
    resource_changes(old, new, policy, &mut changes);
    attribute_changes(old, new, policy, &mut changes);
    changes
}

fn resource_changes(
    old: &v1::AgentInfo,
    new: &v1::AgentInfo,
    policy: ReconfigurationPolicy,
    changes: &mut Vec<String>,
) {
    let before = resources_from_messages(&old.resources).unwrap_or_default();
    let after = resources_from_messages(&new.resources).unwrap_or_default();
    for was in before.entries() {
        let is = after.entries().iter().find(|is| is.name == was.name && is.role == was.role);
        let is_allowed = is.is_some_and(|is| match policy {
            ReconfigurationPolicy::Equal => is.quantity == was.quantity,
            ReconfigurationPolicy::Additive => is.quantity.contains(&was.quantity),
        });
        if !is_allowed {
            let is = is.map_or_else(|| "nothing".to_owned(), |is| is.quantity.to_string());
            changes.push(format!("resource {} changed from {} to {is}", was.name, was.quantity));
        }
    }
    if policy == ReconfigurationPolicy::Equal {
        for is in after.entries() {
            if !before.entries().iter().any(|was| was.name == is.name && was.role == is.role) {
                changes.push(format!("resource {} changed from nothing to {}", is.name, is.quantity));
            }
        }
    }
}

fn attribute_changes(
    old: &v1::AgentInfo,
    new: &v1::AgentInfo,
    policy: ReconfigurationPolicy,
    changes: &mut Vec<String>,
) {
    let text = |attribute: &v1::Attribute| match view_attribute(attribute) {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    };
    let values = |attributes: &[v1::Attribute], name: &str| {
        let mut values: Vec<String> = attributes.iter().filter(|one| one.name == name).map(text).collect();
        values.sort_unstable();
        if values.is_empty() { "nothing".to_owned() } else { values.join(", ") }
    };
    let mut names: Vec<&str> =
        old.attributes.iter().chain(&new.attributes).map(|one| one.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let first = |attributes: &'_ [v1::Attribute]| attributes.iter().find(|one| one.name == name).cloned();
        let (was, is) = (values(&old.attributes, name), values(&new.attributes, name));
        let is_allowed = match (policy, first(&old.attributes), first(&new.attributes)) {
            (ReconfigurationPolicy::Equal, ..) => was == is,
            (ReconfigurationPolicy::Additive, None, _) => true,
            (ReconfigurationPolicy::Additive, Some(_), None) => false,
            (ReconfigurationPolicy::Additive, Some(was), Some(is)) => contains(&is, &was),
        };
        if !is_allowed {
            changes.push(format!("attribute {name} changed from {was} to {is}"));
        }
    }
}

fn contains(new: &v1::Attribute, old: &v1::Attribute) -> bool {
    let ranges = |attribute: &v1::Attribute| {
        let ranges = attribute.ranges.iter().flat_map(|ranges| &ranges.range);
        crate::resources::Quantity::ranges(ranges.map(|range| (range.begin, range.end)).collect())
    };
    match (new.r#type(), old.r#type()) {
        (v1::value::Type::Ranges, v1::value::Type::Ranges) => ranges(new).contains(&ranges(old)),
        (new_kind, old_kind) => new_kind == old_kind && new.scalar == old.scalar && new.text == old.text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::{parse_attributes, parse_resources, resources_to_offer};

    fn info(host: &str, resources: &str, attributes: &str) -> v1::AgentInfo {
        let attributes = parse_attributes(attributes).unwrap();
        v1::AgentInfo {
            hostname: host.to_owned(),
            resources: resources_to_offer(&parse_resources(resources, "*").unwrap(), None),
            attributes: attributes.iter().map(|(name, value)| value.to_attribute(name)).collect(),
            port: Some(5051),
            ..v1::AgentInfo::default()
        }
    }

    #[test]
    fn mesos_a4_equal_and_additive_policies() {
        use ReconfigurationPolicy::{Additive, Equal};
        let old = info("a", "cpus:4;ports:[31000-32000]", "rack:a;host:x;level:[1-5]");
        let same = info("a", "cpus:2;cpus:2;ports:[31000-31500,31501-32000]", "host:x;level:[1-5];rack:a");
        assert!(forbidden_changes(&old, &same, Equal).is_empty());

        let more = info("a", "cpus:5;ports:[31000-32000];gpus:1", "rack:a;host:x;level:[1-6];zone:z");
        assert!(forbidden_changes(&old, &more, Additive).is_empty());
        assert_eq!(
            forbidden_changes(&old, &more, Equal),
            [
                "resource cpus changed from 4 to 5",
                "resource gpus changed from nothing to 1",
                "attribute level changed from [1-5] to [1-6]",
                "attribute zone changed from nothing to z",
            ]
        );
        let worse = info("b", "cpus:3;ports:[31000-31500]", "rack:b;level:[1-4]");
        assert_eq!(
            forbidden_changes(&old, &worse, Additive),
            [
                "hostname changed from a to b",
                "resource cpus changed from 4 to 3",
                "resource ports changed from [31000-32000] to [31000-31500]",
                "attribute host changed from x to nothing",
                "attribute level changed from [1-5] to [1-4]",
                "attribute rack changed from a to b",
            ]
        );
    }
}
