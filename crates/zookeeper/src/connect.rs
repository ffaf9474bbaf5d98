//! The beginning of a session with an ensemble.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::net::NetError;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use zookeeper_client::{Client, Connector};

use crate::Ensemble;

/// How long one server may take when each is tried by itself.
const TRY_LIMIT: Duration = Duration::from_secs(2);

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The machine's own configuration of name servers cannot be used.
    #[error("cannot read this machine's configuration of name servers")]
    NameServers(#[source] Box<NetError>),
    /// No server took us on in time.
    #[error("no ZooKeeper server of {ensemble} answers: {}", list(tried))]
    Unreachable {
        /// The ensemble, without its secret.
        ensemble: String,
        /// What became of each server.
        tried: Vec<Tried>,
    },
}

/// What became of an attempt to reach a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// The server as it was given.
    pub server: String,
    /// What is wrong with it.
    pub error: String,
}

fn list(tried: &[Tried]) -> String {
    let each: Vec<String> = tried.iter().map(|tried| format!("{}: {}", tried.server, tried.error)).collect();
    each.join("; ")
}

/// Opens a session that lasts `timeout` without contact. The client connects again by itself until the session expires,
/// which its state tells; then it is of no more use, and another one is to be opened.
///
/// Names are looked up now; the session keeps to the addresses they have now.
///
/// # Errors
/// No server can be found, or none answers within about `timeout`.
pub async fn connect(ensemble: &Ensemble, timeout: Duration) -> Result<Client, ConnectError> {
    let found = look_up(ensemble).await?;
    let list = found.addresses.iter().map(|(_, address)| address.to_string()).collect::<Vec<_>>().join(",");
    if !list.is_empty() {
        let mut connector = connector(timeout);
        if let Some(credential) = ensemble.credential() {
            let credential = format!("{}:{}", credential.user, credential.secret);
            connector = connector.with_auth("digest", credential.as_bytes());
        }
        match connector.connect(&list).await {
            Ok(client) => return Ok(client),
            Err(error) => tracing::debug!(%error, "no session with ZooKeeper"),
        }
    }
    Err(found.diagnose(ensemble).await)
}

/// Tries each server by itself and tells what is wrong with it, within some seconds.
pub async fn diagnose(ensemble: &Ensemble) -> ConnectError {
    match look_up(ensemble).await {
        Ok(found) => found.diagnose(ensemble).await,
        Err(error) => error,
    }
}

fn connector(timeout: Duration) -> Connector {
    Client::connector().with_session_timeout(timeout).with_fail_eagerly()
}

/// The servers of an ensemble.
struct Found {
    addresses: Vec<(String, SocketAddr)>,
    /// Those whose names have no address.
    lost: Vec<Tried>,
}

impl Found {
    async fn diagnose(self, ensemble: &Ensemble) -> ConnectError {
        let mut attempts = JoinSet::new();
        for (at, (server, address)) in self.addresses.into_iter().enumerate() {
            attempts.spawn(async move {
                let error = try_one(address).await;
                // A name says more with its address.
                let server =
                    if server == address.to_string() { server } else { format!("{server} ({address})") };
                (at, Tried { server, error })
            });
        }
        let mut tried = attempts.join_all().await;
        tried.sort_by_key(|(at, _)| *at);
        let tried = tried.into_iter().map(|(_, tried)| tried).chain(self.lost).collect();
        ConnectError::Unreachable { ensemble: ensemble.to_string(), tried }
    }
}

/// What is wrong with a server.
async fn try_one(address: SocketAddr) -> String {
    match tokio::time::timeout(TRY_LIMIT, TcpStream::connect(address)).await {
        Err(_) => return format!("no answer within {} s", TRY_LIMIT.as_secs()),
        Ok(Err(error)) => return error.to_string(),
        Ok(Ok(_)) => {}
    }
    match tokio::time::timeout(TRY_LIMIT, connector(TRY_LIMIT).connect(&address.to_string())).await {
        Ok(Ok(_)) => "answers now".to_owned(),
        Ok(Err(_)) | Err(_) => {
            "takes connections and opens no session: it is not ready, or no ZooKeeper".to_owned()
        }
    }
}

async fn look_up(ensemble: &Ensemble) -> Result<Found, ConnectError> {
    let mut found = Found { addresses: Vec::new(), lost: Vec::new() };
    let mut resolver = None;
    for (host, port) in ensemble.servers() {
        let server = format!("{host}:{port}");
        let literal = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = literal.parse::<IpAddr>() {
            found.addresses.push((server, SocketAddr::new(address, *port)));
            continue;
        }
        let resolver = match &mut resolver {
            Some(resolver) => resolver,
            None => {
                resolver.insert(name_resolver().map_err(|error| ConnectError::NameServers(Box::new(error)))?)
            }
        };
        match resolver.lookup_ip(host.as_str()).await {
            Ok(addresses) => {
                let addresses = addresses.iter().map(|ip| (server.clone(), SocketAddr::new(ip, *port)));
                found.addresses.extend(addresses);
            }
            Err(error) => {
                tracing::warn!(%host, "the ZooKeeper server has no address: {error}");
                found.lost.push(Tried { server, error: no_address(&error) });
            }
        }
    }
    Ok(found)
}

fn no_address(error: &NetError) -> String {
    if error.is_nx_domain() || error.is_no_records_found() {
        "the name has no address".to_owned()
    } else {
        format!("the name cannot be looked up: {error}")
    }
}

fn name_resolver() -> Result<TokioResolver, NetError> {
    TokioResolver::builder_tokio()?.build()
}
