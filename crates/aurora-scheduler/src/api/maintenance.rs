//! `startMaintenance`, `drainHosts`, `endMaintenance`, `maintenanceStatus`: hosts that never offered anything are left out
//! of the answers.

use std::collections::BTreeSet;
use std::sync::Arc;

use aurora_api::ids::HostName;
use aurora_api::thrift::rpc::{DrainHosts, EndMaintenance, MaintenanceStatus, StartMaintenance};
use aurora_api::thrift::{
    self, DrainHostsResult, EndMaintenanceResult, HostStatus, Hosts, MaintenanceStatusResult, Response,
    ResponseCode, StartMaintenanceResult,
};
use scheduler_core::input::{Change, MaintenanceCall};
use scheduler_core::operation::MaintenanceMode;

use super::{UNSECURE, envelope};
use crate::app::App;

type Names = BTreeSet<HostName>;

pub async fn start(app: &App, call: StartMaintenance) -> Response {
    change(app, call.hosts, MaintenanceCall::Start, |statuses| {
        thrift::Result::StartMaintenanceResult(StartMaintenanceResult { statuses: Some(statuses) })
    })
    .await
}

pub async fn drain(app: &App, call: DrainHosts) -> Response {
    change(app, call.hosts, MaintenanceCall::Drain, |statuses| {
        thrift::Result::DrainHostsResult(DrainHostsResult { statuses: Some(statuses) })
    })
    .await
}

pub async fn end(app: &App, call: EndMaintenance) -> Response {
    change(app, call.hosts, MaintenanceCall::End, |statuses| {
        thrift::Result::EndMaintenanceResult(EndMaintenanceResult { statuses: Some(statuses) })
    })
    .await
}

pub fn status(app: &App, call: MaintenanceStatus) -> Response {
    let Some(hosts) = names(call.hosts) else { return no_hosts() };
    let statuses = Some(statuses(app, &hosts));
    envelope::ok(thrift::Result::MaintenanceStatusResult(MaintenanceStatusResult { statuses }))
}

async fn change(
    app: &App,
    hosts: Option<Hosts>,
    call: MaintenanceCall,
    result: impl FnOnce(Vec<HostStatus>) -> thrift::Result,
) -> Response {
    let Some(hosts) = names(hosts) else { return no_hosts() };
    let change = Change::Maintain { hosts: hosts.clone(), call };
    let response = envelope::of_reply(app.requests.submit(Arc::from(UNSECURE), change).await);
    if response.response_code != Some(ResponseCode::Ok) {
        return response;
    }
    // The view is published before the reply leaves.
    envelope::ok(result(statuses(app, &hosts)))
}

fn names(hosts: Option<Hosts>) -> Option<Names> {
    Some(hosts?.host_names?.into_iter().map(HostName::new).collect())
}

fn no_hosts() -> Response {
    envelope::error("The hosts are not set.")
}

fn statuses(app: &App, hosts: &Names) -> Vec<HostStatus> {
    let view = app.view();
    let known = hosts.iter().filter_map(|host| view.host(host));
    known
        .map(|host| HostStatus {
            host: Some(host.host.to_string()),
            mode: Some(match host.mode {
                MaintenanceMode::None => thrift::MaintenanceMode::None,
                MaintenanceMode::Scheduled => thrift::MaintenanceMode::Scheduled,
                MaintenanceMode::Draining => thrift::MaintenanceMode::Draining,
                MaintenanceMode::Drained => thrift::MaintenanceMode::Drained,
            }),
        })
        .collect()
}
