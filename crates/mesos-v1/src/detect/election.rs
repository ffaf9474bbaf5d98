//! The leader that masters elect in ZooKeeper (spec/mesos.md §1.5).
//!
//! Each master registers with an ephemeral node `json.info_<sequence>` that holds its `MasterInfo` as JSON; the one with
//! the lowest sequence leads. [`follow`] watches them and publishes who leads; a session that has expired is replaced.

use std::time::Duration;

use serde::Deserialize;
use tokio::sync::watch;
use zookeeper::client::{Client, Error, EventType, OneshotWatcher, SessionState};
use zookeeper::{ConnectError, Ensemble};

use super::{MASTER_PORT, parse_address};
use crate::chain;

/// What the name of a master's node begins with.
const NODE_PREFIX: &str = "json.info_";

/// The nodes of masters before 0.24, which hold protobuf.
const OLD_NODE_PREFIX: &str = "info_";

/// The waits between sessions that fail.
const RETRY_MIN: Duration = Duration::from_millis(250);
const RETRY_MAX: Duration = Duration::from_secs(10);

/// What is known of the election.
#[derive(Debug, Clone, Default)]
pub(crate) struct Election {
    /// Who led last, whether or not ZooKeeper still says so.
    pub last: Option<Elected>,
    /// Why nobody is known to lead now.
    pub trouble: Option<ElectionError>,
}

/// A leading master.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Elected {
    /// `host:port`
    pub address: String,
    /// Given anew to each process of a master.
    pub id: String,
}

/// Why ZooKeeper does not tell who leads.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ElectionError {
    /// No session.
    #[error("{text}")]
    Away {
        /// What went wrong, with all causes.
        text: String,
    },
    /// The path is not there.
    #[error("there is no {path} in ZooKeeper {ensemble}: no Mesos master has ever registered there")]
    NoPath {
        /// The path.
        path: String,
        /// The ensemble, without its secret.
        ensemble: String,
    },
    /// No master is registered.
    #[error("no Mesos master is registered in ZooKeeper {ensemble}")]
    NoMaster {
        /// The ensemble, without its secret.
        ensemble: String,
    },
    /// Only masters are registered that do not write JSON.
    #[error("the Mesos masters in ZooKeeper {ensemble} are older than 0.24 and have no v1 API")]
    OldMasters {
        /// The ensemble, without its secret.
        ensemble: String,
    },
    /// An access list keeps us out.
    #[error("ZooKeeper {ensemble} does not let us read {path}")]
    NotAllowed {
        /// The ensemble, without its secret.
        ensemble: String,
        /// The node.
        path: String,
    },
    /// What a master wrote is not understood.
    #[error("the node {node} in ZooKeeper {ensemble} does not describe a Mesos master: {detail}")]
    BadNode {
        /// The ensemble, without its secret.
        ensemble: String,
        /// The node's full path.
        node: String,
        /// What is wrong.
        detail: String,
    },
}

impl ElectionError {
    /// What a person can do.
    pub fn remedy(&self) -> &'static str {
        match self {
            ElectionError::Away { .. } => {
                "check that the ZooKeeper servers in -mesos_master_address run and can be reached; trying again"
            }
            ElectionError::NoPath { .. } => {
                "compare the path in -mesos_master_address with the masters' --zk flag; waiting for it"
            }
            ElectionError::NoMaster { .. } => {
                "start a Mesos master, or wait until one is elected; waiting for it"
            }
            ElectionError::OldMasters { .. } => "upgrade the masters; waiting for newer ones",
            ElectionError::NotAllowed { .. } => {
                "give the user and secret of the masters' --zk flag in -mesos_master_address, as in \
                 zk://user:secret@host:2181/mesos; trying again"
            }
            ElectionError::BadNode { .. } => "look what else registers under that path; waiting for a change",
        }
    }
}

/// The part of `MasterInfo` that matters here. Mesos writes more.
#[derive(Deserialize)]
struct MasterNode {
    #[serde(default)]
    id: String,
    hostname: Option<String>,
    port: Option<u16>,
    address: Option<NodeAddress>,
}

#[derive(Deserialize)]
struct NodeAddress {
    ip: Option<String>,
    hostname: Option<String>,
    port: u16,
}

/// Publishes who leads until nobody listens any more.
pub(crate) async fn follow(ensemble: Ensemble, session_timeout: Duration, election: watch::Sender<Election>) {
    let mut wait = RETRY_MIN;
    loop {
        let session = watch_session(&ensemble, session_timeout, &election);
        let trouble = tokio::select! {
            trouble = session => trouble,
            () = election.closed() => return,
        };
        // One that got as far as the masters' nodes has worked.
        if election.borrow().trouble.is_none() {
            wait = RETRY_MIN;
        }
        publish(&election, Err(trouble));
        tokio::select! {
            () = tokio::time::sleep(wait.mul_f64(rand::random_range(0.5..=1.0))) => {}
            () = election.closed() => return,
        }
        wait = (wait * 2).min(RETRY_MAX);
    }
}

fn publish(election: &watch::Sender<Election>, leader: Result<Elected, ElectionError>) {
    election.send_if_modified(|known| {
        let (last, trouble) = match leader {
            Ok(leader) => (Some(leader), None),
            Err(trouble) => (known.last.clone(), Some(trouble)),
        };
        let is_news = (&known.last, &known.trouble) != (&last, &trouble);
        match (&last, &trouble) {
            (_, Some(trouble)) if is_news => tracing::warn!(remedy = trouble.remedy(), "{trouble}"),
            (Some(leader), None) if is_news => {
                tracing::info!(
                    master = leader.address,
                    id = leader.id,
                    "ZooKeeper names the leading Mesos master"
                );
            }
            _ => {}
        }
        *known = Election { last, trouble };
        is_news
    });
}

/// One session, from its beginning to its end; gives why it ended.
async fn watch_session(
    ensemble: &Ensemble,
    timeout: Duration,
    election: &watch::Sender<Election>,
) -> ElectionError {
    let client = match zookeeper::connect(ensemble, timeout).await {
        Ok(client) => client,
        Err(error) => return away(&error),
    };
    loop {
        let watcher = match look(&client, ensemble, election).await {
            Ok(watcher) => watcher,
            Err(Error::NoAuth) => {
                return ElectionError::NotAllowed {
                    ensemble: ensemble.to_string(),
                    path: ensemble.path().to_owned(),
                };
            }
            Err(error) => return lost(ensemble, &error.to_string()),
        };
        let event = watcher.changed().await;
        if event.event_type == EventType::Session && event.session_state.is_terminated() {
            let why = match event.session_state {
                SessionState::AuthFailed => "it refuses our authentication",
                SessionState::Expired => "it has not heard of us in time",
                _ => "it was closed",
            };
            return lost(ensemble, why);
        }
    }
}

/// Reads the nodes once, publishes what they say, and gives what tells of their next change.
async fn look(
    client: &Client,
    ensemble: &Ensemble,
    election: &watch::Sender<Election>,
) -> Result<OneshotWatcher, Error> {
    let path = ensemble.path();
    loop {
        let (names, watcher) = match client.list_and_watch_children(path).await {
            Ok(listed) => listed,
            Err(Error::NoNode) => {
                let (stat, watcher) = client.check_and_watch_stat(path).await?;
                if stat.is_some() {
                    continue;
                }
                let (path, ensemble) = (path.to_owned(), ensemble.to_string());
                publish(election, Err(ElectionError::NoPath { path, ensemble }));
                return Ok(watcher);
            }
            Err(error) => return Err(error),
        };
        let ensemble = ensemble.to_string();
        let Some(name) = leading(&names) else {
            let is_old = names.iter().any(|name| name.starts_with(OLD_NODE_PREFIX));
            publish(
                election,
                Err(if is_old {
                    ElectionError::OldMasters { ensemble }
                } else {
                    ElectionError::NoMaster { ensemble }
                }),
            );
            return Ok(watcher);
        };
        let node = format!("{path}/{name}");
        match client.get_data(&node).await {
            Ok((data, _)) => {
                let leader =
                    parse_node(&data).map_err(|detail| ElectionError::BadNode { ensemble, node, detail });
                publish(election, leader);
                return Ok(watcher);
            }
            // It left between the two reads.
            Err(Error::NoNode) => {}
            Err(Error::NoAuth) => {
                publish(election, Err(ElectionError::NotAllowed { ensemble, path: node }));
                return Ok(watcher);
            }
            Err(error) => return Err(error),
        }
    }
}

/// The node with the lowest sequence.
fn leading(names: &[String]) -> Option<&str> {
    names
        .iter()
        .filter_map(|name| {
            let sequence = name.strip_prefix(NODE_PREFIX)?.parse::<i64>().ok()?;
            Some((sequence, name.as_str()))
        })
        .min()
        .map(|(_, name)| name)
}

/// The address to connect to. The IP comes first, as a name that only the cluster knows must not keep us away.
fn parse_node(data: &[u8]) -> Result<Elected, String> {
    let node: MasterNode = serde_json::from_slice(data).map_err(|error| error.to_string())?;
    let (host, port) = match (node.address, node.hostname) {
        (Some(NodeAddress { ip: Some(host), port, .. }), _)
        | (Some(NodeAddress { hostname: Some(host), port, .. }), _) => (host, port),
        (_, Some(host)) => (host, node.port.unwrap_or(MASTER_PORT)),
        (_, None) => return Err("it has no address and no hostname".to_owned()),
    };
    let is_ipv6 = host.contains(':') && !host.starts_with('[');
    let address = if is_ipv6 { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let address = parse_address(&address).map_err(|error| error.to_string())?;
    Ok(Elected { address, id: node.id })
}

fn away(error: &ConnectError) -> ElectionError {
    ElectionError::Away { text: chain(error) }
}

fn lost(ensemble: &Ensemble, why: &str) -> ElectionError {
    ElectionError::Away { text: format!("lost the session with ZooKeeper {ensemble}: {why}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_sequence_leads() {
        let names = ["json.info_0000000010", "info_0000000001", "json.info_0000000009", "log_replicas"];
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(leading(&names), Some("json.info_0000000009"));
        assert_eq!(leading(&names[3..]), None);
    }

    #[test]
    fn a_masters_node_says_where_it_listens() {
        let node = br#"{"address":{"hostname":"m1","ip":"10.0.0.1","port":5051},"capabilities":[{"type":"AGENT_UPDATE"}],
            "hostname":"m1","id":"4d1e","ip":16777226,"pid":"master@10.0.0.1:5051","port":5051,"version":"1.11.0"}"#;
        assert_eq!(
            parse_node(node),
            Ok(Elected { address: "10.0.0.1:5051".to_owned(), id: "4d1e".to_owned() })
        );
        let ipv6 = br#"{"address":{"ip":"::1","port":5050}}"#;
        assert_eq!(parse_node(ipv6).map(|it| it.address).as_deref(), Ok("[::1]:5050"));
        let old = br#"{"hostname":"m1","id":"4d1e"}"#;
        assert_eq!(parse_node(old).map(|it| it.address).as_deref(), Ok("m1:5050"));
        assert!(parse_node(b"{}").unwrap_err().contains("no address"));
        assert!(parse_node(b"m1:5050").is_err());
    }
}
