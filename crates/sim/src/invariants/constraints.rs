//! Whoever is assigned to an agent suits it: values, limits, dedication.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aurora_api::task::{ConstraintRule, Task, TaskConfig, TaskStatus};

use super::Violation;
use crate::mirror::Mirror;

/// Checks a task that is about to be stored.
///
/// # Errors
/// It is assigned to an agent that breaks one of its rules.
pub fn check(before: &Mirror, task: &Task) -> Result<(), Violation> {
    if task.status != TaskStatus::Assigned || before.status(&task.id) == Some(TaskStatus::Assigned) {
        return Ok(());
    }
    let violation = |what| Err(Violation::new("constraints hold", what));
    let Some(place) = &task.assignment else {
        return violation(format!("{} is ASSIGNED to nothing", task.id));
    };
    let Some(host) = before.host(&place.host) else {
        return violation(format!("{} is on {}, which is not stored", task.id, place.host));
    };
    match broken(before, &task.config, &host.attributes) {
        Some(rule) => violation(format!("{} is on {}, against {rule}", task.id, place.host)),
        None => Ok(()),
    }
}

/// The first rule that one more task of this configuration would break on a host with these attributes.
pub(super) fn broken(
    mirror: &Mirror,
    config: &TaskConfig,
    attributes: &BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
) -> Option<String> {
    let is_named = |name: &str| config.constraints.iter().any(|constraint| &*constraint.name == name);
    if attributes.contains_key("dedicated") && !is_named("dedicated") {
        return Some("dedicated".to_owned());
    }
    config.constraints.iter().find_map(|constraint| {
        let values = attributes.get(&constraint.name);
        let holds = match &constraint.rule {
            ConstraintRule::Value { negated, values: wanted } => {
                values.is_some_and(|values| !values.is_disjoint(wanted)) != *negated
            }
            ConstraintRule::Limit(limit) => values.is_some_and(|values| {
                values
                    .iter()
                    .all(|value| i64::from(*limit) > siblings(mirror, config, &constraint.name, value))
            }),
        };
        (!holds).then(|| format!("{}: {:?}", constraint.name, constraint.rule))
    })
}

/// How many tasks of the job are on hosts with this value.
fn siblings(mirror: &Mirror, config: &TaskConfig, name: &str, value: &str) -> i64 {
    let is_there = |task: &&Arc<Task>| {
        let host = task.assignment.as_ref().and_then(|place| mirror.host(&place.host));
        let values = host.and_then(|host| host.attributes.get(name));
        task.status.is_assigned() && values.is_some_and(|values| values.contains(value))
    };
    i64::try_from(mirror.job(&config.job).filter(is_there).count()).unwrap_or(i64::MAX)
}
