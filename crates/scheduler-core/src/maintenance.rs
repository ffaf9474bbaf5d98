//! Hosts that are taken out of service (`spec/scheduler.md` §7.2), without regard to SLAs.
//!
//! A mode is durable. A draining host is drained as soon as its last task has ended; nothing polls.

use std::collections::BTreeSet;
use std::sync::Arc;

use aurora_api::ids::{HostName, TaskId};
use aurora_api::task::{Task, TaskStatus};

use crate::effect::Reply;
use crate::handle::{Core, Step};
use crate::input::{InverseOffer, MaintenanceCall};
use crate::operation::{HostAttributes, MaintenanceMode, Operation};
use crate::task::StatusChange;

impl Core {
    /// Changes the mode of those of the hosts that are known.
    pub(crate) fn maintain(
        &mut self,
        hosts: &BTreeSet<HostName>,
        call: MaintenanceCall,
        step: &mut Step<'_>,
    ) -> Reply {
        let known: Vec<&HostName> =
            hosts.iter().filter(|host| self.state.tables().host(host).is_some()).collect();
        let counter = match call {
            MaintenanceCall::Start => "thrift_workload_startMaintenance",
            MaintenanceCall::Drain => "thrift_workload_drainHosts",
            MaintenanceCall::End => "thrift_workload_endMaintenance",
        };
        step.count(counter, u64::try_from(known.len()).unwrap_or(u64::MAX));
        for host in known {
            match call {
                MaintenanceCall::Start => self.set_mode(host, MaintenanceMode::Scheduled, step),
                MaintenanceCall::Drain => self.drain(host, step),
                MaintenanceCall::End => self.set_mode(host, MaintenanceMode::None, step),
            }
        }
        Reply::Done(Vec::new())
    }

    /// A task has ended: a draining host may be empty now.
    pub(crate) fn on_ended_on_host(&mut self, task: &Task, step: &mut Step<'_>) {
        let Some(host) = task.assignment.as_ref().map(|place| &place.host) else { return };
        let tables = self.state.tables();
        let is_draining = tables.host(host).is_some_and(|host| host.mode == MaintenanceMode::Draining);
        if is_draining && tables.on_host(host).next().is_none() {
            self.set_mode(host, MaintenanceMode::Drained, step);
        }
    }

    /// Mesos takes agents away soon (`spec/scheduler.md` §7.3): near that time their tasks go elsewhere. The mode stays as
    /// the operator of this scheduler set it; offers of the agents carry their unavailability themselves.
    pub(crate) fn on_inverse_offers(&mut self, offers: &[InverseOffer], step: &mut Step<'_>) {
        step.count("scheduler_inverse_offers", u64::try_from(offers.len()).unwrap_or(u64::MAX));
        for offer in offers {
            if offer.unavailable_from.since(step.now) >= self.config.unavailability_threshold {
                continue;
            }
            let of_agent = || {
                let agent = offer.agent.as_ref()?;
                let mut hosts = self.state.tables().hosts();
                hosts.find(|host| host.agent == *agent).map(|host| host.host.clone())
            };
            let Some(host) = offer.host.clone().or_else(of_agent) else { continue };
            self.drain_tasks(&host, step);
        }
    }

    fn drain(&mut self, host: &HostName, step: &mut Step<'_>) {
        if self.state.tables().on_host(host).next().is_none() {
            self.set_mode(host, MaintenanceMode::Drained, step);
            return;
        }
        self.set_mode(host, MaintenanceMode::Draining, step);
        self.drain_tasks(host, step);
    }

    fn drain_tasks(&mut self, host: &HostName, step: &mut Step<'_>) {
        let tasks: Vec<TaskId> = self.state.tables().on_host(host).map(|task| task.id.clone()).collect();
        for task in tasks {
            // What is being killed already stays as it is.
            let drain =
                StatusChange::to(&task, TaskStatus::Draining).because("Draining machine for maintenance.");
            self.change_status(&drain, step);
        }
    }

    fn set_mode(&mut self, host: &HostName, mode: MaintenanceMode, step: &mut Step<'_>) {
        let Some(stored) = self.state.tables().host(host).filter(|stored| stored.mode != mode) else {
            return;
        };
        let changed = HostAttributes { mode, ..HostAttributes::clone(stored) };
        let offers: BTreeSet<_> =
            self.offers.of_agent(&changed.agent).map(|held| held.offer.id.clone()).into_iter().collect();
        self.commit(Operation::SaveHost(Arc::new(changed)), step);
        self.on_host_changed(host);
        self.wake_groups(&offers, step);
    }
}

#[cfg(test)]
#[path = "maintenance_tests.rs"]
mod tests;
