//! `getConfigSummary`: which active instances of a job have which configuration.

use std::sync::Arc;

use aurora_api::ids::JobKey;
use aurora_api::task::TaskConfig;
use aurora_api::thrift::rpc::GetConfigSummary;
use aurora_api::thrift::{self, ConfigGroup, ConfigSummary, ConfigSummaryResult, Range, Response};

use super::envelope;
use crate::app::App;

pub fn answer(app: &App, call: &GetConfigSummary) -> Response {
    let Some(key) = &call.job else { return envelope::error("The job's key is not set.") };
    let job = match JobKey::try_from(key) {
        Ok(job) => job,
        Err(error) => return envelope::error(error.to_string()),
    };
    let view = app.view();
    let mut groups: Vec<(&Arc<TaskConfig>, Vec<u32>)> = Vec::new();
    for task in view.job_tasks(&job).filter(|task| task.status.is_active()) {
        // Equal configurations are one object in the state.
        match groups.iter_mut().find(|(config, _)| Arc::ptr_eq(config, &task.config)) {
            Some((_, instances)) => instances.push(task.instance),
            None => groups.push((&task.config, vec![task.instance])),
        }
    }
    let group = |(config, instances): (&Arc<TaskConfig>, Vec<u32>)| ConfigGroup {
        config: Some(thrift::TaskConfig::from(&**config)),
        instances: Some(ranges(instances)),
    };
    let summary = ConfigSummary {
        key: Some(thrift::JobKey::from(&job)),
        groups: Some(groups.into_iter().map(group).collect()),
    };
    envelope::ok(thrift::Result::ConfigSummaryResult(ConfigSummaryResult { summary: Some(summary) }))
}

/// Instances as closed ranges.
fn ranges(mut instances: Vec<u32>) -> Vec<Range> {
    instances.sort_unstable();
    let mut ranges: Vec<Range> = Vec::new();
    for instance in instances.into_iter().filter_map(|instance| i32::try_from(instance).ok()) {
        match ranges.last_mut() {
            Some(range) if range.last.and_then(|last| last.checked_add(1)) == Some(instance) => {
                range.last = Some(instance);
            }
            _ => ranges.push(Range { first: Some(instance), last: Some(instance) }),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_one_range() {
        let texts: Vec<String> = ranges(vec![5, 0, 1, 2])
            .into_iter()
            .map(|range| format!("{}-{}", range.first.unwrap(), range.last.unwrap()))
            .collect();
        assert_eq!(texts, ["0-2", "5-5"]);
    }
}
