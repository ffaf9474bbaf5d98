//! The Mesos executor of one task.
//!
//! `lifecycle.rs` talks to the agent, `supervisor.rs` carries the task through its life, `thermos` runs its processes.
//! Runner and coordinators are copies of this program: see `thermos::os::fork`.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod announcer;
mod assignment;
mod disk;
mod flags;
mod health;
mod http;
mod http_lifecycle;
mod lifecycle;
mod log;
mod oom;
mod ports;
mod progress;
mod runner;
mod self_check;
mod status;
mod supervisor;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use mesos_v1::{ExecutorEnvironment, ExecutorSession};
use thermos::run::Standby;

use flags::Flags;
use lifecycle::Executor;

/// No agent to report to, as a wrong command line (`spec/thermos.md` §3.3).
const USAGE: u8 = 2;

fn main() -> ExitCode {
    if let Some(code) = thermos::hidden::dispatch() {
        return code;
    }
    let flags = match Flags::try_read(std::env::args_os()) {
        Ok(flags) => flags,
        Err(error) => return thermos::command_line::answer(&error),
    };
    if flags.check {
        return check(&flags);
    }
    match execute(flags) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("thermos_executor: {error:#}");
            ExitCode::from(USAGE)
        }
    }
}

/// A variable of the agent's. The run directory is where the agent starts executors: without its variable the task still
/// hears of it from the self-check.
fn variable(name: &'static str) -> Option<String> {
    let given = std::env::var(name).ok().filter(|value| !value.is_empty());
    match (given, std::env::var_os("MESOS_FRAMEWORK_ID")) {
        (None, Some(_)) if name == "MESOS_DIRECTORY" => {
            std::env::current_dir().ok().map(|folder| folder.display().to_string())
        }
        (given, _) => given,
    }
}

fn check(flags: &Flags) -> ExitCode {
    let root = flags.image_root.as_deref().unwrap_or_else(|| Path::new("/"));
    let findings = self_check::check_offline(root, flags.role.as_deref());
    for finding in &findings {
        println!("{}", finding.text);
    }
    if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn execute(flags: Flags) -> anyhow::Result<ExitCode> {
    // First of all, while there is little to share and one thread. That it failed is told when there is a task.
    let standby = Standby::new();
    thermos::os::memory::share_pool();
    log::start();
    let environment = ExecutorEnvironment::from_lookup(variable)
        .context("this program is started by a Mesos agent; --check tells whether a task could run here")?;
    // Daemons whose runner is killed come to this process, which ends them.
    let subreaper = nix::sys::prctl::set_child_subreaper(true);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")?;
    runtime.block_on(async {
        let (handle, events) = ExecutorSession::start(environment.clone());
        Ok(Executor::new(environment, flags, handle, events, standby, subreaper).run().await)
    })
}
