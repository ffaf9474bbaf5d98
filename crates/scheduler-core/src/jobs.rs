//! Requests about whole jobs (`spec/api.md` §2.4, `spec/scheduler.md` §4.3, §4.4).

use std::collections::BTreeSet;
use std::sync::Arc;

use aurora_api::ids::{JobKey, TaskId};
use aurora_api::job::JobConfiguration;
use aurora_api::task::TaskStatus;

use crate::effect::Reply;
use crate::handle::{Core, Step};
use crate::state::JobTasks;
use crate::task::{ChangeResult, StatusChange};
use crate::validate::with_default_diversity;

impl Core {
    pub(crate) fn create_job(&mut self, job: &JobConfiguration, step: &mut Step<'_>) -> Reply {
        if job.cron.is_some() {
            return invalid("Cron jobs may only be created/updated by calling scheduleCronJob.");
        }
        if self.state.tables().job(job.key()).is_some_and(|job| job.active_count() > 0) {
            return invalid(format!("Job {} already exists", job.key()));
        }
        let max = self.config.policy.tasks_per_job_max;
        if !(1..=max).contains(&job.instance_count) {
            return invalid(format!("Instance count must be between 1 and {max} inclusive."));
        }
        if let Err(refused) = self.check_quota(&job.task, job.instance_count) {
            return refused;
        }
        let mut config = Arc::clone(&job.task);
        if self.config.policy.legacy_constraints {
            config = with_default_diversity(&config).map_or(config, Arc::new);
        }
        self.admit_all(&config, 0..job.instance_count, step);
        step.count("thrift_workload_createJob", u64::from(job.instance_count));
        Reply::Done(Vec::new())
    }

    pub(crate) fn kill_tasks(
        &mut self,
        job: &JobKey,
        instances: Option<&BTreeSet<u32>>,
        message: Option<&str>,
        user: &str,
        step: &mut Step<'_>,
    ) -> Reply {
        let wanted = |instance: u32| {
            instances.is_none_or(|instances| instances.is_empty() || instances.contains(&instance))
        };
        let tasks: Vec<TaskId> = self
            .state
            .tables()
            .job(job)
            .into_iter()
            .flat_map(|job| job.active())
            .filter(|(instance, _)| wanted(*instance))
            .map(|(_, task)| task.id.clone())
            .collect();
        let reason: Arc<str> = match message {
            Some(message) => Arc::from(format!("Killed by {user}.\n{message}")),
            None => Arc::from(format!("Killed by {user}")),
        };
        let mut killed = 0;
        for task in &tasks {
            let kill = StatusChange::to(task, TaskStatus::Killing).because(Arc::clone(&reason));
            if self.change_status(&kill, step) == ChangeResult::Success {
                killed += 1;
            }
        }
        step.count("thrift_workload_killTasks", killed);
        Reply::Done(if killed == 0 { vec!["No tasks to kill.".to_owned()] } else { Vec::new() })
    }

    pub(crate) fn restart_instances(
        &mut self,
        job: &JobKey,
        instances: &BTreeSet<u32>,
        user: &str,
        step: &mut Step<'_>,
    ) -> Reply {
        let stored = self.state.tables().job(job);
        let active = |instance: &u32| Some(stored?.active_of(*instance)?.id.clone());
        let Some(tasks) = instances.iter().map(active).collect::<Option<Vec<TaskId>>>() else {
            return invalid("Not all requested shards are active.");
        };
        let reason: Arc<str> = Arc::from(format!("Restarted by {user}"));
        for task in &tasks {
            // Compat: those that are not on an agent yet stay as they are.
            let restart = StatusChange::to(task, TaskStatus::Restarting).because(Arc::clone(&reason));
            self.change_status(&restart, step);
        }
        step.count("thrift_workload_restartShards", u64::try_from(tasks.len()).unwrap_or(u64::MAX));
        Reply::Done(Vec::new())
    }

    pub(crate) fn add_instances(
        &mut self,
        job: &JobKey,
        instance: u32,
        count: u32,
        step: &mut Step<'_>,
    ) -> Reply {
        if count == 0 {
            return invalid("Instance count must be positive.");
        }
        let stored = self.state.tables().job(job);
        let (Some(like), Some(last), Some(active)) = (
            stored.and_then(|job| job.active_of(instance)),
            stored.and_then(JobTasks::last_instance),
            stored.and_then(|job| u32::try_from(job.active_count()).ok()),
        ) else {
            return invalid("No active task found for a given instance ID.");
        };
        let config = Arc::clone(&like.config);
        let max = self.config.policy.tasks_per_job_max;
        if active.saturating_add(count) > max {
            return invalid(format!("Instance count must be between 1 and {max} inclusive."));
        }
        if let Err(refused) = self.check_quota(&config, count) {
            return refused;
        }
        self.admit_all(&config, (last + 1..).take(usize::try_from(count).unwrap_or(usize::MAX)), step);
        step.count("thrift_workload_addInstances", u64::from(count));
        Reply::Done(Vec::new())
    }
}

fn invalid(message: impl Into<String>) -> Reply {
    Reply::Invalid(vec![message.into()])
}
