//! What users were promised.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use aurora_api::ids::{InstanceKey, JobKey, TaskId};
use scheduler_core::effect::Reply;
use scheduler_core::{Change, RequestId};

use crate::invariants::Violation;
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

/// What a request comes to when the scheduler takes it.
#[derive(Debug)]
pub(crate) enum Open {
    /// It creates these instances of a job.
    Create {
        job: JobKey,
        instances: Range<u32>,
        is_service: bool,
        /// Whether the role may not have so much.
        exceeds_quota: bool,
    },
    /// It kills these tasks.
    Kill(BTreeSet<TaskId>),
    /// It promises nothing that other invariants do not.
    Other,
}

impl Ledger {
    /// A user asks.
    pub(crate) fn ask(&mut self, change: &Change) -> RequestId {
        self.requests += 1;
        let id = RequestId(self.requests);
        if let Change::KillTasks { job, instances, .. } = change {
            // From now on nobody can count on them.
            self.wanted.retain(|key| {
                key.job != *job || instances.as_ref().is_some_and(|some| !some.contains(&key.instance))
            });
            self.last_kill.insert(job.clone(), id);
        }
        self.open.insert(id, Open::Other);
        id
    }

    /// The scheduler takes a request.
    pub(crate) fn taken(&mut self, id: RequestId, what: Open) {
        self.open.insert(id, what);
    }

    /// The scheduler replied; says what is wrong with that.
    pub(crate) fn replied(&mut self, id: RequestId, reply: &Reply, mirror: &Mirror) -> Result<(), Violation> {
        let broken = |what| Err(Violation::new("acknowledged writes survive", what));
        let Some(open) = self.open.remove(&id) else {
            return broken(format!("request {} is not open, and is answered", id.0));
        };
        let is_done = matches!(reply, Reply::Done(_));
        match open {
            Open::Create { exceeds_quota, job, .. }
                if exceeds_quota == is_done && (is_done || is_short(reply)) =>
            {
                let what =
                    format!("{job}: more than its role may have: {exceeds_quota}, answered: {reply:?}");
                return Err(Violation::new("quotas hold", what));
            }
            Open::Create { job, instances, is_service, .. } if is_done => {
                if !is_service || self.last_kill.get(&job).is_some_and(|kill| *kill > id) {
                    return Ok(());
                }
                for key in instances.map(|instance| job.instance(instance)) {
                    if mirror.active(&key).is_none() {
                        return broken(format!("{key} was acknowledged and has no task"));
                    }
                    self.wanted.insert(key);
                }
            }
            Open::Kill(tasks) if is_done => self.killed.extend(tasks),
            _ => {}
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

/// Whether the request was refused for want of quota.
fn is_short(reply: &Reply) -> bool {
    matches!(reply, Reply::Invalid(lines) if lines.iter().any(|line| line.contains("resource quota")))
}
