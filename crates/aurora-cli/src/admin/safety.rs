//! Whether the jobs on hosts can do without them (`spec/cli.md` §9, §10.5).

use std::collections::BTreeSet;

use aurora_api::thrift::{JobKey, TaskQuery};
use aurora_client::Client;
use jiff::Timestamp;

use super::{failure, maintenance};
use crate::failure::Failure;
use crate::sla::{Goal, Jobs, Probe, production_job};
use crate::tasks::ACTIVE;

/// What becomes of the production jobs of at least so many instances if these hosts go down together.
///
/// # Errors
/// If the scheduler cannot be asked or refuses.
pub async fn probe(
    client: &Client,
    hosts: &BTreeSet<String>,
    goal: Goal,
    min_instances: usize,
) -> Result<Vec<Probe>, Failure> {
    let there = maintenance::tasks_on(client, hosts).await?;
    let jobs: BTreeSet<JobKey> = there.values().flatten().filter_map(production_job).cloned().collect();
    if jobs.is_empty() {
        return Ok(Vec::new());
    }
    let query = TaskQuery {
        job_keys: Some(jobs.into_iter().collect()),
        statuses: Some(ACTIVE.to_vec()),
        ..TaskQuery::default()
    };
    let tasks = maintenance::active_tasks(client, query).await?;
    let now = Timestamp::now().as_second();
    Ok(Jobs::of(&tasks, min_instances).probe(hosts, goal, now))
}

/// A line of fields with tabs between them.
#[must_use]
pub fn row(cluster: &str, probe: &Probe) -> String {
    let Probe { host, job, percentage, is_safe, wait } = probe;
    let part = |part: &Option<String>| part.clone().unwrap_or_default();
    let job = format!("{cluster}/{}/{}/{}", part(&job.role), part(&job.environment), part(&job.name));
    let is_safe = if *is_safe { "True" } else { "False" };
    let wait = wait.map_or_else(|| "n/a".to_owned(), |seconds| seconds.to_string());
    format!("{host}\t{job}\t{percentage:.2}\t{is_safe}\t{wait}")
}

/// Reads a percentage that an SLA can ask for.
///
/// # Errors
/// If it is none.
pub fn percentage(text: &str) -> Result<f64, Failure> {
    let number = text.parse().ok().filter(|number: &f64| *number > 0.0 && *number <= 100.0);
    number.ok_or_else(|| failure(format!("Invalid percentage {text}. Must be within (0, 100].")))
}

/// Makes a goal of a percentage and a time span.
#[must_use]
pub fn goal(percentage: f64, duration: std::time::Duration) -> Goal {
    // More seconds than that are as good as never.
    Goal { percentage, duration: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX) }
}
