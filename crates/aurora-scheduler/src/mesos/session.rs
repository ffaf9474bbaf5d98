//! The session with the Mesos master: its events become inputs, in their order.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use arc_swap::ArcSwap;
use aurora_api::ids::{AgentId, FrameworkId, OfferId};
use mesos_v1::chain;
use mesos_v1::messages::TaskStatus;
use mesos_v1::messages::scheduler::Call;
use mesos_v1::scheduler::{SchedulerEvent, SessionError};
use scheduler_core::input::{Input, MesosEvent, StatusUpdate};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::calls::{CallSender, failed_call};
use super::held::HeldOffers;
use super::last_words::LastWords;
use super::offer::{Revocable, core_inverse_offer, core_offer};
use super::status::core_status;
use super::{PRINCIPAL, SECRET, arrivals};
use crate::clock::Clock;
use crate::queue::{InputSender, QueueClosed};
use crate::stats::Stats;
use crate::supervisor::{Supervisor, TaskKind};

/// How we stand with Mesos, for pages and health checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Connection {
    /// Not yet, or not any more, and why.
    Away {
        /// In words, with the remedy.
        reason: String,
    },
    /// Subscribed at this master.
    Subscribed {
        /// `host:port`.
        master: String,
    },
}

/// The present connection. Cheap to clone; all clones share it.
pub type ConnectionCell = Arc<ArcSwap<Connection>>;

/// A cell that says we have not subscribed yet.
pub fn connection_cell() -> ConnectionCell {
    Arc::new(ArcSwap::from_pointee(Connection::Away { reason: "not subscribed yet".to_owned() }))
}

/// What turns events into inputs.
pub struct EventPump<S> {
    /// For inverse offers, which are always accepted.
    pub calls: S,
    /// Where inputs go.
    pub inputs: InputSender,
    /// Where offers are kept.
    pub held: HeldOffers,
    /// What agents say of executors that could not report.
    pub last_words: LastWords,
    /// What they are asked by runs here.
    pub supervisor: Supervisor,
    /// How amounts of offers are counted.
    pub revocable: Revocable,
    /// Counters and gauges.
    pub stats: Stats,
    /// How we stand.
    pub connection: ConnectionCell,
    /// Against which the age of updates is measured.
    pub clock: Box<dyn Clock>,
    /// `-framework_authentication_file`, to be named if Mesos refuses what it holds.
    pub credential_file: Option<PathBuf>,
}

impl<S: CallSender + Sync> EventPump<S> {
    /// Runs until the session ends, the driver takes no more, or we are stopping.
    ///
    /// # Errors
    /// Mesos refuses this framework for good.
    pub async fn run(
        self,
        mut events: mpsc::Receiver<SchedulerEvent>,
        stopping: CancellationToken,
    ) -> anyhow::Result<()> {
        self.stats.gauge("framework_registered", 0);
        loop {
            // Stopping first: events that come then are told again to the next scheduler.
            let event = tokio::select! {
                biased;
                () = stopping.cancelled() => return Ok(()),
                event = events.recv() => event.context("the session with Mesos ended without a word")?,
            };
            if let SchedulerEvent::Ended { error } = event {
                self.stats.gauge("framework_registered", 0);
                let remedy = remedy(&error, self.credential_file.as_deref());
                return Err(anyhow::Error::new(error).context(remedy));
            }
            if self.on_event(event).await.is_err() {
                return Ok(());
            }
        }
    }

    async fn on_event(&self, event: SchedulerEvent) -> Result<(), QueueClosed> {
        if let Some(counter) = counter_of(&event) {
            self.stats.count(counter, 1);
        }
        let input = match event {
            SchedulerEvent::Connecting { master } => {
                info!(%master, "subscribing with Mesos");
                None
            }
            SchedulerEvent::Subscribed { framework_id, master, .. } => {
                info!(framework = %framework_id, %master, "subscribed with Mesos");
                self.held.clear();
                self.last_words.note_framework(&framework_id);
                self.stats.gauge("framework_registered", 1);
                self.connection.store(Arc::new(Connection::Subscribed { master }));
                Some(MesosEvent::Subscribed { framework: FrameworkId::new(framework_id.value) })
            }
            SchedulerEvent::Disconnected { reason } => {
                self.held.clear();
                self.stats.gauge("framework_registered", 0);
                let text = format!("{}: {}", chain(&reason), reason.remedy());
                // The session has logged it already.
                debug!(reason = %text, "not connected to Mesos");
                let was_subscribed = matches!(**self.connection.load(), Connection::Subscribed { .. });
                self.connection.store(Arc::new(Connection::Away { reason: text }));
                was_subscribed.then_some(MesosEvent::Disconnected)
            }
            SchedulerEvent::Offers(offers) => {
                let core_offers = offers.iter().map(|offer| core_offer(offer, self.revocable)).collect();
                self.last_words.note_offers(&offers);
                offers.into_iter().for_each(|offer| self.held.keep(offer));
                Some(MesosEvent::Offers(core_offers))
            }
            SchedulerEvent::InverseOffers(offers) => {
                let core_offers = offers.iter().map(core_inverse_offer).collect();
                let ids = offers.into_iter().map(|offer| offer.id).collect();
                // Accepted whatever comes of it: it says that we know, and Mesos asks again anyway.
                if let Err((_, reason)) = self.calls.send(Call::accept_inverse_offers(ids)) {
                    debug!(%reason, "an inverse offer was not answered; Mesos asks again");
                }
                Some(MesosEvent::InverseOffers(core_offers))
            }
            SchedulerEvent::Rescind(id) => {
                let id = OfferId::new(id.value);
                self.held.take(&id);
                Some(MesosEvent::Rescinded(id))
            }
            SchedulerEvent::Update(status) => {
                arrivals::log(&status);
                if LastWords::are_wanted(&status) {
                    arrivals::count(&self.stats, &status, self.clock.now());
                    let (last_words, inputs) = (self.last_words.clone(), self.inputs.clone());
                    let stopping = self.supervisor.stopping().clone();
                    // Mesos tells no other news of the task until this one is acknowledged.
                    self.supervisor.spawn(TaskKind::LastWords, async move {
                        let completed = tokio::select! {
                            biased;
                            () = stopping.cancelled() => return Ok(()),
                            completed = last_words.complete(*status) => completed,
                        };
                        if let Some(update) = core_update(&completed) {
                            // A queue that is closed means that we end, and Mesos tells it again.
                            let _ = inputs.send(Input::Mesos(MesosEvent::Status(update))).await;
                        }
                        Ok(())
                    });
                } else {
                    if let Some(update) = core_update(&status) {
                        self.inputs.send(Input::Mesos(MesosEvent::Status(update))).await?;
                    }
                    // One that could not be handed on was not taken.
                    arrivals::count(&self.stats, &status, self.clock.now());
                }
                None
            }
            SchedulerEvent::Failure { agent_id, executor_id: Some(executor), status } => {
                if status.unwrap_or(0) != 0 {
                    let agent = agent_id.map(|agent| agent.value).unwrap_or_default();
                    info!(executor = %executor, agent, ?status, "an executor ended");
                    self.stats.count("scheduler_lost_executors", 1);
                }
                None
            }
            SchedulerEvent::Failure { agent_id, executor_id: None, .. } => {
                agent_id.map(|agent| MesosEvent::AgentLost(AgentId::new(agent.value)))
            }
            SchedulerEvent::CallFailed { call, error } => {
                let reason = chain(&error);
                let failed = failed_call(&call);
                if failed.is_none() {
                    debug!(%reason, "a call to Mesos had no effect");
                }
                failed.map(|call| MesosEvent::CallFailed { call, reason: Arc::from(reason) })
            }
            SchedulerEvent::Message { .. } => {
                self.stats.count("scheduler_framework_message", 1);
                None
            }
            SchedulerEvent::RescindInverseOffer(_) | SchedulerEvent::Ended { .. } => None,
        };
        match input {
            Some(event) => self.inputs.send(Input::Mesos(event)).await,
            None => Ok(()),
        }
    }
}

/// What counts such events (`spec/scheduler.md` §8.3).
const fn counter_of(event: &SchedulerEvent) -> Option<&'static str> {
    Some(match event {
        SchedulerEvent::Connecting { .. } => "mesos_scheduler_subscription_attempts",
        SchedulerEvent::Subscribed { .. } => "mesos_scheduler_event_SUBSCRIBED",
        SchedulerEvent::Offers(_) => "mesos_scheduler_event_OFFERS",
        SchedulerEvent::InverseOffers(_) => "mesos_scheduler_event_INVERSE_OFFERS",
        SchedulerEvent::Rescind(_) => "mesos_scheduler_event_RESCIND",
        SchedulerEvent::RescindInverseOffer(_) => "mesos_scheduler_event_RESCIND_INVERSE_OFFER",
        SchedulerEvent::Update(_) => "mesos_scheduler_event_UPDATE",
        SchedulerEvent::Message { .. } => "mesos_scheduler_event_MESSAGE",
        SchedulerEvent::Failure { .. } => "mesos_scheduler_event_FAILURE",
        SchedulerEvent::Disconnected { .. }
        | SchedulerEvent::CallFailed { .. }
        | SchedulerEvent::Ended { .. } => return None,
    })
}

fn core_update(status: &TaskStatus) -> Option<StatusUpdate> {
    let update = core_status(status);
    if update.is_none() {
        warn!(task = %status.task_id, state = status.state, "a status of an unknown kind was left out");
    }
    update
}

/// What an operator can do about the end of a session.
fn remedy(error: &SessionError, credential_file: Option<&Path>) -> String {
    match (error, credential_file) {
        (SessionError::Unauthorized { .. }, Some(file)) => format!(
            "compare the principal and the secret in {} (-framework_authentication_file) with the master's --credentials",
            file.display()
        ),
        (SessionError::Unauthorized { .. }, None) => format!(
            "the master demands authentication: give -framework_authentication_file a file with the lines \
             `{PRINCIPAL}=…` and `{SECRET}=…`"
        ),
        // Compat: the id is never forgotten by itself (`spec/scheduler.md` §8.3): a wrong master would make us orphan all
        // tasks.
        (SessionError::Refused { message, .. }, _) if message.contains("removed") => {
            "Mesos has removed this framework and ended all its tasks, because the scheduler was away for longer than \
             -framework_failover_timeout or the framework was torn down; start once with -register_anew to subscribe as \
             a new framework: jobs are kept, and their services start again"
                .to_owned()
        }
        (other, _) => other.remedy().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pump() -> (EventPump<crate::testing::RecordedCalls>, crate::queue::InputReceiver, Stats) {
        let (inputs, receiver) = crate::queue::input_queue();
        let stats = Stats::default();
        let pump = EventPump {
            calls: crate::testing::RecordedCalls::default(),
            inputs,
            held: HeldOffers::default(),
            revocable: Revocable { cpus: true, ram: false },
            stats: stats.clone(),
            connection: connection_cell(),
            last_words: LastWords::default(),
            supervisor: Supervisor::new().0,
            clock: Box::new(crate::clock::SystemClock),
            credential_file: None,
        };
        (pump, receiver, stats)
    }

    #[tokio::test]
    async fn sched_162_an_update_that_is_not_taken_is_not_counted() {
        let (pump, receiver, stats) = pump();
        let update = || SchedulerEvent::Update(Box::default());
        pump.on_event(update()).await.unwrap();
        assert_eq!(stats.counter("scheduler_status_update"), 1);
        assert_eq!(receiver.take_all(Some(std::time::Duration::ZERO)).unwrap().len(), 1);
        pump.inputs.close();
        assert!(pump.on_event(update()).await.is_err(), "it is handed on");
        assert_eq!(stats.counter("scheduler_status_update"), 1);
    }

    #[tokio::test]
    async fn the_session_its_executors_and_messages_are_counted() {
        let (pump, receiver, stats) = pump();
        let subscribed = SchedulerEvent::Subscribed {
            framework_id: "f".into(),
            master: "m:5050".to_owned(),
            heartbeat_interval: std::time::Duration::from_secs(15),
            master_info: None,
        };
        pump.on_event(subscribed).await.unwrap();
        assert_eq!(stats.gauge_value("framework_registered"), Some(1));
        let ended = |status| SchedulerEvent::Failure {
            agent_id: Some("a".into()),
            executor_id: Some("e".into()),
            status: Some(status),
        };
        pump.on_event(ended(0)).await.unwrap();
        assert_eq!(stats.counter("scheduler_lost_executors"), 0);
        pump.on_event(ended(1)).await.unwrap();
        assert_eq!(stats.counter("scheduler_lost_executors"), 1);
        let message =
            SchedulerEvent::Message { agent_id: "a".into(), executor_id: "e".into(), data: b"x".to_vec() };
        pump.on_event(message).await.unwrap();
        assert_eq!(stats.counter("scheduler_framework_message"), 1);
        for (kind, count) in [("SUBSCRIBED", 1), ("FAILURE", 2), ("MESSAGE", 1)] {
            assert_eq!(stats.counter(&format!("mesos_scheduler_event_{kind}")), count, "{kind}");
        }
        pump.on_event(SchedulerEvent::Connecting { master: "m:5050".to_owned() }).await.unwrap();
        assert_eq!(stats.counter("mesos_scheduler_subscription_attempts"), 1);
        let reason = SessionError::NotReady { master: "m:5050".to_owned(), status: 503, text: String::new() };
        pump.on_event(SchedulerEvent::Disconnected { reason }).await.unwrap();
        assert_eq!(stats.gauge_value("framework_registered"), Some(0));
        let told: Vec<String> = receiver
            .take_all(Some(std::time::Duration::ZERO))
            .unwrap()
            .iter()
            .map(|input| format!("{input:?}"))
            .collect();
        assert_eq!(told.len(), 2, "ended executors and messages are nothing to the core: {told:?}");

        // An error of Mesos ends the part, and with it the daemon.
        let (pump, _receiver, _) = self::pump();
        let (events, queue) = mpsc::channel(1);
        let error = SessionError::Refused { master: "m:5050".to_owned(), message: "no".to_owned() };
        events.send(SchedulerEvent::Ended { error }).await.unwrap();
        let ended = pump.run(queue, CancellationToken::new()).await.unwrap_err();
        assert!(mesos_v1::chain(&*ended).contains("no"), "{ended:?}");
    }

    #[test]
    fn a_removed_framework_is_told_how_to_begin_anew() {
        let removed = SessionError::Refused {
            master: "m:5050".to_owned(),
            message: "Framework has been removed".to_owned(),
        };
        assert!(remedy(&removed, None).contains("-register_anew"));
        let replaced = SessionError::Refused {
            master: "m:5050".to_owned(),
            message: "Framework failed over".to_owned(),
        };
        assert!(remedy(&replaced, None).contains("only one of them runs"));
    }
    #[test]
    fn refused_credentials_are_named_with_their_file() {
        let refused = SessionError::Unauthorized {
            master: "m:5050".to_owned(),
            who: "principal \"aurora\"".to_owned(),
        };
        let text = remedy(&refused, Some(Path::new("/etc/aurora/mesos.properties")));
        assert!(text.contains("/etc/aurora/mesos.properties") && text.contains("--credentials"), "{text}");
        let text = remedy(&refused, None);
        assert!(text.contains("-framework_authentication_file") && text.contains(SECRET), "{text}");
    }
}
