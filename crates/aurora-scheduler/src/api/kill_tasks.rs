//! `killTasks`: all active instances of a job, or those named.

use std::sync::Arc;

use aurora_api::ids::JobKey;
use aurora_api::thrift::Response;
use aurora_api::thrift::rpc::KillTasks;
use scheduler_core::input::Change;

use super::{UNSECURE, envelope};
use crate::app::App;

pub async fn answer(app: &App, call: KillTasks) -> Response {
    let Some(key) = &call.job else { return envelope::error("The job's key is not set.") };
    let job = match JobKey::try_from(key) {
        Ok(job) => job,
        Err(error) => return envelope::invalid([error.to_string()]),
    };
    // Compat: naming no instance means all (`spec/api.md` §2.4). Numbers that no instance can have match nothing.
    let instances = call.instances.filter(|instances| !instances.is_empty());
    let instances = instances.map(|ids| ids.into_iter().filter_map(|id| u32::try_from(id).ok()).collect());
    let nothing_matches = instances.as_ref().is_some_and(std::collections::BTreeSet::is_empty);
    if nothing_matches {
        return envelope::of_reply(Ok(scheduler_core::effect::Reply::Done(vec![
            "No tasks to kill.".to_owned(),
        ])));
    }
    let message = call.message.filter(|message| !message.is_empty()).map(Arc::from);
    let change = Change::KillTasks { job, instances, message };
    envelope::of_reply(app.requests.submit(Arc::from(UNSECURE), change).await)
}
