//! Every background task of the daemon, by kind: its name, what cancelling it does, and what its failure means.
//!
//! `tokio::spawn` appears here only.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use anyhow::anyhow;
use futures_util::FutureExt;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What runs in the background.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TaskKind {
    /// Answers HTTP. Cancel: drains the connections. Failure: the daemon stops.
    HttpServer,
    /// Turns what Mesos tells into inputs. Cancel: drops the session, tasks run on. Failure: the daemon stops.
    MesosEvents,
    /// Asks an agent what an executor that failed wrote last. Cancel: the update is dropped, and Mesos tells it to the next
    /// scheduler. Failure: the daemon stops.
    LastWords,
    /// Makes backups. Cancel: after the one at hand. Failure: none, it is told and tried again.
    Backups,
}

impl TaskKind {
    /// For logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HttpServer => "http server",
            Self::MesosEvents => "mesos events",
            Self::LastWords => "last words of executors",
            Self::Backups => "backups",
        }
    }
}

/// How many failures may wait to be seen; the first is enough to stop, so more are dropped.
const FAILURES_MAX: usize = 4;

/// Why the daemon must stop.
#[derive(Debug)]
pub struct Failure {
    /// Which part failed.
    pub part: &'static str,
    /// How.
    pub error: anyhow::Error,
}

/// Starts background tasks and tells of the first that fails. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Supervisor {
    tracker: TaskTracker,
    stopping: CancellationToken,
    failures: mpsc::Sender<Failure>,
}

impl Supervisor {
    /// A supervisor, and where failures arrive.
    pub fn new() -> (Self, mpsc::Receiver<Failure>) {
        let (failures, receiver) = mpsc::channel(FAILURES_MAX);
        (Self { tracker: TaskTracker::new(), stopping: CancellationToken::new(), failures }, receiver)
    }

    /// Is cancelled when background tasks are to end.
    pub fn stopping(&self) -> &CancellationToken {
        &self.stopping
    }

    /// Runs a task until it ends or fails. It must itself end when [`Supervisor::stopping`] is cancelled.
    pub fn spawn(&self, kind: TaskKind, task: impl Future<Output = anyhow::Result<()>> + Send + 'static) {
        let supervisor = self.clone();
        self.tracker.spawn(async move {
            // One that panics must not leave the daemon deaf.
            match AssertUnwindSafe(task).catch_unwind().await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => supervisor.fail(kind.name(), error),
                Err(_) => supervisor.fail(kind.name(), anyhow!("it broke; the log above has the panic")),
            }
        });
    }

    /// Tells that a part of the daemon failed, which ends it.
    pub fn fail(&self, part: &'static str, error: anyhow::Error) {
        // The channel is full only if failures wait already, and the first of them ends the daemon.
        let _ = self.failures.try_send(Failure { part, error });
    }

    /// Tells all tasks to end and waits for them, at most this long. `false` if some did not.
    pub async fn stop(&self, patience: Duration) -> bool {
        self.stopping.cancel();
        self.tracker.close();
        tokio::time::timeout(patience, self.tracker.wait()).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_failing_task_is_told_by_its_name() {
        let (supervisor, mut failures) = Supervisor::new();
        supervisor.spawn(TaskKind::HttpServer, async { Err(anyhow::anyhow!("port taken")) });
        let failure = failures.recv().await.unwrap();
        assert_eq!((failure.part, failure.error.to_string()), ("http server", "port taken".to_owned()));
    }

    #[tokio::test]
    async fn sched_158_the_end_of_the_intake_ends_the_daemon() {
        let (supervisor, mut failures) = Supervisor::new();
        supervisor.spawn(TaskKind::MesosEvents, async { panic!("a broken invariant") });
        let failure = failures.recv().await.unwrap();
        assert_eq!(failure.part, "mesos events");
        assert!(failure.error.to_string().contains("panic"), "{}", failure.error);
    }

    #[tokio::test]
    async fn stopping_waits_for_tasks_but_not_for_ever() {
        let (supervisor, _failures) = Supervisor::new();
        let stopping = supervisor.stopping().clone();
        supervisor.spawn(TaskKind::HttpServer, async move {
            stopping.cancelled().await;
            Ok(())
        });
        assert!(supervisor.stop(Duration::from_secs(60)).await);

        let (supervisor, _failures) = Supervisor::new();
        supervisor.spawn(TaskKind::HttpServer, std::future::pending());
        assert!(!supervisor.stop(Duration::from_millis(1)).await);
    }
}
