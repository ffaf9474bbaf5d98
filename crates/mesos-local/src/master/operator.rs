//! The operator API, as far as tools for one cluster ask for it (`spec/mesos.md` §6.1).

use axum::http::StatusCode;
use mesos_v1::messages as v1;
use mesos_v1::messages::master::{Call, Response, call, response};

use super::actor::Answer;
use super::state::{Agent, AgentStatus, Connection, Framework, State, Task, nanoseconds, seconds};
use crate::resources::{Resources, resources_to_offer};
use crate::shape::MESOS_VERSION;

use call::Type as Q;
use response::Type as A;

/// Presence of what the call's type needs.
pub fn check_call(call: &Call) -> Result<Q, &'static str> {
    let kind = call.r#type.and_then(|kind| Q::try_from(kind).ok()).ok_or("Expecting 'type' to be present")?;
    match kind {
        Q::UpdateMaintenanceSchedule if call.update_maintenance_schedule.is_none() => {
            Err("Expecting 'update_maintenance_schedule' to be present")
        }
        Q::StartMaintenance if call.start_maintenance.is_none() => {
            Err("Expecting 'start_maintenance' to be present")
        }
        Q::StopMaintenance if call.stop_maintenance.is_none() => {
            Err("Expecting 'stop_maintenance' to be present")
        }
        Q::Teardown if call.teardown.is_none() => Err("Expecting 'teardown' to be present"),
        _ => Ok(kind),
    }
}

fn of_type(kind: A) -> Response {
    Response { r#type: Some(kind.into()), ..Response::default() }
}

impl State {
    /// Does what an operator asks; what is to be seen is the answer.
    pub fn on_operator(&mut self, kind: Q, call: Call) -> Result<Option<Box<Response>>, Answer> {
        let response = match kind {
            Q::GetHealth => {
                Response { get_health: Some(response::GetHealth { healthy: true }), ..of_type(A::GetHealth) }
            }
            Q::GetVersion => {
                let version_info =
                    v1::VersionInfo { version: MESOS_VERSION.to_owned(), ..Default::default() };
                let get_version = Some(response::GetVersion { version_info });
                Response { get_version, ..of_type(A::GetVersion) }
            }
            Q::GetMetrics => {
                let metric = |(name, value): (&String, &serde_json::Value)| v1::Metric {
                    name: name.clone(),
                    value: value.as_f64(),
                };
                let view = self.view(super::view::View::Metrics);
                let metrics = view.as_object().into_iter().flatten().map(metric).collect();
                let get_metrics = Some(response::GetMetrics { metrics });
                Response { get_metrics, ..of_type(A::GetMetrics) }
            }
            Q::GetMaster => {
                let get_master = response::GetMaster {
                    master_info: Some(self.master_info()),
                    start_time: Some(seconds(self.started)),
                    elected_time: Some(seconds(self.started)),
                };
                Response { get_master: Some(get_master), ..of_type(A::GetMaster) }
            }
            Q::GetState => {
                let get_state = response::GetState {
                    get_tasks: Some(self.get_tasks()),
                    get_executors: Some(self.get_executors()),
                    get_frameworks: Some(self.get_frameworks()),
                    get_agents: Some(self.get_agents()),
                };
                Response { get_state: Some(get_state), ..of_type(A::GetState) }
            }
            Q::GetAgents => Response { get_agents: Some(self.get_agents()), ..of_type(A::GetAgents) },
            Q::GetFrameworks => {
                Response { get_frameworks: Some(self.get_frameworks()), ..of_type(A::GetFrameworks) }
            }
            Q::GetExecutors => {
                Response { get_executors: Some(self.get_executors()), ..of_type(A::GetExecutors) }
            }
            Q::GetTasks => Response { get_tasks: Some(self.get_tasks()), ..of_type(A::GetTasks) },
            Q::GetMaintenanceSchedule => Response {
                get_maintenance_schedule: Some(self.maintenance_schedule()),
                ..of_type(A::GetMaintenanceSchedule)
            },
            Q::GetMaintenanceStatus => {
                let status = response::GetMaintenanceStatus { status: self.maintenance_status() };
                Response { get_maintenance_status: Some(status), ..of_type(A::GetMaintenanceStatus) }
            }
            Q::UpdateMaintenanceSchedule => {
                let update = call.update_maintenance_schedule.unwrap_or_default();
                return self.on_update_schedule(update.schedule).map(|()| None);
            }
            Q::StartMaintenance => {
                let machines = call.start_maintenance.unwrap_or_default().machines;
                return self.on_machines_down(machines).map(|()| None);
            }
            Q::StopMaintenance => {
                let machines = call.stop_maintenance.unwrap_or_default().machines;
                return self.on_machines_up(&machines).map(|()| None);
            }
            Q::Teardown => {
                let id = call.teardown.unwrap_or_default().framework_id;
                if !self.frameworks.contains_key(&id) {
                    let text = format!("No framework found with ID {id}");
                    return Err((StatusCode::BAD_REQUEST, text));
                }
                self.remove_framework(&id);
                return Ok(None);
            }
            other => {
                let text = format!("The embedded cluster does not serve {}", other.as_str_name());
                return Err((StatusCode::NOT_IMPLEMENTED, text));
            }
        };
        Ok(Some(Box::new(response)))
    }

    fn get_agents(&self) -> response::GetAgents {
        let is_recovered = |agent: &Agent| matches!(agent.status, AgentStatus::Recovered);
        let is_known =
            |agent: &Agent| matches!(agent.status, AgentStatus::Connected { .. } | AgentStatus::Disconnected);
        let agents = self.agents.iter().filter(|(_, agent)| is_known(agent)).map(|(id, agent)| {
            response::get_agents::Agent {
                agent_info: agent.info.clone(),
                active: agent.is_connected(),
                version: MESOS_VERSION.to_owned(),
                pid: Some(format!("slave(1)@{}:{}", self.address.ip(), agent.info.port())),
                registered_time: Some(v1::TimeInfo { nanoseconds: nanoseconds(agent.registered) }),
                total_resources: plain(&agent.total),
                allocated_resources: plain(&self.used(agent)),
                offered_resources: plain(&self.offered(id)),
                ..Default::default()
            }
        });
        let recovered = self.agents.values().filter(|agent| is_recovered(agent));
        response::GetAgents {
            agents: agents.collect(),
            recovered_agents: recovered.map(|agent| agent.info.clone()).collect(),
        }
    }

    fn get_frameworks(&self) -> response::GetFrameworks {
        let view = |(id, framework): (&v1::FrameworkId, &Framework)| {
            let is_connected = matches!(framework.connection, Connection::Connected { .. });
            response::get_frameworks::Framework {
                framework_info: framework.info.clone(),
                active: is_connected,
                connected: is_connected,
                recovered: framework.epoch == 0,
                registered_time: Some(v1::TimeInfo { nanoseconds: nanoseconds(framework.registered) }),
                allocated_resources: plain(&self.used_by(id)),
                offered_resources: plain(&self.offered_to(id)),
                ..Default::default()
            }
        };
        let completed = |info: &v1::FrameworkInfo| response::get_frameworks::Framework {
            framework_info: info.clone(),
            ..Default::default()
        };
        response::GetFrameworks {
            frameworks: self.frameworks.iter().map(view).collect(),
            completed_frameworks: self.completed_frameworks.iter().map(completed).collect(),
        }
    }

    fn get_executors(&self) -> response::GetExecutors {
        let all = self.agents.iter().flat_map(|(agent_id, agent)| {
            agent.executors.values().map(|executor| response::get_executors::Executor {
                executor_info: executor.clone(),
                agent_id: agent_id.clone(),
            })
        });
        response::GetExecutors { executors: all.collect() }
    }

    fn get_tasks(&self) -> response::GetTasks {
        let mut tasks = response::GetTasks::default();
        for (id, framework) in &self.frameworks {
            tasks.tasks.extend(framework.tasks.values().map(|task| task_of(id, task)));
            tasks.completed_tasks.extend(framework.completed_tasks.iter().map(|task| task_of(id, task)));
            tasks
                .unreachable_tasks
                .extend(framework.unreachable_tasks.values().map(|task| task_of(id, task)));
        }
        tasks
    }
}

fn plain(resources: &Resources) -> Vec<v1::Resource> {
    resources_to_offer(resources, None)
}

fn task_of(id: &v1::FrameworkId, task: &Task) -> v1::Task {
    v1::Task {
        name: task.info.name.clone(),
        task_id: task.info.task_id.clone(),
        framework_id: id.clone(),
        executor_id: task.executor_id.clone(),
        agent_id: task.agent_id.clone(),
        state: task.state.into(),
        resources: plain(&task.resources),
        statuses: task.status.iter().cloned().collect(),
        labels: task.info.labels.clone(),
        discovery: task.info.discovery.clone(),
        container: task.info.container.clone(),
        ..v1::Task::default()
    }
}
