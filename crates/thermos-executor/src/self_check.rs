//! Looks before it leaps: can a task run here at all (`spec/thermos.md` §7.4)?

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use aurora_api::amounts::Timestamp;
use nix::sys::statfs::statfs;
use nix::sys::statvfs::statvfs;
use nix::unistd::{Gid, Uid, getegid, geteuid, setfsgid, setfsuid};
use thermos::coordinator::check_shell_below;
use thermos::os::users::{User, UserDatabase};

/// Space that must be free for checkpoints.
const LEAST_FREE_BYTES: u64 = 16 << 20;

/// How far behind the scheduler's a clock may be.
const MOST_BEHIND: Duration = Duration::from_secs(3600);

/// Names of file systems by their magic numbers, for messages.
const FILE_SYSTEMS: &[(i64, &str)] = &[
    (0xef53, "ext4"),
    (0x0102_1994, "tmpfs"),
    (0x5846_5342, "xfs"),
    (0x9123_683e, "btrfs"),
    (0x794c_7630, "overlay"),
    (0x6969, "nfs"),
    (0x9fa0, "proc"),
    (0x6265_6572, "sysfs"),
    (0x7371_7368, "squashfs"),
];

/// Whose fault a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Odd, but the task may run.
    Warning,
    /// The job's or its image's: any other host would find the same. TASK_FAILED.
    Job,
    /// This host's. TASK_LOST.
    Host,
}

/// Something wrong: cause, place, remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Whose fault.
    pub severity: Severity,
    /// In words.
    pub text: String,
}

fn finding(severity: Severity, text: impl Into<String>) -> Finding {
    Finding { severity, text: text.into() }
}

/// Where a task is to run.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The run directory as the host names it.
    pub directory: &'a Path,
    /// The same as this process sees it.
    pub sandbox: &'a Path,
    /// Where checkpoints go.
    pub checkpoint_root: &'a Path,
    /// Whether this process is in a container of the task's image.
    pub is_in_image: bool,
}

/// Checks of this host: the folders of the agent, the root of checkpoints, the shell. Hands out a file below that root, which has no
/// name any more, for [`check_sync`].
pub fn check_host(place: Place<'_>) -> (Vec<Finding>, Option<File>) {
    let mut findings = Vec::new();
    let mut tried = None;
    if std::env::var_os("MESOS_DIRECTORY").is_none_or(|value| value.is_empty()) {
        let text = "MESOS_DIRECTORY is not set: the agent that started this executor is at fault";
        findings.push(finding(Severity::Host, text));
    }
    // Under Docker the host's path leads nowhere until the sandbox is made.
    let mut folders = vec![("MESOS_SANDBOX", place.sandbox)];
    if place.directory == place.sandbox {
        folders.insert(0, ("MESOS_DIRECTORY", place.directory));
        folders.truncate(1);
    }
    for (variable, path) in folders {
        // Where the folder of checkpoints can be made, everything can.
        let is_made =
            place.checkpoint_root.parent() == Some(path) && fs::create_dir(place.checkpoint_root).is_ok();
        if !is_made && let Err(error) = probe(path) {
            findings.push(not_writable(variable, path, &error, place.is_in_image));
        }
    }
    // What is said of the sandbox would be said of the folder in it once more.
    if findings.is_empty() {
        match check_checkpoint_root(place.checkpoint_root) {
            Ok(file) => tried = Some(file),
            Err(finding) => findings.push(finding),
        }
    }
    findings.extend(check_shell(Path::new("/")));
    findings.extend(check_path());
    (findings, tried)
}

fn not_writable(variable: &str, path: &Path, error: &io::Error, is_in_image: bool) -> Finding {
    let own_uid = nix::unistd::geteuid();
    let text = format!(
        "{variable} {} is not writable: {error}{}",
        path.display(),
        fs::metadata(path).map_or_else(
            |_| String::new(),
            |metadata| format!(
                " (uid {own_uid} writes, it belongs to uid {} with mode {:04o})",
                metadata.uid(),
                metadata.mode() & 0o7777
            )
        )
    );
    if is_in_image {
        let remedy = "the container's user must be the one of the scheduler's -executor_user: leave out the Docker parameter `user`, or give it that uid";
        return finding(Severity::Job, format!("{text}; {remedy}"));
    }
    finding(Severity::Host, format!("{text}; give the executor's user rights on it"))
}

fn check_checkpoint_root(root: &Path) -> Result<File, Finding> {
    let tried = probe(root).or_else(|_| fs::create_dir_all(root).and_then(|()| probe(root)));
    let file = tried.map_err(|error| {
        let text = format!(
            "the checkpoint root {} is not usable: {error} (on {}); make it writable or leave out --checkpoint-root",
            root.display(),
            file_system(root)
        );
        finding(Severity::Host, text)
    })?;
    let Ok(space) = statvfs(root) else { return Ok(file) };
    let what = if space.blocks_available().saturating_mul(space.fragment_size()) < LEAST_FREE_BYTES {
        "less than 16 MiB are free"
    } else if space.files() > 0 && space.files_available() == 0 {
        "no inode is free"
    } else {
        return Ok(file);
    };
    let text = format!("{what} at {} (on {}); free some space", root.display(), file_system(root));
    Err(finding(Severity::Host, text))
}

/// The kind of file system of a path, or of the nearest folder above it that exists.
fn file_system(path: &Path) -> String {
    let Some(magic) =
        path.ancestors().find_map(|folder| statfs(folder).ok()).map(|fs| fs.filesystem_type().0)
    else {
        return "an unknown file system".to_owned();
    };
    FILE_SYSTEMS
        .iter()
        .find(|(number, _)| *number == magic)
        .map_or_else(|| format!("a file system of type {magic:#x}"), |(_, name)| (*name).to_owned())
}

/// Whether the user whom processes will run as can use the sandbox.
pub fn check_user(sandbox: &Path, user: &User, users: &UserDatabase) -> Option<Finding> {
    let error = write_as(sandbox, user).err()?;
    if error.kind() != io::ErrorKind::PermissionDenied {
        let text = format!("{} cannot be written by {}: {error}", sandbox.display(), user.name);
        return Some(finding(Severity::Host, text));
    }
    // The trial lacks the user's further groups: it counts only if no group helps.
    let groups = users.groups_of(&user.name);
    let (folder, metadata) = refused_on_the_way(sandbox, user, &groups)?;
    let text = format!(
        "user {} (uid {}) cannot reach the sandbox {}: {} of uid {} and gid {} with mode {:04o} lets nobody of theirs pass; give others execute permission on it (chmod o+x)",
        user.name,
        user.uid,
        sandbox.display(),
        folder.display(),
        metadata.uid(),
        metadata.gid(),
        metadata.mode() & 0o7777,
    );
    Some(finding(Severity::Job, text))
}

/// Creates and removes a file with the user's rights, which are those of this thread until then.
fn write_as(folder: &Path, user: &User) -> io::Result<()> {
    setfsgid(Gid::from_raw(user.gid));
    setfsuid(Uid::from_raw(user.uid));
    let tried = probe(folder).map(drop);
    // The user first: whoever is not root may not choose a group.
    setfsuid(geteuid());
    setfsgid(getegid());
    tried
}

fn refused_on_the_way<'a>(path: &'a Path, user: &User, groups: &[u32]) -> Option<(&'a Path, fs::Metadata)> {
    let mut way: Vec<&Path> = path.ancestors().collect();
    way.reverse();
    way.into_iter().find_map(|folder| {
        let metadata = fs::metadata(folder).ok()?;
        let mode = metadata.mode();
        let may_pass = if metadata.uid() == user.uid {
            mode & 0o100 != 0
        } else if metadata.gid() == user.gid || groups.contains(&metadata.gid()) {
            mode & 0o010 != 0
        } else {
            mode & 0o001 != 0
        };
        (!may_pass).then_some((folder, metadata))
    })
}

/// Checks of an image or of this machine, without an agent.
pub fn check_offline(root: &Path, role: Option<&str>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = check_shell(root).into_iter().collect();
    if let Some(role) = role
        && let Err(error) = UserDatabase::below(root).by_name(role)
    {
        findings.push(finding(Severity::Job, format!("role {role} has no user: {error}")));
    }
    findings
}

fn check_shell(root: &Path) -> Option<Finding> {
    check_shell_below(root).err().map(|error| finding(Severity::Job, error.to_string()))
}

fn check_path() -> Option<Finding> {
    let path = std::env::var("PATH").unwrap_or_default();
    let is_usable = path.split(':').any(|folder| Path::new(folder).is_dir());
    (!is_usable)
        .then(|| finding(Severity::Warning, format!("PATH '{path}' names no folder that exists here")))
}

/// Whether data reach the disk below the checkpoint root (row 2), tried with a file there. Disks that are busy take their time for it, so this is found out
/// beside everything else, in a thread of its own.
pub fn check_sync(file: &File, root: &Path) -> Option<Finding> {
    file.sync_all().err().map(|error| {
        let text = format!(
            "fsync does not work below the checkpoint root {}: {error} (on {}); look at the disk and the kernel log of this host",
            root.display(),
            file_system(root)
        );
        finding(Severity::Host, text)
    })
}

/// What the kernel lets this process do and see (row 11): whether it is the subreaper of what it starts, and why it cannot read its own
/// cgroup, if so. Tasks run without it; the texts say what is lost.
pub fn check_kernel(subreaper: nix::Result<()>, blind: Option<&io::Error>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Err(error) = subreaper {
        let text = format!(
            "PR_SET_CHILD_SUBREAPER is refused: {}; daemons of the task may outlive it",
            error.desc()
        );
        findings.push(finding(Severity::Warning, text));
    }
    let own = std::process::id().to_string();
    let shown = fs::read_link("/proc/self").unwrap_or_default();
    if shown.as_os_str() != own.as_str() {
        let text = "/proc shows another pid namespace than this one: processes that leave their session are not found \
                    when the task ends, and its use of resources is not seen; mount /proc of the container";
        findings.push(finding(Severity::Warning, text));
    }
    if let Some(error) = blind {
        let text = format!(
            "/proc/self/cgroup is not readable: {error}; a task that the kernel ends for want of memory will not be told from others"
        );
        findings.push(finding(Severity::Warning, text));
    }
    findings
}

/// Whether this host's clock can be right (row 12), given when the scheduler assigned the task.
pub fn check_clock(now: SystemTime, assigned: SystemTime) -> Option<Finding> {
    let behind = assigned.duration_since(now).ok().filter(|behind| *behind > MOST_BEHIND)?;
    let text = format!(
        "the clock of this host is {} s behind the scheduler's: it is {} here, and the task was assigned at {}; correct it, \
         or times in logs, checkpoints and health checks will not fit together",
        behind.as_secs(),
        utc(now),
        utc(assigned),
    );
    Some(finding(Severity::Warning, text))
}

/// A time as messages have it.
pub fn utc(time: SystemTime) -> String {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX)).utc()
}

/// Creates, locks and removes a file. Whether it would reach the disk is another question: see [`check_sync`].
pub fn probe(folder: &Path) -> io::Result<File> {
    let path = folder.join(format!(".thermos-check-{}", std::process::id()));
    let file = File::create(&path)?;
    let locked = file.try_lock().map_err(io::Error::from);
    fs::remove_file(&path)?;
    locked.map(|()| file)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn place<'a>(folder: &'a Path, checkpoint_root: &'a Path) -> Place<'a> {
        Place { directory: folder, sandbox: folder, checkpoint_root, is_in_image: false }
    }

    /// What is found besides the variable that only an agent sets.
    fn found(place: Place<'_>) -> Vec<Finding> {
        let (mut findings, _) = check_host(place);
        findings.retain(|finding| !finding.text.starts_with("MESOS_DIRECTORY is not set"));
        findings
    }

    #[test]
    fn th_112_an_image_without_bash_is_found_out() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("bin")).unwrap();
        fs::write(root.path().join("bin/sh"), "").unwrap();
        let findings = check_offline(root.path(), None);
        assert_eq!(findings.len(), 1);
        assert!(findings[0].text.contains("/bin/bash") && findings[0].text.contains("there is only /bin/sh"));
    }

    #[test]
    fn a_good_host_has_no_findings() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(found(place(folder.path(), &folder.path().join("checkpoints"))), []);
    }

    #[test]
    fn a_checkpoint_root_that_is_a_file_is_the_hosts_fault() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("checkpoints");
        fs::write(&file, "").unwrap();
        let finding = check_checkpoint_root(&file).unwrap_err();
        assert_eq!(finding.severity, Severity::Host);
        assert!(finding.text.contains(&format!("(on {})", file_system(folder.path()))), "{finding:?}");
    }

    #[test]
    fn only_a_clock_that_is_an_hour_behind_is_told_of() {
        let at = |secs| SystemTime::UNIX_EPOCH + Duration::from_secs(secs);
        assert_eq!(check_clock(at(1_000_000), at(1_003_600)), None);
        assert_eq!(check_clock(at(1_000_000), at(900)), None);
        let found = check_clock(at(1_000_000), at(1_003_601)).unwrap();
        assert_eq!(found.severity, Severity::Warning);
        for part in ["3601 s behind", "1970-01-12 13:46:40 UTC", "1970-01-12 14:46:41 UTC"] {
            assert!(found.text.contains(part), "{found:?}");
        }
    }

    #[test]
    fn a_kernel_as_usual_has_no_findings() {
        assert_eq!(check_kernel(Ok(()), None), []);
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        let refused = check_kernel(Err(nix::errno::Errno::EPERM), Some(&denied));
        assert!(refused[0].text.contains("PR_SET_CHILD_SUBREAPER is refused: Operation not permitted"));
        assert!(refused[1].text.contains("/proc/self/cgroup is not readable: permission denied"));
        let file = File::open("/proc/self/stat").unwrap();
        assert_eq!(check_sync(&file, Path::new("/proc")).unwrap().severity, Severity::Host);
    }

    #[test]
    fn a_sandbox_that_cannot_be_written_is_the_hosts_fault_or_the_images() {
        let error = io::Error::from(io::ErrorKind::PermissionDenied);
        let of_host = not_writable("MESOS_SANDBOX", Path::new("/"), &error, false);
        assert!(of_host.severity == Severity::Host && of_host.text.contains("mode 0"), "{of_host:?}");
        let of_image = not_writable("MESOS_SANDBOX", Path::new("/"), &error, true);
        assert!(
            of_image.severity == Severity::Job && of_image.text.contains("-executor_user"),
            "{of_image:?}"
        );
    }

    #[test]
    fn the_folder_that_lets_a_user_not_pass_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let closed = folder.path().join("closed");
        let sandbox = closed.join("sandbox");
        fs::create_dir_all(&sandbox).unwrap();
        for open in [folder.path(), sandbox.as_path()] {
            fs::set_permissions(open, fs::Permissions::from_mode(0o777)).unwrap();
        }
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
        let stranger = User { name: "stranger".into(), uid: 54321, gid: 54321, home: "/".into() };
        let (refused, _) = refused_on_the_way(&sandbox, &stranger, &[]).unwrap();
        assert_eq!(refused, closed);
        if nix::unistd::geteuid().is_root() {
            let finding = check_user(&sandbox, &stranger, &UserDatabase::default()).unwrap();
            assert!(
                finding.severity == Severity::Job && finding.text.contains("closed of uid 0"),
                "{finding:?}"
            );
        }
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o711)).unwrap();
        assert_eq!(check_user(&sandbox, &stranger, &UserDatabase::default()), None);
    }
}
