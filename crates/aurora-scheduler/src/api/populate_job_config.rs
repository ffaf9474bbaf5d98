//! `populateJobConfig`: a job's configuration with its defaults, as `createJob` would store it.

use aurora_api::thrift::rpc::PopulateJobConfig;
use aurora_api::thrift::{self, PopulateJobResult, Response, TaskConfig};
use scheduler_core::validate::validate_job;

use super::envelope;
use crate::app::App;

pub fn answer(app: &App, call: &PopulateJobConfig) -> Response {
    let Some(description) = &call.description else {
        return envelope::error("The job's description is not set.");
    };
    match validate_job(description, &app.core.policy, &app.core.tiers) {
        Ok(job) => {
            let task_config = Some(TaskConfig::from(&*job.task));
            envelope::ok(thrift::Result::PopulateJobResult(PopulateJobResult { task_config }))
        }
        Err(invalid) => envelope::invalid(
            invalid.0.into_iter().map(|message| format!("Invalid configuration: {message}")),
        ),
    }
}
