//! `pruneTasks`: ended tasks that match a query are forgotten.

use std::sync::Arc;

use aurora_api::task::TaskStatus;
use aurora_api::thrift::rpc::PruneTasks;
use aurora_api::thrift::{Response, TaskQuery};
use scheduler_core::input::Change;

use super::{UNSECURE, envelope, query};
use crate::app::App;

pub async fn answer(app: &App, call: PruneTasks) -> Response {
    let Some(query) = call.query else { return envelope::error("The query is not set.") };
    // Upstream takes an empty set of statuses for all of them and deletes active tasks (`spec/api.md` §12).
    let statuses = query.statuses.unwrap_or_default();
    if statuses.iter().any(|status| TaskStatus::from(*status).is_active()) {
        return envelope::error("Tasks in non-terminal state cannot be pruned.");
    }
    let ended = || TaskStatus::ALL.into_iter().filter(|status| status.is_terminal()).map(Into::into);
    let statuses = if statuses.is_empty() { ended().collect() } else { statuses };
    let query = TaskQuery { statuses: Some(statuses), offset: None, ..query };
    let view = app.view();
    let tasks = match query::find(&view, Some(&query)) {
        Ok(tasks) => tasks.into_iter().map(|task| task.id.clone()).collect(),
        Err(error) => return envelope::error(error.to_string()),
    };
    envelope::of_reply(app.requests.submit(Arc::from(UNSECURE), Change::PruneTasks(tasks)).await)
}
