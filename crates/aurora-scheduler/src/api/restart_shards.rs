//! `restartShards`: instances are killed and started again, all or none.

use std::sync::Arc;

use aurora_api::ids::JobKey;
use aurora_api::thrift::Response;
use aurora_api::thrift::rpc::RestartShards;
use scheduler_core::effect::Reply;
use scheduler_core::input::Change;

use super::{UNSECURE, envelope};
use crate::app::App;

pub async fn answer(app: &App, call: RestartShards) -> Response {
    let Some(key) = &call.job else { return envelope::error("The job's key is not set.") };
    let job = match JobKey::try_from(key) {
        Ok(job) => job,
        Err(error) => return envelope::invalid([error.to_string()]),
    };
    let Some(ids) = call.shard_ids.filter(|ids| !ids.is_empty()) else {
        return envelope::error("Argument cannot be blank");
    };
    let Ok(instances) = ids.into_iter().map(u32::try_from).collect() else {
        return envelope::of_reply(Ok(Reply::Invalid(vec![
            "Not all requested shards are active.".to_owned(),
        ])));
    };
    let change = Change::RestartInstances { job, instances };
    envelope::of_reply(app.requests.submit(Arc::from(UNSECURE), change).await)
}
