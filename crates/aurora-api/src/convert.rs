//! Between the wire's types and the domain's, both ways.
//!
//! Reading is structural: it refuses what the domain cannot express and names the field. Whether a job is *allowed* is the
//! scheduler's question, not this module's. Writing follows the presence rules N1–N3 of `spec/api.md` §1.1: numbers,
//! booleans and collections are always there, texts and structs only when set.

mod config;
mod job;
mod task;

use std::sync::Arc;

use crate::ids::JobKeyError;

/// Why a wire value has no counterpart in the domain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConvertError {
    /// A field that must be set is not.
    #[error("`{0}` is not set")]
    Missing(&'static str),
    /// A job key is none.
    #[error(transparent)]
    BadKey(#[from] JobKeyError),
    /// A number is outside what its field allows.
    #[error("`{field}` is {value}, which is outside {expected}")]
    OutOfRange {
        /// The field.
        field: &'static str,
        /// What it holds.
        value: i64,
        /// What it may hold.
        expected: &'static str,
    },
    /// A resource that a task has once is there twice.
    #[error("`{0}` is given more than once")]
    Repeated(&'static str),
}

fn required<'a, T>(value: Option<&'a T>, field: &'static str) -> Result<&'a T, ConvertError> {
    value.ok_or(ConvertError::Missing(field))
}

fn shared(text: Option<&String>) -> Option<Arc<str>> {
    text.map(|text| Arc::from(text.as_str()))
}

fn required_text(text: Option<&String>, field: &'static str) -> Result<Arc<str>, ConvertError> {
    shared(text).ok_or(ConvertError::Missing(field))
}

fn text(text: &Arc<str>) -> Option<String> {
    Some(text.to_string())
}

/// A number of the domain on the wire, which counts in 32 bits; larger ones cannot be created.
fn wire_count(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::amounts::{Megabytes, MilliCpus, Resources, Timestamp};
    use crate::ids::{AgentId, HostName, JobKey, TaskId};
    use crate::job::{CronCollisionPolicy, CronSchedule, JobConfiguration};
    use crate::task::*;
    use crate::thrift;

    fn config() -> TaskConfig {
        let arc = |text: &str| Arc::<str>::from(text);
        TaskConfig {
            job: JobKey::new("www", "prod", "hello").unwrap(),
            owner: Some(arc("alice")),
            is_service: true,
            priority: 3,
            max_task_failures: -1,
            production: true,
            tier: arc("preferred"),
            resources: Resources {
                cpus: MilliCpus(250),
                ram: Megabytes(128),
                disk: Megabytes(64),
                gpus: 1,
                ports: 2,
            },
            ports: BTreeSet::from([arc("admin"), arc("http")]),
            constraints: BTreeSet::from([
                Constraint { name: arc("host"), rule: ConstraintRule::Limit(1) },
                Constraint {
                    name: arc("zone"),
                    rule: ConstraintRule::Value { negated: true, values: BTreeSet::from([arc("a")]) },
                },
            ]),
            fetcher_uris: BTreeSet::from([FetcherUri {
                value: arc("http://host/file.tar.gz"),
                extract: true,
                cache: false,
                output_file: Some(arc("file")),
            }]),
            task_links: BTreeMap::from([(arc("http"), arc("http://%host%"))]),
            contact_email: Some(arc("ops@example.com")),
            executor: Some(ExecutorConfig { name: arc("AuroraExecutor"), data: arc("{}") }),
            metadata: BTreeSet::from([(arc("git"), arc("a1b2"))]),
            partition_policy: Some(PartitionPolicy { reschedule: true, delay_secs: 30 }),
            sla_policy: Some(SlaPolicy::Percentage { percentage: Percentage::new(95.5), duration_secs: 10 }),
            container: Container::Mesos {
                image: Some(Image::Docker { name: arc("debian"), tag: arc("12") }),
                volumes: vec![Volume { container_path: arc("/a"), host_path: arc("/b"), read_only: true }],
            },
        }
    }

    #[test]
    fn a_task_reads_back_as_it_is_written() {
        let task = Task {
            id: TaskId::new("www-prod-hello-0-x"),
            instance: 0,
            config: Arc::new(config()),
            status: TaskStatus::Running,
            assignment: Some(Assignment {
                agent: AgentId::new("agent"),
                host: HostName::new("host"),
                ports: BTreeMap::from([(Arc::from("http"), 31000)]),
            }),
            failure_count: 2,
            times_partitioned: 1,
            events: vec![TaskEvent {
                at: Timestamp(5),
                status: TaskStatus::Running,
                message: Some(Arc::from("up")),
                scheduler: Some(Arc::from("here")),
            }],
            ancestor: Some(TaskId::new("older")),
        };
        let wire = thrift::ScheduledTask::from(&task);
        assert_eq!(Task::try_from(&wire), Ok(task));
    }

    #[test]
    fn a_cron_job_reads_back_as_it_is_written() {
        let job = JobConfiguration {
            task: Arc::new(config()),
            instance_count: 2,
            cron: Some(CronSchedule {
                schedule: Arc::from("*/5 * * * *"),
                collision_policy: CronCollisionPolicy::CancelNew,
            }),
        };
        let wire = thrift::JobConfiguration::from(&job);
        assert_eq!(JobConfiguration::try_from(&wire), Ok(job));
    }

    #[test]
    fn what_the_domain_cannot_hold_is_refused_by_name() {
        let twice = thrift::TaskConfig {
            job: Some(thrift::JobKey::from(&JobKey::new("r", "e", "n").unwrap())),
            resources: Some(vec![thrift::Resource::RamMb(1), thrift::Resource::RamMb(2)]),
            ..thrift::TaskConfig::default()
        };
        assert_eq!(TaskConfig::try_from(&twice), Err(ConvertError::Repeated("ramMb")));
        assert_eq!(TaskConfig::try_from(&thrift::TaskConfig::default()), Err(ConvertError::Missing("job")));
    }
}
