//! Telling the person what becomes of each instance.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use aurora_api::thrift::rpc::GetTasksWithoutConfigs;
use aurora_api::thrift::{ResponseCode, ScheduleStatus, ScheduledTask, TaskQuery};
use aurora_client::Client;
use tokio::time::Instant;

use super::supervise::Screen;
use crate::failure::messages;
use crate::pending::{PendingReasons, Reasons};
use crate::tasks::{has_run, instance_id, is_terminal, latest_tasks, tasks_in};

/// How long a task may be pending before its reason is shown.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long a task that ran in an earlier run may be without news, from the first answer of the scheduler on: it asks Mesos
/// about it first.
const NEWS_LIMIT: Duration = Duration::from_secs(20);

/// The message that every task without a health check has; here it would only hide the others.
const ASSUMED_HEALTHY: &str = "No health-check defined";

/// What was told already.
#[derive(Debug)]
pub struct Watch {
    /// Events before this are of an earlier run, in epoch ms.
    since_ms: i64,
    /// When the scheduler answered for the first time.
    start: Option<Instant>,
    told: HashMap<String, usize>,
    pending_since: HashMap<String, Instant>,
    explained: HashSet<String>,
}

/// A job, as role, environment and name with slashes.
pub type JobName = String;

impl Watch {
    /// A watch that tells what happens from now on.
    #[must_use]
    pub fn from_now() -> Self {
        Self {
            since_ms: jiff::Timestamp::now().as_millisecond(),
            start: None,
            told: HashMap::new(),
            pending_since: HashMap::new(),
            explained: HashSet::new(),
        }
    }

    /// Looks once and tells what is new. `None` when the scheduler did not answer.
    pub async fn look(&mut self, client: &Client, screen: &Screen) -> Option<Settled> {
        let tasks = all_tasks(client).await.ok()?;
        self.start.get_or_insert_with(Instant::now);
        let mut news: Vec<(i64, String)> = tasks.iter().flat_map(|task| self.news_of(task)).collect();
        news.sort_by_key(|(at_ms, _)| *at_ms);
        for (_, text) in news {
            screen.step(&text);
        }
        self.explain_pending(&tasks, client, screen).await;
        let mut jobs: HashMap<JobName, Vec<ScheduledTask>> = HashMap::new();
        for task in tasks {
            jobs.entry(job_name(&task)).or_default().push(task);
        }
        jobs.retain(|_, tasks| latest_tasks(tasks).values().all(|task| self.is_settled(task)));
        Some(Settled(jobs.into_keys().collect()))
    }

    /// Whether a task has come to run or has ended, and that is not only what was so in an earlier run.
    fn is_settled(&self, task: &ScheduledTask) -> bool {
        let events = task.task_events.as_deref().unwrap_or_default();
        let last = events.last().and_then(|event| event.timestamp);
        let is_news = last.is_some_and(|last| last >= self.since_ms);
        match task.status {
            Some(status) if is_terminal(status) => true,
            Some(status) => has_run(status) && (is_news || self.is_news_due()),
            None => false,
        }
    }

    /// What has become of a task since the last look: when, and in words.
    fn news_of(&mut self, task: &ScheduledTask) -> Vec<(i64, String)> {
        let events = task.task_events.as_deref().unwrap_or_default();
        let told = self.told.entry(task_id(task)).or_default();
        let new = events.iter().skip(*told);
        *told = events.len();
        if self.is_end_of_earlier_run(task) {
            return Vec::new();
        }
        let instance = format!("{}/{}", job_name(task), instance_id(task));
        let host = task.assigned_task.as_ref().and_then(|assigned| assigned.slave_host.as_deref());
        new.filter_map(|event| {
            let at_ms = event.timestamp.filter(|at_ms| *at_ms >= self.since_ms)?;
            let status = event.status.map_or("unknown", ScheduleStatus::as_str);
            let host = match (event.status, host) {
                (Some(ScheduleStatus::Assigned), Some(host)) => format!(" to {host}"),
                _ => String::new(),
            };
            let message = match event.message.as_deref() {
                Some(message) if !message.is_empty() && !message.starts_with(ASSUMED_HEALTHY) => {
                    format!("  ({message})")
                }
                _ => String::new(),
            };
            Some((at_ms, format!("{instance} {status}{host}{message}")))
        })
        .collect()
    }

    /// Whether this is a task of an earlier run that its stop has ended, of which the scheduler learns only now.
    fn is_end_of_earlier_run(&self, task: &ScheduledTask) -> bool {
        let events = task.task_events.as_deref().unwrap_or_default();
        let first = events.first().and_then(|event| event.timestamp);
        let is_of_earlier_run = first.is_some_and(|first| first < self.since_ms);
        is_of_earlier_run && task.status.is_some_and(is_terminal) && !self.is_news_due()
    }

    /// Whether all that is news of tasks of an earlier run must have come.
    fn is_news_due(&self) -> bool {
        self.start.is_some_and(|start| start.elapsed() > NEWS_LIMIT)
    }

    async fn explain_pending(&mut self, tasks: &[ScheduledTask], client: &Client, screen: &Screen) {
        let mut unexplained = false;
        for task in tasks {
            let id = task_id(task);
            if task.status != Some(ScheduleStatus::Pending) {
                self.pending_since.remove(&id);
                continue;
            }
            let since = *self.pending_since.entry(id.clone()).or_insert_with(Instant::now);
            unexplained |= since.elapsed() > PATIENCE && !self.explained.contains(&id);
        }
        if !unexplained {
            return;
        }
        let Ok(reasons) = PendingReasons::try_fetch(client, TaskQuery::default()).await else {
            return;
        };
        for task in tasks.iter().filter(|task| task.status == Some(ScheduleStatus::Pending)) {
            let reason = reasons.of_task(task);
            if reason != Reasons::default() && self.explained.insert(task_id(task)) {
                let text = reason.sentence();
                screen.step(&format!("{}/{} stays PENDING: {text}", job_name(task), instance_id(task)));
            }
        }
    }
}

/// The jobs of which all instances have come to run, or have ended.
#[derive(Debug)]
pub struct Settled(HashSet<JobName>);

impl Settled {
    /// Whether all of these jobs are among them.
    #[must_use]
    pub fn covers(&self, jobs: &[JobName]) -> bool {
        jobs.iter().all(|job| self.0.contains(job))
    }
}

/// All tasks of the cluster; the error is text for a person.
pub async fn all_tasks(client: &Client) -> Result<Vec<ScheduledTask>, String> {
    let call = GetTasksWithoutConfigs { query: Some(TaskQuery::default()) };
    match client.try_once(&call).await {
        Ok(response) if response.response_code == Some(ResponseCode::Ok) => {
            let mut tasks = tasks_in(response);
            tasks.sort_by_key(|task| (job_name(task), instance_id(task)));
            Ok(tasks)
        }
        Ok(response) => Err(messages(&response)),
        Err(error) => Err(error.to_string()),
    }
}

fn task_id(task: &ScheduledTask) -> String {
    let assigned = task.assigned_task.as_ref();
    assigned.and_then(|assigned| assigned.task_id.clone()).unwrap_or_default()
}

fn job_name(task: &ScheduledTask) -> JobName {
    let config = task.assigned_task.as_ref().and_then(|task| task.task.as_ref());
    let key = config.and_then(|config| config.job.as_ref());
    key.map_or_else(String::new, |key| {
        let part = |part: &Option<String>| part.clone().unwrap_or_default();
        format!("{}/{}/{}", part(&key.role), part(&key.environment), part(&key.name))
    })
}
