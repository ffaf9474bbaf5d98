//! `addInstances`: more instances like one that is active.

use std::sync::Arc;

use aurora_api::ids::JobKey;
use aurora_api::thrift::Response;
use aurora_api::thrift::rpc::AddInstances;
use scheduler_core::input::Change;

use super::{UNSECURE, envelope};
use crate::app::App;

pub async fn answer(app: &App, call: AddInstances) -> Response {
    let instance = call.key.as_ref().and_then(|key| key.instance_id);
    let (Some(key), Some(instance)) = (call.key.as_ref().and_then(|key| key.job_key.as_ref()), instance)
    else {
        return envelope::error("The key of the instance to copy is not set.");
    };
    let job = match JobKey::try_from(key) {
        Ok(job) => job,
        Err(error) => return envelope::invalid([error.to_string()]),
    };
    let count = call.count.and_then(|count| u32::try_from(count).ok()).unwrap_or(0);
    if count == 0 {
        return envelope::invalid(["Instance count must be positive.".to_owned()]);
    }
    let Ok(instance) = u32::try_from(instance) else {
        return envelope::invalid(["No active task found for a given instance ID.".to_owned()]);
    };
    let change = Change::AddInstances { job, instance, count };
    envelope::of_reply(app.requests.submit(Arc::from(UNSECURE), change).await)
}
