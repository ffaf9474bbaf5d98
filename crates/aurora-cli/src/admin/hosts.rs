//! Which hosts a command is about, and how they are taken together (`spec/cli.md` §10.4).

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::failure;
use crate::failure::Failure;

/// Hosts as an operator names them: as their agents call themselves.
#[derive(clap::Args, Debug)]
pub struct HostOptions {
    /// A file with the hosts, one a line.
    #[arg(long, value_name = "FILE")]
    filename: Option<PathBuf>,

    /// The hosts, separated by commas.
    #[arg(long, value_name = "HOST,HOST…")]
    hosts: Option<String>,
}

impl HostOptions {
    /// The hosts.
    ///
    /// # Errors
    /// If there are none, or both or none of the options were given.
    pub fn names(&self) -> Result<BTreeSet<String>, Failure> {
        let filename = self.filename.as_ref().filter(|path| !path.as_os_str().is_empty());
        let hosts = self.hosts.as_ref().filter(|hosts| !hosts.is_empty());
        let (names, nothing) = match (filename, hosts) {
            (Some(path), None) => {
                let shown = path.display();
                let text = std::fs::read_to_string(path)
                    .map_err(|error| failure(format!("cannot read {shown}: {error}")))?;
                (names(text.lines()), format!("No valid hosts found in {shown}."))
            }
            (None, Some(hosts)) => (names(hosts.split(',')), "No valid hosts found.".to_owned()),
            _ => return Err(failure("Please specify either --filename or --hosts")),
        };
        if names.is_empty() { Err(failure(nothing)) } else { Ok(names) }
    }

    /// The option as it was given.
    #[must_use]
    pub fn as_given(&self) -> String {
        match (&self.filename, &self.hosts) {
            (Some(path), _) => format!("--filename={}", path.display()),
            (None, hosts) => format!("--hosts={}", hosts.as_deref().unwrap_or_default()),
        }
    }
}

fn names<'a>(items: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    items.map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// How hosts are taken together.
#[derive(clap::Args, Debug)]
pub struct GroupingOptions {
    /// Which hosts are taken together: by_host, each alone, or none, all at once.
    #[arg(long, value_name = "NAME", default_value = BY_HOST)]
    grouping: String,
}

const BY_HOST: &str = "by_host";
const NONE: &str = "none";

impl GroupingOptions {
    /// What groups hosts.
    ///
    /// # Errors
    /// If nothing is called so.
    pub fn grouping(&self) -> Result<Grouping, Failure> {
        match self.grouping.as_str() {
            BY_HOST => Ok(Grouping::ByHost),
            NONE => Ok(Grouping::None),
            other => {
                let choice = format!("Must be one of: {BY_HOST}, {NONE}");
                Err(failure(format!("Unknown grouping function {other}. {choice}")))
            }
        }
    }
}

/// How hosts are taken together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grouping {
    /// Each is a group.
    ByHost,
    /// All are one group.
    None,
}

impl Grouping {
    /// The groups of some hosts, sorted.
    #[must_use]
    pub fn groups(self, hosts: &BTreeSet<String>) -> Vec<BTreeSet<String>> {
        match self {
            Self::ByHost => hosts.iter().map(|host| BTreeSet::from([host.clone()])).collect(),
            Self::None => vec![hosts.clone()],
        }
    }
}

/// Hosts in a sentence.
pub fn listed<'a>(hosts: impl IntoIterator<Item = &'a String>) -> String {
    hosts.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_stripped_and_named_once() {
        let hosts = HostOptions { filename: None, hosts: Some(" b,a ,,b".to_owned()) };
        assert_eq!(listed(&hosts.names().unwrap()), "a, b");
    }

    #[test]
    fn groups_are_single_hosts_or_all() {
        let hosts = names(["b", "a"].into_iter());
        assert_eq!(Grouping::ByHost.groups(&hosts), [names(["a"].into_iter()), names(["b"].into_iter())]);
        assert_eq!(Grouping::None.groups(&hosts), [hosts]);
    }
}
