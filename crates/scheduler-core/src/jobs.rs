//! Requests about whole jobs (`spec/api.md` §2.4, `spec/scheduler.md` §4.3, §4.4).

use std::collections::BTreeSet;
use std::sync::Arc;

use aurora_api::ids::{JobKey, TaskId};
use aurora_api::job::JobConfiguration;
use aurora_api::task::TaskStatus;

use crate::effect::Reply;
use crate::handle::{Core, Step};
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
        let mut config = Arc::clone(&job.task);
        if self.config.policy.legacy_constraints {
            config = with_default_diversity(&config).map_or(config, Arc::new);
        }
        for instance in 0..job.instance_count {
            let task = self.new_task(&config, instance);
            self.admit(task, TaskStatus::Pending, None, step);
        }
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
            .map(|(_, id)| id.clone())
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
}

fn invalid(message: impl Into<String>) -> Reply {
    Reply::Invalid(vec![message.into()])
}
