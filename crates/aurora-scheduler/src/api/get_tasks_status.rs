//! `getTasksStatus`: tasks that match a query, whole.

use aurora_api::thrift::rpc::GetTasksStatus;
use aurora_api::thrift::{self, Response, ScheduleStatusResult, ScheduledTask};

use super::{envelope, query};
use crate::app::App;

pub fn answer(app: &App, call: &GetTasksStatus) -> Response {
    let view = app.view();
    match query::find(&view, call.query.as_ref()) {
        Ok(tasks) => {
            let tasks = tasks.into_iter().map(|task| ScheduledTask::from(&**task)).collect();
            envelope::ok(thrift::Result::ScheduleStatusResult(ScheduleStatusResult { tasks: Some(tasks) }))
        }
        Err(error) => envelope::error(error.to_string()),
    }
}
