//! What the kernel's out-of-memory killer did to this container (`spec/thermos.md` §7.3): the difference of the count that the
//! cgroup of this process keeps.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use thermos::os::pseudo;

/// The counter of a cgroup, as it was when the task began.
#[derive(Debug)]
pub struct OomWatch {
    counter: Option<Counter>,
    before: u64,
    /// Why it cannot be known which cgroup this process is in.
    pub blind: Option<io::Error>,
}

#[derive(Debug)]
struct Counter {
    /// Holds a line `oom_kill N`.
    events: PathBuf,
    /// Holds the limit in bytes, or `max`.
    limit: PathBuf,
}

impl Counter {
    fn read(&self) -> Option<u64> {
        let text = pseudo::read(&self.events).ok()?;
        text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
    }
}

impl OomWatch {
    /// Reads the count. Where there is none, as on a machine without the memory controller, nothing will be said.
    pub fn start() -> Self {
        Self::below(Path::new("/"))
    }

    fn below(root: &Path) -> Self {
        let (memberships, blind) = match pseudo::read(root.join("proc/self/cgroup")) {
            Ok(memberships) => (memberships, None),
            Err(error) => (String::new(), Some(error)),
        };
        let mut counters = counters(root, &memberships).into_iter();
        let found = counters.find_map(|counter| counter.read().map(|count| (counter, count)));
        match found {
            Some((counter, before)) => Self { counter: Some(counter), before, blind },
            None => Self { counter: None, before: 0, blind },
        }
    }

    /// What happened since, in words.
    pub fn evidence(&self) -> Option<String> {
        let counter = self.counter.as_ref()?;
        let killed = counter.read()?.checked_sub(self.before).filter(|killed| *killed > 0)?;
        let group = counter.events.parent().unwrap_or_else(|| Path::new("/")).display();
        let limit = fs::read_to_string(&counter.limit).ok().and_then(|text| text.trim().parse::<u64>().ok());
        let limit = limit.map(|bytes| format!(", limit {} MiB", bytes >> 20)).unwrap_or_default();
        let processes = if killed == 1 { "process" } else { "processes" };
        Some(format!(
            "the kernel's out-of-memory killer ended {killed} {processes} in {group}{limit}; give the task more ram"
        ))
    }
}

/// Where the count may be, the likeliest first: a process in a container may see its cgroup as the root of all.
fn counters(root: &Path, memberships: &str) -> Vec<Counter> {
    let mut counters = Vec::new();
    for membership in memberships.lines() {
        let mut parts = membership.splitn(3, ':').skip(1);
        let (Some(controllers), Some(group)) = (parts.next(), parts.next()) else { continue };
        let (mount, events, limit) = if controllers.is_empty() {
            ("sys/fs/cgroup", "memory.events", "memory.max")
        } else if controllers.split(',').any(|controller| controller == "memory") {
            ("sys/fs/cgroup/memory", "memory.oom_control", "memory.limit_in_bytes")
        } else {
            continue;
        };
        let mount = root.join(mount);
        for folder in [mount.join(group.trim_start_matches('/')), mount] {
            counters.push(Counter { events: folder.join(events), limit: folder.join(limit) });
        }
    }
    counters
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn kills_since_the_start_are_evidence() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "proc/self/cgroup", "1:cpu:/\n0::/mesos/x\n");
        write(root.path(), "sys/fs/cgroup/mesos/x/memory.events", "low 0\noom 2\noom_kill 2\n");
        write(root.path(), "sys/fs/cgroup/mesos/x/memory.max", "67108864\n");
        let watch = OomWatch::below(root.path());
        assert_eq!(watch.evidence(), None);
        write(root.path(), "sys/fs/cgroup/mesos/x/memory.events", "low 0\noom 3\noom_kill 3\n");
        let evidence = watch.evidence().unwrap();
        assert!(evidence.contains("ended 1 process in ") && evidence.contains("limit 64 MiB"), "{evidence}");
    }

    #[test]
    fn the_older_hierarchy_and_a_container_of_its_own_are_understood() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "proc/self/cgroup", "4:memory:/docker/x\n0::/\n");
        let counter = "sys/fs/cgroup/memory/memory.oom_control";
        write(root.path(), counter, "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n");
        let watch = OomWatch::below(root.path());
        write(root.path(), counter, "oom_kill_disable 0\nunder_oom 0\noom_kill 4\n");
        assert!(watch.evidence().unwrap().contains("ended 4 processes"));
    }

    #[test]
    fn without_a_counter_nothing_is_said() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(OomWatch::below(root.path()).evidence(), None);
    }
}
