//! What users were promised.

use std::collections::{BTreeMap, BTreeSet};

use aurora_api::ids::{InstanceKey, JobKey, TaskId};
use scheduler_core::effect::Reply;
use scheduler_core::{Change, RequestId};

use crate::mirror::Mirror;

/// Requests and the replies to them.
#[derive(Debug, Default)]
pub struct Ledger {
    open: BTreeMap<RequestId, Open>,
    last_kill: BTreeMap<JobKey, RequestId>,
    wanted: BTreeSet<InstanceKey>,
    killed: BTreeSet<TaskId>,
    requests: u64,
}

#[derive(Debug)]
enum Open {
    Create {
        job: JobKey,
        instances: u32,
        is_service: bool,
    },
    /// The tasks it was about when the scheduler took it.
    Kill(BTreeSet<TaskId>),
    /// It promises nothing that other invariants do not.
    Other,
}

impl Ledger {
    /// A user asks.
    pub(crate) fn ask(&mut self, change: &Change) -> RequestId {
        self.requests += 1;
        let id = RequestId(self.requests);
        match change {
            Change::CreateJob(job) => {
                let (key, instances) = (job.key().clone(), job.instance_count);
                self.open.insert(id, Open::Create { job: key, instances, is_service: job.task.is_service });
            }
            Change::KillTasks { job, instances, .. } => {
                // From now on nobody can count on them.
                self.wanted.retain(|key| {
                    key.job != *job || instances.as_ref().is_some_and(|some| !some.contains(&key.instance))
                });
                self.last_kill.insert(job.clone(), id);
                self.open.insert(id, Open::Kill(BTreeSet::new()));
            }
            _ => {
                self.open.insert(id, Open::Other);
            }
        }
        id
    }

    /// The scheduler takes a request: these tasks are what it kills.
    pub(crate) fn taken(&mut self, id: RequestId, tasks: BTreeSet<TaskId>) {
        self.open.insert(id, Open::Kill(tasks));
    }

    /// The scheduler replied; says what is wrong with that.
    pub(crate) fn replied(&mut self, id: RequestId, reply: &Reply, mirror: &Mirror) -> Result<(), String> {
        let Some(open) = self.open.remove(&id) else {
            return Err(format!("request {} is not open, and is answered", id.0));
        };
        if !matches!(reply, Reply::Done(_)) {
            return Ok(());
        }
        match open {
            Open::Create { job, instances, is_service } => {
                if self.last_kill.get(&job).is_some_and(|kill| *kill > id) {
                    return Ok(());
                }
                for instance in 0..instances {
                    let key = job.instance(instance);
                    if is_service {
                        if mirror.active(&key).is_none() {
                            return Err(format!("{key} was acknowledged and has no task"));
                        }
                        self.wanted.insert(key);
                    }
                }
            }
            Open::Kill(tasks) => self.killed.extend(tasks),
            Open::Other => {}
        }
        Ok(())
    }

    /// Requests of a scheduler that crashed are never answered.
    pub(crate) fn crashed(&mut self) {
        self.open.clear();
    }

    /// Instances of services that were acknowledged and not killed since.
    pub fn wanted(&self) -> impl Iterator<Item = &InstanceKey> {
        self.wanted.iter()
    }

    /// Tasks that a user was told are being killed.
    pub fn killed(&self) -> &BTreeSet<TaskId> {
        &self.killed
    }
}
