//! Where the masters are: `host:port`, or several of them separated by commas, tried in turn (spec/mesos.md §1.5).

use std::fmt;
use std::str::FromStr;

/// The port of a master whose address names none.
const MASTER_PORT: u16 = 5050;

/// The masters of a cluster, at least one. Any of them leads to the leader by redirecting to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Masters {
    addresses: Vec<String>,
}

/// Why an address of masters is not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MastersError {
    /// No address at all.
    #[error("the address of the Mesos master is empty: give host:port, or several separated by commas")]
    Empty,
    /// An address that only ZooKeeper can resolve.
    #[error(
        "{address:?} asks ZooKeeper for the Mesos master, which is not supported yet: \
         list the masters themselves, as in host1:5050,host2:5050"
    )]
    ZooKeeper {
        /// The address as given.
        address: String,
    },
    /// An address that is not a host and a port.
    #[error("{address:?} is not the address of a Mesos master: give host:port, as in 10.0.0.1:5050")]
    Malformed {
        /// The address as given.
        address: String,
    },
}

impl Masters {
    /// The addresses as `host:port`, in the order given.
    pub fn addresses(&self) -> &[String] {
        &self.addresses
    }
}

impl FromStr for Masters {
    type Err = MastersError;

    fn from_str(text: &str) -> Result<Masters, MastersError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(MastersError::Empty);
        }
        if text.starts_with("zk://") {
            return Err(MastersError::ZooKeeper { address: text.to_owned() });
        }
        let addresses = text.split(',').map(parse_address).collect::<Result<_, _>>()?;
        Ok(Masters { addresses })
    }
}

impl fmt::Display for Masters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.addresses.join(","))
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
        text.parse::<Masters>().map(|masters| masters.addresses().to_vec())
    }

    #[test]
    fn one_or_several_masters_with_or_without_a_port() {
        assert_eq!(parse("127.0.0.1:5051").unwrap(), ["127.0.0.1:5051"]);
        assert_eq!(parse("m1, m2:5052").unwrap(), ["m1:5050", "m2:5052"]);
        assert_eq!(parse("[::1]:5051,[::1]").unwrap(), ["[::1]:5051", "[::1]:5050"]);
    }

    #[test]
    fn zookeeper_is_named_in_the_refusal() {
        let error = parse("zk://a:2181,b:2181/mesos").unwrap_err();
        assert!(error.to_string().contains("asks ZooKeeper"), "{error}");
        assert!(error.to_string().contains("host1:5050,host2:5050"), "{error}");
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
