//! `aurora local status`.

use aurora_api::thrift::ScheduleStatus;
use aurora_client::{Client, Cluster};

use super::Place;
use super::watch::all_tasks;
use crate::arguments::{ClusterJobKey, Verbosity};
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::local_state::{CLUSTER, LocalState, ProcessIdentity};
use crate::output;
use crate::tasks::{instance_id, is_active};

/// Says what runs.
#[derive(clap::Args, Debug)]
pub struct Status {
    #[command(flatten)]
    place: Place,

    #[command(flatten)]
    _verbosity: Verbosity,
}

impl Status {
    /// Runs the verb.
    pub async fn run(self) -> Result<(), Failure> {
        let dir = self.place.dir();
        let is_alive = |program: Option<ProcessIdentity>| program.is_some_and(ProcessIdentity::is_alive);
        let running = LocalState::read(&dir).filter(|state| {
            state.supervisor.is_alive() || is_alive(state.mesos) || is_alive(state.scheduler)
        });
        let Some(state) = running else {
            return Err(Failure::new(
                ExitCode::CommandFailure,
                format!("no local cluster is running in {}; start one with `aurora local up`", dir.display()),
            ));
        };
        let describe = |program: Option<ProcessIdentity>| match program {
            Some(program) if program.is_alive() => format!("running, pid {}", program.pid),
            Some(program) => format!("has ended (was pid {})", program.pid),
            None => "not started yet".to_owned(),
        };
        output::print(&format!("directory  {}", dir.display()));
        let supervisor = state.supervisor;
        output::print(&match (supervisor.is_alive(), state.ready) {
            (true, true) => format!("cluster    up, pid {}", supervisor.pid),
            (true, false) => format!("cluster    starting, pid {}", supervisor.pid),
            (false, _) => {
                "cluster    left alone: what started it is gone; `aurora local down` stops the rest"
                    .to_owned()
            }
        });
        output::print(&format!(
            "mesos      {}; master {}, agents {}",
            describe(state.mesos),
            state.master.as_deref().unwrap_or("not ready yet"),
            state.agents
        ));
        output::print(&format!(
            "scheduler  {}; {}/scheduler",
            describe(state.scheduler),
            state.scheduler_uri
        ));
        output::print(&format!("observer   {}", describe(state.observer)));
        if state.scheduler.is_some() {
            print_tasks(&state).await?;
        }
        Ok(())
    }
}

async fn print_tasks(state: &LocalState) -> Result<(), Failure> {
    let client = Client::new(&Cluster::at(CLUSTER, &state.scheduler_uri))?;
    let mut tasks = match all_tasks(&client).await {
        Ok(tasks) => tasks,
        Err(reason) => {
            output::print_error(&format!("the scheduler does not answer: {reason}"));
            return Ok(());
        }
    };
    tasks.retain(is_active);
    let key = |task: &aurora_api::thrift::ScheduledTask| {
        let config = task.assigned_task.as_ref().and_then(|task| task.task.as_ref());
        let key = config.and_then(|config| config.job.clone());
        ClusterJobKey::reported(CLUSTER, &key.unwrap_or_default())
    };
    tasks.sort_by_key(|task| (key(task), instance_id(task)));
    for task in &tasks {
        let host = task
            .assigned_task
            .as_ref()
            .and_then(|assigned| assigned.slave_host.as_deref())
            .map_or_else(String::new, |host| format!(" on {host}"));
        output::print(&format!(
            "task       {}/{} {}{host}",
            key(task),
            instance_id(task),
            task.status.map_or("unknown", ScheduleStatus::as_str)
        ));
    }
    if tasks.is_empty() {
        output::print("task       none is active");
    }
    Ok(())
}
