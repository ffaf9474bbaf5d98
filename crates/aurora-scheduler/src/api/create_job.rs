//! `createJob`: all instances enter PENDING, or nothing happens.

use std::sync::Arc;

use aurora_api::thrift::Response;
use aurora_api::thrift::rpc::CreateJob;
use scheduler_core::input::Change;
use scheduler_core::validate::validate_job;

use super::{UNSECURE, envelope};
use crate::app::App;

pub async fn answer(app: &App, call: CreateJob) -> Response {
    let Some(description) = call.description else {
        return envelope::error("The job's description is not set.");
    };
    let job = match validate_job(&description, &app.core.policy, &app.core.tiers) {
        Ok(job) => job,
        Err(invalid) => return envelope::invalid(invalid.0),
    };
    // Compat: the check comes after those of the job, and an empty schedule counts (`spec/api.md` §2.4).
    if description.cron_schedule.is_some() {
        let message = "Cron jobs may only be created/updated by calling scheduleCronJob.";
        return envelope::invalid([message.to_owned()]);
    }
    envelope::of_reply(app.requests.submit(Arc::from(UNSECURE), Change::CreateJob(job)).await)
}
