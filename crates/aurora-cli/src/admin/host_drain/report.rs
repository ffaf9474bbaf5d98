//! What became of each host, told at the end however it came.

use std::collections::{BTreeMap, BTreeSet};

use tracing::{info, warn};

use super::unsafe_file::UnsafeFile;
use crate::admin::hosts::listed;
use crate::output;

/// How far a host has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// Nothing is known of it, or nothing was done.
    Untouched,
    /// It is to be drained, but was not begun with.
    Waiting,
    /// Jobs cannot do without it.
    Needed,
    /// It was told to drain.
    Begun,
    /// It is drained.
    Drained,
}

impl Fate {
    /// What is told of hosts that were not drained.
    const fn text(self) -> &'static str {
        match self {
            Self::Untouched => "not known, or not taken out of service",
            Self::Waiting => "not begun with; new tasks start there only where nothing else fits",
            Self::Needed => {
                "did not pass the SLA check; tasks run on, new ones start there only where nothing else fits"
            }
            Self::Begun => "told to drain, see host_status; DRAINED as soon as their last tasks have ended",
            Self::Drained => "drained",
        }
    }
}

/// What became of each host.
pub struct Report {
    fates: BTreeMap<String, Fate>,
    /// Drained hosts for which the script has yet to run to its end.
    scripts_left: BTreeSet<String>,
}

impl Report {
    /// Nothing was done yet.
    pub fn new(hosts: &BTreeSet<String>) -> Self {
        let fates = hosts.iter().map(|host| (host.clone(), Fate::Untouched)).collect();
        Self { fates, scripts_left: BTreeSet::new() }
    }

    /// These hosts are known, and are going to be drained.
    pub fn begin(&mut self, known: &BTreeSet<String>) {
        self.note(known, Fate::Waiting);
    }

    /// These hosts have got so far.
    pub fn note(&mut self, hosts: &BTreeSet<String>, fate: Fate) {
        self.fates.extend(hosts.iter().map(|host| (host.clone(), fate)));
    }

    /// The script is to run for these hosts.
    pub fn script_due(&mut self, hosts: &BTreeSet<String>) {
        self.scripts_left.extend(hosts.iter().cloned());
    }

    /// The script has ended for a host.
    pub fn script_ended(&mut self, host: &str) {
        self.scripts_left.remove(host);
    }

    fn hosts_of(&self, fate: Fate) -> Vec<&String> {
        self.fates.iter().filter(|(_, its)| **its == fate).map(|(host, _)| host).collect()
    }

    /// Tells it, and writes the hosts that were not drained into the file; says whether all were.
    pub fn tell(&self, activate: &str, file: Option<UnsafeFile>) -> bool {
        let left: Vec<&String> =
            self.fates.iter().filter(|(_, fate)| **fate != Fate::Drained).map(|(host, _)| host).collect();
        let is_touched = left.len() < self.fates.len() || self.hosts_of(Fate::Untouched).len() < left.len();
        let drained = self.hosts_of(Fate::Drained);
        if !drained.is_empty() {
            info!("DRAINED: {}", listed(drained));
        }
        if !self.scripts_left.is_empty() {
            warn!("The script has not run to its end for: {}", listed(&self.scripts_left));
        }
        if !left.is_empty() {
            info!("The following hosts WERE NOT DRAINED due to failed SLA check or external failures:");
            for fate in [Fate::Needed, Fate::Begun, Fate::Waiting, Fate::Untouched] {
                let hosts = self.hosts_of(fate);
                if !hosts.is_empty() {
                    info!("  {}: {}", listed(hosts), fate.text());
                }
            }
            left.iter().for_each(|host| output::print(host));
        }
        if let Some(file) = file {
            file.finish(&left);
        }
        if is_touched {
            info!("The hosts stay in maintenance until: {activate}");
        }
        left.is_empty()
    }
}
