//! `mesos-local`: see the library and `README.md`.

use std::io::IsTerminal as _;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;
use mesos_local::cli::{Cli, normalise};
use mesos_local::container::fetch_process::{self, FETCH_COMMAND};
use mesos_local::container::launcher::{self, LAUNCH_COMMAND};
use mesos_v1::chain;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, command, list] = arguments.as_slice()
        && command == FETCH_COMMAND
    {
        let _ = rustls::crypto::ring::default_provider().install_default();
        return match fetch_process::run(Path::new(list)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                // The agent makes it the reason of the task's end.
                eprintln!("{}", chain(&error));
                ExitCode::FAILURE
            }
        };
    }
    // The helper has one thread and no runtime.
    if let [_, command, spec] = arguments.as_slice()
        && command == LAUNCH_COMMAND
    {
        return match launcher::run(Path::new(spec)) {
            Ok(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
            Err(error) => fail(&error.into()),
        };
    }
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env()
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("mesos_local=info,warn")),
        )
        // Whoever reads the log may end before us: that is no reason to end as well.
        .log_internal_errors(false)
        .init();
    // A second installation is no error.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cli = Cli::parse_from(normalise(arguments, |name| std::env::var(name).ok()));
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.into()),
    };
    match runtime.block_on(Box::pin(cli.run())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

/// Prints an error with its causes, once.
fn fail(error: &anyhow::Error) -> ExitCode {
    eprintln!("mesos-local: {error:#}");
    ExitCode::FAILURE
}
