//! What this machine has, for what an agent's `--resources` do not name (`spec/mesos.md` §3.8).

use std::path::Path;

use super::{Resources, TextError, UNRESERVED, parse_resources};

const MEGABYTE: u64 = 1024 * 1024;

/// Reads `--resources` of an agent; what they do not name (`cpus:0` names something) is what the machine has.
///
/// # Errors
/// As [`parse_resources`].
pub fn agent_resources(text: &str, work_dir: &Path) -> Result<Resources, TextError> {
    let is_named = |wanted: &str| {
        let names = text.split(';').filter_map(|piece| piece.split([':', '(']).next());
        names.map(str::trim).any(|name| name == wanted)
    };
    let own = [
        ("cpus", cpus().to_string()),
        ("mem", memory().to_string()),
        ("disk", disk(work_dir).to_string()),
        ("ports", "[31000-32000]".to_owned()),
    ];
    let missing = own.into_iter().filter(|(name, _)| !is_named(name));
    let pieces = missing.map(|(name, amount)| format!("{name}:{amount}"));
    let all: Vec<String> = std::iter::once(text.to_owned()).chain(pieces).collect();
    parse_resources(&all.join(";"), UNRESERVED)
}

fn cpus() -> usize {
    let online = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let count = online.lines().filter(|line| line.starts_with("processor\t")).count();
    if count > 0 { count } else { std::thread::available_parallelism().map_or(1, usize::from) }
}

/// MB, less what the machine itself needs.
fn memory() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kilobytes = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.map_or(1024, |kilobytes| less(kilobytes / 1024, 1024))
}

/// MB, less what the machine itself needs.
fn disk(work_dir: &Path) -> u64 {
    // It may not be there yet.
    let there = work_dir.ancestors().find(|folder| folder.exists());
    let size = there.and_then(|folder| nix::sys::statvfs::statvfs(folder).ok());
    size.map_or(10_240, |disk| less(disk.blocks() * disk.fragment_size() / MEGABYTE, 5120))
}

/// What is left after the machine's own share, which is at most half.
fn less(all: u64, own: u64) -> u64 {
    if all >= 2 * own { all - own } else { all / 2 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_stays_and_the_rest_is_the_machines() {
        let resources = agent_resources("cpus:0;mem(web):5", Path::new("/nonexistent/work")).unwrap();
        assert_eq!((resources.scalar("cpus"), resources.scalar("mem")), (0.0, 5.0));
        assert!(resources.scalar("disk") > 0.0);
        assert!(agent_resources("cpus", Path::new("/")).is_err());
        assert_eq!((less(2048, 1024), less(2047, 1024), less(8192, 1024)), (1024, 1023, 7168));
    }
}
