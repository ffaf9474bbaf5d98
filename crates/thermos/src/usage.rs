//! What tasks use of the machine: processors and memory of process trees, disk of sandboxes (`spec/thermos.md` §3.11).

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Instant;

/// Between two samples of processes when nothing else is said, in seconds.
pub const PROCESS_INTERVAL_SECS: u64 = 20;

/// Between two measurements of a sandbox when nothing else is said, in seconds.
pub const DISK_INTERVAL_SECS: u64 = 60;

/// Bytes of a block as the file system counts them.
const BLOCK_BYTES: u64 = 512;

/// Less than this is no space at all.
const NO_SPACE_BYTES: u64 = 64 << 10;

/// Whether the file system that holds a folder has no space left, or no inodes: in words, for whoever wonders why something failed
/// that could not even say so.
pub fn full_disk(folder: &Path) -> Option<String> {
    let statistics = nix::sys::statvfs::statvfs(folder).ok()?;
    let free = statistics.blocks_available().saturating_mul(statistics.fragment_size());
    let lack = if free < NO_SPACE_BYTES {
        "space"
    } else if statistics.files() > 0 && statistics.files_available() == 0 {
        "inodes"
    } else {
        return None;
    };
    Some(format!("the file system of {} has no {lack} left, which may be the cause", folder.display()))
}

/// What a process tree uses.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Usage {
    /// Processors, since the sample before; 0 in the first one.
    pub cpu: f64,
    /// Resident memory, bytes.
    pub ram: u64,
    /// Address space, bytes.
    pub vms: u64,
    /// Seconds in user mode since the processes' start.
    pub user: f64,
    /// Seconds in the kernel since the processes' start.
    pub system: f64,
    /// Of the process at the top; none when there is none.
    pub nice: Option<i64>,
    /// Of the process at the top, in the words of `ps`.
    pub status: Option<&'static str>,
    /// Threads of all.
    pub threads: u64,
    /// Processes.
    pub processes: u64,
}

impl Usage {
    /// Adds another tree; the top stays.
    pub fn add(&mut self, other: &Self) {
        self.cpu += other.cpu;
        self.ram += other.ram;
        self.vms += other.vms;
        self.user += other.user;
        self.system += other.system;
        self.threads += other.threads;
        self.processes += other.processes;
        self.nice = self.nice.or(other.nice);
        self.status = self.status.or(other.status);
    }
}

#[derive(Debug, Clone)]
struct Sample {
    parent: i32,
    start_ticks: u64,
    start_secs: f64,
    user: f64,
    system: f64,
    rss: u64,
    vms: u64,
    nice: i64,
    status: &'static str,
    threads: u64,
}

/// All processes of the machine at one time.
#[derive(Debug, Clone)]
pub struct Snapshot {
    taken: Instant,
    samples: BTreeMap<i32, Sample>,
    children: BTreeMap<i32, Vec<i32>>,
}

impl Snapshot {
    /// Looks at every process once. One that cannot be read, or ends meanwhile, is left out.
    pub fn take() -> Self {
        let taken = Instant::now();
        let page = procfs::page_size();
        let ticks = procfs::ticks_per_second();
        let boot = procfs::boot_time_secs().unwrap_or(0);
        let all = procfs::process::all_processes();
        let samples: BTreeMap<i32, Sample> = all
            .into_iter()
            .flatten()
            .filter_map(|process| process.ok()?.stat().ok())
            .map(|stat| (stat.pid, sample(&stat, page, ticks, boot)))
            .collect();
        let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
        for (pid, sample) in &samples {
            children.entry(sample.parent).or_default().push(*pid);
        }
        Self { taken, samples, children }
    }

    /// When a process began, epoch seconds.
    pub fn start_secs(&self, pid: i32) -> Option<f64> {
        self.samples.get(&pid).map(|sample| sample.start_secs)
    }

    /// When a process began, in clock ticks from the start of the machine.
    pub fn start_ticks(&self, pid: i32) -> Option<i64> {
        self.samples.get(&pid).and_then(|sample| i64::try_from(sample.start_ticks).ok())
    }

    /// What a process and everything below it use, since `before` if there is an earlier look.
    pub fn tree(&self, root: i32, before: Option<&Self>) -> Usage {
        let mut usage = Usage::default();
        let mut open = vec![root];
        while let Some(pid) = open.pop() {
            let Some(sample) = self.samples.get(&pid) else { continue };
            usage.add(&sample.usage(before.map(|before| {
                let span = self.taken.duration_since(before.taken).as_secs_f64();
                (before.samples.get(&pid), span)
            })));
            open.extend(self.children.get(&pid).into_iter().flatten());
        }
        usage
    }
}

#[expect(clippy::cast_precision_loss, reason = "clock ticks of a process are far below 2^53")]
fn sample(stat: &procfs::process::Stat, page: u64, ticks: u64, boot: u64) -> Sample {
    let seconds = |count: u64| count as f64 / ticks.max(1) as f64;
    Sample {
        parent: stat.ppid,
        start_ticks: stat.starttime,
        start_secs: boot as f64 + seconds(stat.starttime),
        user: seconds(stat.utime),
        system: seconds(stat.stime),
        rss: stat.rss.saturating_mul(page),
        vms: stat.vsize,
        nice: stat.nice,
        status: match stat.state {
            'R' => "running",
            'S' => "sleeping",
            'D' => "disk-sleep",
            'T' => "stopped",
            't' => "tracing-stop",
            'Z' => "zombie",
            'X' | 'x' => "dead",
            'I' => "idle",
            _ => "unknown",
        },
        threads: u64::try_from(stat.num_threads).unwrap_or(0),
    }
}

impl Sample {
    fn usage(&self, before: Option<(Option<&Self>, f64)>) -> Usage {
        let used = |sample: &Self| sample.user + sample.system;
        let cpu = match before {
            // A number that was given to another process meanwhile has nothing before it.
            Some((Some(old), span)) if span > 0.0 && old.start_ticks == self.start_ticks => {
                (used(self) - used(old)).max(0.0) / span
            }
            Some((_, span)) if span > 0.0 => used(self) / span,
            _ => 0.0,
        };
        Usage {
            cpu,
            ram: self.rss,
            vms: self.vms,
            user: self.user,
            system: self.system,
            nice: Some(self.nice),
            status: Some(self.status),
            threads: self.threads,
            processes: 1,
        }
    }
}

/// Blocks of regular files, the length of links, nothing for folders. What vanishes meanwhile counts nothing, and no link is
/// followed.
pub fn disk_bytes(root: &Path) -> u64 {
    // Nobody has so many.
    disk_bytes_of_few(root, usize::MAX).unwrap_or(u64::MAX)
}

/// The same, given up with nothing when there are more files and folders than that.
pub fn disk_bytes_of_few(root: &Path, most_entries: usize) -> Option<u64> {
    let mut used = 0_u64;
    let mut entries = 0_usize;
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            entries += 1;
            if entries > most_entries {
                return None;
            }
            // Of the entry itself: a link out of the sandbox is not followed.
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() {
                folders.push(entry.path());
            } else if metadata.is_symlink() {
                used = used.saturating_add(metadata.len());
            } else if metadata.is_file() {
                used = used.saturating_add(metadata.blocks().saturating_mul(BLOCK_BYTES));
            }
        }
    }
    Some(used)
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use nix::time::ClockId;

    use super::*;

    #[test]
    fn a_tree_counts_everything_below_its_root() {
        let mut child = Command::new("/bin/sh").args(["-c", "sleep 100 & wait"]).spawn().unwrap();
        let root = i32::try_from(child.id()).unwrap();
        let begin = Instant::now();
        let usage = loop {
            let usage = Snapshot::take().tree(root, None);
            if usage.processes == 2 || begin.elapsed().as_secs() > 90 {
                break usage;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        };
        assert_eq!((usage.processes, usage.threads), (2, 2));
        assert!(usage.ram > 0 && usage.vms >= usage.ram && usage.nice.is_some());
        let below: Vec<i32> = Snapshot::take().children.get(&root).cloned().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        for pid in below {
            let _ =
                nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL);
        }
        assert_eq!(Snapshot::take().tree(root, None), Usage::default());
    }

    #[test]
    fn processors_are_counted_since_the_look_before() {
        let own = i32::try_from(std::process::id()).unwrap();
        let before = Snapshot::take();
        assert!(before.tree(own, None).cpu.abs() < f64::EPSILON);
        // Time of a processor, not of a clock on the wall: others may have the processors all the while.
        let used = || Duration::from(ClockId::CLOCK_PROCESS_CPUTIME_ID.now().unwrap());
        let begin = used();
        let mut sum = 0_u64;
        while used() - begin < Duration::from_millis(100) {
            sum = sum.wrapping_mul(31).wrapping_add(1);
        }
        let used = Snapshot::take().tree(own, Some(&before));
        assert!(used.cpu > 0.0 && used.cpu < 64.0, "{} {sum}", used.cpu);
    }

    #[test]
    fn files_count_and_links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("sandbox/a/b");
        fs::create_dir_all(&inside).unwrap();
        let outside = folder.path().join("big");
        fs::write(&outside, vec![1; 1 << 20]).unwrap();
        fs::write(inside.join("small"), vec![1; 4096]).unwrap();
        std::os::unix::fs::symlink(folder.path(), inside.join("link")).unwrap();
        let used = disk_bytes(&folder.path().join("sandbox"));
        assert!((4096..100_000).contains(&used), "{used}");
        // Two folders, a file and a link.
        let sandbox = folder.path().join("sandbox");
        assert_eq!(disk_bytes_of_few(&sandbox, 4), Some(used));
        assert_eq!(disk_bytes_of_few(&sandbox, 3), None);
    }
}
