//! A configuration of a job's page.

use std::fmt::Display;

use aurora_api::amounts::Megabytes;
use aurora_api::task::{ConstraintRule, Container, Image, TaskConfig};

/// What instances run and need, field by field.
pub struct ConfigTable {
    pub instances: String,
    pub fields: Vec<(&'static str, String)>,
}

impl ConfigTable {
    /// The table of one configuration.
    pub fn new(config: &TaskConfig, mut instances: Vec<u32>) -> Self {
        instances.sort_unstable();
        let resources = &config.resources;
        let mut fields = vec![
            ("CPU", format!("{} cores", resources.cpus)),
            ("RAM", Megabytes(resources.ram.0).to_string()),
            ("Disk", Megabytes(resources.disk.0).to_string()),
        ];
        let mut add = |name, text: String| {
            if !text.is_empty() {
                fields.push((name, text));
            }
        };
        add("GPU", if resources.gpus > 0 { resources.gpus.to_string() } else { String::new() });
        add("Ports", joined(&config.ports));
        add("Kind", if config.is_service { "service" } else { "adhoc" }.to_owned());
        add("Tier", config.tier.to_string());
        add("Priority", if config.priority == 0 { String::new() } else { config.priority.to_string() });
        add("Failures allowed", failures_allowed(config));
        add(
            "Constraints",
            joined(config.constraints.iter().map(|rule| format!("{}: {}", rule.name, rule_text(&rule.rule)))),
        );
        add("Container", container(&config.container));
        add(
            "Executor",
            config.executor.as_ref().map(|executor| executor.name.to_string()).unwrap_or_default(),
        );
        add("Metadata", joined(config.metadata.iter().map(|(key, value)| format!("{key}: {value}"))));
        add("Contact", config.contact_email.as_deref().unwrap_or_default().to_owned());
        Self { instances: ranges(&instances), fields }
    }
}

/// A service starts again however often it fails.
fn failures_allowed(config: &TaskConfig) -> String {
    match config.max_task_failures {
        _ if config.is_service => String::new(),
        -1 => "any number".to_owned(),
        number => number.max(1).to_string(),
    }
}

fn joined<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}

fn rule_text(rule: &ConstraintRule) -> String {
    match rule {
        ConstraintRule::Value { negated, values } => {
            format!("{}{}", if *negated { "not " } else { "" }, joined(values).replace(", ", " or "))
        }
        ConstraintRule::Limit(limit) => format!("at most {limit}"),
    }
}

fn container(container: &Container) -> String {
    match container {
        Container::Mesos { image: None, .. } => String::new(),
        Container::Mesos { image: Some(Image::Docker { name, tag }), .. } => format!("image {name}:{tag}"),
        Container::Mesos { image: Some(Image::Appc { name, .. }), .. } => format!("appc image {name}"),
        Container::Docker { image, .. } => format!("docker {image}"),
    }
}

/// `0 - 2, 5`.
fn ranges(sorted: &[u32]) -> String {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for instance in sorted {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == *instance => *last = *instance,
            _ => ranges.push((*instance, *instance)),
        }
    }
    joined(
        ranges.into_iter().map(
            |(first, last)| {
                if first == last { first.to_string() } else { format!("{first} – {last}") }
            },
        ),
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use aurora_api::task::Constraint;

    use super::*;
    use crate::testing::config;

    #[test]
    fn a_configuration_is_told_in_words() {
        let mut config = config();
        config.constraints.insert(Constraint { name: Arc::from("host"), rule: ConstraintRule::Limit(1) });
        config.constraints.insert(Constraint {
            name: Arc::from("zone"),
            rule: ConstraintRule::Value { negated: true, values: [Arc::from("a"), Arc::from("b")].into() },
        });
        let table = ConfigTable::new(&config, vec![5, 2, 0, 1]);
        assert_eq!(table.instances, "0 – 2, 5");
        let field =
            |name: &str| table.fields.iter().find(|field| field.0 == name).map(|field| field.1.as_str());
        assert_eq!(field("CPU"), Some("0.5 cores"));
        assert_eq!(field("Constraints"), Some("host: at most 1, zone: not a or b"));
        assert_eq!(field("GPU"), None);
    }

    #[test]
    fn only_what_may_end_counts_its_failures() {
        let allowed = |is_service, max_task_failures| {
            let config = TaskConfig { is_service, max_task_failures, ..config() };
            let fields = ConfigTable::new(&config, vec![0]).fields;
            fields.into_iter().find(|field| field.0 == "Failures allowed").map(|field| field.1)
        };
        assert_eq!(allowed(true, 1), None);
        assert_eq!(allowed(false, 3).as_deref(), Some("3"));
        assert_eq!(allowed(false, 0).as_deref(), Some("1"), "the first failure is the last");
        assert_eq!(allowed(false, -1).as_deref(), Some("any number"));
    }
}
