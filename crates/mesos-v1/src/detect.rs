//! Where the masters are (spec/mesos.md §1.5): `host:port`, several of them separated by commas and tried in turn, or the
//! place in ZooKeeper where they elect their leader.

use std::fmt;
use std::str::FromStr;

use zookeeper::{Ensemble, EnsembleError};

pub(crate) mod election;

pub use election::ElectionError;

/// The port of a master whose address names none.
const MASTER_PORT: u16 = 5050;

/// The masters of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Masters(pub(crate) Place);

/// Where the leader is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// At one of these, at least one; any of them leads to the leader by redirecting to it.
    Listed(Vec<String>),
    /// Where ZooKeeper says.
    Elected(Ensemble),
}

/// Why an address of masters is not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MastersError {
    /// No address at all.
    #[error(
        "the address of the Mesos master is empty: give host:port, several separated by commas, or \
         zk://host1:2181,host2:2181/path"
    )]
    Empty,
    /// An address that is not a host and a port.
    #[error(
        "{address:?} is not the address of a Mesos master: give host:port, as in 10.0.0.1:5050, or \
         zk://host1:2181,host2:2181/path"
    )]
    Malformed {
        /// The address as given.
        address: String,
    },
    /// A place in ZooKeeper that is none.
    #[error(transparent)]
    ZooKeeper(#[from] EnsembleError),
    /// The root of the tree is never where masters register.
    #[error(
        "{ensemble} names no path: give the one that the masters have in their --zk flag, as in zk://host:2181/mesos"
    )]
    NoPath {
        /// The ensemble, without its secret.
        ensemble: String,
    },
}

impl FromStr for Masters {
    type Err = MastersError;

    fn from_str(text: &str) -> Result<Masters, MastersError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(MastersError::Empty);
        }
        if Ensemble::is_address(text) {
            let ensemble: Ensemble = text.parse()?;
            if ensemble.path() == "/" {
                return Err(MastersError::NoPath { ensemble: ensemble.to_string() });
            }
            return Ok(Masters(Place::Elected(ensemble)));
        }
        let addresses = text.split(',').map(parse_address).collect::<Result<_, _>>()?;
        Ok(Masters(Place::Listed(addresses)))
    }
}

/// The address as a flag has it, without a secret.
impl fmt::Display for Masters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Listed(addresses) => f.write_str(&addresses.join(",")),
            Place::Elected(ensemble) => ensemble.fmt(f),
        }
    }
}

fn parse_address(text: &str) -> Result<String, MastersError> {
    let address = text.trim();
    let malformed = || MastersError::Malformed { address: address.to_owned() };
    // An IPv6 address has colons of its own and so stands in brackets.
    let host_end = address.rfind(']').unwrap_or(0);
    let (host, port) = match address[host_end..].rfind(':') {
        Some(colon) => (&address[..host_end + colon], Some(&address[host_end + colon + 1..])),
        None => (address, None),
    };
    let is_bracketed = host.starts_with('[') && host.ends_with(']');
    let has_bad_character = |c: char| c.is_whitespace() || "/@?#".contains(c) || (c == ':' && !is_bracketed);
    if host.is_empty() || host.contains(has_bad_character) {
        return Err(malformed());
    }
    let port = match port {
        Some(digits) => digits.parse::<u16>().ok().filter(|port| *port > 0).ok_or_else(malformed)?,
        None => MASTER_PORT,
    };
    Ok(format!("{host}:{port}"))
}

/// The address in the `Location` header of a redirecting master: `//host:port/path`, or a full URL.
pub(crate) fn parse_location(location: &str) -> Option<String> {
    let rest = location.strip_prefix("http:").unwrap_or(location).strip_prefix("//")?;
    let address = rest.split(['/', '?']).next()?;
    parse_address(address).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Vec<String>, MastersError> {
        text.parse::<Masters>().map(|masters| match masters.0 {
            Place::Listed(addresses) => addresses,
            Place::Elected(ensemble) => vec![ensemble.to_string()],
        })
    }

    #[test]
    fn one_or_several_masters_with_or_without_a_port() {
        assert_eq!(parse("127.0.0.1:5051").unwrap(), ["127.0.0.1:5051"]);
        assert_eq!(parse("m1, m2:5052").unwrap(), ["m1:5050", "m2:5052"]);
        assert_eq!(parse("[::1]:5051,[::1]").unwrap(), ["[::1]:5051", "[::1]:5050"]);
    }

    #[test]
    fn a_place_in_zookeeper_has_servers_and_a_path() {
        assert_eq!(parse("zk://a,b:2182/mesos").unwrap(), ["zk://a:2181,b:2182/mesos"]);
        assert_eq!(parse("zk://me:hidden@a/mesos").unwrap(), ["zk://me:***@a:2181/mesos"]);
        let error = parse("zk://me:hidden@a:2181").unwrap_err().to_string();
        assert!(error.contains("--zk") && !error.contains("hidden"), "{error}");
        assert!(matches!(parse("zk:///mesos"), Err(MastersError::ZooKeeper(EnsembleError::NoServer))));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        assert_eq!(parse("  "), Err(MastersError::Empty));
        for address in ["http://m:5050", "m:0", "m:70000", "m:x", "a,,b", ":5050", "::1", "m/x", "m y:1"] {
            assert!(matches!(parse(address), Err(MastersError::Malformed { .. })), "{address}");
        }
    }

    #[test]
    fn the_leader_is_read_from_a_location_without_a_scheme() {
        assert_eq!(parse_location("//m2:5050/api/v1/scheduler").unwrap(), "m2:5050");
        assert_eq!(parse_location("http://m2:5050/master").unwrap(), "m2:5050");
        assert_eq!(parse_location("m2:5050"), None);
        assert_eq!(parse_location("/api/v1"), None);
    }
}
