//! The beginning of a session with an ensemble.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::net::NetError;
use zookeeper_client::{Client, Error};

use crate::Ensemble;

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The machine's own configuration of name servers cannot be used.
    #[error("cannot read this machine's configuration of name servers")]
    NameServers(#[source] Box<NetError>),
    /// No server's name has an address.
    #[error("no name of the ZooKeeper servers {ensemble} has an address")]
    NoAddress {
        /// The ensemble, without its secret.
        ensemble: String,
        /// What became of the last name.
        #[source]
        source: Option<Box<NetError>>,
    },
    /// No server took us on in time.
    #[error("no ZooKeeper server of {ensemble} answers")]
    Unreachable {
        /// The ensemble, without its secret.
        ensemble: String,
        /// What the last attempt said.
        #[source]
        source: Error,
    },
}

/// Opens a session that lasts `timeout` without contact. The client connects again by itself until the session expires,
/// which its state tells; then it is of no more use, and another one is to be opened.
///
/// Names are looked up now; the session keeps to the addresses they have now.
///
/// # Errors
/// No server can be found, or none answers within about `timeout`.
pub async fn connect(ensemble: &Ensemble, timeout: Duration) -> Result<Client, ConnectError> {
    let addresses = addresses(ensemble).await?;
    let list = addresses.iter().map(SocketAddr::to_string).collect::<Vec<_>>().join(",");
    let mut connector = Client::connector().with_session_timeout(timeout).with_fail_eagerly();
    if let Some(credential) = ensemble.credential() {
        connector =
            connector.with_auth("digest", format!("{}:{}", credential.user, credential.secret).as_bytes());
    }
    connector
        .connect(&list)
        .await
        .map_err(|source| ConnectError::Unreachable { ensemble: ensemble.to_string(), source })
}

/// The addresses of all servers whose names have one.
async fn addresses(ensemble: &Ensemble) -> Result<Vec<SocketAddr>, ConnectError> {
    let mut addresses = Vec::new();
    let mut resolver = None;
    let mut lost = None;
    for (host, port) in ensemble.servers() {
        let literal = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = literal.parse::<IpAddr>() {
            addresses.push(SocketAddr::new(address, *port));
            continue;
        }
        let resolver = match &mut resolver {
            Some(resolver) => resolver,
            None => {
                resolver.insert(name_resolver().map_err(|error| ConnectError::NameServers(Box::new(error)))?)
            }
        };
        match resolver.lookup_ip(host.as_str()).await {
            Ok(found) => addresses.extend(found.iter().map(|address| SocketAddr::new(address, *port))),
            Err(error) => {
                tracing::warn!(%host, "the ZooKeeper server has no address: {error}");
                lost = Some(Box::new(error));
            }
        }
    }
    if addresses.is_empty() {
        return Err(ConnectError::NoAddress { ensemble: ensemble.to_string(), source: lost });
    }
    Ok(addresses)
}

fn name_resolver() -> Result<TokioResolver, NetError> {
    TokioResolver::builder_tokio()?.build()
}
