//! `getRoleSummary`: all roles with stored tasks.

use std::collections::BTreeMap;

use aurora_api::thrift::{self, Response, RoleSummary, RoleSummaryResult};

use super::envelope;
use crate::app::App;

pub fn answer(app: &App) -> Response {
    let view = app.view();
    let mut jobs: BTreeMap<&str, i32> = BTreeMap::new();
    for (key, _) in view.jobs() {
        *jobs.entry(key.role()).or_default() += 1;
    }
    let summary = |(role, count): (&str, i32)| RoleSummary {
        role: Some(role.to_owned()),
        job_count: Some(count),
        cron_job_count: Some(0),
    };
    let result = RoleSummaryResult { summaries: Some(jobs.into_iter().map(summary).collect()) };
    envelope::ok(thrift::Result::RoleSummaryResult(result))
}
