//! Which tasks a `TaskQuery` means (`spec/api.md` §1.4, §2.3).

use std::collections::BTreeSet;
use std::sync::Arc;

use aurora_api::ids::{JobKey, TaskId};
use aurora_api::task::{Task, TaskStatus};
use aurora_api::thrift::{ScheduleStatus, TaskQuery};
use scheduler_core::View;

/// A query that cannot be answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// No query at all.
    #[error("The query is not set.")]
    Missing,
    /// Role, environment and name are given, and are no key.
    #[error("Invalid job key: {0}")]
    BadJob(String),
    /// One of the keys is none.
    #[error("Invalid job key format: IJobKey{{role={role}, environment={environment}, name={name}}}")]
    BadKey {
        /// Its role.
        role: String,
        /// Its environment.
        environment: String,
        /// Its name.
        name: String,
    },
}

/// A query with its terms checked; a term that is unset or empty does not restrict.
#[derive(Debug, Default)]
struct Terms {
    ids: Option<BTreeSet<TaskId>>,
    jobs: Option<BTreeSet<JobKey>>,
    role: Option<String>,
    environment: Option<String>,
    name: Option<String>,
    statuses: Option<BTreeSet<TaskStatus>>,
    instances: Option<BTreeSet<i64>>,
    hosts: Option<BTreeSet<String>>,
}

fn set<T, U: Ord>(wire: Option<&Vec<T>>, read: impl FnMut(&T) -> U) -> Option<BTreeSet<U>> {
    wire.filter(|wire| !wire.is_empty()).map(|wire| wire.iter().map(read).collect())
}

fn nonblank(text: Option<&String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty()).cloned()
}

impl Terms {
    fn read(query: &TaskQuery) -> Result<Self, QueryError> {
        let mut terms = Self {
            ids: set(query.task_ids.as_ref(), |id| TaskId::new(id.as_str())),
            jobs: None,
            role: nonblank(query.role.as_ref()),
            environment: nonblank(query.environment.as_ref()),
            name: nonblank(query.job_name.as_ref()),
            statuses: set(query.statuses.as_ref(), |status| TaskStatus::from(*status)),
            instances: set(query.instance_ids.as_ref(), |id| i64::from(*id)),
            hosts: set(query.slave_hosts.as_ref(), Clone::clone),
        };
        if let Some(keys) = query.job_keys.as_ref().filter(|keys| !keys.is_empty()) {
            let part = |part: &Option<String>| part.clone().unwrap_or_else(|| "null".to_owned());
            let read = |key: &aurora_api::thrift::JobKey| {
                JobKey::try_from(key).map_err(|_| QueryError::BadKey {
                    role: part(&key.role),
                    environment: part(&key.environment),
                    name: part(&key.name),
                })
            };
            terms.jobs = Some(keys.iter().map(read).collect::<Result<_, _>>()?);
        }
        if let (Some(role), Some(environment), Some(name)) = (&terms.role, &terms.environment, &terms.name) {
            let key = JobKey::new(role.as_str(), environment.as_str(), name.as_str())
                .map_err(|error| QueryError::BadJob(error.to_string()))?;
            let both = terms.jobs.is_none_or(|jobs| jobs.contains(&key));
            terms.jobs = Some(if both { BTreeSet::from([key]) } else { BTreeSet::new() });
        }
        Ok(terms)
    }

    fn matches(&self, task: &Task) -> bool {
        fn holds<T: Ord>(set: Option<&BTreeSet<T>>, value: &T) -> bool {
            set.is_none_or(|set| set.contains(value))
        }
        let job = &task.config.job;
        let is = |term: &Option<String>, value: &str| term.as_deref().is_none_or(|term| term == value);
        let host = task.assignment.as_ref().map(|place| place.host.to_string());
        holds(self.ids.as_ref(), &task.id)
            && holds(self.jobs.as_ref(), job)
            && is(&self.role, job.role())
            && is(&self.environment, job.environment())
            && is(&self.name, job.name())
            && holds(self.statuses.as_ref(), &task.status)
            && holds(self.instances.as_ref(), &i64::from(task.instance))
            && self.hosts.as_ref().is_none_or(|hosts| host.is_some_and(|host| hosts.contains(&host)))
    }
}

/// The tasks that match, in a fixed order, after `offset` and `limit`.
///
/// # Errors
/// The query is missing or malformed.
pub fn find<'a>(view: &'a View, query: Option<&TaskQuery>) -> Result<Vec<&'a Arc<Task>>, QueryError> {
    let query = query.ok_or(QueryError::Missing)?;
    let terms = Terms::read(query)?;
    // The narrowest index first; the terms are checked in any case.
    let candidates: Box<dyn Iterator<Item = &Arc<Task>>> = if let Some(ids) = &terms.ids {
        Box::new(ids.iter().filter_map(|id| view.task(id)))
    } else if let Some(jobs) = &terms.jobs {
        Box::new(jobs.iter().flat_map(|job| view.job_tasks(job)))
    } else if let Some(statuses) = &terms.statuses {
        Box::new(statuses.iter().flat_map(|status| view.tasks_with_status(*status)))
    } else {
        Box::new(view.tasks())
    };
    let positive =
        |number: Option<i32>| number.and_then(|number| usize::try_from(number).ok()).filter(|n| *n > 0);
    let (offset, limit) = (positive(query.offset).unwrap_or(0), positive(query.limit).unwrap_or(usize::MAX));
    Ok(candidates.filter(|task| terms.matches(task)).skip(offset).take(limit).collect())
}

/// The query as upstream prints it in messages.
pub fn dump(query: &TaskQuery) -> String {
    fn list<T>(items: Option<&Vec<T>>, show: impl Fn(&T) -> String) -> Option<String> {
        items.map(|items| format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(", ")))
    }
    let key = |key: &aurora_api::thrift::JobKey| {
        let part = |part: &Option<String>| part.clone().unwrap_or_else(|| "null".to_owned());
        format!(
            "JobKey(role:{}, environment:{}, name:{})",
            part(&key.role),
            part(&key.environment),
            part(&key.name)
        )
    };
    let fields = [
        ("role", query.role.clone()),
        ("environment", query.environment.clone()),
        ("jobName", query.job_name.clone()),
        ("taskIds", list(query.task_ids.as_ref(), Clone::clone)),
        ("statuses", list(query.statuses.as_ref(), |status: &ScheduleStatus| status.to_string())),
        ("instanceIds", list(query.instance_ids.as_ref(), i32::to_string)),
        ("slaveHosts", list(query.slave_hosts.as_ref(), Clone::clone)),
        ("jobKeys", list(query.job_keys.as_ref(), key)),
        ("offset", query.offset.map(|number| number.to_string())),
        ("limit", query.limit.map(|number| number.to_string())),
    ];
    let set: Vec<String> =
        fields.into_iter().filter_map(|(name, value)| Some(format!("{name}:{}", value?))).collect();
    format!("TaskQuery({})", set.join(", "))
}
