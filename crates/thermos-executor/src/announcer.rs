//! Makes a task known in ZooKeeper, in the format of ServerSets (`spec/thermos.md` §3.9).
//!
//! What is announced is decided here, without any server; [`member`] keeps it announced.

mod auth;
mod member;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value, json};
use zookeeper::{Ensemble, EnsembleError};

use crate::flags::Flags;

pub use auth::{AuthConfig, AuthError};
pub use member::{Announcer, News, Presence};

/// The port that is the service's if the job names none.
const DEFAULT_PRIMARY_PORT: &str = "http";

/// Defaults of the health check, whose settings say how long announcing may take.
const DEFAULT_INITIAL_INTERVAL_SECS: f64 = 15.0;
const DEFAULT_INTERVAL_SECS: f64 = 10.0;

/// Why a task cannot be announced as its job wants. No other host would do better.
#[derive(Debug, thiserror::Error)]
pub enum AnnounceError {
    /// The job names a path, and the operator has not allowed that.
    #[error(
        "Executor must be started with --announcer-allow-custom-serverset-path in order to use zk_path in the Announcer config: the job wants {path:?}; leave out zk_path, or add the flag to the scheduler's -thermos_executor_flags"
    )]
    CustomPath {
        /// The path.
        path: String,
    },
    /// The path is none.
    #[error("{path:?} is no path in ZooKeeper: it must be absolute and without empty names")]
    BadPath {
        /// The path.
        path: String,
    },
    /// The servers are none.
    #[error("--announcer-ensemble of the executor: {0}")]
    Ensemble(#[from] EnsembleError),
    /// The file of credentials.
    #[error("--announcer-zookeeper-auth-config of the executor: {0}")]
    Auth(#[from] AuthError),
}

/// Of whom it is announced.
#[derive(Debug, Clone, Copy)]
pub struct Identity<'a> {
    /// The job.
    pub role: &'a str,
    /// The job.
    pub environment: &'a str,
    /// The job.
    pub name: &'a str,
    /// The instance.
    pub instance: i32,
    /// The agent's host.
    pub host: &'a str,
}

/// What is announced, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// The ServerSet.
    pub path: String,
    /// The member's JSON.
    pub data: String,
    /// How long it may take until the first announcement.
    pub limit: Duration,
}

impl Announcement {
    /// Reads `announce` of a job; nothing if the job has none or the executor no servers to announce to.
    ///
    /// # Errors
    /// A path that is not allowed, or none.
    pub fn read(
        job: &Value,
        ports: &BTreeMap<String, u16>,
        who: Identity<'_>,
        flags: &Flags,
    ) -> Result<Option<Self>, AnnounceError> {
        let Some(announce) = job.get("announce").filter(|announce| announce.is_object()) else {
            return Ok(None);
        };
        if flags.announcer_ensemble.is_none() {
            return Ok(None);
        }
        let text = |name: &str| announce.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let path = match text("zk_path") {
            Some(path) if !flags.announcer_allow_custom_serverset_path => {
                return Err(AnnounceError::CustomPath { path: path.to_owned() });
            }
            Some(path) => path.to_owned(),
            None => {
                let root = flags.announcer_serverset_path.trim_end_matches('/');
                format!("{root}/{}/{}/{}", who.role, who.environment, who.name)
            }
        };
        let path = path.trim_end_matches('/').to_owned();
        if !path.starts_with('/') || path[1..].split('/').any(str::is_empty) {
            return Err(AnnounceError::BadPath { path });
        }
        let host = flags.announcer_hostname.as_deref().unwrap_or(who.host);
        let primary = text("primary_port").unwrap_or(DEFAULT_PRIMARY_PORT);
        let data = member_data(ports, primary, host, who.instance);
        Ok(Some(Self { path, data, limit: limit(job) }))
    }
}

/// Every port is additional, the primary one too; a service without its primary port is announced with port 0.
fn member_data(ports: &BTreeMap<String, u16>, primary: &str, host: &str, instance: i32) -> String {
    let endpoint = |port: u16| json!({"host": host, "port": port});
    let additional: Map<String, Value> =
        ports.iter().map(|(name, port)| (name.clone(), endpoint(*port))).collect();
    let primary = ports.get(primary).copied().unwrap_or(0);
    json!({
        "status": "ALIVE",
        "serviceEndpoint": endpoint(primary),
        "additionalEndpoints": additional,
        "shard": instance,
    })
    .to_string()
}

/// As long as the health check forgives.
fn limit(job: &Value) -> Duration {
    let check = job.get("health_check_config");
    let number = |name: &str| check.and_then(|check| check.get(name)).and_then(Value::as_f64);
    let initial = number("initial_interval_secs").unwrap_or(DEFAULT_INITIAL_INTERVAL_SECS);
    let interval = number("interval_secs").unwrap_or(DEFAULT_INTERVAL_SECS);
    let failures = number("max_consecutive_failures").unwrap_or(0.0);
    Duration::try_from_secs_f64(initial + failures * interval).unwrap_or(Duration::MAX)
}

impl Announcer {
    /// What keeps the announcement, with the servers and credentials of the flags.
    ///
    /// # Errors
    /// The flags are wrong.
    pub fn prepare(announcement: Announcement, flags: &Flags) -> Result<Self, AnnounceError> {
        let servers = flags.announcer_ensemble.as_deref().unwrap_or_default();
        let ensemble = match servers.strip_prefix("zk://") {
            Some(_) => servers.parse()?,
            None => Ensemble::new(servers, "/")?,
        };
        let auth = match &flags.announcer_zookeeper_auth_config {
            Some(file) => AuthConfig::read(file)?,
            None => AuthConfig::default(),
        };
        Ok(Self::new(announcement, ensemble, auth, flags.announcer_wait_for_running))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHO: Identity<'_> =
        Identity { role: "aurora", environment: "prod", name: "proxy", instance: 3, host: "h1" };

    fn flags(more: &[&str]) -> Flags {
        let all = ["thermos_executor", "--announcer-ensemble=zk1:2181,zk2:2181"];
        Flags::try_read(all.iter().chain(more).map(|flag| (*flag).into())).unwrap()
    }

    fn read(announce: Value, ports: &[(&str, u16)], more: &[&str]) -> Result<Announcement, AnnounceError> {
        let ports = ports.iter().map(|(name, port)| ((*name).to_owned(), *port)).collect();
        let job = json!({"announce": announce});
        Announcement::read(&job, &ports, WHO, &flags(more)).map(Option::unwrap)
    }

    #[test]
    fn th_133_path_and_json_are_upstreams() {
        let announced = read(json!({"primary_port": "http"}), &[("http", 80), ("admin", 81)], &[]).unwrap();
        assert_eq!(announced.path, "/aurora/aurora/prod/proxy");
        assert_eq!(
            announced.data,
            r#"{"status":"ALIVE","serviceEndpoint":{"host":"h1","port":80},"additionalEndpoints":{"admin":{"host":"h1","port":81},"http":{"host":"h1","port":80}},"shard":3}"#
        );
        assert_eq!(announced.limit, Duration::from_secs(15));
        let elsewhere = read(json!({}), &[("http", 80)], &["--announcer-serverset-path=/sd/"]).unwrap();
        assert_eq!(elsewhere.path, "/sd/aurora/prod/proxy");
    }

    #[test]
    fn th_134_without_ports_the_primary_is_0() {
        let announced = read(json!({"primary_port": "http"}), &[], &[]).unwrap();
        assert_eq!(
            announced.data,
            r#"{"status":"ALIVE","serviceEndpoint":{"host":"h1","port":0},"additionalEndpoints":{},"shard":3}"#
        );
    }

    #[test]
    fn th_135_the_flags_host_is_in_all_endpoints() {
        let announced =
            read(json!({}), &[("http", 80), ("admin", 81)], &["--announcer-hostname=10.2.3.4"]).unwrap();
        assert_eq!(announced.data.matches(r#""host":"10.2.3.4""#).count(), 3);
        assert!(!announced.data.contains("h1"));
    }

    #[test]
    fn th_137_a_path_of_the_jobs_own_needs_permission() {
        let announce = json!({"zk_path": "/uns/blah"});
        let error = read(announce.clone(), &[], &[]).unwrap_err().to_string();
        assert!(
            error.starts_with(
                "Executor must be started with --announcer-allow-custom-serverset-path in order to use zk_path in the Announcer config"
            ),
            "{error}"
        );
        let allowed = read(announce, &[], &["--announcer-allow-custom-serverset-path"]).unwrap();
        assert_eq!(allowed.path, "/uns/blah");
        let bad = read(json!({"zk_path": "a//b"}), &[], &["--announcer-allow-custom-serverset-path"]);
        assert!(matches!(bad, Err(AnnounceError::BadPath { .. })));
    }

    #[test]
    fn without_servers_nothing_is_announced() {
        let flags = Flags::try_read(std::iter::once("thermos_executor".into())).unwrap();
        let job = json!({"announce": {}});
        assert!(Announcement::read(&job, &BTreeMap::new(), WHO, &flags).unwrap().is_none());
    }
}
