//! Stopping what was started, in the one right order: the scheduler first, so that it does not start anew what Mesos is
//! taking down; then Mesos with its executors and their tasks.

use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::time::{Instant, sleep};

use crate::local_state::{LocalState, ProcessIdentity};

/// How long the scheduler may take to finish its journal.
const SCHEDULER_LIMIT: Duration = Duration::from_secs(15);
/// How long executors may take to stop their tasks.
const MESOS_LIMIT: Duration = Duration::from_secs(45);
/// How long a process may live after it was asked again, or killed.
const LAST_LIMIT: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(20);

/// Stops the programs of a cluster; `hurry` resolves when the person does not want to wait any longer.
pub async fn stop_programs(state: &LocalState, hurry: impl Future<Output = ()>) {
    let mut hurry = std::pin::pin!(hurry);
    let mut in_a_hurry = false;
    let programs =
        [(state.scheduler, SCHEDULER_LIMIT), (state.mesos, MESOS_LIMIT), (state.observer, LAST_LIMIT)];
    for (program, limit) in programs {
        let Some(program) = program else { continue };
        program.signal(Signal::SIGTERM);
        if !in_a_hurry {
            tokio::select! {
                biased;
                ended = wait_for_end(program, limit) => if ended { continue },
                () = &mut hurry => in_a_hurry = true,
            }
        }
        // The embedded Mesos takes a second request as the wish not to wait for its executors.
        program.signal(Signal::SIGTERM);
        if !wait_for_end(program, LAST_LIMIT).await {
            program.signal(Signal::SIGKILL);
            wait_for_end(program, LAST_LIMIT).await;
        }
    }
}

/// Waits until a process has ended; says whether it has.
pub async fn wait_for_end(process: ProcessIdentity, limit: Duration) -> bool {
    let start = Instant::now();
    while process.is_alive() {
        if start.elapsed() > limit {
            return false;
        }
        sleep(POLL).await;
    }
    true
}
