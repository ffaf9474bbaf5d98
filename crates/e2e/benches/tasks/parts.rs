//! The processes that make up tasks, and what they take.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use e2e::processes;
use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;

/// Names of the parts, as the kernel keeps them.
const NAMES: [&str; 3] = ["thermos_executo", "thermos_runner", "thermos_coordin"];

/// Executors, runners and coordinators.
pub struct Parts {
    pids: Vec<(String, i32)>,
}

/// What one part, or all of one kind, took.
#[derive(Clone, Copy, Default)]
pub struct Taken {
    pub pss_kib: u64,
    pub cpu: Duration,
}

/// What all parts took, by kind.
pub struct Usage(BTreeMap<String, Taken>);

impl Parts {
    /// Those that work below a folder.
    pub fn below(folder: &Path) -> Parts {
        let pids = processes::below(folder)
            .into_iter()
            .filter_map(|process| {
                let name = std::fs::read_to_string(format!("/proc/{}/comm", process.pid)).ok()?;
                NAMES.contains(&name.trim()).then(|| (name.trim().to_owned(), process.pid))
            })
            .collect();
        Parts { pids }
    }

    /// What they took until now.
    pub fn usage(&self) -> Usage {
        let mut usage: BTreeMap<String, Taken> = BTreeMap::new();
        for (name, pid) in &self.pids {
            let taken = usage.entry(name.clone()).or_default();
            taken.pss_kib += pss_kib(*pid);
            taken.cpu += cpu(*pid);
        }
        Usage(usage)
    }
}

impl Usage {
    pub fn parts(&self) -> impl Iterator<Item = (&str, Taken)> {
        self.0.iter().map(|(name, taken)| (name.as_str(), *taken))
    }

    pub fn pss_kib(&self) -> u64 {
        self.0.values().map(|taken| taken.pss_kib).sum()
    }

    pub fn cpu(&self) -> Duration {
        self.0.values().map(|taken| taken.cpu).sum()
    }
}

fn pss_kib(pid: i32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").trim().parse().ok()).unwrap_or(0)
}

/// User and system time of all its threads, ended ones too.
pub fn cpu(pid: i32) -> Duration {
    let Ok(clock) = clock_getcpuclockid(Pid::from_raw(pid)) else { return Duration::ZERO };
    clock.now().map(Duration::from).unwrap_or_default()
}
