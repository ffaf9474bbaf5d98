//! What a role's production tasks may use together, and what its tasks do use.

use std::fmt;

use aurora_api::thrift::rpc::GetQuota;
use aurora_api::thrift::{GetQuotaResult, Resource, ResourceAggregate, Result as Payload};
use aurora_client::Client;

use crate::exit_code::ExitCode;
use crate::failure::{Failure, accepted};

/// Amounts of the three resources that quotas are about.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Amounts {
    /// CPU, in cores.
    pub cpus: f64,
    /// Memory, in megabytes.
    pub ram_mb: i64,
    /// Disk space, in megabytes.
    pub disk_mb: i64,
}

impl Amounts {
    /// The amounts in the scheduler's form; what is not there is zero.
    #[must_use]
    pub fn of(aggregate: &ResourceAggregate) -> Self {
        let mut amounts = Self::default();
        for resource in aggregate.resources.iter().flatten() {
            match *resource {
                Resource::NumCpus(cpus) => amounts.cpus = cpus,
                Resource::RamMb(megabytes) => amounts.ram_mb = megabytes,
                Resource::DiskMb(megabytes) => amounts.disk_mb = megabytes,
                Resource::NamedPort(_) | Resource::NumGpus(_) => {}
            }
        }
        amounts
    }

    /// The amounts as the scheduler takes them.
    #[must_use]
    pub fn to_thrift(self) -> ResourceAggregate {
        let Self { cpus, ram_mb, disk_mb } = self;
        let resources = vec![Resource::NumCpus(cpus), Resource::RamMb(ram_mb), Resource::DiskMb(disk_mb)];
        ResourceAggregate { resources: Some(resources) }
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            cpus: self.cpus + other.cpus,
            ram_mb: self.ram_mb.saturating_add(other.ram_mb),
            disk_mb: self.disk_mb.saturating_add(other.disk_mb),
        }
    }
}

/// One line for each (`spec/cli.md` §7.20).
impl fmt::Display for Amounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cpus, ram_mb, disk_mb } = self;
        write!(f, "  CPU: {cpus} core(s)\n  RAM: {ram_mb} MB\n  Disk: {disk_mb} MB")
    }
}

/// Asks for a role's quota and consumption.
///
/// # Errors
/// If the scheduler cannot be asked, or refuses.
pub async fn fetch(client: &Client, role: &str) -> Result<GetQuotaResult, Failure> {
    let response = client.call(&GetQuota { owner_role: Some(role.to_owned()) }).await?;
    let header = format!("Error retrieving quota for role {role}");
    match accepted(response, ExitCode::ApiError, &header)?.result {
        Some(Payload::GetQuotaResult(result)) => Ok(result),
        _ => Err(Failure::new(ExitCode::ApiError, format!("{header}: the scheduler's answer has none"))),
    }
}
