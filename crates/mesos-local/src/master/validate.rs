//! What a task must be like to be launched, in Mesos's order (`spec/mesos.md` §1.8).

use mesos_v1::messages as v1;

use super::state::State;
use crate::resources::{Resources, resources_from_messages};

/// The longest id that is also the name of a folder.
const MAX_ID_BYTES: usize = 255;

impl State {
    /// What the task takes from the offers, or why it cannot be launched.
    pub fn validate_task(
        &self,
        id: &v1::FrameworkId,
        agent_id: &v1::AgentId,
        task: &v1::TaskInfo,
        resources: &Resources,
        remaining: &Resources,
    ) -> Result<Resources, String> {
        validate_id(&task.task_id.value)
            .map_err(|problem| format!("Task ID '{}' {problem}", task.task_id))?;
        let framework = self.frameworks.get(id).ok_or_else(|| "Framework removed".to_owned())?;
        if framework.tasks.contains_key(&task.task_id)
            || framework.unreachable_tasks.contains_key(&task.task_id)
        {
            return Err(format!("Task has duplicate ID: {}", task.task_id));
        }
        if task.agent_id != *agent_id {
            return Err(format!(
                "Task uses invalid agent {} while agent {agent_id} is expected",
                task.agent_id
            ));
        }
        validate_durations(task)?;
        if resources.is_empty() {
            return Err("Task uses no resources".to_owned());
        }
        let executor = match (&task.executor, &task.command) {
            (Some(executor), None) => executor,
            (Some(_), Some(_)) => {
                return Err(
                    "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present"
                        .to_owned(),
                );
            }
            (None, Some(_)) => {
                return Err(
                    "The embedded cluster has no command executor: give the task an executor".to_owned()
                );
            }
            (None, None) => {
                return Err(
                    "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present"
                        .to_owned(),
                );
            }
        };
        let mut needed = resources.clone();
        if self.validate_executor(id, agent_id, executor)? {
            let own = resources_from_messages(&executor.resources).map_err(|error| error.to_string())?;
            needed.add(&own);
        }
        if !remaining.contains(&needed) {
            return Err(format!(
                "Total resources {needed} required by task and its executor is more than available {remaining}"
            ));
        }
        Ok(needed)
    }

    /// Whether the executor is new on the agent.
    fn validate_executor(
        &self,
        id: &v1::FrameworkId,
        agent_id: &v1::AgentId,
        executor: &v1::ExecutorInfo,
    ) -> Result<bool, String> {
        let name = &executor.executor_id;
        validate_id(&name.value).map_err(|problem| format!("Executor ID '{name}' {problem}"))?;
        if executor.r#type() == v1::executor_info::Type::Default {
            return Err("The embedded cluster has no default executor: use a custom one".to_owned());
        }
        if executor.command.as_ref().is_none_or(|command| command.value.is_none()) {
            return Err("'ExecutorInfo.command' must be set for 'CUSTOM' executor".to_owned());
        }
        if executor.framework_id.as_ref() != Some(id) {
            return Err(format!("ExecutorInfo has an invalid FrameworkID: expected {id}"));
        }
        if executor.shutdown_grace_period.is_some_and(|grace| grace.nanoseconds < 0) {
            return Err("ExecutorInfo's 'shutdown_grace_period' must be non-negative".to_owned());
        }
        let running =
            self.agents.get(agent_id).and_then(|agent| agent.executors.get(&(id.clone(), name.clone())));
        match running {
            None => Ok(true),
            // Labels are not compared.
            Some(running)
                if v1::ExecutorInfo { labels: executor.labels.clone(), ..running.clone() } == *executor =>
            {
                Ok(false)
            }
            Some(_) => Err(format!(
                "ExecutorInfo is not compatible with existing ExecutorInfo with same ExecutorID: {name}"
            )),
        }
    }
}

fn validate_durations(task: &v1::TaskInfo) -> Result<(), String> {
    let grace = task.kill_policy.and_then(|policy| policy.grace_period);
    if grace.is_some_and(|grace| grace.nanoseconds < 0) {
        return Err("Task's 'kill_policy.grace_period' must be non-negative".to_owned());
    }
    if task.max_completion_time.is_some_and(|time| time.nanoseconds < 0) {
        return Err("Task's 'max_completion_time' must be non-negative".to_owned());
    }
    Ok(())
}

/// Ids become names of folders.
fn validate_id(id: &str) -> Result<(), &'static str> {
    if id.is_empty() {
        Err("must not be empty")
    } else if id.len() > MAX_ID_BYTES {
        Err("must not be longer than 255 bytes")
    } else if id == "." || id == ".." {
        Err("is disallowed")
    } else if id.chars().any(|c| c.is_control() || c == '/' || c == '\\') {
        Err("contains invalid characters")
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_must_do_as_names_of_folders() {
        assert!(validate_id("www-prod-web-0-x.y_z").is_ok());
        for bad in ["", ".", "..", "a/b", "a\\b", "a\nb", &"x".repeat(256)] {
            assert!(validate_id(bad).is_err(), "{bad:?}");
        }
    }
}
