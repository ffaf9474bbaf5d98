//! The calls about hosts in maintenance (`spec/api.md` §1.5), and what is told of their answers.

use std::collections::{BTreeMap, BTreeSet};

use aurora_api::thrift::rpc::{
    Arguments, DrainHosts, EndMaintenance, GetTasksWithoutConfigs, MaintenanceStatus, StartMaintenance,
};
use aurora_api::thrift::{
    HostStatus, Hosts, MaintenanceMode, Response, ResponseCode, Result as Payload, ScheduledTask, TaskQuery,
};
use aurora_client::Client;
use jiff::tz::TimeZone;
use tracing::{info, warn};

use super::hosts::listed;
use super::{check, failure};
use crate::failure::{Failure, messages};
use crate::tasks::{ACTIVE, instance_id, tasks_in, time_text};
use crate::wait::Pace;

/// The modes of those hosts that the scheduler knows.
pub type Modes = BTreeMap<String, MaintenanceMode>;

/// Asks how hosts are.
///
/// # Errors
/// If the scheduler cannot be asked or refuses.
async fn status(client: &Client, hosts: &BTreeSet<String>) -> Result<Modes, Failure> {
    call(client, &MaintenanceStatus { hosts: named(hosts) }).await
}

/// Asks how hosts are, and tells which ones the scheduler does not know and what is not done for them.
///
/// # Errors
/// If the scheduler cannot be asked or refuses, or knows none of them.
pub async fn status_of_known(
    client: &Client,
    hosts: &BTreeSet<String>,
    skipping: &str,
) -> Result<Modes, Failure> {
    let modes = status(client, hosts).await?;
    told_of_unknown(client, hosts, modes, skipping)
}

/// Hosts that are not as they were waited for, a line each.
#[must_use]
pub fn lines(others: &Modes) -> String {
    let lines: Vec<String> =
        others.iter().map(|(host, mode)| format!("\tHost:{host}\tStatus:{mode}")).collect();
    lines.join("\n")
}

/// Takes hosts out of service as far as something else fits. Those that are drained, or about to be, stay so.
///
/// # Errors
/// If the scheduler cannot be asked or refuses, or knows none of the hosts.
pub async fn start(client: &Client, hosts: &BTreeSet<String>) -> Result<Modes, Failure> {
    let known = status(client, hosts).await?;
    let is_on_its_way = |host: &&String| {
        matches!(known.get(*host), Some(MaintenanceMode::Draining | MaintenanceMode::Drained))
    };
    let (on_their_way, others): (Vec<&String>, Vec<&String>) = hosts.iter().partition(is_on_its_way);
    for host in on_their_way {
        info!("{host} is {} already and stays so", known[host]);
    }
    let others: BTreeSet<String> = others.into_iter().cloned().collect();
    let mut modes = known;
    if !others.is_empty() {
        modes.extend(call(client, &StartMaintenance { hosts: named(&others) }).await?);
    }
    told_of_unknown(client, hosts, modes, "Skipping maintenance for")
}

/// Moves all tasks off hosts.
///
/// # Errors
/// If the scheduler cannot be asked or refuses.
pub async fn drain(client: &Client, hosts: &BTreeSet<String>) -> Result<Modes, Failure> {
    call(client, &DrainHosts { hosts: named(hosts) }).await
}

/// Puts hosts back into service.
///
/// # Errors
/// If the scheduler cannot be asked or refuses.
pub async fn end(client: &Client, hosts: &BTreeSet<String>) -> Result<Modes, Failure> {
    call(client, &EndMaintenance { hosts: named(hosts) }).await
}

/// Waits until hosts are in a mode; gives those that are not in time, with what they are instead. A look that fails is
/// repeated.
pub async fn wait_for(client: &Client, wanted: MaintenanceMode, mut others: Modes, pace: Pace) -> Modes {
    let mut pauses = pace.pauses();
    others.retain(|_, mode| *mode != wanted);
    let mut told = String::new();
    for look in 0_u32.. {
        if others.is_empty() {
            break;
        }
        let waiting = listed(others.keys());
        // A person reads what has changed, and now and then that nothing has.
        if waiting != told || look % 6 == 0 {
            info!("Waiting for hosts to be in {wanted}: {waiting}");
            told = waiting;
        }
        let Some(pause) = pauses.next() else { break };
        tokio::time::sleep(pause).await;
        let hosts = others.keys().cloned().collect();
        match client.try_once(&MaintenanceStatus { hosts: named(&hosts) }).await {
            Ok(response) if response.response_code == Some(ResponseCode::Ok) => {
                let modes = modes(response);
                others.retain(|host, mode| {
                    *mode = modes.get(host).copied().unwrap_or(*mode);
                    *mode != wanted
                });
            }
            Ok(response) => warn!("cannot see how the hosts are: {}", messages(&response)),
            Err(error) => warn!("cannot see how the hosts are: {error}"),
        }
    }
    others
}

/// The active tasks on hosts, by host.
///
/// # Errors
/// If the scheduler cannot be asked or refuses.
pub async fn tasks_on(
    client: &Client,
    hosts: &BTreeSet<String>,
) -> Result<BTreeMap<String, Vec<ScheduledTask>>, Failure> {
    let query = TaskQuery {
        slave_hosts: Some(hosts.iter().cloned().collect()),
        statuses: Some(ACTIVE.to_vec()),
        ..TaskQuery::default()
    };
    let mut by_host: BTreeMap<String, Vec<ScheduledTask>> = BTreeMap::new();
    for task in active_tasks(client, query).await? {
        let host = task.assigned_task.as_ref().and_then(|assigned| assigned.slave_host.clone());
        by_host.entry(host.unwrap_or_default()).or_default().push(task);
    }
    Ok(by_host)
}

/// The tasks of a query.
///
/// # Errors
/// If the scheduler cannot be asked or refuses.
pub async fn active_tasks(client: &Client, query: TaskQuery) -> Result<Vec<ScheduledTask>, Failure> {
    let response = client.call(&GetTasksWithoutConfigs { query: Some(query) }).await?;
    if response.response_code != Some(ResponseCode::Ok) {
        return Err(failure(format!("cannot see the tasks: {}", messages(&response))));
    }
    Ok(tasks_in(response))
}

/// A task that keeps a host from being empty: `www/prod/web/3 is KILLING since …`.
#[must_use]
fn keeper(task: &ScheduledTask) -> String {
    let job = task.assigned_task.as_ref().and_then(|assigned| assigned.task.as_ref()?.job.as_ref());
    let part = |part: Option<&String>| part.cloned().unwrap_or_default();
    let job = job.map_or_else(String::new, |job| {
        let (role, environment, name) =
            (part(job.role.as_ref()), part(job.environment.as_ref()), part(job.name.as_ref()));
        format!("{role}/{environment}/{name}/{}", instance_id(task))
    });
    let event = task.task_events.iter().flatten().max_by_key(|event| event.timestamp);
    let since = event.and_then(|event| event.timestamp);
    let since = since.map(|since| format!(" since {}", time_text(since, &TimeZone::system())));
    let message = event.and_then(|event| event.message.as_ref()).map(|message| format!(": {message}"));
    let status = task.status.map_or("?", |status| status.as_str());
    format!("{job} is {status}{}{}", since.unwrap_or_default(), message.unwrap_or_default())
}

/// Tells what is still there on hosts that are being emptied.
///
/// # Errors
/// If the scheduler cannot be asked or refuses.
pub async fn tell_what_is_left(client: &Client, hosts: &BTreeSet<String>) -> Result<(), Failure> {
    if hosts.is_empty() {
        return Ok(());
    }
    for (host, tasks) in tasks_on(client, hosts).await? {
        tasks.iter().for_each(|task| info!("still on {host}: {}", keeper(task)));
    }
    Ok(())
}

/// Passes on what the scheduler knows of hosts, after telling which ones it does not know and what is not done for them.
///
/// # Errors
/// If it knows none of them.
fn told_of_unknown(
    client: &Client,
    hosts: &BTreeSet<String>,
    modes: Modes,
    skipping: &str,
) -> Result<Modes, Failure> {
    let unknown = listed(hosts.iter().filter(|host| !modes.contains_key(*host)));
    let known_are = format!(
        "a host is known once its agent has offered something, under the name that the agent gives itself: see {}/agents",
        client.address()
    );
    if modes.is_empty() {
        return Err(failure(format!("The scheduler knows none of these hosts: {unknown}\n  {known_are}")));
    }
    if !unknown.is_empty() {
        warn!("{skipping} unknown hosts: {unknown}\n  {known_are}");
    }
    Ok(modes)
}

async fn call<A: Arguments>(client: &Client, arguments: &A) -> Result<Modes, Failure> {
    let response = client.call(arguments).await?;
    check(&response)?;
    Ok(modes(response))
}

fn modes(response: Response) -> Modes {
    let statuses = match response.result {
        Some(Payload::StartMaintenanceResult(result)) => result.statuses,
        Some(Payload::DrainHostsResult(result)) => result.statuses,
        Some(Payload::MaintenanceStatusResult(result)) => result.statuses,
        Some(Payload::EndMaintenanceResult(result)) => result.statuses,
        _ => None,
    };
    let pair = |status: HostStatus| Some((status.host?, status.mode?));
    statuses.unwrap_or_default().into_iter().filter_map(pair).collect()
}

fn named(hosts: &BTreeSet<String>) -> Option<Hosts> {
    Some(Hosts { host_names: Some(hosts.iter().cloned().collect()) })
}
