//! Mesos as the core sees it: offers, statuses and calls, and the session that carries them.
//!
//! The flow in: [`session`] receives events, [`offer`] and [`status`] turn them into the core's terms, and the offers as
//! Mesos sent them are kept in [`held`] until used. The flow out: [`calls`] sends what the core decided, with
//! [`task_info`] describing the tasks and [`split`] taking their resources out of the offer.

pub mod arrivals;
pub mod calls;
pub mod collection;
pub mod custom_executor;
pub mod executor;
pub mod held;
pub mod last_words;
pub mod offer;
pub mod session;
pub mod split;
pub mod status;
pub mod task_info;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use aurora_api::ids::FrameworkId;
use clap::ArgAction;
use clap::builder::TypedValueParser;
use mesos_v1::Masters;
use mesos_v1::messages::framework_info::Capability;
use mesos_v1::messages::framework_info::capability::Type as CapabilityType;
use mesos_v1::messages::{Credential, FrameworkInfo};

pub use collection::{CollectorFlags, CollectorSettings};
pub use executor::{ExecutorFlags, ExecutorSettings};

use crate::flags::amounts::TimeAmount;

/// Which cluster we use, and as whom (`spec/mesos.md` §5.1).
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Mesos")]
pub struct MesosFlags {
    /// Where the Mesos masters are: host:port, several separated by commas, or zk://host:2181,…/path, with
    /// user:secret@ before the hosts if ZooKeeper asks for it.
    #[arg(long = "mesos_master_address", value_name = "ADDRESS", value_parser = MastersParser)]
    pub mesos_master_address: Masters,
    /// The Mesos role to take offers for.
    #[arg(long = "mesos_role")]
    pub mesos_role: Option<String>,
    /// The name Mesos shows for us.
    #[arg(long = "framework_name", default_value = "Aurora")]
    pub framework_name: String,
    /// A file with the lines `aurora_authentication_principal=…` and `aurora_authentication_secret=…`.
    #[arg(long = "framework_authentication_file", value_name = "FILE")]
    pub framework_authentication_file: Option<PathBuf>,
    /// Tell Mesos the principal of that file.
    #[arg(long = "framework_announce_principal", num_args = 0..=1, default_value_t = false, default_missing_value = "true", action = ArgAction::Set)]
    pub framework_announce_principal: bool,
    /// How long Mesos keeps our tasks while we are away.
    #[arg(long = "framework_failover_timeout", default_value = "21days")]
    pub framework_failover_timeout: TimeAmount,
    /// The user the executor runs as.
    #[arg(long = "executor_user", default_value = "root")]
    pub executor_user: String,
    /// Take resources that Mesos may take back.
    #[arg(long = "receive_revocable_resources", num_args = 0..=1, default_value_t = false, default_missing_value = "true", action = ArgAction::Set)]
    pub receive_revocable_resources: bool,
    /// Let Mesos tell unreachable tasks from lost ones.
    #[arg(long = "partition_aware", num_args = 0..=1, default_value_t = false, default_missing_value = "true", action = ArgAction::Set)]
    pub partition_aware: bool,
    /// Subscribe as a new framework once more, because Mesos has removed the old one and its tasks. Ours, not upstream's.
    #[arg(long = "register_anew", num_args = 0..=1, default_value_t = false, default_missing_value = "true", action = ArgAction::Set)]
    pub register_anew: bool,
}

/// Reads an address of masters. Its complaints do not repeat the value, which may hold a secret.
#[derive(Clone)]
struct MastersParser;

impl TypedValueParser for MastersParser {
    type Value = Masters;

    fn parse_ref(
        &self,
        command: &clap::Command,
        _argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<Masters, clap::Error> {
        value.to_string_lossy().parse().map_err(|error| {
            let text = format!("-mesos_master_address: {error}\n");
            clap::Error::raw(clap::error::ErrorKind::ValueValidation, text).with_cmd(command)
        })
    }
}

/// Why we cannot say to Mesos who we are.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// No file.
    #[error("cannot read -framework_authentication_file {}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A line is missing.
    #[error(
        "The framework authentication file is missing the key: {property}; add the line `{property}=…` to {}",
        file.display()
    )]
    Missing {
        /// The file.
        file: PathBuf,
        /// The line.
        property: &'static str,
    },
}

const PRINCIPAL: &str = "aurora_authentication_principal";
const SECRET: &str = "aurora_authentication_secret";

/// Reads the properties file of credentials.
fn read_credential(file: &Path) -> Result<Credential, CredentialError> {
    let text = fs::read_to_string(file)
        .map_err(|source| CredentialError::Unreadable { file: file.to_owned(), source })?;
    let property = |name: &'static str| {
        text.lines()
            .filter_map(|line| line.split_once(['=', ':']))
            .find(|(key, _)| key.trim() == name)
            .map(|(_, value)| value.trim().to_owned())
            .ok_or_else(|| CredentialError::Missing { file: file.to_owned(), property: name })
    };
    Ok(Credential { principal: property(PRINCIPAL)?, secret: Some(property(SECRET)?) })
}

impl MesosFlags {
    /// The credential to authenticate with, if a file names one.
    ///
    /// # Errors
    /// The file is not there, or lacks a line.
    pub fn credential(&self) -> Result<Option<Credential>, CredentialError> {
        self.framework_authentication_file.as_deref().map(read_credential).transpose()
    }

    /// How we register: with the framework id of the state, if there is one.
    pub fn framework_info(
        &self,
        framework: Option<&FrameworkId>,
        credential: Option<&Credential>,
        hostname: &str,
        webui_url: &str,
        gpus: bool,
    ) -> FrameworkInfo {
        let capabilities = [
            (self.receive_revocable_resources, CapabilityType::RevocableResources),
            (gpus, CapabilityType::GpuResources),
            (self.partition_aware, CapabilityType::PartitionAware),
        ];
        FrameworkInfo {
            user: self.executor_user.clone(),
            name: self.framework_name.clone(),
            id: framework.filter(|_| !self.register_anew).map(|id| id.as_str().into()),
            failover_timeout: Some(self.framework_failover_timeout.duration().as_secs_f64()),
            checkpoint: Some(true),
            role: self.mesos_role.clone(),
            hostname: Some(hostname.to_owned()),
            principal: credential
                .filter(|_| self.framework_announce_principal)
                .map(|credential| credential.principal.clone()),
            webui_url: Some(webui_url.to_owned()),
            capabilities: capabilities
                .into_iter()
                .filter(|(is_on, _)| *is_on)
                .map(|(_, kind)| Capability { r#type: Some(kind.into()) })
                .collect(),
            ..FrameworkInfo::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        flags: MesosFlags,
    }

    fn flags(more: &[&str]) -> MesosFlags {
        let arguments = ["x", "--mesos_master_address=m:5050"].iter().chain(more);
        <Line as clap::Parser>::parse_from(arguments).flags
    }

    #[test]
    fn sched_168_capabilities_principal_and_role_are_what_flags_say() {
        let credential = Credential { principal: "p".to_owned(), secret: Some("s".to_owned()) };
        let full =
            flags(&["--receive_revocable_resources", "--framework_announce_principal", "--mesos_role=r"]);
        let info = full.framework_info(None, Some(&credential), "h", "http://h:80", true);
        let capabilities = |info: &FrameworkInfo| {
            info.capabilities.iter().map(|capability| capability.r#type().as_str_name()).collect::<Vec<_>>()
        };
        assert_eq!(capabilities(&info), ["REVOCABLE_RESOURCES", "GPU_RESOURCES"]);
        assert_eq!((info.principal.as_deref(), info.role.as_deref()), (Some("p"), Some("r")));
        assert_eq!((info.hostname.as_deref(), info.webui_url.as_deref()), (Some("h"), Some("http://h:80")));
        assert_eq!(info.checkpoint, Some(true));
        let aware = flags(&["--receive_revocable_resources", "--partition_aware"]);
        let info = aware.framework_info(None, None, "h", "http://h:80", true);
        assert_eq!(capabilities(&info), ["REVOCABLE_RESOURCES", "GPU_RESOURCES", "PARTITION_AWARE"]);

        let info = flags(&[]).framework_info(None, Some(&credential), "h", "http://h:80", false);
        assert!(capabilities(&info).is_empty());
        assert_eq!((info.principal, info.role), (None, None));
    }

    #[test]
    fn sched_169_a_file_of_credentials_without_a_key_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("credentials");
        fs::write(&file, "aurora_authentication_principal=aurora\n").unwrap();
        let error = read_credential(&file).unwrap_err().to_string();
        assert!(
            error.starts_with(
                "The framework authentication file is missing the key: aurora_authentication_secret"
            ),
            "{error}"
        );
        assert!(error.contains(&file.display().to_string()), "{error}");
    }

    #[test]
    fn credentials_are_read_from_properties() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("credentials");
        fs::write(
            &file,
            "# ours\naurora_authentication_principal = aurora\naurora_authentication_secret=s=1\n",
        )
        .unwrap();
        let credential = read_credential(&file).unwrap();
        assert_eq!((credential.principal.as_str(), credential.secret.as_deref()), ("aurora", Some("s=1")));
    }
}
