//! Keeps a member of a ServerSet alive: joins, notices what ends the membership, joins again, and leaves.

use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use zookeeper::client::{Acls, Client, CreateMode, Error};
use zookeeper::{ConnectError, Ensemble};

use super::{Announcement, AuthConfig};
use crate::status::with_detail;

/// Without contact for this long, ZooKeeper takes the member for gone.
const SESSION_TIMEOUT: Duration = Duration::from_secs(10);

/// What members are called, but for their number.
const MEMBER: &str = "member_";

/// After a join that failed.
const JOIN_RETRY: Duration = Duration::from_secs(15);

/// After a connection that failed: at first, and at most.
const FIRST_BACKOFF: Duration = Duration::from_millis(250);
const MOST_BACKOFF: Duration = Duration::from_secs(300);

/// While the task waits for its first announcement, which it may do for some seconds only.
const MOST_FIRST_BACKOFF: Duration = Duration::from_secs(2);

/// Between two looks at a session that has lost its server.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

/// How long the end of a task waits for ZooKeeper; without an answer the member goes with its session.
const LEAVE_LIMIT: Duration = Duration::from_secs(3);

/// Upstream's words for an announcement that did not happen in time.
const TIMED_OUT: &str = "Creating Announcer Serverset timed out.";

/// An announcement and where it goes.
pub struct Announcer {
    announcement: Announcement,
    ensemble: Ensemble,
    auth: AuthConfig,
    waits_for_running: bool,
}

/// What there is to say of an announcement that does not stand; nothing while it does.
pub type News = Option<String>;

/// A task that is being announced.
pub struct Presence {
    news: watch::Receiver<News>,
    task: JoinHandle<Option<String>>,
    leave: Option<oneshot::Sender<()>>,
    is_over: bool,
}

/// A member that exists.
struct Member {
    client: Client,
    path: String,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
enum JoinError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("Failed to join ServerSet: {path}: {source}{}", remedy(source))]
    Refused { path: String, source: Error },
}

impl JoinError {
    /// Whether another attempt would end the same way (D24).
    fn is_of_rights(&self) -> bool {
        matches!(self, Self::Refused { source: Error::NoAuth | Error::InvalidAcl | Error::AuthFailed, .. })
    }
}

fn remedy(error: &Error) -> &'static str {
    match error {
        Error::NoAuth | Error::AuthFailed => {
            "; give the executor credentials with the right to create nodes there: --announcer-zookeeper-auth-config"
        }
        Error::InvalidAcl => "; correct `acl` in the file of --announcer-zookeeper-auth-config",
        _ => "",
    }
}

impl Announcer {
    pub const fn new(
        announcement: Announcement,
        ensemble: Ensemble,
        auth: AuthConfig,
        waits_for_running: bool,
    ) -> Self {
        Self { announcement, ensemble, auth, waits_for_running }
    }

    /// Begins, or waits until the task runs if that is wanted (D23).
    pub fn start(self, mut running_words: watch::Receiver<Option<String>>) -> Presence {
        let (leave, mut left) = oneshot::channel();
        let (tell, news) = watch::channel(None);
        let task = tokio::spawn(async move {
            let mut member = None;
            let work = async {
                if self.waits_for_running && running_words.wait_for(Option::is_some).await.is_err() {
                    std::future::pending::<()>().await;
                }
                self.be_member(&mut member, &tell).await
            };
            let failure = tokio::select! {
                biased;
                _ = &mut left => None,
                failure = work => Some(failure),
            };
            if let Some(Member { client, path }) = member {
                match timeout(LEAVE_LIMIT, client.delete(&path, None)).await {
                    Ok(Ok(())) => tracing::info!(path, "no longer announced"),
                    other => tracing::warn!(path, ?other, "the announcement goes with its session"),
                }
            }
            failure
        });
        Presence { news, task, leave: Some(leave), is_over: false }
    }

    /// Stays a member for ever; ends with the reason when it could not become one in time.
    async fn be_member(&self, slot: &mut Option<Member>, tell: &watch::Sender<News>) -> String {
        let mut last: Option<JoinError> = None;
        let deadline = Instant::now() + self.announcement.limit;
        if timeout_at(deadline, self.join_for_the_first_time(slot, &mut last, tell)).await.is_err() {
            return match last {
                Some(error) if error.is_of_rights() => one_line(&error),
                Some(error) => with_detail(TIMED_OUT, &one_line(&error)),
                // Not even the first attempt came to an end.
                None => with_detail(TIMED_OUT, &one_line(&zookeeper::diagnose(&self.ensemble).await)),
            };
        }
        tell.send_if_modified(|news| news.take().is_some());
        loop {
            if let Some(member) = slot.as_ref() {
                let why = watch_over(member).await;
                tracing::warn!(path = member.path, why, "no longer announced; joining again");
            }
            // The session may be good still, when only the node is gone.
            let session =
                slot.take().map(|member| member.client).filter(|client| !client.state().is_terminated());
            self.join_again(session, slot, tell).await;
            tell.send_if_modified(|news| news.take().is_some());
        }
    }

    async fn join_for_the_first_time(
        &self,
        slot: &mut Option<Member>,
        last: &mut Option<JoinError>,
        tell: &watch::Sender<News>,
    ) {
        let mut backoff = FIRST_BACKOFF;
        loop {
            match self.join(None).await {
                Ok(member) => {
                    *slot = Some(member);
                    return;
                }
                Err(error) => {
                    tracing::warn!(error = one_line(&error), "not announced yet");
                    tell.send_replace(Some(format!("not announced yet, trying again: {}", one_line(&error))));
                    *last = Some(error);
                }
            }
            sleep(backoff).await;
            backoff = (backoff * 2).min(MOST_FIRST_BACKOFF);
        }
    }

    async fn join_again(
        &self,
        mut session: Option<Client>,
        slot: &mut Option<Member>,
        tell: &watch::Sender<News>,
    ) {
        let mut backoff = FIRST_BACKOFF;
        loop {
            match self.join(session.take()).await {
                Ok(member) => {
                    *slot = Some(member);
                    return;
                }
                Err(error) => {
                    tracing::error!(error = one_line(&error), "not announced");
                    tell.send_replace(Some(format!(
                        "not announced any more, trying again: {}",
                        one_line(&error)
                    )));
                    let wait = if matches!(error, JoinError::Refused { .. }) { JOIN_RETRY } else { backoff };
                    backoff = (backoff * 2).min(MOST_BACKOFF);
                    sleep(wait).await;
                }
            }
        }
    }

    async fn join(&self, session: Option<Client>) -> Result<Member, JoinError> {
        let client = match session {
            Some(client) => client,
            None => zookeeper::connect(&self.ensemble, SESSION_TIMEOUT).await?,
        };
        let set = &self.announcement.path;
        let refused = |source| JoinError::Refused { path: set.clone(), source };
        for (scheme, credential) in &self.auth.identities {
            client.auth(scheme, credential.as_bytes()).await.map_err(refused)?;
        }
        let acls = match self.auth.acl.as_slice() {
            [] => Acls::anyone_all(),
            acl => Acls::new(acl),
        };
        // Making what is there already needs a right on its parent, and that is not asked for.
        if client.check_stat(set).await.map_err(refused)?.is_none() {
            let folders = CreateMode::Persistent.with_acls(acls);
            client.mkdir(set, &folders).await.map_err(refused)?;
        }
        let prefix = format!("{set}/{MEMBER}");
        let options = CreateMode::EphemeralSequential.with_acls(acls);
        let created = client.create(&prefix, self.announcement.data.as_bytes(), &options).await;
        let (_, number) = created.map_err(refused)?;
        let path = format!("{prefix}{number}");
        tracing::info!(path, "announced");
        Ok(Member { client, path })
    }
}

/// Ends when the member is gone, with the reason.
async fn watch_over(member: &Member) -> String {
    loop {
        match member.client.check_and_watch_stat(&member.path).await {
            Ok((Some(_), watcher)) => {
                watcher.changed().await;
            }
            Ok((None, _)) => return "the node was removed".to_owned(),
            Err(error) if member.client.state().is_terminated() => return error.to_string(),
            // The client looks for another server by itself.
            Err(_) => sleep(LOOK_INTERVAL).await,
        }
        if member.client.state().is_terminated() {
            return "the session is over".to_owned();
        }
    }
}

impl Presence {
    /// What there is to say of the announcement.
    pub fn news(&self) -> watch::Receiver<News> {
        self.news.clone()
    }

    /// Ends with the reason if the task could not be announced.
    pub async fn failed(&mut self) -> String {
        if !self.is_over {
            let outcome = (&mut self.task).await;
            self.is_over = true;
            match outcome {
                Ok(Some(reason)) => return reason,
                Ok(None) => {}
                Err(error) => return format!("Creating Announcer Serverset failed: {error}"),
            }
        }
        std::future::pending().await
    }

    /// Takes the announcement back, so that nobody is sent to a task that ends.
    pub async fn leave(mut self) {
        if let Some(leave) = self.leave.take() {
            let _ = leave.send(());
        }
        if !self.is_over {
            let _ = timeout(LEAVE_LIMIT, &mut self.task).await;
            self.task.abort();
        }
    }
}

/// An error with its causes.
fn one_line(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.ends_with(&words) {
            text = format!("{text}: {words}");
        }
        cause = error.source();
    }
    text
}
