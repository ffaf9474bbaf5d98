//! What the master shows, in a subset of Mesos's shapes (`spec/mesos.md` §6.3).

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use mesos_v1::messages as v1;
use serde_json::{Value, json};

use super::state::{Agent, AgentStatus, Framework, State, Task, seconds};
use crate::resources::{Resources, UNRESERVED, resources_from_messages};
use crate::shape::{MESOS_VERSION, view_attribute, view_resources};

/// What can be looked at.
#[derive(Clone, Copy, Debug)]
pub enum View {
    State,
    Summary,
    Slaves,
    Frameworks,
    Tasks,
    Roles,
    Flags,
    Version,
    Metrics,
}

impl State {
    /// One picture of the master.
    pub fn view(&self, view: View) -> Value {
        match view {
            View::State => self.view_state(),
            View::Summary => self.view_summary(),
            View::Slaves => {
                json!({ "slaves": self.view_agents(), "recovered_slaves": self.view_recovered() })
            }
            View::Frameworks => {
                json!({ "frameworks": self.view_frameworks(), "completed_frameworks": self.view_completed() })
            }
            View::Tasks => {
                let tasks: Vec<Value> = self
                    .frameworks
                    .iter()
                    .flat_map(|(id, framework)| {
                        framework.tasks.values().map(|task| view_task(id, framework, task))
                    })
                    .collect();
                json!({ "tasks": tasks })
            }
            View::Roles => self.view_roles(),
            View::Flags => json!({ "flags": self.view_flags() }),
            View::Version => json!({ "version": MESOS_VERSION }),
            View::Metrics => self.view_metrics(),
        }
    }

    fn view_state(&self) -> Value {
        let count =
            |wanted: fn(&AgentStatus) -> bool| self.agents.values().filter(|one| wanted(&one.status)).count();
        json!({
            "version": MESOS_VERSION,
            "id": self.master_id,
            "pid": format!("master@{}", self.address),
            "hostname": self.address.ip().to_string(),
            "leader": format!("master@{}", self.address),
            "leader_info": {
                "id": self.master_id, "pid": format!("master@{}", self.address),
                "hostname": self.address.ip().to_string(), "port": self.address.port(),
            },
            "capabilities": [],
            "start_time": seconds(self.started),
            "elected_time": seconds(self.started),
            "activated_slaves": count(|status| matches!(status, AgentStatus::Connected { .. })),
            "deactivated_slaves": count(|status| matches!(status, AgentStatus::Disconnected)),
            "unreachable_slaves": count(|status| matches!(status, AgentStatus::Unreachable { .. })),
            "flags": self.view_flags(),
            "slaves": self.view_agents(),
            "recovered_slaves": self.view_recovered(),
            "frameworks": self.view_frameworks(),
            "completed_frameworks": self.view_completed(),
            "orphan_tasks": [],
            "unregistered_frameworks": [],
        })
    }

    /// The state with numbers of tasks in place of the tasks.
    fn view_summary(&self) -> Value {
        let tasks = || {
            self.frameworks.iter().flat_map(|(id, framework)| {
                let live = framework.tasks.values().chain(framework.unreachable_tasks.values());
                live.chain(framework.completed_tasks.iter()).map(move |task| (id, task))
            })
        };
        let known =
            |agent: &Agent| matches!(agent.status, AgentStatus::Connected { .. } | AgentStatus::Disconnected);
        let slaves = self.agents.iter().filter(|(_, agent)| known(agent)).map(|(id, agent)| {
            let own = || tasks().filter(|(_, task)| task.agent_id == *id);
            let mut view = self.view_agent(id, agent);
            count_tasks(&mut view, own().map(|(_, task)| task.state));
            let ids: BTreeSet<&str> = own().map(|(framework, _)| framework.value.as_str()).collect();
            view["framework_ids"] = json!(ids);
            view
        });
        let frameworks =
            self.view_frameworks().into_iter().zip(self.frameworks.keys()).map(|(mut view, id)| {
                let own = || tasks().filter(|(of, _)| *of == id).map(|(_, task)| task);
                if let Some(members) = view.as_object_mut() {
                    let lists = ["tasks", "unreachable_tasks", "completed_tasks", "offers", "executors"];
                    members.retain(|name, _| !lists.contains(&name.as_str()));
                }
                count_tasks(&mut view, own().map(|task| task.state));
                let ids: BTreeSet<&str> = own().map(|task| task.agent_id.value.as_str()).collect();
                view["slave_ids"] = json!(ids);
                view
            });
        json!({
            "hostname": self.address.ip().to_string(),
            "slaves": slaves.collect::<Vec<_>>(),
            "frameworks": frameworks.collect::<Vec<_>>(),
        })
    }

    fn view_flags(&self) -> Value {
        json!({
            "authenticate_http_frameworks": self.config.credentials.is_some().to_string(),
            "agent_reregister_timeout": crate::duration::format_duration(self.config.agent_reregister_timeout),
            "ip": self.address.ip().to_string(),
            "port": self.address.port().to_string(),
            "work_dir": self.config.work_dir.display().to_string(),
            "allocation_interval": crate::duration::format_duration(self.config.allocation_interval),
            "agent_ping_timeout": crate::duration::format_duration(self.config.agent_ping_timeout),
            "max_agent_ping_timeouts": self.config.max_agent_ping_timeouts.to_string(),
        })
    }

    fn view_roles(&self) -> Value {
        let mut roles: BTreeMap<&str, (Vec<&str>, Resources)> = BTreeMap::new();
        for (id, framework) in &self.frameworks {
            let (ids, used) = roles.entry(framework.role()).or_default();
            ids.push(&id.value);
            used.add(&self.used_by(id));
        }
        let view = |(name, (ids, used)): (&str, (Vec<&str>, Resources))| json!({ "name": name, "weight": 1.0, "frameworks": ids, "resources": view_resources(&used) });
        json!({ "roles": roles.into_iter().map(view).collect::<Vec<_>>() })
    }

    fn view_agents(&self) -> Vec<Value> {
        self.agents
            .iter()
            .filter(|(_, agent)| {
                matches!(agent.status, AgentStatus::Connected { .. } | AgentStatus::Disconnected)
            })
            .map(|(id, agent)| self.view_agent(id, agent))
            .collect()
    }

    fn view_recovered(&self) -> Vec<Value> {
        self.agents
            .iter()
            .filter(|(_, agent)| matches!(agent.status, AgentStatus::Recovered))
            .map(|(id, agent)| self.view_agent(id, agent))
            .collect()
    }

    fn view_agent(&self, id: &v1::AgentId, agent: &Agent) -> Value {
        let attributes: serde_json::Map<String, Value> =
            agent.info.attributes.iter().map(|one| (one.name.clone(), view_attribute(one))).collect();
        json!({
            "id": id.value,
            "hostname": agent.info.hostname,
            "port": agent.info.port(),
            "pid": format!("slave(1)@{}:{}", self.address.ip(), agent.info.port()),
            "attributes": attributes,
            "registered_time": seconds(agent.registered),
            "resources": view_resources(&agent.total),
            "used_resources": view_resources(&self.used(agent)),
            "offered_resources": view_resources(&self.offered(id)),
            "reserved_resources": view_reserved(&agent.total),
            "unreserved_resources": view_resources(&agent.total.usable_by(UNRESERVED)),
            "capabilities": [],
            "active": agent.is_connected(),
            "deactivated": false,
            "version": MESOS_VERSION,
        })
    }

    fn view_frameworks(&self) -> Vec<Value> {
        self.frameworks
            .iter()
            .map(|(id, framework)| {
                let tasks = |tasks: &mut dyn Iterator<Item = &Task>| -> Vec<Value> {
                    tasks.map(|task| view_task(id, framework, task)).collect()
                };
                let info = &framework.info;
                let (used, offered) = (self.used_by(id), self.offered_to(id));
                let capabilities: Vec<&str> = info
                    .capabilities
                    .iter()
                    .filter(|one| one.r#type.is_some())
                    .map(|one| one.r#type().as_str_name())
                    .collect();
                let mut view = json!({
                    "id": id.value,
                    "name": info.name,
                    "user": info.user,
                    "hostname": info.hostname.clone().unwrap_or_default(),
                    "webui_url": info.webui_url.clone().unwrap_or_default(),
                    "role": framework.role(),
                    "checkpoint": info.checkpoint(),
                    "failover_timeout": info.failover_timeout(),
                    "active": framework.is_connected(),
                    "connected": framework.is_connected(),
                    "recovered": !framework.is_connected() && framework.epoch == 0,
                    "registered_time": seconds(framework.registered),
                    "unregistered_time": 0.0,
                    "capabilities": capabilities,
                    "used_resources": view_resources(&used),
                    "offered_resources": view_resources(&offered),
                    "executors": self.view_executors(id),
                    "tasks": tasks(&mut framework.tasks.values()),
                    "unreachable_tasks": tasks(&mut framework.unreachable_tasks.values()),
                    "completed_tasks": tasks(&mut framework.completed_tasks.iter()),
                    "offers": self.view_offers(id),
                });
                if let Some(principal) = &info.principal {
                    view["principal"] = json!(principal);
                }
                view
            })
            .collect()
    }

    /// What the framework's tasks and executors use.
    pub fn used_by(&self, id: &v1::FrameworkId) -> Resources {
        let mut used = Resources::default();
        let tasks = self.frameworks.get(id).into_iter().flat_map(|framework| framework.tasks.values());
        for task in tasks.filter(|task| !task.latest_state.is_terminal()) {
            used.add(&task.resources);
        }
        for (_, executor) in self.executors_of(id) {
            used.add(&resources_from_messages(&executor.resources).unwrap_or_default());
        }
        used
    }

    pub fn offered_to(&self, id: &v1::FrameworkId) -> Resources {
        let mut offered = Resources::default();
        for offer in self.offers.values().filter(|offer| offer.framework_id == *id) {
            offered.add(&offer.resources);
        }
        offered
    }

    fn executors_of(&self, id: &v1::FrameworkId) -> impl Iterator<Item = (&v1::AgentId, &v1::ExecutorInfo)> {
        self.agents.iter().flat_map(move |(agent_id, agent)| {
            let own = agent.executors.iter().filter(move |((of, _), _)| of == id);
            own.map(move |(_, executor)| (agent_id, executor))
        })
    }

    fn view_executors(&self, id: &v1::FrameworkId) -> Vec<Value> {
        let view = |(agent_id, executor): (&v1::AgentId, &v1::ExecutorInfo)| {
            json!({
                "executor_id": executor.executor_id.value,
                "framework_id": id.value,
                "slave_id": agent_id.value,
                "name": executor.name(),
                "resources": view_resources(&resources_from_messages(&executor.resources).unwrap_or_default()),
            })
        };
        self.executors_of(id).map(view).collect()
    }

    fn view_offers(&self, id: &v1::FrameworkId) -> Vec<Value> {
        let own = self.offers.iter().filter(|(_, offer)| offer.framework_id == *id);
        own.map(|(offer_id, offer)| {
            json!({
                "id": offer_id.value,
                "framework_id": id.value,
                "slave_id": offer.agent_id.value,
                "resources": view_resources(&offer.resources),
            })
        })
        .collect()
    }

    fn view_completed(&self) -> Vec<Value> {
        let of = |info: &v1::FrameworkInfo| json!({ "id": info.id.clone().unwrap_or_default().value, "name": info.name });
        self.completed_frameworks.iter().map(of).collect()
    }

    fn view_metrics(&self) -> Value {
        let mut metrics = serde_json::Map::new();
        let mut set = |name: &str, value: Value| metrics.insert(format!("master/{name}"), value);
        set(
            "uptime_secs",
            json!(SystemTime::now().duration_since(self.started).unwrap_or_default().as_secs_f64()),
        );
        set("elected", json!(1));
        let agents =
            |wanted: fn(&AgentStatus) -> bool| self.agents.values().filter(|one| wanted(&one.status)).count();
        let connected = agents(|status| matches!(status, AgentStatus::Connected { .. }));
        set("slaves_connected", json!(connected));
        set("slaves_active", json!(connected));
        set("slaves_inactive", json!(agents(|status| matches!(status, AgentStatus::Disconnected))));
        set("slaves_disconnected", json!(agents(|status| matches!(status, AgentStatus::Disconnected))));
        set("slaves_unreachable", json!(agents(|status| matches!(status, AgentStatus::Unreachable { .. }))));
        let subscribed = self.frameworks.values().filter(|one| one.is_connected()).count();
        set("frameworks_connected", json!(subscribed));
        set("frameworks_active", json!(subscribed));
        set("frameworks_inactive", json!(self.frameworks.len() - subscribed));
        set("frameworks_disconnected", json!(self.frameworks.len() - subscribed));
        set("outstanding_offers", json!(self.offers.len()));
        let tasks = |state| {
            let all = self.frameworks.values().flat_map(|framework| framework.tasks.values());
            all.filter(|task| task.state == state).count()
        };
        set("tasks_staging", json!(tasks(v1::TaskState::TaskStaging)));
        set("tasks_starting", json!(tasks(v1::TaskState::TaskStarting)));
        set("tasks_running", json!(tasks(v1::TaskState::TaskRunning)));
        set("tasks_killing", json!(tasks(v1::TaskState::TaskKilling)));
        let unreachable: usize =
            self.frameworks.values().map(|framework| framework.unreachable_tasks.len()).sum();
        set("tasks_unreachable", json!(unreachable));
        for name in ["finished", "failed", "killed", "lost", "error", "dropped", "gone", "gone_by_operator"] {
            let name = format!("tasks_{name}");
            set(&name, json!(self.counters.get(name.as_str()).copied().unwrap_or(0)));
        }
        for name in ["valid_status_updates", "slave_registrations", "slave_reregistrations", "slave_removals"]
        {
            set(name, json!(self.counters.get(name).copied().unwrap_or(0)));
        }
        for name in ["cpus", "mem", "disk", "gpus"] {
            let total: f64 =
                self.agents.values().filter(|one| one.is_connected()).map(|one| one.total.scalar(name)).sum();
            let used: f64 = self.agents.values().map(|agent| self.used(agent).scalar(name)).sum();
            set(&format!("{name}_total"), json!(total));
            set(&format!("{name}_used"), json!(used));
            set(&format!("{name}_percent"), json!(if total > 0.0 { used / total } else { 0.0 }));
        }
        Value::Object(metrics)
    }
}

/// What is set aside for each role.
fn view_reserved(total: &Resources) -> Value {
    let mut roles: BTreeMap<&str, Resources> = BTreeMap::new();
    for entry in total.entries().iter().filter(|entry| entry.role != UNRESERVED) {
        roles.entry(&entry.role).or_default().add_entry(&entry.name, &entry.role, &entry.quantity);
    }
    roles.into_iter().map(|(role, resources)| (role.to_owned(), view_resources(&resources))).collect()
}

/// Adds how many tasks are in each of the states that Mesos sums up.
fn count_tasks(view: &mut Value, states: impl Iterator<Item = v1::TaskState>) {
    use v1::TaskState::*;
    let summed = [
        TaskStaging,
        TaskStarting,
        TaskRunning,
        TaskKilling,
        TaskFinished,
        TaskKilled,
        TaskFailed,
        TaskLost,
        TaskError,
        TaskUnreachable,
    ];
    let states: Vec<v1::TaskState> = states.collect();
    for summed in summed {
        view[summed.as_str_name()] = json!(states.iter().filter(|state| **state == summed).count());
    }
}

fn view_task(id: &v1::FrameworkId, framework: &Framework, task: &Task) -> Value {
    let status = task.status.iter().map(|status| {
        json!({ "state": status.state().as_str_name(), "timestamp": status.timestamp(), "message": status.message() })
    });
    json!({
        "id": task.info.task_id.value,
        "name": task.info.name,
        "framework_id": id.value,
        "executor_id": task.executor_id.clone().unwrap_or_default().value,
        "slave_id": task.agent_id.value,
        "state": task.state.as_str_name(),
        "resources": view_resources(&task.resources),
        "role": framework.role(),
        "statuses": status.collect::<Vec<_>>(),
    })
}
