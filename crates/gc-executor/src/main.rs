//! `gc_executor`: collects old task state on an agent when the scheduler asks for it (`spec/thermos.md` §6).
//!
//! `queue.rs` decides which request is carried out, `matrix.rs` what becomes of each task, `machine.rs` finds tasks and does it,
//! `session.rs` talks to the agent. It works as root on files that tasks' users may have prepared: nothing is changed that
//! somebody else can move (`thermos::detect::Root::secure`), and no active task is removed.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod flags;
mod machine;
mod matrix;
mod queue;
mod session;

use std::process::ExitCode;

use anyhow::Context;
use mesos_v1::{ExecutorEnvironment, ExecutorSession};

use flags::Flags;
use machine::Machine;

fn main() -> ExitCode {
    let flags = match Flags::try_read(std::env::args_os()) {
        Ok(flags) => flags,
        Err(error) => return thermos::command_line::answer(&error),
    };
    match execute(&flags) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gc_executor: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn execute(flags: &Flags) -> anyhow::Result<()> {
    thermos::daemon::prepare();
    let environment = ExecutorEnvironment::from_process()
        .context("this program is started by a Mesos agent; `thermos gc` removes finished tasks by hand")?;
    let machine = Machine::new(flags, &environment.directory, &environment.framework_id.value);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")?;
    runtime.block_on(async {
        let (handle, events) = ExecutorSession::start(environment.clone());
        session::run(machine, &environment, handle, events).await;
        Ok(())
    })
}
