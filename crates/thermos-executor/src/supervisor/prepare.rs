//! What is done before the runner starts: checks, sandbox, health, announcement (`spec/thermos.md` §§3.3, 3.10, 7.4).

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use mesos_v1::messages::TaskState;
use thermos::os::users::User;
use thermos::sandbox::image::{HostCommands, ImageSandbox, TASK_FILE_SYSTEM, check_containerizer};
use thermos::sandbox::{self, SandboxError};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::Supervisor;
use crate::announcer::{Announcement, Announcer};
use crate::assignment::Assignment;
use crate::health::{HealthCheck, HealthConfig, HealthContext, ShellUser};
use crate::self_check::{Finding, Place, Severity, check_clock, check_host, check_kernel, check_user, probe};
use crate::status::Verdict;

/// What tasks may take that say nothing: twice 5 s over HTTP, and 30 s (`spec/config.md` §§5.2, 5.8).
const DEFAULT_WAITS: Duration = Duration::from_secs(40);

/// Limit for making the sandbox.
const SANDBOX_LIMIT: Duration = Duration::from_secs(600);

impl Supervisor {
    /// Hands out a file below the root of checkpoints with which fsync can be tried.
    pub(super) fn check_host(
        &mut self,
        checkpoint_root: &Path,
        blind: Option<&io::Error>,
    ) -> Result<Option<File>, Verdict> {
        let (mut findings, file) = check_host(Place {
            directory: &self.environment.directory,
            sandbox: &self.environment.sandbox,
            checkpoint_root,
            is_in_image: self.assigned.is_docker,
        });
        findings.extend(check_kernel(self.subreaper, blind));
        findings.extend(self.assigned_at.and_then(|assigned| check_clock(SystemTime::now(), assigned)));
        self.judge(findings).map(|()| file)
    }

    /// Whether processes will be able to use the sandbox, which is known only once it is there.
    pub(super) fn check_user(&mut self, sandbox: &Path) -> Result<(), Verdict> {
        let Some(name) = self.process_user() else { return Ok(()) };
        // Who does not exist has no sandbox either.
        let Ok(user) = self.users.by_name(&name) else { return Ok(()) };
        let findings = check_user(sandbox, &user, &self.users).into_iter().collect();
        self.judge(findings)
    }

    /// Warnings are kept, for the message of the running task; the rest is the end of it.
    fn judge(&mut self, findings: Vec<Finding>) -> Result<(), Verdict> {
        for finding in &findings {
            eprintln!("thermos_executor: self-check: {}", finding.text);
        }
        let texts: Vec<&str> = findings.iter().map(|finding| finding.text.as_str()).collect();
        match findings.iter().map(|finding| finding.severity).max() {
            Some(Severity::Host) => Err(self.unfit(&texts)),
            Some(Severity::Job) => Err(Verdict { state: TaskState::TaskFailed, ..self.unfit(&texts) }),
            Some(Severity::Warning) | None => {
                self.warnings.extend(findings.into_iter().map(|finding| finding.text));
                Ok(())
            }
        }
    }

    /// The verdict on a task that would run on another host.
    pub(super) fn unfit(&self, texts: &[&str]) -> Verdict {
        let text = format!("Task cannot run on {}: {}", self.assigned.host, texts.join(" | "));
        Verdict::new(TaskState::TaskLost, text)
    }

    pub(super) async fn make_sandbox(&mut self) -> Result<PathBuf, Verdict> {
        if self.assigned.is_docker {
            self.enter_container()?;
        }
        let owner = self.sandbox_owner();
        // A folder where files were just made and removed: no thread is started for that.
        let sandbox = sandbox::create(&self.environment.directory, owner.as_deref(), &self.users)
            .map_err(|error| uninitialized(&error))?;
        if self.assigned.has_image {
            self.prepare_image(sandbox.clone()).await?;
        }
        Ok(sandbox)
    }

    async fn prepare_image(&self, sandbox: PathBuf) -> Result<(), Verdict> {
        check_containerizer(&self.flags.mesos_containerizer_path)
            .map_err(|error| Verdict::new(TaskState::TaskFailed, error.to_string()))?;
        let user = match self.process_user().filter(|_| !self.flags.no_create_user) {
            None => None,
            Some(name) => {
                let user = self.users.by_name(&name).map_err(|error| uninitialized(&error))?;
                let group = self.users.group_name(user.gid).unwrap_or_else(|| user.name.clone());
                Some((user, group))
            }
        };
        let image = ImageSandbox {
            root: self.environment.directory.join(TASK_FILE_SYSTEM),
            sandbox,
            mount_point: self.flags.sandbox_mount_point.clone(),
            user,
            volumes: self.volumes.clone(),
        };
        let making = tokio::task::spawn_blocking(move || image.prepare(&mut HostCommands));
        sandbox_made(making, SANDBOX_LIMIT).await
    }

    /// Makes the host's path of the run directory lead to the container's. A user who may not is content with the latter: then
    /// only the observer, which is on the host, does not find the sandbox.
    fn enter_container(&mut self) -> Result<(), Verdict> {
        let environment = &mut self.environment;
        match sandbox::link_container_root(&environment.directory, &environment.sandbox) {
            Ok(()) => Ok(()),
            Err(SandboxError::ContainerRoot { source, .. })
                if source.kind() == io::ErrorKind::PermissionDenied =>
            {
                tracing::warn!(
                    path = %environment.directory.display(), error = %source,
                    "the container's user may not make this path: the observer will not find the sandbox"
                );
                environment.directory.clone_from(&environment.sandbox);
                Ok(())
            }
            Err(error) => {
                Err(Verdict::new(TaskState::TaskFailed, format!("Failed to initialize sandbox: {error}")))
            }
        }
    }

    /// What will announce the task, if it is to be announced.
    pub(super) fn prepare_announcer(
        &self,
        announcement: Option<Announcement>,
    ) -> Result<Option<Announcer>, Verdict> {
        announcement
            .map(|announcement| Announcer::prepare(announcement, &self.flags))
            .transpose()
            .map_err(|error| Verdict::new(TaskState::TaskFailed, error.to_string()))
    }

    /// An agent that shuts down gives less time than some tasks want: the last steps of their end are then skipped. A warning for
    /// jobs that ask for more than everybody gets; the defaults alone exceed the agents' default.
    pub(super) fn compare_waits(&self, assignment: &Assignment) -> Option<String> {
        let grace = self.environment.shutdown_grace_period;
        let appeals = assignment.lifecycle.iter().flat_map(|lifecycle| &lifecycle.appeals);
        let asked: Duration = appeals.map(|appeal| appeal.wait).sum();
        let finalization = assignment.task.as_ref().map_or(Duration::ZERO, |task| task.finalization_wait);
        let wanted = asked.saturating_add(finalization);
        (wanted > grace && wanted > DEFAULT_WAITS).then(|| {
            let text = format!(
                "the task may take {} s to end, and the agent gives it {} s when it shuts down (--executor_shutdown_grace_period); what takes longer is skipped then",
                wanted.as_secs(),
                grace.as_secs()
            );
            tracing::warn!("{text}");
            text
        })
    }

    pub(super) fn prepare_health(
        &self,
        config: &HealthConfig,
        sandbox: PathBuf,
    ) -> Result<Option<HealthCheck>, Verdict> {
        let failed = |text: String| Verdict::new(TaskState::TaskFailed, text);
        let shell_user = match self.process_user() {
            Some(name) if !self.flags.nosetuid_health_checks => {
                let user =
                    self.users.by_name(&name).map_err(|error| failed(format!("Internal error: {error}")))?;
                (user.uid != nix::unistd::getuid().as_raw())
                    .then_some(ShellUser { uid: user.uid, gid: user.gid })
            }
            _ => None,
        };
        HealthCheck::new(config, HealthContext { sandbox, shell_user })
            .map_err(|error| failed(format!("Internal error: {error}")))
    }

    pub(super) fn write_task(&self, assignment: &Assignment) -> Result<PathBuf, Verdict> {
        let path = self.environment.directory.join("task.json");
        std::fs::write(&path, assignment.task_json.to_string()).map_err(|error| {
            let text = format!("Task initialization failed: cannot write {}: {error}", path.display());
            Verdict::new(TaskState::TaskLost, text)
        })?;
        Ok(path)
    }

    /// Whom the sandbox belongs to; none: whoever runs this.
    pub(super) fn sandbox_owner(&self) -> Option<String> {
        if self.flags.nosetuid || self.assigned.is_docker {
            return None;
        }
        Some(self.flags.execute_as_user.clone().unwrap_or_else(|| self.assigned.role.clone()))
    }

    /// Whom processes run as, the owner of the sandbox (D21); none: whoever runs this.
    pub(super) fn process_user(&self) -> Option<String> {
        self.sandbox_owner().filter(|_| nix::unistd::geteuid().is_root())
    }

    pub(super) fn own_user(&self) -> String {
        let uid = nix::unistd::getuid().as_raw();
        self.users.by_uid(uid).map_or_else(|_| uid.to_string(), |User { name, .. }| name)
    }

    /// In the run directory, where the observer finds it (`spec/thermos.md` §4.2). Another root is taken only if it can be used.
    pub(super) fn checkpoint_root(&self) -> PathBuf {
        let own = self.environment.sandbox.join("checkpoints");
        match &self.flags.checkpoint_root {
            None => own,
            Some(root) if std::fs::create_dir_all(root).is_ok() && probe(root).is_ok() => root.clone(),
            Some(root) => {
                tracing::warn!(root = %root.display(), used = %own.display(), "--checkpoint-root is not writable: the run directory is used");
                own
            }
        }
    }
}

fn uninitialized(error: &dyn std::error::Error) -> Verdict {
    Verdict::new(TaskState::TaskFailed, format!("Failed to initialize sandbox: {error}"))
}

/// What was made, or why it was not.
async fn sandbox_made<T, E: std::error::Error>(
    making: JoinHandle<Result<T, E>>,
    limit: Duration,
) -> Result<T, Verdict> {
    let failed = |text: String| Verdict::new(TaskState::TaskFailed, text);
    match timeout(limit, making).await {
        Err(_) => Err(failed("Timed out waiting for sandbox to initialize!".to_owned())),
        Ok(Err(error)) => Err(failed(format!("Unknown exception initializing sandbox: {error}"))),
        Ok(Ok(Err(error))) => Err(uninitialized(&error)),
        Ok(Ok(Ok(made))) => Ok(made),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn th_101_a_sandbox_that_cannot_be_made_says_so_in_upstreams_words() {
        let endless = tokio::spawn(std::future::pending::<Result<(), std::io::Error>>());
        let verdict = sandbox_made(endless, Duration::from_millis(1)).await.unwrap_err();
        assert_eq!(
            (verdict.state, verdict.message.as_str()),
            (TaskState::TaskFailed, "Timed out waiting for sandbox to initialize!")
        );
        let lost = tokio::spawn(std::future::pending::<Result<(), std::io::Error>>());
        lost.abort();
        let verdict = sandbox_made(lost, SANDBOX_LIMIT).await.unwrap_err();
        assert_eq!(verdict.state, TaskState::TaskFailed);
        assert!(verdict.message.starts_with("Unknown exception initializing sandbox: "), "{verdict:?}");
        let refused = tokio::spawn(async { Err::<(), _>(std::io::Error::other("no room")) });
        let verdict = sandbox_made(refused, SANDBOX_LIMIT).await.unwrap_err();
        assert_eq!(
            (verdict.state, verdict.message.as_str()),
            (TaskState::TaskFailed, "Failed to initialize sandbox: no room")
        );
    }
}
