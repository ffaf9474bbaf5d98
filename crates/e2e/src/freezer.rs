//! The freezer of cgroups, first version, which the linux launcher of Mesos needs and many machines do not mount any more.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Where this machine gets one if it has none.
const OWN_MOUNT: &str = "/run/aurora-e2e-freezer";

/// Where the freezer is mounted. On a machine without it, it is mounted, once and for all tests, and stays.
///
/// # Panics
/// If that fails: it needs root, and a kernel with the freezer.
pub fn freezer() -> &'static Path {
    static FREEZER: OnceLock<PathBuf> = OnceLock::new();
    FREEZER.get_or_init(|| {
        let mounts = || std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        if let Some(path) = find(&mounts()) {
            return path;
        }
        std::fs::create_dir_all(OWN_MOUNT).unwrap_or_else(|error| panic!("cannot make {OWN_MOUNT}: {error}"));
        let mounted = Command::new("mount").args(["-t", "cgroup", "-o", "freezer", "none", OWN_MOUNT]).output();
        // Another test program may have been faster.
        find(&mounts()).map_or_else(
            || {
                panic!(
                    "no freezer of cgroups (first version) is mounted, and it cannot be mounted at {OWN_MOUNT}: {mounted:?}; \
                     these tests need root and a kernel with CONFIG_CGROUP_FREEZER"
                )
            },
            |path| {
                eprintln!("mounted the freezer of cgroups, which this machine lacked, at {}; it stays there", path.display());
                path
            },
        )
    })
}

/// Where a table of mounts has it.
fn find(mounts: &str) -> Option<PathBuf> {
    mounts.lines().find_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let (path, kind, options) = (fields.next()?, fields.next()?, fields.next()?);
        (kind == "cgroup" && options.split(',').any(|option| option == "freezer"))
            .then(|| PathBuf::from(path))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_freezer_is_found_whatever_else_is_mounted() {
        let without = "cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0\nnone /freezer tmpfs rw 0 0\n";
        assert_eq!(find(without), None);
        let with = format!(
            "{without}cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0\nnone /run/f cgroup rw,relatime,freezer 0 0\n"
        );
        assert_eq!(find(&with), Some("/run/f".into()));
    }
}
