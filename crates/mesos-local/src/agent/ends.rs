//! Tasks are killed, executors shut down or gone (`spec/mesos.md` §§1.11, 1.12, 2.7).

use mesos_v1::messages as v1;
use mesos_v1::messages::executor::{Event, event};
use nix::sys::signal::Signal;
use tokio::sync::oneshot;
use tracing::{info, warn};

use super::Farewell;
use super::containers::ContainerEnd;
use super::executor_calls::event_of;
use super::state::{EndCause, ExecutorKey, ExecutorStatus, Phase, State, Timer};
use crate::link::{Empty, ExecutorExited, ExecutorRef, KillTask, to_agent, to_master};

use v1::task_status::Reason;

impl State {
    /// Does what the master says.
    pub fn on_order(&mut self, order: to_agent::Body) {
        use to_agent::Body as B;
        match order {
            B::Registered(registered) => self.on_registered(registered.agent_id),
            B::Refused(reason) => {
                self.failure = Some(super::AgentError::Refused {
                    host: self.config.hostname.clone(),
                    master: self.config.master.clone(),
                    reason,
                });
            }
            // The uplink answers by itself.
            B::Ping(_) => {}
            B::RunTask(run) => self.on_run_task(*run),
            B::KillTask(kill) => self.on_kill_task(kill),
            B::Acknowledge(acknowledge) => self.on_acknowledged(acknowledge),
            B::ShutdownExecutor(executor) => {
                self.shut_executor_down(&(executor.framework_id, executor.executor_id), EndCause::Shutdown);
            }
            B::ShutdownFramework(framework) => self.on_framework_removed(&framework.framework_id),
            B::UpdateFramework(update) => {
                if let Some(id) = update.framework.id.clone()
                    && self.frameworks.contains_key(&id)
                {
                    self.remember_framework(update.framework);
                    self.send_pending(Some(&id));
                }
            }
            B::Message(data) => {
                let event = Event {
                    message: Some(event::Message { data: data.data }),
                    ..event_of(event::Type::Message)
                };
                self.tell_executor(&(data.framework_id, data.executor_id), &event);
            }
            B::ReportMissing(report) => self.on_report_missing(report),
            B::ShutdownAll(Empty {}) => {
                info!(
                    host = self.config.hostname,
                    "the machine goes down for maintenance: ending all executors"
                );
                let keys: Vec<ExecutorKey> = self.executors.keys().cloned().collect();
                keys.iter().for_each(|key| self.shut_executor_down(key, EndCause::Shutdown));
            }
        }
    }

    fn on_kill_task(&mut self, kill: KillTask) {
        let task_key = (kill.framework_id.clone(), kill.task_id.clone());
        let Some(task) = self.tasks.get_mut(&task_key) else {
            return warn!(task = %kill.task_id, "a kill of an unknown task is ignored");
        };
        if task.latest_state.is_terminal() {
            return;
        }
        if !task.is_delivered {
            let message = "Task killed before it was delivered to the executor";
            return self.add_own_update(
                &task_key,
                v1::TaskState::TaskKilled,
                Reason::TaskKilledDuringLaunch,
                message,
            );
        }
        let Some(executor_id) = task.executor_id.clone() else { return };
        self.send_kill(&(kill.framework_id, executor_id), &kill.task_id, kill.kill_policy);
    }

    /// Forwards a kill. One that finds no stream waits for the next: a real agent would lose it.
    pub fn send_kill(
        &mut self,
        key: &ExecutorKey,
        task_id: &v1::TaskId,
        kill_policy: Option<v1::KillPolicy>,
    ) {
        let kill = event::Kill { task_id: task_id.clone(), kill_policy };
        let event = Event { kill: Some(kill), ..event_of(event::Type::Kill) };
        if !self.tell_executor(key, &event)
            && let Some(task) = self.tasks.get_mut(&(key.0.clone(), task_id.clone()))
        {
            task.undelivered_kill = Some(kill_policy);
        }
    }

    /// Tells an executor to end, and ends it after its grace period. One that has not subscribed is killed at once.
    pub fn shut_executor_down(&mut self, key: &ExecutorKey, cause: EndCause) {
        let Some(executor) = self.executors.get_mut(key) else { return };
        if matches!(executor.status, ExecutorStatus::Terminating(_)) {
            return;
        }
        executor.status = ExecutorStatus::Terminating(cause);
        let container = executor.container.clone();
        let is_told = self.tell_executor(key, &event_of(event::Type::Shutdown));
        if is_told {
            let ended = Timer::GraceEnded { key: key.clone(), container };
            self.timers.add(self.shutdown_grace(key), ended);
        } else {
            self.kill_container(key, &container);
        }
    }

    /// Kills the container, if it is still this one.
    pub fn kill_container(&mut self, key: &ExecutorKey, container: &str) {
        if let Some(executor) = self.executors.get(key)
            && executor.container == container
        {
            executor.kill.cancel();
        }
    }

    /// An executor did not subscribe in time.
    pub fn on_registration_ended(&mut self, key: &ExecutorKey, container: &str) {
        if let Some(executor) = self.executors.get_mut(key)
            && executor.container == container
            && executor.status == ExecutorStatus::Registering
        {
            executor.status = ExecutorStatus::Terminating(EndCause::RegistrationTimeout);
            executor.kill.cancel();
        }
    }

    fn on_framework_removed(&mut self, id: &v1::FrameworkId) {
        info!(host = self.config.hostname, framework = %id, "the framework is gone: ending its executors");
        let keys: Vec<ExecutorKey> = self.executors.keys().filter(|(of, _)| of == id).cloned().collect();
        for key in keys {
            self.shut_executor_down(&key, EndCause::FrameworkRemoved);
        }
        let tasks: Vec<_> = self.tasks.keys().filter(|(of, _)| of == id).cloned().collect();
        for task in tasks {
            self.forget_task(&task);
        }
    }

    /// Ends all executors and then the farewell.
    pub fn on_farewell(&mut self, farewell: Farewell, reply: oneshot::Sender<()>) {
        self.phase = Phase::Leaving;
        if farewell == Farewell::Unregister {
            self.tell_master(to_master::Body::Unregister(Empty {}));
        }
        let keys: Vec<ExecutorKey> = self.executors.keys().cloned().collect();
        for key in keys {
            self.shut_executor_down(&key, EndCause::Shutdown);
        }
        self.farewells.push(reply);
    }

    /// A container is gone: its executor is, too, and tasks that had not ended have ended now.
    pub fn on_container_ended(&mut self, key: &ExecutorKey, container: &str, end: &ContainerEnd) {
        if self.executors.get(key).is_none_or(|executor| executor.container != container) {
            return;
        }
        let live = self.live_tasks_of(key);
        let Some(executor) = self.executors.remove(key) else { return };
        if let Err(error) = crate::checkpoint::write_text(&executor.run.sentinel(), "") {
            self.fail(error);
        }
        let raw = match end {
            ContainerEnd::NotStarted(_) => -1,
            ContainerEnd::Exited(raw) => raw.unwrap_or(-1),
        };
        let what = describe(end);
        let place = executor.run.sandbox.join("stderr");
        info!(host = self.config.hostname, executor = %key.1, what, "ended");
        let exited = ExecutorExited {
            executor: ExecutorRef { framework_id: key.0.clone(), executor_id: key.1.clone() },
            status: raw,
        };
        self.tell_master(to_master::Body::ExecutorExited(exited));
        let cause = match executor.status {
            ExecutorStatus::Terminating(cause) => Some(cause),
            ExecutorStatus::Registering | ExecutorStatus::Running => None,
        };
        let name = format!("executor '{}' on {}", key.1, self.config.hostname);
        let output = format!("its output is in {}", place.display());
        for task_id in live {
            use v1::TaskState::{TaskFailed, TaskGone};
            let task_key = (key.0.clone(), task_id);
            let (state, reason, message) = match (cause, end) {
                (Some(EndCause::FrameworkRemoved), _) => continue,
                (Some(EndCause::RegistrationTimeout), _) => {
                    let limit = crate::duration::format_duration(self.config.executor_registration_timeout);
                    let message = format!("Executor did not register within {limit}: {name}; {output}");
                    (TaskFailed, Reason::ExecutorRegistrationTimeout, message)
                }
                (Some(EndCause::ReregistrationTimeout), _) => {
                    let limit = crate::duration::format_duration(self.config.executor_reregistration_timeout);
                    let message = format!(
                        "Executor did not reregister within {limit} of the agent's restart: {name}; {output}"
                    );
                    (self.state_for(&key.0, TaskGone), Reason::ExecutorReregistrationTimeout, message)
                }
                (_, ContainerEnd::NotStarted(problem)) => {
                    let message = format!("Failed to launch container: {name}: {problem}");
                    (TaskFailed, Reason::ContainerLaunchFailed, message)
                }
                (_, ContainerEnd::Exited(_)) => {
                    let message = format!("Executor terminated: {name} {what}; {output}");
                    (TaskFailed, Reason::ExecutorTerminated, message)
                }
            };
            self.add_own_update(&task_key, state, reason, message);
        }
        self.forget_run(&key.0, Some(&key.1), container);
        self.check_recovery();
    }
}

/// An end in words.
fn describe(end: &ContainerEnd) -> String {
    match end {
        ContainerEnd::NotStarted(problem) => format!("was not started: {problem}"),
        ContainerEnd::Exited(None) => "ended while no agent was there to see how".to_owned(),
        ContainerEnd::Exited(Some(raw)) if raw & 0x7f == 0 => {
            format!("exited with status {}", (raw >> 8) & 0xff)
        }
        ContainerEnd::Exited(Some(raw)) => {
            let number = raw & 0x7f;
            let name = Signal::try_from(number).map_or("unknown", Signal::as_str);
            format!("was ended by signal {number} ({name})")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_told_in_words() {
        assert_eq!(describe(&ContainerEnd::Exited(Some(768))), "exited with status 3");
        assert_eq!(describe(&ContainerEnd::Exited(Some(9))), "was ended by signal 9 (SIGKILL)");
        assert!(describe(&ContainerEnd::Exited(None)).contains("no agent"));
    }
}
