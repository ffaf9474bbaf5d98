//! The program: flags, log, signals, and the daemon between its start and its end.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use aurora_scheduler::daemon::{Daemon, end_after};
use aurora_scheduler::flags::{self, Flags};
use clap::error::ErrorKind;
use mesos_v1::SchedulerSession;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{error, warn};
use tracing_subscriber::EnvFilter;

/// The tables of a large cluster are millions of small pieces that come and go: with the C library's allocator they are strewn
/// over twice the memory, and each placement pays for the way to them (`docs/dev/benchmarks.md`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What the log shows unless `RUST_LOG` says otherwise.
const DEFAULT_LOG: &str = "info";

fn main() -> ExitCode {
    let parsed = match flags::parse(std::env::args_os()) {
        Ok(parsed) => parsed,
        Err(error) => {
            // Nothing can be done about a terminal that is gone.
            let _ = error.print();
            let is_help = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            return if is_help { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        }
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT_LOG));
    let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(is_terminal)
        // Whoever reads the log may end before us: that is no reason to end as well.
        .log_internal_errors(false)
        .init();
    for warning in &parsed.warnings {
        warn!("{warning}");
    }
    // A provider that is installed already serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match run(&parsed.flags) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run(flags: &Flags) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let mut daemon = Daemon::start(flags, |config| {
        SchedulerSession::start(config).context("cannot start the session with Mesos")
    })
    .await?;
    // The same goes for this.
    let _ = writeln!(std::io::stdout(), "listening on {}", daemon.address());
    let quit = daemon.quit().clone();
    // A failure first: after one there is nothing to stop in order.
    tokio::select! {
        biased;
        failure = daemon.failed() => end_after(&failure),
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = quit.cancelled() => {}
    }
    daemon.stop().await
}
