//! What the agent shows, in a subset of Mesos's shapes (`spec/mesos.md` §6.3).

use std::time::SystemTime;

use mesos_v1::messages as v1;
use serde_json::{Value, json};

use super::state::{Executor, ExecutorKey, ExecutorStatus, Phase, State, Task};
use crate::resources::resources_from_messages;
use crate::shape::{MESOS_VERSION, view_attribute, view_resources};

/// What can be looked at.
#[derive(Clone, Copy, Debug)]
pub enum View {
    /// `/state`
    State,
    /// `/metrics/snapshot`
    Metrics,
    /// `/files/debug`
    Files,
}

impl State {
    /// One picture of the agent.
    pub fn view(&self, view: View) -> Value {
        match view {
            View::State => self.view_state(),
            View::Metrics => self.view_metrics(),
            View::Files => self.view_files(),
        }
    }

    /// The folders that can be read, by the paths under which they are.
    fn view_files(&self) -> Value {
        let mut files = serde_json::Map::new();
        for ((framework, executor), one) in &self.executors {
            let sandbox = one.run.sandbox.display().to_string();
            files.insert(format!("/frameworks/{framework}/executors/{executor}/runs/latest"), json!(sandbox));
            if let Some(runs) = one.run.sandbox.parent() {
                files.insert(runs.join("latest").display().to_string(), json!(sandbox));
            }
            files.insert(sandbox.clone(), json!(sandbox));
        }
        Value::Object(files)
    }

    fn view_state(&self) -> Value {
        let attributes: serde_json::Map<String, Value> =
            self.info.attributes.iter().map(|one| (one.name.clone(), view_attribute(one))).collect();
        let frameworks: Vec<Value> = self
            .frameworks
            .iter()
            .map(|(id, info)| {
                let executors: Vec<Value> = self
                    .executors
                    .iter()
                    .filter(|((of, _), _)| of == id)
                    .map(|(key, executor)| self.view_executor(key, executor))
                    .collect();
                json!({
                    "id": id.value, "name": info.name, "user": info.user, "checkpoint": info.checkpoint(),
                    "executors": executors, "completed_executors": [],
                })
            })
            .collect();
        json!({
            "version": MESOS_VERSION,
            "id": self.id().value,
            "pid": format!("slave(1)@{}", self.address),
            "hostname": self.config.hostname,
            "master_hostname": self.config.master,
            "resources": view_resources(&self.config.resources),
            "capabilities": [],
            "start_time": self.started.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64(),
            "attributes": attributes,
            "flags": { "work_dir": self.paths.root().display().to_string(), "master": self.config.master },
            "frameworks": frameworks,
            "completed_frameworks": [],
        })
    }

    fn view_executor(&self, key: &ExecutorKey, executor: &Executor) -> Value {
        let tasks: Vec<&Task> = self
            .tasks
            .iter()
            .filter(|((of, _), task)| *of == key.0 && task.container == executor.container)
            .map(|(_, task)| task)
            .collect();
        let view = |wanted: fn(&Task) -> bool| -> Vec<Value> {
            tasks.iter().filter(|task| wanted(task)).map(|task| view_task(key, task)).collect()
        };
        json!({
            "id": key.1.value,
            "name": executor.info.name(),
            "container": executor.container,
            "directory": executor.run.sandbox.display().to_string(),
            "resources": view_resources(&resources_from_messages(&executor.info.resources).unwrap_or_default()),
            "pid": executor.helper.map(|helper| helper.pid),
            "tasks": view(|task| task.is_delivered && !task.latest_state.is_terminal()),
            "queued_tasks": view(|task| !task.is_delivered && !task.latest_state.is_terminal()),
            "completed_tasks": view(|task| task.latest_state.is_terminal()),
        })
    }

    fn view_metrics(&self) -> Value {
        let executors = |wanted: fn(ExecutorStatus) -> bool| {
            self.executors.values().filter(|executor| wanted(executor.status)).count()
        };
        let tasks =
            |state: v1::TaskState| self.tasks.values().filter(|task| task.latest_state == state).count();
        let uptime = SystemTime::now().duration_since(self.started).unwrap_or_default();
        json!({
            "slave/uptime_secs": uptime.as_secs_f64(),
            "slave/registered": u8::from(self.to_master.is_some() && self.phase != Phase::Recovering),
            "slave/recovery_errors": 0,
            "slave/frameworks_active": self.frameworks.len(),
            "slave/executors_registering": executors(|status| status == ExecutorStatus::Registering),
            "slave/executors_running": executors(|status| status == ExecutorStatus::Running),
            "slave/executors_terminating": executors(|status| matches!(status, ExecutorStatus::Terminating(_))),
            "slave/tasks_staging": tasks(v1::TaskState::TaskStaging),
            "slave/tasks_starting": tasks(v1::TaskState::TaskStarting),
            "slave/tasks_running": tasks(v1::TaskState::TaskRunning),
            "slave/executor_directory_max_allowed_age_secs": self.max_allowed_age.as_secs_f64(),
            "slave/cpus_total": self.config.resources.scalar("cpus"),
            "slave/mem_total": self.config.resources.scalar("mem"),
            "slave/disk_total": self.config.resources.scalar("disk"),
        })
    }
}

fn view_task(key: &ExecutorKey, task: &Task) -> Value {
    json!({
        "id": task.info.task_id.value,
        "name": task.info.name,
        "framework_id": key.0.value,
        "executor_id": key.1.value,
        "slave_id": task.info.agent_id.value,
        "state": task.latest_state.as_str_name(),
        "resources": view_resources(&resources_from_messages(&task.info.resources).unwrap_or_default()),
    })
}
