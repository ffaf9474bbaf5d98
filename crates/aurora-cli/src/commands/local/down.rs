//! `aurora local down`.

use std::future::pending;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::Place;
use super::shutdown::{stop_programs, wait_for_end};
use crate::arguments::Verbosity;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::local_state::LocalState;
use crate::output;

/// How long the process that watches over the cluster may take to stop it.
const LIMIT: Duration = Duration::from_secs(90);

/// Stops the cluster and everything on it.
#[derive(clap::Args, Debug)]
pub struct Down {
    #[command(flatten)]
    place: Place,

    #[command(flatten)]
    _verbosity: Verbosity,
}

impl Down {
    /// Runs the verb.
    pub async fn run(self) -> Result<(), Failure> {
        let dir = self.place.dir();
        let Some(state) = LocalState::read(&dir) else {
            output::print(&format!("no local cluster is running in {}", dir.display()));
            return Ok(());
        };
        if state.supervisor.is_alive() {
            output::print(&format!(
                "stopping the cluster in {} (pid {})",
                dir.display(),
                state.supervisor.pid
            ));
            state.supervisor.signal(Signal::SIGTERM);
            if !wait_for_end(state.supervisor, LIMIT).await {
                return Err(Failure::new(
                    ExitCode::Timeout,
                    format!(
                        "process {} has not stopped the cluster in {} s; end it with `kill -9 {}` and run this command again",
                        state.supervisor.pid,
                        LIMIT.as_secs(),
                        state.supervisor.pid
                    ),
                ));
            }
        }
        // Whatever a supervisor that was killed has left.
        stop_programs(&state, pending()).await;
        LocalState::remove(&dir);
        output::print(&format!("stopped; {} keeps its jobs and logs", dir.display()));
        Ok(())
    }
}
