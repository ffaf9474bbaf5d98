//! How much of a job stays up when hosts go down, and when it will be enough (`spec/cli.md` §9). Pure: times come in.

use std::collections::{BTreeMap, BTreeSet};

use aurora_api::thrift::{JobKey, ScheduleStatus, ScheduledTask};

/// What a job must keep up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Goal {
    /// How many of its instances, in percent: above 0, at most 100.
    pub percentage: f64,
    /// For how long they must have been up, in seconds.
    pub duration: i64,
}

/// For how many whole seconds instances have been up, the shortest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uptimes(Vec<i64>);

impl FromIterator<i64> for Uptimes {
    fn from_iter<I: IntoIterator<Item = i64>>(seconds: I) -> Self {
        let mut seconds: Vec<i64> = seconds.into_iter().collect();
        seconds.sort_unstable();
        Self(seconds)
    }
}

impl Uptimes {
    /// How many of `total` instances have been up for at least so many seconds, in percent; 0 of none.
    #[must_use]
    pub fn up_count(&self, duration: i64, total: usize) -> f64 {
        if total == 0 {
            return 0.0;
        }
        let up = self.0.len() - self.0.partition_point(|uptime| *uptime < duration);
        100.0 * count(up) / count(total)
    }

    /// In how many seconds `total` instances reach a goal if nothing changes; `None` if there are too few of them.
    #[must_use]
    pub fn wait_for(&self, goal: Goal, total: usize) -> Option<i64> {
        if self.up_count(goal.duration, total) >= goal.percentage {
            return Some(0);
        }
        // A whole number of at most `total`.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "see above")]
        let needed = (count(total) * goal.percentage / 100.0).ceil() as usize;
        let index = self.0.len().checked_sub(needed)?;
        self.0.get(index).map(|uptime| goal.duration - uptime)
    }
}

/// A number of instances: no cluster has more than f64 can tell apart.
fn count(instances: usize) -> f64 {
    instances as f64
}

/// An active instance of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// Where it is, if it was placed.
    pub host: Option<String>,
    /// Since when it has been up, in epoch seconds; `None` if it is not, or not any more.
    pub up_since: Option<i64>,
}

impl Instance {
    /// What a task is to an SLA. One on its way down is not up, whatever its uptime.
    #[must_use]
    pub fn of(task: &ScheduledTask) -> Self {
        let is_up = matches!(task.status, Some(ScheduleStatus::Running | ScheduleStatus::Partitioned));
        let running = task.task_events.iter().flatten();
        let running = running.filter(|event| event.status == Some(ScheduleStatus::Running));
        let first = running.filter_map(|event| event.timestamp).min();
        Self {
            host: task.assigned_task.as_ref().and_then(|assigned| assigned.slave_host.clone()),
            up_since: first.filter(|_| is_up).map(|millis| millis.div_euclid(1000)),
        }
    }
}

/// What happens to one job if hosts go down, seen from one of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// A host that goes down.
    pub host: String,
    /// A job with instances there.
    pub job: JobKey,
    /// How many of its instances are left that have been up for long enough, in percent.
    pub percentage: f64,
    /// Whether they suffice.
    pub is_safe: bool,
    /// In how many seconds they will; `None` if too few are left.
    pub wait: Option<i64>,
}

/// The jobs that hosts may take down: production jobs of some size.
#[derive(Clone, Debug, Default)]
pub struct Jobs(BTreeMap<JobKey, Vec<Instance>>);

impl Jobs {
    /// The production jobs among active tasks that have at least so many instances. Those that wait for a place count:
    /// else a job would seem safe the more of it is down.
    #[must_use]
    pub fn of(tasks: &[ScheduledTask], min_instances: usize) -> Self {
        let mut jobs: BTreeMap<JobKey, Vec<Instance>> = BTreeMap::new();
        for task in tasks {
            if let Some(job) = production_job(task) {
                jobs.entry(job.clone()).or_default().push(Instance::of(task));
            }
        }
        jobs.retain(|_, instances| instances.len() >= min_instances);
        Self(jobs)
    }

    /// What happens if these hosts go down together, by host and job. Hosts that concern no job are left out.
    #[must_use]
    pub fn probe(&self, hosts: &BTreeSet<String>, goal: Goal, now: i64) -> Vec<Probe> {
        let mut probes = Vec::new();
        for (job, instances) in &self.0 {
            let is_left =
                |instance: &&Instance| instance.host.as_ref().is_none_or(|host| !hosts.contains(host));
            let left = instances.iter().filter(is_left).filter_map(|instance| instance.up_since);
            let left: Uptimes = left.map(|since| now - since).collect();
            let percentage = left.up_count(goal.duration, instances.len());
            let wait = left.wait_for(goal, instances.len());
            let on: BTreeSet<&String> = instances
                .iter()
                .filter_map(|instance| instance.host.as_ref())
                .filter(|host| hosts.contains(*host))
                .collect();
            probes.extend(on.into_iter().map(|host| Probe {
                host: host.clone(),
                job: job.clone(),
                percentage,
                is_safe: percentage >= goal.percentage,
                wait,
            }));
        }
        probes.sort_by(|one, other| (&one.host, &one.job).cmp(&(&other.host, &other.job)));
        probes
    }
}

/// The job of a task, if it is a production job.
#[must_use]
pub fn production_job(task: &ScheduledTask) -> Option<&JobKey> {
    let config = task.assigned_task.as_ref()?.task.as_ref()?;
    config.job.as_ref().filter(|_| config.production == Some(true))
}

#[cfg(test)]
#[path = "sla_tests.rs"]
mod tests;
