//! A small executor on the executor session, for the tests of the sessions themselves. It runs nothing: a task whose
//! `data` is `finish` is FINISHED at once, `crash` ends the executor, any other is RUNNING until it is killed.

use std::process::ExitCode;

use mesos_v1::messages::{TaskInfo, TaskState};
use mesos_v1::{ExecutorEnvironment, ExecutorEvent, ExecutorHandle, ExecutorSession, StatusUpdate};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("e2e-executor: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> anyhow::Result<()> {
    let environment = ExecutorEnvironment::from_process()?;
    let (handle, mut events) = ExecutorSession::start(environment);
    let mut live = Vec::new();
    while let Some(event) = events.recv().await {
        eprintln!("e2e-executor: {event:?}");
        match event {
            ExecutorEvent::Launch(task) => launch(&handle, &task, &mut live)?,
            ExecutorEvent::Kill { task_id, .. } => {
                live.retain(|live| *live != task_id);
                handle.update(StatusUpdate::new(task_id, TaskState::TaskKilled).with_message("asked to"))?;
            }
            ExecutorEvent::Message(data) => handle.message(data)?,
            ExecutorEvent::Shutdown => {
                for task_id in live.drain(..) {
                    handle.update(StatusUpdate::new(task_id, TaskState::TaskKilled))?;
                }
                break;
            }
            ExecutorEvent::Ended { error } => return Err(error.into()),
            ExecutorEvent::Acknowledged { .. } if live.is_empty() => break,
            _ => {}
        }
    }
    // The session's events are no longer read, so what is left is the acknowledgements, of which few remain.
    handle.acknowledged().await;
    Ok(())
}

fn launch(
    handle: &ExecutorHandle,
    task: &TaskInfo,
    live: &mut Vec<mesos_v1::messages::TaskId>,
) -> anyhow::Result<()> {
    let state = match task.data() {
        b"crash" => std::process::exit(3),
        b"finish" => TaskState::TaskFinished,
        _ => {
            live.push(task.task_id.clone());
            TaskState::TaskRunning
        }
    };
    handle.update(StatusUpdate::new(task.task_id.clone(), state))?;
    Ok(())
}
