//! `forceTaskState`: tells the state machine that a task has a status.

use std::sync::Arc;

use aurora_api::ids::TaskId;
use aurora_api::thrift::Response;
use aurora_api::thrift::rpc::ForceTaskState;
use scheduler_core::input::Change;

use super::{UNSECURE, envelope};
use crate::app::App;

pub async fn answer(app: &App, call: ForceTaskState) -> Response {
    let Some(task) = call.task_id.filter(|id| !id.trim().is_empty()) else {
        return envelope::error("Argument cannot be blank");
    };
    let Some(status) = call.status else { return envelope::error("The status is not set.") };
    let change = Change::ForceStatus { task: TaskId::new(task), status: status.into() };
    envelope::of_reply(app.requests.submit(Arc::from(UNSECURE), change).await)
}
