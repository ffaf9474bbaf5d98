//! The address of an ensemble: `zk://[user:secret@]host[:port],…[/path]`.

use std::fmt;
use std::str::FromStr;

/// What precedes an address in flags.
const SCHEME: &str = "zk://";

/// The port of a server whose address names none.
const PORT: u16 = 2181;

/// The servers of an ensemble, at least one, and a path in its tree.
#[derive(Clone, PartialEq, Eq)]
pub struct Ensemble {
    servers: Vec<(String, u16)>,
    path: String,
    credential: Option<Credential>,
}

/// Who we are, for access lists of the scheme `digest`.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// The user's name.
    pub user: String,
    /// The password; never shown.
    pub secret: String,
}

/// Why the address of an ensemble is not understood. Secrets are left out of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnsembleError {
    /// Nothing that names a server.
    #[error("no ZooKeeper server is named: give zk://host1:2181,host2:2181/path")]
    NoServer,
    /// A server that is not a host and a port.
    #[error("{server:?} is not the address of a ZooKeeper server: give host:port, as in 10.0.0.1:2181")]
    BadServer {
        /// The server as given.
        server: String,
    },
    /// What stands before the `@` is not a user and a secret.
    #[error(
        "what stands before the @ of a ZooKeeper address must be user:secret, with neither of them empty"
    )]
    BadCredential,
    /// A path that no node can have.
    #[error("{path:?} is not a path in ZooKeeper: separate names by single slashes, as in /mesos/cluster1")]
    BadPath {
        /// The path as given.
        path: String,
    },
}

impl Ensemble {
    /// An ensemble's servers as they stand in a comma-separated list, with a path of its tree.
    ///
    /// # Errors
    /// The list names no server, or the path cannot be one.
    pub fn new(servers: &str, path: &str) -> Result<Ensemble, EnsembleError> {
        if servers.trim().is_empty() {
            return Err(EnsembleError::NoServer);
        }
        let servers =
            servers.split(',').map(|server| parse_server(server.trim())).collect::<Result<_, _>>()?;
        Ok(Ensemble { servers, path: parse_path(path)?, credential: None })
    }

    /// The same ensemble, for this user.
    #[must_use]
    pub fn with_credential(mut self, credential: Option<Credential>) -> Ensemble {
        self.credential = credential;
        self
    }

    /// Hosts and ports, in the order given.
    pub fn servers(&self) -> &[(String, u16)] {
        &self.servers
    }

    /// Absolute, without a slash at its end; `/` if the address names none.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Who we are there.
    pub fn credential(&self) -> Option<&Credential> {
        self.credential.as_ref()
    }

    /// Whether a flag's value is the address of an ensemble.
    pub fn is_address(text: &str) -> bool {
        text.trim().starts_with(SCHEME)
    }
}

impl FromStr for Ensemble {
    type Err = EnsembleError;

    fn from_str(text: &str) -> Result<Ensemble, EnsembleError> {
        let text = text.trim();
        let rest = text.strip_prefix(SCHEME).unwrap_or(text);
        // A secret may hold any character, so the last `@` ends it.
        let (credential, rest) = match rest.rsplit_once('@') {
            Some((credential, rest)) => (Some(parse_credential(credential)?), rest),
            None => (None, rest),
        };
        let (servers, path) = match rest.find('/') {
            Some(slash) => rest.split_at(slash),
            None => (rest, "/"),
        };
        Ok(Ensemble::new(servers, path)?.with_credential(credential))
    }
}

/// The address without the secret.
impl fmt::Display for Ensemble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SCHEME)?;
        if let Some(Credential { user, .. }) = &self.credential {
            write!(f, "{user}:***@")?;
        }
        for (index, (host, port)) in self.servers.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{host}:{port}")?;
        }
        f.write_str(&self.path)
    }
}

impl fmt::Debug for Ensemble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ensemble({self})")
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({}:***)", self.user)
    }
}

fn parse_credential(text: &str) -> Result<Credential, EnsembleError> {
    match text.split_once(':') {
        Some((user, secret)) if !user.is_empty() && !secret.is_empty() => {
            Ok(Credential { user: user.to_owned(), secret: secret.to_owned() })
        }
        _ => Err(EnsembleError::BadCredential),
    }
}

fn parse_server(text: &str) -> Result<(String, u16), EnsembleError> {
    let bad = || EnsembleError::BadServer { server: text.to_owned() };
    // An IPv6 address has colons of its own and so stands in brackets.
    let host_end = text.rfind(']').unwrap_or(0);
    let (host, port) = match text[host_end..].rfind(':') {
        Some(colon) => (&text[..host_end + colon], Some(&text[host_end + colon + 1..])),
        None => (text, None),
    };
    let is_bracketed = host.starts_with('[') && host.ends_with(']');
    let is_bad = |c: char| c.is_whitespace() || "/@?#".contains(c) || (c == ':' && !is_bracketed);
    if host.is_empty() || host.contains(is_bad) {
        return Err(bad());
    }
    let port = match port {
        Some(digits) => digits.parse::<u16>().ok().filter(|port| *port > 0).ok_or_else(bad)?,
        None => PORT,
    };
    Ok((host.to_owned(), port))
}

fn parse_path(text: &str) -> Result<String, EnsembleError> {
    let text = text.trim();
    let bad = || EnsembleError::BadPath { path: text.to_owned() };
    let names = text.strip_prefix('/').ok_or_else(bad)?;
    let names = names.strip_suffix('/').unwrap_or(names);
    if names.is_empty() {
        return Ok("/".to_owned());
    }
    let is_bad =
        |name: &str| name.is_empty() || name == "." || name == ".." || name.contains(char::is_control);
    if names.split('/').any(is_bad) {
        return Err(bad());
    }
    Ok(format!("/{names}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Ensemble, EnsembleError> {
        text.parse()
    }

    #[test]
    fn servers_path_and_credential_are_read() {
        let ensemble = parse("zk://aurora:s:e@cr/et@z1,z2:2182,[::1]:2183/mesos/one/").unwrap();
        let servers: Vec<_> = ensemble.servers().iter().map(|(host, port)| (host.as_str(), *port)).collect();
        assert_eq!(servers, [("z1", 2181), ("z2", 2182), ("[::1]", 2183)]);
        assert_eq!(ensemble.path(), "/mesos/one");
        let credential = ensemble.credential().unwrap();
        assert_eq!((credential.user.as_str(), credential.secret.as_str()), ("aurora", "s:e@cr/et"));
        assert_eq!(parse("z1:2181").unwrap().path(), "/");
    }

    #[test]
    fn the_secret_is_never_shown() {
        let ensemble = parse("zk://aurora:hidden@z1/mesos").unwrap();
        assert_eq!(ensemble.to_string(), "zk://aurora:***@z1:2181/mesos");
        assert!(!format!("{ensemble:?} {:?}", ensemble.credential()).contains("hidden"));
        let error = parse("zk://hidden@z1/mesos").unwrap_err();
        assert_eq!(error, EnsembleError::BadCredential);
        assert!(!error.to_string().contains("hidden"));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        assert_eq!(parse("zk:///mesos"), Err(EnsembleError::NoServer));
        for server in ["zk://a:0/m", "zk://a:x/m", "zk://a,,b/m", "zk://a b/m", "zk://::1/m"] {
            assert!(matches!(parse(server), Err(EnsembleError::BadServer { .. })), "{server}");
        }
        for path in ["zk://a//m", "zk://a/m//n", "zk://a/../m"] {
            assert!(matches!(parse(path), Err(EnsembleError::BadPath { .. })), "{path}");
        }
    }
}
