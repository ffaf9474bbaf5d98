//! Processes of this machine, told apart from later ones that got the same id, and ended as whole trees.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A process, not merely its number: numbers are used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessId {
    /// Its number.
    pub pid: i32,
    /// When it started, in clock ticks since the machine did.
    pub start_ticks: u64,
}

impl ProcessId {
    /// The process that has this number now.
    #[must_use]
    pub fn of(pid: i32) -> Option<Self> {
        let stat = Stat::read(pid)?;
        Some(Self { pid, start_ticks: stat.start_ticks })
    }

    /// Whether it still runs. A process that merely waits to be collected does not.
    #[must_use]
    pub fn is_running(&self) -> bool {
        Stat::read(self.pid).is_some_and(|stat| stat.start_ticks == self.start_ticks && stat.state != 'Z')
    }
}

impl std::fmt::Display for ProcessId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.pid, self.start_ticks)
    }
}

impl std::str::FromStr for ProcessId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (pid, start_ticks) = text.trim().split_once(' ').ok_or(())?;
        Ok(Self { pid: pid.parse().map_err(|_| ())?, start_ticks: start_ticks.parse().map_err(|_| ())? })
    }
}

struct Stat {
    state: char,
    parent: i32,
    session: i32,
    start_ticks: u64,
}

impl Stat {
    fn read(pid: i32) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name is in parentheses and may itself hold any character.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        Some(Self {
            state: fields.first()?.chars().next()?,
            parent: fields.get(1)?.parse().ok()?,
            session: fields.get(3)?.parse().ok()?,
            start_ticks: fields.get(19)?.parse().ok()?,
        })
    }
}

fn all_processes() -> BTreeMap<i32, Stat> {
    let Ok(entries) = fs::read_dir("/proc") else { return BTreeMap::new() };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok())
        .filter_map(|pid| Some((pid, Stat::read(pid)?)))
        .filter(|(_, stat)| stat.state != 'Z')
        .collect()
}

/// The living descendants of a process and the members of its session, without itself.
fn tree_of(root: i32, processes: &BTreeMap<i32, Stat>) -> BTreeSet<i32> {
    let mut tree = BTreeSet::from([root]);
    loop {
        let size = tree.len();
        for (pid, stat) in processes {
            if tree.contains(&stat.parent) || stat.session == root {
                tree.insert(*pid);
            }
        }
        if tree.len() == size {
            tree.remove(&root);
            return tree;
        }
    }
}

/// How long a killed process may take to disappear, and a launch helper whose child is gone to end. Owner: this module; SIGKILL acts
/// at once, save in a stuck kernel call, and on a very busy machine.
const KILL_PATIENCE: Duration = Duration::from_secs(15);

/// Kills all descendants of this process until none is left. It must be their subreaper, so that none escapes.
pub fn kill_descendants_of_self() {
    let own = nix::unistd::getpid().as_raw();
    let deadline = Instant::now() + KILL_PATIENCE;
    loop {
        let descendants = tree_of(own, &all_processes());
        for pid in &descendants {
            let _ = kill(Pid::from_raw(*pid), Signal::SIGKILL);
        }
        reap_all();
        if descendants.is_empty() || Instant::now() > deadline {
            return;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn reap_all() {
    use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
    while let Ok(status) = waitpid(None, Some(WaitPidFlag::WNOHANG)) {
        if status == WaitStatus::StillAlive {
            return;
        }
    }
}

/// Kills the tree below a launch helper, then the helper, then whoever still has its current folder in the sandbox.
/// The helper goes last: as long as it lives no process of its tree is handed to another parent.
pub fn kill_container(helper: Option<ProcessId>, sandbox: &Path) {
    if let Some(helper) = helper {
        let deadline = Instant::now() + KILL_PATIENCE;
        // With its child gone the helper ends by itself, and leaves the exit status behind. One that has not come to start its child
        // yet does so first.
        while helper.is_running() && Instant::now() < deadline {
            for pid in tree_of(helper.pid, &all_processes()) {
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        if helper.is_running() {
            let _ = kill(Pid::from_raw(helper.pid), Signal::SIGKILL);
        }
    }
    kill_below(sandbox);
}

/// Kills every process whose current folder is in this one.
pub fn kill_below(folder: &Path) {
    let folder = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    let own = nix::unistd::getpid().as_raw();
    for pid in all_processes().into_keys().filter(|pid| *pid != own) {
        if fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(&folder)) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}

/// The id of the machine's present run: another one means that it was restarted.
#[must_use]
pub fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map(|text| text.trim().to_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_told_apart_from_its_number() {
        let own = ProcessId::of(nix::unistd::getpid().as_raw()).unwrap();
        assert!(own.is_running());
        assert!(!ProcessId { start_ticks: own.start_ticks + 1, ..own }.is_running());
        assert_eq!(own.to_string().parse(), Ok(own));
        assert_eq!("12".parse::<ProcessId>(), Err(()));
    }

    #[test]
    fn a_tree_is_its_descendants_and_its_session() {
        let stat = |parent, session| Stat { state: 'S', parent, session, start_ticks: 1 };
        let processes = BTreeMap::from([
            (10, stat(1, 10)),
            (11, stat(10, 10)),
            (12, stat(11, 12)),
            (13, stat(1, 10)),
            (14, stat(12, 12)),
            (20, stat(1, 20)),
        ]);
        assert_eq!(tree_of(10, &processes), BTreeSet::from([11, 12, 13, 14]));
        assert!(tree_of(20, &processes).is_empty());
    }
}
