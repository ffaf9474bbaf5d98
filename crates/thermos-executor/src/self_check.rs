//! Looks before it leaps: can a task run here at all (`spec/thermos.md` §7.4)?

use std::fs;
use std::io;
use std::path::Path;

use nix::sys::statvfs::statvfs;
use thermos::coordinator::check_shell_below;
use thermos::os::users::UserDatabase;

/// Space that must be free for checkpoints.
const LEAST_FREE_BYTES: u64 = 16 << 20;

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

/// Checks of this host: the folders of the agent, the root of checkpoints, the shell.
pub fn check_host(directory: &Path, sandbox: &Path, checkpoint_root: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (variable, path) in [("MESOS_DIRECTORY", directory), ("MESOS_SANDBOX", sandbox)] {
        // Under Docker the host's path leads nowhere until the sandbox is made.
        if variable == "MESOS_DIRECTORY" && directory != sandbox {
            continue;
        }
        if let Err(error) = probe(path) {
            let text = format!(
                "{variable} {} is not writable: {error}; give the executor's user rights on it",
                path.display()
            );
            findings.push(finding(Severity::Host, text));
        }
    }
    if let Err(error) = fs::create_dir_all(checkpoint_root).and_then(|()| probe(checkpoint_root)) {
        let text = format!(
            "the checkpoint root {} is not usable: {error}; make it writable or leave out --checkpoint-root",
            checkpoint_root.display()
        );
        findings.push(finding(Severity::Host, text));
    } else if let Ok(space) = statvfs(checkpoint_root)
        && space.blocks_available().saturating_mul(space.fragment_size()) < LEAST_FREE_BYTES
    {
        let text = format!("less than 16 MiB are free at {}; free some space", checkpoint_root.display());
        findings.push(finding(Severity::Host, text));
    }
    findings.extend(check_shell(Path::new("/")));
    findings.extend(check_path());
    findings
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

/// Creates, locks and removes a file. It is not synchronised to the disk, as checkpoints are not.
pub fn probe(folder: &Path) -> io::Result<()> {
    let path = folder.join(format!(".thermos-check-{}", std::process::id()));
    let file = fs::File::create(&path)?;
    let locked = file.try_lock().map_err(io::Error::from);
    fs::remove_file(&path)?;
    locked
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let findings = check_host(folder.path(), folder.path(), &folder.path().join("checkpoints"));
        assert_eq!(findings, []);
    }

    #[test]
    fn a_checkpoint_root_that_is_a_file_is_the_hosts_fault() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("checkpoints");
        fs::write(&file, "").unwrap();
        let findings = check_host(folder.path(), folder.path(), &file);
        assert_eq!(findings.first().map(|finding| finding.severity), Some(Severity::Host), "{findings:?}");
    }
}
