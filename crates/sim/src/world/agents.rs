//! Machines, their agents and the executors on them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use aurora_api::amounts::{Millis, Timestamp};
use aurora_api::ids::{AgentId, HostName, TaskId};
use aurora_api::task::{Task, TaskStatus};

use super::{World, kinds};
use crate::event::{Event, Link, Order, Update};
use crate::room::Room;

/// How long an agent waits for an acknowledgement at first, and at most.
const RETRY_MIN: Millis = Millis::from_secs(10);
const RETRY_MAX: Millis = Millis::from_secs(600);

/// After how long without a word the master gives an agent up.
const UNHEARD_AFTER: Millis = Millis::from_secs(75);

/// Attributes of an agent: name to values.
pub type Attributes = BTreeMap<Arc<str>, BTreeSet<Arc<str>>>;

/// One agent on one machine. A machine that dies comes back with another agent.
#[derive(Debug)]
pub struct Machine {
    /// Its number among the machines.
    pub number: usize,
    /// Its name.
    pub host: HostName,
    /// What the agent says of it.
    pub attributes: Attributes,
    /// What it has.
    pub total: Room,
    /// First and last port.
    pub ports: (u16, u16),
    /// When it goes down for maintenance, as Mesos was told.
    pub unavailable_from: Option<Timestamp>,
    /// Whether it is up.
    pub is_alive: bool,
    /// What runs on it, and what ended and is not acknowledged.
    pub runs: BTreeMap<TaskId, Run>,
    link: Link,
    is_connected: bool,
    next_order_at: Timestamp,
    next_update_at: Timestamp,
}

/// A task on an agent.
#[derive(Debug)]
pub struct Run {
    /// The task.
    pub task: Arc<Task>,
    /// How far its executor is.
    pub status: TaskStatus,
    is_stopping: bool,
    fails: bool,
    is_slow: bool,
    updates: VecDeque<Update>,
}

impl Machine {
    /// Whether the master can talk to it over this connection.
    pub(super) fn is_reachable_by(&self, link: Link) -> bool {
        self.is_alive && self.is_connected && self.link == link
    }

    pub(super) fn is_reachable_by_other_than(&self, link: Link) -> bool {
        self.is_alive && self.is_connected && self.link != link
    }

    /// What runs and has not ended.
    pub fn live(&self) -> impl Iterator<Item = &Run> {
        self.runs.values().filter(|run| !run.status.is_terminal())
    }
}

impl World {
    /// A machine comes up with a new agent.
    pub(super) fn add_machine(&mut self, number: usize) {
        let link = self.unique();
        let id = AgentId::new(format!("agent-{number}-{link}"));
        let name = format!("host-{number}");
        let (attributes, total, ports) = kinds::machine(number, &name, self.plan.agents);
        let machine = Machine {
            number,
            host: HostName::new(name),
            attributes,
            total,
            ports,
            unavailable_from: None,
            is_alive: true,
            runs: BTreeMap::new(),
            link,
            is_connected: true,
            next_order_at: Timestamp::ZERO,
            next_update_at: Timestamp::ZERO,
        };
        self.machines.insert(id.clone(), machine);
        self.register(&id, Vec::new());
    }

    /// A machine dies with all that runs on it.
    pub(super) fn kill_machine(&mut self, id: &AgentId) {
        let Some(machine) = self.machines.get_mut(id).filter(|machine| machine.is_alive) else { return };
        machine.is_alive = false;
        machine.is_connected = false;
        machine.runs.clear();
        let link = machine.link;
        self.tally.died += 1;
        self.note(|| format!("{id} dies"));
        self.plan_in(UNHEARD_AFTER, Event::Unheard(id.clone(), link));
    }

    /// The machine comes back, empty: with the agent that was there, or with another.
    pub(super) fn revive_machine(&mut self, id: &AgentId, is_same_agent: bool) {
        let new_link = self.unique();
        let Some(machine) = self.machines.get_mut(id).filter(|machine| !machine.is_alive) else { return };
        self.tally.returned += 1;
        if is_same_agent {
            machine.is_alive = true;
            machine.is_connected = true;
            machine.link = new_link;
            self.note(|| format!("{id} comes back empty"));
            self.register(id, Vec::new());
            return;
        }
        let number = machine.number;
        self.note(|| format!("{id} comes back as another"));
        self.mark_gone(id);
        self.machines.remove(id);
        self.add_machine(number);
    }

    /// The agent cannot be reached for a while.
    pub(super) fn cut_off(&mut self, id: &AgentId, time: Millis) {
        let Some(machine) =
            self.machines.get_mut(id).filter(|machine| machine.is_alive && machine.is_connected)
        else {
            return;
        };
        machine.is_connected = false;
        let link = machine.link;
        self.tally.cut_off += 1;
        self.note(|| format!("{id} is cut off for {} ms", time.0));
        self.plan_in(UNHEARD_AFTER, Event::Unheard(id.clone(), link));
        self.plan_in(time, Event::Heal(id.clone(), link));
    }

    pub(super) fn on_heal(&mut self, id: &AgentId, link: Link) {
        let new_link = self.unique();
        let Some(machine) = self
            .machines
            .get_mut(id)
            .filter(|machine| machine.is_alive && !machine.is_connected && machine.link == link)
        else {
            return;
        };
        machine.link = new_link;
        machine.is_connected = true;
        let tasks: Vec<_> =
            machine.runs.values().map(|run| (Arc::clone(&run.task), told_status(run))).collect();
        let waiting: Vec<TaskId> = machine.runs.keys().cloned().collect();
        self.note(|| format!("{id} is back"));
        self.register(id, tasks);
        for task in waiting {
            self.send_update(id, &task);
        }
    }

    /// All machines are up and connected; agents that are gone for good are known to be.
    pub(super) fn repair_machines(&mut self) {
        let ids: Vec<AgentId> = self.machines.keys().cloned().collect();
        for id in ids {
            let Some(machine) = self.machines.get(&id) else { continue };
            if machine.is_alive {
                self.on_heal(&id, machine.link);
            } else {
                self.revive_machine(&id, false);
            }
        }
        self.reconnect();
    }

    /// Sends an order to an agent.
    pub(super) fn order(&mut self, id: &AgentId, order: Order) {
        let delay = self.delay();
        let is_lost = self.chance.permille(self.faults.loss);
        let Some(machine) = self.machines.get_mut(id) else { return };
        self.tally.lost += u64::from(is_lost);
        let link = machine.link;
        machine.next_order_at = machine.next_order_at.max(self.now + delay);
        let at = machine.next_order_at;
        if !is_lost {
            self.agenda.plan(at, Event::ToAgent(id.clone(), link, order));
        } else if matches!(order, Order::Launch(_)) {
            // The connection broke: the agent registers again, and the master sees what it does not have.
            let time = self.chance.millis(1000, 5000);
            self.cut_off(id, time);
        }
    }

    pub(super) fn on_order(&mut self, id: &AgentId, link: Link, order: Order) {
        if !self.machines.get(id).is_some_and(|machine| machine.is_reachable_by(link)) {
            return;
        }
        match order {
            Order::Launch(task) => self.launch(id, task),
            Order::Kill(task) => self.stop(id, &task),
            Order::Acknowledge(task, uuid) => self.on_acknowledged(id, &task, uuid),
        }
    }

    pub(super) fn launch(&mut self, id: &AgentId, task: Arc<Task>) {
        let faults = self.faults;
        let fails = self.chance.permille(faults.failing);
        let is_slow = self.chance.permille(faults.slow);
        let is_impossible = self.chance.permille(faults.launch_failures);
        let task_id = task.id.clone();
        let Some(machine) = self.machines.get_mut(id) else { return };
        self.tally.failing += u64::from(fails);
        self.tally.slow += u64::from(is_slow);
        self.tally.impossible += u64::from(is_impossible);
        let status = TaskStatus::Assigned;
        let run = Run { task, status, is_stopping: false, fails, is_slow, updates: VecDeque::new() };
        machine.runs.insert(task_id.clone(), run);
        if is_impossible {
            self.plan_in(Millis(5), Event::Executor(id.clone(), task_id, TaskStatus::Failed));
            return;
        }
        let longest = if is_slow { 900_000 } else { 2000 };
        let delay = self.chance.millis(1, longest);
        self.plan_in(delay, Event::Executor(id.clone(), task_id, TaskStatus::Starting));
    }

    fn stop(&mut self, id: &AgentId, task: &TaskId) {
        let Some(machine) = self.machines.get_mut(id) else { return };
        let Some(run) = machine.runs.get_mut(task) else {
            // The agent does not have it: the master forgets it too.
            self.forget_task(id, task);
            return;
        };
        if run.is_stopping || run.status.is_terminal() {
            return;
        }
        run.is_stopping = true;
        let longest = if run.is_slow { 900_000 } else { 2000 };
        let delay = self.chance.millis(1, longest);
        self.plan_in(delay, Event::Executor(id.clone(), task.clone(), TaskStatus::Killed));
    }

    /// An executor's task gets to a status.
    pub(super) fn on_executor(&mut self, id: &AgentId, task: &TaskId, status: TaskStatus) {
        let uuid = uuid(self.unique());
        let Some(run) = self.machines.get_mut(id).and_then(|machine| machine.runs.get_mut(task)) else {
            return;
        };
        let is_late = run.is_stopping && !status.is_terminal();
        if run.status.is_terminal() || is_late {
            return;
        }
        run.status = status;
        run.updates.push_back(Update { status, uuid });
        let is_first = run.updates.len() == 1;
        let (fails, is_service) = (run.fails, run.task.config.is_service);
        self.note(|| format!("executor of {task}: {status}"));
        let next = match status {
            TaskStatus::Starting => Some((TaskStatus::Running, self.chance.millis(1, 3000))),
            TaskStatus::Running if fails => Some((TaskStatus::Failed, self.chance.millis(1, 400_000))),
            TaskStatus::Running if !is_service => {
                let longest = if self.happenings_left == 0 { 60_000 } else { 1_800_000 };
                Some((TaskStatus::Finished, self.chance.millis(1, longest)))
            }
            _ => None,
        };
        if let Some((next, delay)) = next {
            self.plan_in(delay, Event::Executor(id.clone(), task.clone(), next));
        }
        if is_first {
            self.send_update(id, task);
        }
    }

    /// Sends the oldest update that is not acknowledged.
    fn send_update(&mut self, id: &AgentId, task: &TaskId) {
        self.send_update_with(id, task, RETRY_MIN);
    }

    fn send_update_with(&mut self, id: &AgentId, task: &TaskId, retry: Millis) {
        let delay = self.delay();
        let is_lost = self.chance.permille(self.faults.loss);
        let Some(machine) = self.machines.get_mut(id) else { return };
        let Some(update) = machine.runs.get(task).and_then(|run| run.updates.front()).copied() else {
            return;
        };
        self.tally.lost += u64::from(is_lost);
        if machine.is_connected && !is_lost {
            machine.next_update_at = machine.next_update_at.max(self.now + delay);
            let event = Event::FromAgent(id.clone(), machine.link, update, task.clone());
            self.agenda.plan(machine.next_update_at, event);
        }
        self.plan_in(retry, Event::Retry(id.clone(), task.clone(), update.uuid, retry));
    }

    pub(super) fn on_retry(&mut self, id: &AgentId, task: &TaskId, uuid: [u8; 16], waited: Millis) {
        let front = self
            .machines
            .get(id)
            .and_then(|machine| machine.runs.get(task))
            .and_then(|run| run.updates.front());
        if front.is_some_and(|front| front.uuid == uuid) {
            self.send_update_with(id, task, (waited + waited).min(RETRY_MAX));
        }
    }

    fn on_acknowledged(&mut self, id: &AgentId, task: &TaskId, uuid: [u8; 16]) {
        let Some(run) = self.machines.get_mut(id).and_then(|machine| machine.runs.get_mut(task)) else {
            return;
        };
        if run.updates.front().is_none_or(|front| front.uuid != uuid) {
            return;
        }
        run.updates.pop_front();
        if !run.updates.is_empty() {
            self.send_update(id, task);
        } else if run.status.is_terminal() {
            if let Some(machine) = self.machines.get_mut(id) {
                machine.runs.remove(task);
            }
            self.forget_task(id, task);
        }
    }
}

/// What an agent tells of a run when it registers.
fn told_status(run: &Run) -> TaskStatus {
    if run.status == TaskStatus::Assigned { TaskStatus::Starting } else { run.status }
}

fn uuid(number: u64) -> [u8; 16] {
    u128::from(number).to_le_bytes()
}
