//! `getJobs`: jobs with active tasks.

use std::sync::Arc;

use aurora_api::job::JobConfiguration;
use aurora_api::thrift::rpc::GetJobs;
use aurora_api::thrift::{self, GetJobsResult, Response};

use super::envelope;
use super::get_job_summary::{of_role, shown_task};
use crate::app::App;

pub fn answer(app: &App, call: &GetJobs) -> Response {
    let view = app.view();
    let active = of_role(&view, call.owner_role.as_deref()).filter(|(_, job)| job.active_count() > 0);
    let configs = active.filter_map(|(key, job)| {
        Some(thrift::JobConfiguration::from(&JobConfiguration {
            task: Arc::clone(&shown_task(&view, key)?.config),
            instance_count: u32::try_from(job.active_count()).unwrap_or(u32::MAX),
            cron: None,
        }))
    });
    envelope::ok(thrift::Result::GetJobsResult(GetJobsResult { configs: Some(configs.collect()) }))
}
