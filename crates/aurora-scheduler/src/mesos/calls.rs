//! What the core wants of Mesos, as calls.

use std::sync::Arc;

use aurora_api::amounts::Millis;
use aurora_api::ids::{AgentId, HostName, OfferId, TaskId};
use aurora_api::task::{Task, TaskStatus};
use mesos_v1::SchedulerHandle;
use mesos_v1::messages::scheduler::Call;
use mesos_v1::messages::{self, Offer};
use mesos_v1::scheduler::SendError;
use scheduler_core::input::{FailedCall, Input, MesosEvent};
use tracing::{debug, warn};

use super::collection;
use super::held::HeldOffers;
use super::split::use_up;
use super::task_info::{LaunchSettings, task_info};
use crate::queue::InputSender;
use crate::stats::Stats;

/// Sends calls. The seam to Mesos, so that tests can listen.
pub trait CallSender: Send {
    /// Queues a call; never waits.
    ///
    /// # Errors
    /// The call, with the reason, if it was not taken.
    fn send(&self, call: Call) -> Result<(), (Box<Call>, String)>;
}

impl CallSender for SchedulerHandle {
    fn send(&self, call: Call) -> Result<(), (Box<Call>, String)> {
        SchedulerHandle::send(self, call).map_err(|error| {
            let text = error.to_string();
            match error {
                SendError::QueueFull(call) | SendError::SessionEnded(call) | SendError::NoType(call) => {
                    (call, text)
                }
            }
        })
    }
}

/// Why a task is lost whose offer was rescinded while it was assigned.
const WITHDRAWN: &str = "Its offer was withdrawn before the launch, as the agent or the master went away. There is nothing \
                         to do: the task is tried again.";

/// Turns the core's wishes into calls, and tells the core of those that could not be sent.
pub struct MesosCalls<S> {
    sender: S,
    held: HeldOffers,
    settings: LaunchSettings,
    inputs: InputSender,
    stats: Stats,
}

impl<S: CallSender> MesosCalls<S> {
    /// Sends with `sender`, taking offers from `held`.
    pub fn new(
        sender: S,
        held: HeldOffers,
        settings: LaunchSettings,
        inputs: InputSender,
        stats: Stats,
    ) -> Self {
        Self { sender, held, settings, inputs, stats }
    }

    /// ACCEPTs an offer with these tasks.
    pub fn launch(&self, id: &OfferId, tasks: &[Arc<Task>], refuse: Millis) {
        let Some(offer) = self.held.take(id) else {
            self.stats.count("offer_accept_races", 1);
            let ids = tasks.iter().map(|task| task.id.clone()).collect();
            self.launch_failed(ids, WITHDRAWN);
            return;
        };
        let mut infos = Vec::with_capacity(tasks.len());
        let mut left = Offer::clone(&offer);
        for task in tasks {
            match task_info(task, &left, &self.settings) {
                Ok(info) => {
                    use_up(&mut left, &info);
                    infos.push(info);
                }
                Err(error) => {
                    warn!(task = %task.id, agent = %offer.agent_id, %error, "cannot launch a task");
                    self.launch_failed(vec![task.id.clone()], &format!("It could not be launched: {error}."));
                }
            }
        }
        let offers = vec![offer.id.clone()];
        if infos.is_empty() {
            self.send(Call::decline(offers, seconds(refuse)));
        } else {
            self.send(Call::accept(offers, infos, seconds(refuse)));
        }
    }

    /// ACCEPTs an offer with a collection of old task state.
    pub fn collect(&self, id: &OfferId, host: &HostName, task: &TaskId, retained: Vec<(TaskId, TaskStatus)>) {
        // A withdrawn offer means no collection this time; the next interval brings another.
        let Some(offer) = self.held.take(id) else { return };
        let offers = vec![offer.id.clone()];
        match collection::task_info(&offer, host, task, retained, &self.settings.collector) {
            Ok(info) => self.send(Call::accept(offers, vec![info], 0.0)),
            Err(error) => {
                warn!(%host, %error, "cannot launch a collection of old task state");
                self.send(Call::decline(offers, 0.0));
            }
        }
    }

    /// DECLINEs offers; those that are void already need no call.
    pub fn decline(&self, ids: &[OfferId], refuse: Millis) {
        let still_held: Vec<_> =
            ids.iter().filter_map(|id| self.held.take(id)).map(|offer| offer.id.clone()).collect();
        if !still_held.is_empty() {
            self.send(Call::decline(still_held, seconds(refuse)));
        }
    }

    /// KILLs a task.
    pub fn kill(&self, task: &TaskId, agent: Option<&AgentId>) {
        self.send(Call::kill(task.as_str().into(), agent.map(|agent| agent.as_str().into())));
    }

    /// ACKNOWLEDGEs a status.
    pub fn acknowledge(&self, task: &TaskId, agent: &AgentId, uuid: [u8; 16]) {
        let status = messages::TaskStatus {
            task_id: task.as_str().into(),
            agent_id: Some(agent.as_str().into()),
            uuid: Some(uuid.to_vec()),
            ..messages::TaskStatus::default()
        };
        if let Some(call) = Call::acknowledge(&status) {
            self.send(call);
        }
    }

    /// RECONCILEs tasks, or all.
    pub fn reconcile(&self, tasks: &[(TaskId, Option<AgentId>)]) {
        let tasks = tasks
            .iter()
            .map(|(task, agent)| (task.as_str().into(), agent.as_ref().map(|agent| agent.as_str().into())));
        self.send(Call::reconcile(tasks));
    }

    fn launch_failed(&self, tasks: Vec<TaskId>, reason: &str) {
        let call = FailedCall::Launch(tasks);
        let event = MesosEvent::CallFailed { call, reason: Arc::from(reason) };
        self.inputs.send_now(Input::Mesos(event));
    }

    fn send(&self, call: Call) {
        if let Err((call, reason)) = self.sender.send(call) {
            match failed_call(&call) {
                Some(failed) => {
                    let event = MesosEvent::CallFailed { call: failed, reason: Arc::from(reason.as_str()) };
                    self.inputs.send_now(Input::Mesos(event));
                }
                None => debug!(%reason, "a call to Mesos was not sent"),
            }
        }
    }
}

/// What the core wants to hear of a call that failed; of others Mesos reminds us by itself.
pub fn failed_call(call: &Call) -> Option<FailedCall> {
    if let Some(kill) = &call.kill {
        return Some(FailedCall::Kill(TaskId::new(kill.task_id.value.as_str())));
    }
    let accept = call.accept.as_ref()?;
    let launches = accept.operations.iter().filter_map(|operation| operation.launch.as_ref());
    let tasks =
        launches.flat_map(|launch| &launch.task_infos).map(|info| TaskId::new(info.task_id.value.as_str()));
    Some(FailedCall::Launch(tasks.collect()))
}

#[expect(clippy::cast_precision_loss, reason = "a filter of 2^53 ms is for ever")]
fn seconds(duration: Millis) -> f64 {
    duration.0 as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use mesos_v1::messages::Resource;
    use scheduler_core::config::Tiers;

    use super::*;
    use crate::mesos::offer::Revocable;
    use crate::mesos::{CollectorSettings, ExecutorSettings};
    use crate::queue::{InputReceiver, input_queue};
    use crate::testing::assigned_task;

    #[derive(Clone, Default)]
    struct Recorder(Arc<Mutex<Vec<Call>>>);

    impl CallSender for Recorder {
        fn send(&self, call: Call) -> Result<(), (Box<Call>, String)> {
            if call.kill.is_some() {
                return Err((Box::new(call), "session ended".to_owned()));
            }
            self.0.lock().unwrap().push(call);
            Ok(())
        }
    }

    fn calls(path: Option<&str>) -> (MesosCalls<Recorder>, Recorder, HeldOffers, InputReceiver) {
        let (sender, receiver) = input_queue();
        let settings = LaunchSettings {
            executor: ExecutorSettings { path: path.map(str::to_owned), ..ExecutorSettings::default() },
            tiers: Tiers::default(),
            revocable: Revocable { cpus: true, ram: false },
            cluster: "c".to_owned(),
            collector: CollectorSettings::default(),
        };
        let (recorder, held) = (Recorder::default(), HeldOffers::default());
        held.keep(Offer {
            id: "o1".into(),
            agent_id: "a1".into(),
            resources: vec![
                Resource::scalar("cpus", 1.0),
                Resource::scalar("mem", 100.0),
                Resource::scalar("disk", 100.0),
                Resource::ranges("ports", [(31000, 31000)]),
            ],
            ..Offer::default()
        });
        let calls = MesosCalls::new(recorder.clone(), held.clone(), settings, sender, Stats::default());
        (calls, recorder, held, receiver)
    }

    fn told(receiver: &InputReceiver) -> Vec<String> {
        let inputs = receiver.take_all(Some(std::time::Duration::ZERO)).unwrap();
        inputs.iter().map(|input| format!("{input:?}")).collect()
    }

    #[test]
    fn an_offer_is_used_once() {
        let (calls, recorder, held, receiver) = calls(Some("/bin/executor"));
        let task = Arc::new(assigned_task());
        calls.launch(&OfferId::new("o1"), &[Arc::clone(&task)], Millis(5000));
        assert!(held.all().is_empty() && told(&receiver).is_empty());
        assert_eq!(calls.stats.counter("offer_accept_races"), 0);
        let accept = recorder.0.lock().unwrap().remove(0).accept.unwrap();
        assert_eq!(accept.offer_ids[0].value, "o1");
        assert_eq!(accept.filters.unwrap().refuse_seconds, Some(5.0));

        calls.launch(&OfferId::new("o1"), &[task], Millis(5000));
        let inputs = told(&receiver);
        assert!(inputs[0].contains("Launch") && inputs[0].contains("withdrawn"), "{inputs:?}");
        assert_eq!(calls.stats.counter("offer_accept_races"), 1);
        calls.decline(&[OfferId::new("o1")], Millis(5000));
        assert!(recorder.0.lock().unwrap().is_empty());
    }

    #[test]
    fn the_tasks_of_one_offer_share_its_entries() {
        let (calls, recorder, held, receiver) = calls(Some("/bin/executor"));
        let reserved = |entry: Resource| Resource { role: Some("aurora".to_owned()), ..entry };
        held.keep(Offer {
            id: "o2".into(),
            agent_id: "a1".into(),
            resources: vec![
                Resource::scalar("cpus", 1.2),
                reserved(Resource::scalar("cpus", 0.7)),
                reserved(Resource::scalar("mem", 200.0)),
                Resource::scalar("mem", 300.0),
                Resource::scalar("disk", 500.0),
                Resource::ranges("ports", [(31000, 31001)]),
                reserved(Resource::ranges("ports", [(31002, 31002)])),
            ],
            ..Offer::default()
        });
        let task = |port: u16| {
            let mut task = assigned_task();
            task.id = TaskId::new(format!("t{port}"));
            task.assignment.as_mut().unwrap().ports = [(Arc::from("http"), port)].into();
            Arc::new(task)
        };
        calls.launch(&OfferId::new("o2"), &[task(31000), task(31001), task(31002)], Millis(0));
        assert!(told(&receiver).is_empty());
        let accept = recorder.0.lock().unwrap().remove(0).accept.unwrap();
        let launch = accept.operations[0].launch.as_ref().unwrap();
        assert_eq!(launch.task_infos.len(), 3);
        let taken = launch.task_infos.iter().flat_map(|info| {
            info.resources.iter().chain(info.executor.iter().flat_map(|executor| &executor.resources))
        });
        let mut sums: std::collections::BTreeMap<(String, bool), f64> = std::collections::BTreeMap::new();
        for entry in taken {
            let amount = entry.scalar.as_ref().map_or(0.0, |scalar| scalar.value);
            *sums.entry((entry.name.clone(), entry.role.is_some())).or_default() += amount;
        }
        for (name, is_reserved, offered) in
            [("cpus", true, 0.7), ("cpus", false, 1.2), ("mem", true, 200.0), ("mem", false, 300.0)]
        {
            let sum = sums.get(&(name.to_owned(), is_reserved)).copied().unwrap_or(0.0);
            assert!(sum <= offered + 1e-6, "{name} {is_reserved}: {sum} of {offered}");
        }
    }

    #[test]
    fn a_task_that_cannot_be_described_gives_the_offer_back() {
        let (calls, recorder, _, receiver) = calls(None);
        calls.launch(&OfferId::new("o1"), &[Arc::new(assigned_task())], Millis(5000));
        assert!(told(&receiver)[0].contains("-thermos_executor_path"));
        assert!(recorder.0.lock().unwrap()[0].decline.is_some());
    }

    #[test]
    fn a_kill_that_was_not_sent_is_told() {
        let (calls, _, _, receiver) = calls(None);
        calls.kill(&TaskId::new("t1"), Some(&AgentId::new("a1")));
        assert!(told(&receiver)[0].contains("Kill(\"t1\")"), "unexpected");
    }
}
