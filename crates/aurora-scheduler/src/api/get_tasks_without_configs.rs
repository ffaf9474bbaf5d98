//! `getTasksWithoutConfigs`: tasks that match a query, without what their executors run.

use aurora_api::task::Task;
use aurora_api::thrift::rpc::GetTasksWithoutConfigs;
use aurora_api::thrift::{self, Response, ScheduleStatusResult, ScheduledTask};

use super::{envelope, query};
use crate::app::App;

pub fn answer(app: &App, call: &GetTasksWithoutConfigs) -> Response {
    let view = app.view();
    match query::find(&view, call.query.as_ref()) {
        Ok(tasks) => {
            let tasks = tasks.into_iter().map(|task| without_data(task)).collect();
            envelope::ok(thrift::Result::ScheduleStatusResult(ScheduleStatusResult { tasks: Some(tasks) }))
        }
        Err(error) => envelope::error(error.to_string()),
    }
}

fn without_data(task: &Task) -> ScheduledTask {
    let mut wire = ScheduledTask::from(task);
    let config = wire.assigned_task.as_mut().and_then(|assigned| assigned.task.as_mut());
    if let Some(executor) = config.and_then(|config| config.executor_config.as_mut()) {
        executor.data = None;
    }
    wire
}
