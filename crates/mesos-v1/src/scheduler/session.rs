//! The task of a scheduler session: connect, serve, back off, again.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use prost::Message;
use reqwest::header::{HeaderValue, LOCATION};
use reqwest::{Client, Response, StatusCode};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::{CallError, SchedulerConfig, SchedulerEvent, SchedulerTiming, SessionError, StartError};
use crate::chain;
use crate::detect::election::{self, Elected, Election};
use crate::detect::{self, ElectionError, Place};
use crate::messages::scheduler::{Call, Event, call, event};
use crate::messages::{Credential, FrameworkId};
use crate::transport::{self, Authorization, Endpoint, MessageStream, Refusal, STREAM_ID_HEADER};

/// After so many redirects in a row the masters point at each other.
const REDIRECTS_MAX: u32 = 5;

/// The interval of heartbeats if SUBSCRIBED does not say (spec/mesos.md §1.4).
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(15);

pub(super) struct Session {
    config: SchedulerConfig,
    authorization: Authorization,
    calls: mpsc::Receiver<Call>,
    events: mpsc::Sender<SchedulerEvent>,
    /// One connection each: a subscription never shares its connection with calls (spec/mesos.md §1.4).
    stream_client: Client,
    call_client: Client,
    framework_id: Option<FrameworkId>,
    leader: Leader,
}

/// Where to look for the leader next.
#[derive(Clone)]
enum Leader {
    /// At one of these, in turn.
    Listed { addresses: Vec<String>, next: usize },
    /// Where ZooKeeper says.
    Elected(watch::Receiver<Election>),
}

/// Why a step of the session did not come to its end.
enum Interruption {
    /// Nobody wants events or sends calls any more.
    Stopped,
    /// There is no subscription, or no longer.
    Failed(SessionError),
}

impl From<SessionError> for Interruption {
    fn from(error: SessionError) -> Interruption {
        Interruption::Failed(error)
    }
}

/// What a SUBSCRIBE led to.
enum Answer {
    Redirected(String),
    Subscribed(Box<Subscription>),
}

struct Subscription {
    master: String,
    /// The leader that ZooKeeper named, if it was asked. A redirect may have led away from it.
    elected: Option<Elected>,
    stream: MessageStream<Response>,
    stream_id: HeaderValue,
    subscribed: event::Subscribed,
}

impl Subscription {
    fn heartbeat_interval(&self) -> Duration {
        let seconds = self.subscribed.heartbeat_interval_seconds.unwrap_or_default();
        Duration::try_from_secs_f64(seconds)
            .ok()
            .filter(|interval| !interval.is_zero())
            .unwrap_or(HEARTBEAT_INTERVAL)
    }
}

/// What all calls under one subscription share.
struct Connection<'a> {
    master: &'a str,
    elected: Option<&'a Elected>,
    /// As the master itself says; empty if it does not.
    master_id: &'a str,
    endpoint: &'a Endpoint,
    stream_id: &'a HeaderValue,
    /// How long the master may say nothing, on either connection.
    silence_max: Duration,
}

/// A call that waits for its answer.
struct CallInFlight {
    call: Call,
    answer: Pin<Box<dyn Future<Output = Result<(), CallError>> + Send>>,
}

impl Session {
    pub fn new(
        config: SchedulerConfig,
        calls: mpsc::Receiver<Call>,
        events: mpsc::Sender<SchedulerEvent>,
    ) -> Result<Session, StartError> {
        Ok(Session {
            authorization: authorization(config.credential.as_ref())?,
            stream_client: transport::client(config.timing.connect_timeout)?,
            call_client: transport::client(config.timing.connect_timeout)?,
            framework_id: config.framework_info.id.clone().filter(|id| !id.value.is_empty()),
            leader: Leader::find(&config),
            config,
            calls,
            events,
        })
    }

    pub async fn run(mut self) {
        let mut failures = 0;
        loop {
            let error = match self.subscribe_and_serve(&mut failures).await {
                Interruption::Stopped => return,
                Interruption::Failed(error) => error,
            };
            if error.is_fatal() {
                self.end(error).await;
                return;
            }
            // What is wrong with an election is logged where it is followed, once.
            if !matches!(error, SessionError::NoElection(_)) {
                tracing::warn!(remedy = error.remedy(), "{}", chain(&error));
            }
            if self.emit(SchedulerEvent::Disconnected { reason: error }).await.is_err() {
                return;
            }
            let wait = backoff(&self.config.timing, failures);
            failures += 1;
            let mut leader = self.leader.clone();
            // A change of the leader cuts the wait short, but never the first part of it, which keeps schedulers apart.
            let first = wait.min(self.config.timing.backoff_min);
            let wait = async {
                sleep(first).await;
                tokio::select! {
                    () = sleep(wait.saturating_sub(first)) => false,
                    () = leader.news() => true,
                }
            };
            match self.refusing_calls(wait).await {
                // What another master failed at says nothing of the new one.
                Ok(true) => failures = 0,
                Ok(false) => {}
                Err(_) => return,
            }
        }
    }

    /// One subscription from beginning to end. `failures` is set to zero when it begins.
    async fn subscribe_and_serve(&mut self, failures: &mut u32) -> Interruption {
        match Box::pin(self.subscribe()).await {
            Ok(subscription) => {
                *failures = 0;
                match Box::pin(self.serve(subscription)).await {
                    Ok(never) => match never {},
                    Err(interruption) => interruption,
                }
            }
            Err(interruption) => interruption,
        }
    }

    /// Finds the leader and subscribes with it.
    async fn subscribe(&mut self) -> Result<Box<Subscription>, Interruption> {
        let mut leader = self.leader.clone();
        let found = self.refusing_calls(leader.address()).await?;
        // Kept even if nobody leads: it knows what was told, so that only news of it cut the next wait short.
        self.leader = leader;
        let (mut master, elected) = found?;
        for _ in 0..REDIRECTS_MAX {
            self.emit(SchedulerEvent::Connecting { master: master.clone() }).await?;
            let request = self.subscribe_request(master.clone());
            match self.refusing_calls(request).await? {
                Ok(Answer::Redirected(leader)) => master = leader,
                Ok(Answer::Subscribed(mut subscription)) => {
                    subscription.elected = elected;
                    return Ok(subscription);
                }
                Err(error) => {
                    self.leader.try_next();
                    return Err(error.into());
                }
            }
        }
        self.leader.try_next();
        Err(SessionError::RedirectLoop { master }.into())
    }

    /// The exchange of one SUBSCRIBE, up to its first record.
    fn subscribe_request(
        &self,
        master: String,
    ) -> impl Future<Output = Result<Answer, SessionError>> + Send + 'static {
        let mut framework_info = self.config.framework_info.clone();
        framework_info.id = self.framework_id.clone();
        let subscribe = call::Subscribe { framework_info, ..call::Subscribe::default() };
        let call = Call {
            framework_id: self.framework_id.clone(),
            r#type: Some(call::Type::Subscribe.into()),
            subscribe: Some(subscribe),
            ..Call::default()
        };
        let endpoint = self.endpoint(&master);
        let client = self.stream_client.clone();
        let timeout = self.config.timing.subscribe_timeout;
        let principal = self.config.credential.as_ref().map(|credential| credential.principal.clone());
        async move {
            let deadline = Instant::now() + timeout;
            let body = Bytes::from(call.encode_to_vec());
            let response = match timeout_at(deadline, transport::post(&client, &endpoint, None, body)).await {
                Ok(Ok(response)) => response,
                Ok(Err(source)) => {
                    return Err(SessionError::Unreachable { master, source: source.without_url() });
                }
                Err(_) => return Err(SessionError::NoAnswer { master, timeout }),
            };
            if response.status() == StatusCode::OK {
                return first_record(master, response, deadline, timeout).await;
            }
            let location = response.headers().get(LOCATION).cloned();
            if response.status() == StatusCode::TEMPORARY_REDIRECT {
                let location =
                    String::from_utf8_lossy(location.as_ref().map_or(b"", |value| value.as_bytes()));
                return match detect::parse_location(&location) {
                    Some(leader) => Ok(Answer::Redirected(leader)),
                    None => Err(SessionError::BadRedirect { master, location: location.into_owned() }),
                };
            }
            Err(refused_subscribe(master, principal, Refusal::read(response.status(), response).await))
        }
    }

    /// Passes events to the owner and calls to the master until the subscription is lost.
    async fn serve(
        &mut self,
        subscription: Box<Subscription>,
    ) -> Result<std::convert::Infallible, Interruption> {
        let silence_max = subscription.heartbeat_interval() * self.config.timing.missed_heartbeats_max;
        let heartbeat_interval = subscription.heartbeat_interval();
        let Subscription { master, elected, mut stream, stream_id, subscribed } = *subscription;
        self.framework_id = Some(subscribed.framework_id.clone());
        let endpoint = self.endpoint(&master);
        let master_id = subscribed.master_info.as_ref().map(|info| info.id.clone()).unwrap_or_default();
        self.emit(SchedulerEvent::Subscribed {
            framework_id: subscribed.framework_id,
            heartbeat_interval,
            master: master.clone(),
            master_info: subscribed.master_info.map(Box::new),
        })
        .await?;
        let mut in_flight = None;
        let connection = Connection {
            master: &master,
            elected: elected.as_ref(),
            master_id: &master_id,
            endpoint: &endpoint,
            stream_id: &stream_id,
            silence_max,
        };
        let interruption = Box::pin(self.exchange(&connection, &mut stream, &mut in_flight)).await;
        // The stream goes first: the master must not see a call of ours under a subscription that we gave up.
        drop(stream);
        if let Interruption::Failed(_) = interruption {
            if let Some(CallInFlight { call, .. }) = in_flight {
                self.fail_call(call, CallError::Unanswered { master }).await?;
            }
            self.fail_queued_calls().await?;
        }
        Err(interruption)
    }

    /// The exchange of events and calls under one subscription; returns why it cannot go on.
    async fn exchange(
        &mut self,
        connection: &Connection<'_>,
        stream: &mut MessageStream<Response>,
        in_flight: &mut Option<CallInFlight>,
    ) -> Interruption {
        let Connection { master, silence_max, .. } = *connection;
        let mut silent_at = Instant::now() + silence_max;
        let mut leader = self.leader.clone();
        loop {
            // The order: an answer frees the way for the next call, so it comes first; another leader makes all that
            // follows void; then the call, which keeps
            // nobody from reading events since the next one waits for its answer; silence counts only if there is
            // really nothing to read.
            let step = tokio::select! {
                biased;
                answer = answer_of(in_flight), if in_flight.is_some() => {
                    let call = in_flight.take().map(|waiting| waiting.call);
                    self.on_answer(master, call, answer).await
                }
                leader = leader.other_than(connection) => {
                    Err(SessionError::NewLeader { master: master.to_owned(), leader }.into())
                }
                call = self.calls.recv(), if in_flight.is_none() => match call {
                    Some(call) => {
                        *in_flight = Some(self.send_call(call, connection));
                        Ok(())
                    }
                    None => Err(Interruption::Stopped),
                },
                event = stream.next::<Event>() => {
                    silent_at = Instant::now() + silence_max;
                    match event {
                        Ok(event) => self.on_event(master, event).await,
                        Err(source) => Err(SessionError::StreamLost { master: master.to_owned(), source }.into()),
                    }
                }
                () = sleep_until(silent_at) => {
                    Err(SessionError::Silent { master: master.to_owned(), silence: silence_max }.into())
                }
            };
            if let Err(interruption) = step {
                return interruption;
            }
        }
    }

    async fn on_answer(
        &self,
        master: &str,
        call: Option<Call>,
        answer: Result<(), CallError>,
    ) -> Result<(), Interruption> {
        let (Err(error), Some(call)) = (answer, call) else { return Ok(()) };
        let void = subscription_void(master, &error);
        self.fail_call(call, error).await?;
        void.map_or(Ok(()), |void| Err(void.into()))
    }

    fn send_call(&self, mut call: Call, connection: &Connection<'_>) -> CallInFlight {
        call.framework_id = self.framework_id.clone();
        let body = Bytes::from(call.encode_to_vec());
        let client = self.call_client.clone();
        let (endpoint, stream_id) = (connection.endpoint.clone(), connection.stream_id.clone());
        let (master, timeout) = (connection.master.to_owned(), connection.silence_max);
        let answer = Box::pin(async move {
            let sent =
                tokio::time::timeout(timeout, transport::post(&client, &endpoint, Some(&stream_id), body));
            let response = match sent.await {
                Ok(Ok(response)) => response,
                Ok(Err(source)) => return Err(CallError::Transport { master, source: source.without_url() }),
                Err(_) => return Err(CallError::Unanswered { master }),
            };
            if response.status().is_success() {
                return Ok(());
            }
            let Refusal { status, text } = Refusal::read(response.status(), response).await;
            Err(CallError::Refused { master, status: status.as_u16(), text })
        });
        CallInFlight { call, answer }
    }

    async fn on_event(&self, master: &str, event: Event) -> Result<(), Interruption> {
        let owned = match event.r#type() {
            event::Type::Offers => event.offers.map(|offers| SchedulerEvent::Offers(offers.offers)),
            event::Type::InverseOffers => {
                event.inverse_offers.map(|offers| SchedulerEvent::InverseOffers(offers.inverse_offers))
            }
            event::Type::Rescind => event.rescind.map(|rescind| SchedulerEvent::Rescind(rescind.offer_id)),
            event::Type::RescindInverseOffer => event
                .rescind_inverse_offer
                .map(|rescind| SchedulerEvent::RescindInverseOffer(rescind.inverse_offer_id)),
            event::Type::Update => event.update.map(|update| SchedulerEvent::Update(Box::new(update.status))),
            event::Type::Message => event.message.map(|message| SchedulerEvent::Message {
                agent_id: message.agent_id,
                executor_id: message.executor_id,
                data: message.data,
            }),
            event::Type::Failure => event.failure.map(|failure| SchedulerEvent::Failure {
                agent_id: failure.agent_id,
                executor_id: failure.executor_id,
                status: failure.status,
            }),
            event::Type::Error => {
                let message = event.error.map(|error| error.message).unwrap_or_default();
                return Err(SessionError::Refused { master: master.to_owned(), message }.into());
            }
            // A type that this version does not know reads as UNKNOWN; operations are never used.
            event::Type::Unknown
            | event::Type::Heartbeat
            | event::Type::Subscribed
            | event::Type::UpdateOperationStatus => None,
        };
        match owned {
            Some(owned) => self.emit(owned).await,
            None => Ok(()),
        }
    }

    /// Waits for `work` while there is no subscription: calls that come meanwhile fail at once.
    async fn refusing_calls<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Interruption> {
        tokio::pin!(work);
        loop {
            // The work first, so that a stream of calls cannot keep it from ending.
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                call = self.calls.recv() => {
                    let call = call.ok_or(Interruption::Stopped)?;
                    self.fail_call(call, CallError::NotSubscribed).await?;
                }
            }
        }
    }

    async fn fail_queued_calls(&mut self) -> Result<(), Interruption> {
        while let Ok(call) = self.calls.try_recv() {
            self.fail_call(call, CallError::NotSubscribed).await?;
        }
        Ok(())
    }

    async fn fail_call(&self, call: Call, error: CallError) -> Result<(), Interruption> {
        self.emit(SchedulerEvent::CallFailed { call: Box::new(call), error }).await
    }

    async fn end(mut self, error: SessionError) {
        self.calls.close();
        if self.fail_queued_calls().await.is_ok() {
            // A receiver that is gone does not need to hear the end.
            let _ = self.emit(SchedulerEvent::Ended { error }).await;
        }
    }

    async fn emit(&self, event: SchedulerEvent) -> Result<(), Interruption> {
        self.events.send(event).await.map_err(|_| Interruption::Stopped)
    }

    fn endpoint(&self, master: &str) -> Endpoint {
        Endpoint {
            url: format!("http://{master}/api/v1/scheduler"),
            authorization: self.authorization.clone(),
        }
    }
}

impl Leader {
    fn find(config: &SchedulerConfig) -> Leader {
        match &config.masters.0 {
            Place::Listed(addresses) => Leader::Listed { addresses: addresses.clone(), next: 0 },
            Place::Elected(ensemble) => {
                let (sender, receiver) = watch::channel(Election::default());
                tokio::spawn(election::follow(
                    ensemble.clone(),
                    config.timing.zookeeper_session_timeout,
                    sender,
                ));
                Leader::Elected(receiver)
            }
        }
    }

    /// Where to subscribe now. While ZooKeeper is away, the last leader it named is asked: it leads or redirects.
    async fn address(&mut self) -> Result<(String, Option<Elected>), SessionError> {
        let election = match self {
            Leader::Listed { addresses, next } => {
                return Ok((addresses[*next % addresses.len()].clone(), None));
            }
            Leader::Elected(election) => election,
        };
        let is_known = |known: &Election| known.last.is_some() || known.trouble.is_some();
        let Ok(known) = election.wait_for(is_known).await.map(|known| known.clone()) else {
            // The sender lives as long as a receiver does.
            return std::future::pending().await;
        };
        election.mark_unchanged();
        match (known.last, known.trouble) {
            (Some(leader), None | Some(ElectionError::Away { .. })) => {
                Ok((leader.address.clone(), Some(leader)))
            }
            (_, Some(trouble)) => Err(SessionError::NoElection(trouble)),
            (None, None) => std::future::pending().await,
        }
    }

    /// The one at hand did not do.
    fn try_next(&mut self) {
        if let Leader::Listed { next, .. } = self {
            *next += 1;
        }
    }

    /// Waits for anything new about the election; for ever if there is none to follow.
    async fn news(&mut self) {
        let has_changed = match self {
            Leader::Listed { .. } => false,
            Leader::Elected(election) => election.changed().await.is_ok(),
        };
        if !has_changed {
            std::future::pending().await
        }
    }

    /// Waits for a leader that is not the one we are connected with. That nobody leads, or that ZooKeeper is away, does
    /// not end a subscription: a master that has lost its office ends it by itself.
    async fn other_than(&mut self, connection: &Connection<'_>) -> String {
        let Leader::Elected(election) = self else { return std::future::pending().await };
        let is_other = |known: &Election| match (&known.last, &known.trouble, connection.elected) {
            (Some(leader), None, Some(elected)) => leader != elected && leader.id != connection.master_id,
            _ => false,
        };
        let other = election.wait_for(is_other).await.map(|known| known.last.clone());
        match other {
            Ok(Some(leader)) => leader.address,
            // The sender lives as long as a receiver does.
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }
}

async fn answer_of(in_flight: &mut Option<CallInFlight>) -> Result<(), CallError> {
    match in_flight {
        Some(waiting) => waiting.answer.as_mut().await,
        None => std::future::pending().await,
    }
}

async fn first_record(
    master: String,
    response: Response,
    deadline: Instant,
    timeout: Duration,
) -> Result<Answer, SessionError> {
    let Some(stream_id) = response.headers().get(STREAM_ID_HEADER).cloned() else {
        return Err(SessionError::NotMesos {
            master,
            detail: format!("it answers without {STREAM_ID_HEADER}"),
        });
    };
    let mut stream = MessageStream::new(response);
    let event = match timeout_at(deadline, stream.next::<Event>()).await {
        Ok(Ok(event)) => event,
        Ok(Err(source)) => return Err(SessionError::StreamLost { master, source }),
        Err(_) => return Err(SessionError::NoAnswer { master, timeout }),
    };
    match (event.r#type(), event.subscribed, event.error) {
        (event::Type::Subscribed, Some(subscribed), _) => Ok(Answer::Subscribed(Box::new(Subscription {
            master,
            elected: None,
            stream,
            stream_id,
            subscribed,
        }))),
        (event::Type::Error, _, Some(error)) => Err(SessionError::Refused { master, message: error.message }),
        (other, ..) => Err(SessionError::NotMesos {
            master,
            detail: format!("its first event is {}", other.as_str_name()),
        }),
    }
}

fn refused_subscribe(master: String, principal: Option<String>, refusal: Refusal) -> SessionError {
    let status = refusal.status.as_u16();
    match refusal.status {
        StatusCode::UNAUTHORIZED => {
            let who = match principal {
                Some(principal) => format!("principal {principal:?}"),
                None => "a framework without credentials".to_owned(),
            };
            SessionError::Unauthorized { master, who }
        }
        // What stands between us and the master may be in trouble too, and gets over it.
        StatusCode::NOT_FOUND | StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
            SessionError::NotReady { master, status, text: refusal.text }
        }
        refused if refused.is_server_error() => SessionError::NotReady { master, status, text: refusal.text },
        _ => SessionError::Rejected { master, status, text: refusal.text },
    }
}

/// Whether the refusal of a call means that the master no longer has our subscription (spec/mesos.md §1.3): then it is
/// over, though its connection may still look alive.
fn subscription_void(master: &str, error: &CallError) -> Option<SessionError> {
    let CallError::Refused { status, text, .. } = error else { return None };
    let lower = text.to_lowercase();
    let is_void = match *status {
        307 | 401 | 403 | 503 => true,
        400 => lower.contains("stream") || lower.contains("framework cannot be found"),
        _ => false,
    };
    is_void.then(|| SessionError::SubscriptionVoid {
        master: master.to_owned(),
        status: *status,
        text: text.clone(),
    })
}

fn authorization(credential: Option<&Credential>) -> Result<Authorization, StartError> {
    let Some(credential) = credential else { return Ok(Authorization::None) };
    let principal = credential.principal.clone();
    match credential.secret.clone() {
        None => Err(StartError::NoSecret { principal }),
        Some(secret) if secret.contains(':') => Err(StartError::SecretWithColon { principal }),
        Some(secret) => Ok(Authorization::Basic { principal, secret }),
    }
}

/// Doubles with each failure up to the maximum; a random half of it is left out, so that schedulers which lost the
/// same master do not come back together.
pub(super) fn backoff(timing: &SchedulerTiming, failures: u32) -> Duration {
    let full = timing.backoff_min.saturating_mul(2_u32.saturating_pow(failures)).min(timing.backoff_max);
    full.mul_f64(rand::random_range(0.5..=1.0))
}
