//! `getPendingReason`: why tasks wait for an offer.

use aurora_api::amounts::Timestamp;
use aurora_api::ids::TaskId;
use aurora_api::thrift::rpc::GetPendingReason;
use aurora_api::thrift::{self, GetPendingReasonResult, PendingReason, Response, ScheduleStatus, TaskQuery};
use scheduler_core::View;

use super::{envelope, query};
use crate::app::App;

pub fn answer(app: &App, call: &GetPendingReason) -> Response {
    let Some(query) = &call.query else { return envelope::error(query::QueryError::Missing.to_string()) };
    if query.slave_hosts.as_ref().is_some_and(|hosts| !hosts.is_empty()) {
        return envelope::invalid([format!("SlaveHosts are not supported in {}", query::dump(query))]);
    }
    if query.statuses.as_ref().is_some_and(|statuses| !statuses.is_empty()) {
        return envelope::invalid([format!("Statuses is not supported in {}", query::dump(query))]);
    }
    let pending = TaskQuery { statuses: Some(vec![ScheduleStatus::Pending]), ..query.clone() };
    let (view, now) = (app.view(), app.now());
    match query::find(&view, Some(&pending)) {
        Ok(tasks) => {
            let reason = |task: &std::sync::Arc<aurora_api::task::Task>| PendingReason {
                task_id: Some(task.id.to_string()),
                reason: Some(reason_text(&view, &task.id, now)),
            };
            let reasons = Some(tasks.into_iter().map(reason).collect());
            envelope::ok(thrift::Result::GetPendingReasonResult(GetPendingReasonResult { reasons }))
        }
        Err(error) => envelope::error(error.to_string()),
    }
}

/// Upstream's text is the first line, for its clients; then every reason with the number of agents it holds for.
fn reason_text(view: &View, id: &TaskId, now: Timestamp) -> String {
    std::iter::once(view.pending_reason(id, now))
        .chain(view.pending_lines(id))
        .collect::<Vec<_>>()
        .join("\n")
        .trim_end()
        .to_owned()
}
