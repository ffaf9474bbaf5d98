//! `getJobSummary`: all jobs with stored tasks, and how these fare.

use std::sync::Arc;

use aurora_api::ids::JobKey;
use aurora_api::job::JobConfiguration;
use aurora_api::task::{Task, TaskStatus};
use aurora_api::thrift::rpc::GetJobSummary;
use aurora_api::thrift::{self, JobStats, JobSummary, JobSummaryResult, Response};
use scheduler_core::View;
use scheduler_core::view::JobTasks;

use super::envelope;
use crate::app::App;

pub fn answer(app: &App, call: &GetJobSummary) -> Response {
    let view = app.view();
    let summaries = of_role(&view, call.role.as_deref()).filter_map(|(key, job)| {
        let stored = job.active_count() + job.ended_count();
        let shown = JobConfiguration {
            task: Arc::clone(&shown_task(&view, key)?.config),
            instance_count: u32::try_from(stored).unwrap_or(u32::MAX),
            cron: None,
        };
        Some(JobSummary {
            job: Some(thrift::JobConfiguration::from(&shown)),
            stats: Some(stats(view.job_tasks(key))),
            next_cron_run_ms: None,
        })
    });
    let result = JobSummaryResult { summaries: Some(summaries.collect()) };
    envelope::ok(thrift::Result::JobSummaryResult(result))
}

/// The jobs of a role, or of all.
pub fn of_role<'a>(
    view: &'a View,
    role: Option<&'a str>,
) -> impl Iterator<Item = (&'a JobKey, &'a JobTasks)> {
    let role = role.filter(|role| !role.trim().is_empty());
    view.jobs().filter(move |(key, _)| role.is_none_or(|role| key.role() == role))
}

/// The task whose configuration stands for the job: an active one if there is one, else an ended one; of several the one
/// that changed last.
pub fn shown_task<'a>(view: &'a View, key: &JobKey) -> Option<&'a Arc<Task>> {
    view.job_tasks(key).max_by_key(|task| (task.status.is_active(), task.last_event().map(|event| event.at)))
}

/// How many tasks are in which kind of status (`spec/scheduler.md` §1.1).
pub fn stats<'a>(tasks: impl Iterator<Item = &'a Arc<Task>>) -> JobStats {
    let (mut active, mut finished, mut failed, mut pending) = (0, 0, 0, 0);
    for task in tasks {
        match task.status {
            TaskStatus::Init | TaskStatus::Pending | TaskStatus::Throttled => pending += 1,
            TaskStatus::Killed | TaskStatus::Finished => finished += 1,
            TaskStatus::Lost | TaskStatus::Failed => failed += 1,
            TaskStatus::Starting
            | TaskStatus::Running
            | TaskStatus::Killing
            | TaskStatus::Assigned
            | TaskStatus::Restarting
            | TaskStatus::Preempting
            | TaskStatus::Draining
            | TaskStatus::Partitioned => active += 1,
        }
    }
    JobStats {
        active_task_count: Some(active),
        finished_task_count: Some(finished),
        failed_task_count: Some(failed),
        pending_task_count: Some(pending),
    }
}
