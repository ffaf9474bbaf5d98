//! `setQuota`: what a role's production tasks may take together.

use std::sync::Arc;

use aurora_api::amounts::{Megabytes, MilliCpus};
use aurora_api::thrift::rpc::SetQuota;
use aurora_api::thrift::{Resource, ResourceAggregate, Response};
use scheduler_core::input::Change;
use scheduler_core::quota::Quota;

use super::{UNSECURE, envelope};
use crate::app::App;

pub async fn answer(app: &App, call: SetQuota) -> Response {
    let Some(role) = call.owner_role.filter(|role| !role.trim().is_empty()) else {
        return envelope::error("Argument cannot be blank");
    };
    match read(call.quota.unwrap_or_default()) {
        Ok(quota) => {
            let change = Change::SetQuota { role: Arc::from(role), quota };
            envelope::of_reply(app.requests.submit(Arc::from(UNSECURE), change).await)
        }
        Err(message) => envelope::error(message),
    }
}

fn read(wire: ResourceAggregate) -> Result<Quota, &'static str> {
    let (mut cpus, mut ram, mut disk) = (None, None, None);
    let mut is_other = false;
    let resources = wire.resources.unwrap_or_default();
    if resources.len() > 3 {
        return Err("Too many resource values in quota.");
    }
    for resource in resources {
        match resource {
            Resource::NumCpus(cores) => cpus = Some(MilliCpus::from_cores(cores)),
            Resource::RamMb(amount) => ram = Some(Megabytes(amount)),
            Resource::DiskMb(amount) => disk = Some(Megabytes(amount)),
            Resource::NamedPort(_) | Resource::NumGpus(_) => is_other = true,
        }
    }
    match (cpus, ram, disk) {
        (Some(cpus), Some(ram), Some(disk)) if !is_other => Ok(Quota { cpus, ram, disk }),
        _ => Err("Quota resources must be exactly: [CPUS, RAM_MB, DISK_MB]"),
    }
}
