//! Starts a run of a process: its record, its folder, its coordinator (`spec/thermos.md` §1.7).

use std::fs::Permissions;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::fcntl::OFlag;
use nix::unistd::pipe2;

use super::{Live, RunError, Runner, own_pid};
use crate::checkpoint::{AppendError, Appender, LoadError, Tail, TaskPaths};
use crate::coordinator::{self, Assignment, Credentials, Handed, ImageLaunch};
use crate::os::beneath::Directory;
use crate::os::fork::fork_into;
use crate::os::identity::identify;
use crate::os::kernel::Kernel;
use crate::plan::record::{ProcessState, ProcessStatus, Record};
use crate::sandbox::image::TASK_FILE_SYSTEM;
use crate::task::{LoggerError, Process};

/// Rights to pass through a folder, for all.
const PASSABLE: u32 = 0o111;

/// The profile that bash reads before each command, if the sandbox holds one.
const PROFILE: &str = ".thermos_profile";

/// Given by the agent, meant for the executor alone.
const SECRET_VARIABLE: &str = "MESOS_EXECUTOR_AUTHENTICATION_TOKEN";

/// Why a run could not be started. The run is then a failed one (D12).
#[derive(Debug, thiserror::Error)]
enum LaunchError {
    #[error(
        "Must be root to run processes as other users! (asked for {user}, running as uid {uid}); start the executor as root or with --nosetuid"
    )]
    NotRoot { user: String, uid: u32 },
    #[error(
        "PATH is not set in the environment of the runner; set it for the agent or in its --executor_environment_variables"
    )]
    NoPath,
    #[error(transparent)]
    Stream(#[from] AppendError),
    #[error(transparent)]
    Read(#[from] LoadError),
    #[error("cannot make the log folder {}: {source}; check the sandbox", path.display())]
    LogDir { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Logger(#[from] LoggerError),
    #[error("cannot start a coordinator: {0}; the machine may be out of processes, files or memory")]
    Spawn(#[from] io::Error),
}

/// A coordinator that waits at its gate.
struct Spawned {
    pid: i32,
    stream: Appender,
    /// Opens the gate.
    key: OwnedFd,
    forked_seq: i64,
    head: u64,
}

impl Runner {
    /// Records WAITING and starts a run; one that cannot be started is recorded as failed.
    pub(super) fn launch(&mut self, process: &str) -> Result<(), RunError> {
        let is_waiting =
            self.machine.state().last_run(process).is_some_and(|run| run.state == ProcessState::Waiting);
        if !is_waiting {
            self.record_process(process, ProcessState::Waiting, |_| {})?;
        }
        match self.spawn(process) {
            Ok(spawned) => self.register(process, spawned),
            Err(error) => {
                let now = self.kernel.now().as_secs_f64();
                let reason = error.to_string();
                self.record_process(process, ProcessState::Failed, |status| {
                    status.stop_time = Some(now);
                    status.reason = Some(reason);
                })
            }
        }
    }

    /// Writes FORKED into the coordinator's stream, and only then lets the coordinator go on.
    fn register(&mut self, process: &str, mut spawned: Spawned) -> Result<(), RunError> {
        let now = self.kernel.now().as_secs_f64();
        let mut forked = ProcessStatus {
            fork_time: Some(now),
            coordinator_pid: Some(spawned.pid),
            ..ProcessStatus::new(process, spawned.forked_seq, ProcessState::Forked)
        };
        forked.set_birth(identify(spawned.pid).birth);
        spawned.stream.append(&Record::Process(forked))?;
        let tail = Tail::open_at(&self.paths.coordinator(process), spawned.head)?;
        self.live.insert(process.to_owned(), Live { coordinator: spawned.pid, tail, is_adopted: false });
        // A coordinator that is gone already is found out by the next look at it.
        let _ = nix::unistd::write(&spawned.key, b".");
        drop(spawned);
        self.read_coordinator(process)
    }

    fn spawn(&self, process_name: &str) -> Result<Spawned, LaunchError> {
        let Some(process) = self.task.process(process_name) else {
            return Err(LaunchError::Spawn(io::Error::other("the task has no such process")));
        };
        let credentials = self.credentials()?;
        let environment = self.environment()?;
        let mut stream = open_stream(&self.paths.coordinator(process_name))?;
        let run =
            self.machine.state().processes.get(process_name).map_or(0, |runs| runs.len().saturating_sub(1));
        let log_dir = self.make_log_dir(process_name, run, credentials.as_ref())?;
        let logger = process.logger.unwrap_or(self.config.logger);
        logger.check()?;
        let head = stream.size()?;
        let assignment = self.assignment(process, credentials, environment, log_dir)?;
        let assignment = Assignment { logger, ..assignment };
        let (pid, key) = self.start_coordinator(&assignment, &mut stream)?;
        Ok(Spawned { pid, stream, key, forked_seq: assignment.forked_seq, head })
    }

    fn assignment(
        &self,
        process: &Process,
        credentials: Option<Credentials>,
        environment: Vec<(String, String)>,
        log_dir: PathBuf,
    ) -> Result<Assignment, LaunchError> {
        let name = &process.schedule.name;
        let chroot = self.config.enable_chroot.then(|| self.config.sandbox.clone());
        let log_dir = match (&chroot, log_dir.strip_prefix(&self.config.sandbox)) {
            (Some(_), Ok(inside)) => Path::new("/").join(inside),
            _ => log_dir,
        };
        Ok(Assignment {
            process: name.clone(),
            forked_seq: self.machine.state().next_seq(name),
            checkpoint: self.paths.coordinator(name),
            cmdline: process.cmdline.clone(),
            working_dir: if chroot.is_some() { PathBuf::from("/") } else { self.config.sandbox.clone() },
            chroot,
            image: self.image(),
            environment,
            credentials,
            log_dir,
            logger: self.config.logger,
            runner_pid: own_pid(),
        })
    }

    /// How processes get into the image; none without one.
    fn image(&self) -> Option<ImageLaunch> {
        let containerizer = self.config.mesos_containerizer_path.clone()?;
        let run_directory = std::env::var_os("MESOS_DIRECTORY").map_or_else(PathBuf::new, PathBuf::from);
        Some(ImageLaunch {
            containerizer,
            rootfs: run_directory.join(TASK_FILE_SYSTEM),
            working_dir: self.config.container_sandbox.clone()?,
            user: self.user.name.clone(),
        })
    }

    /// Rights to take on; none when processes run as the runner itself.
    fn credentials(&self) -> Result<Option<Credentials>, LaunchError> {
        let own = nix::unistd::getuid().as_raw();
        if self.user.uid == own {
            return Ok(None);
        }
        if !nix::unistd::geteuid().is_root() {
            return Err(LaunchError::NotRoot { user: self.user.name.clone(), uid: own });
        }
        let groups = self.users.groups_of(&self.user.name);
        Ok(Some(Credentials { uid: self.user.uid, gid: self.user.gid, groups }))
    }

    /// The table of `spec/thermos.md` §1.8.
    fn environment(&self) -> Result<Vec<(String, String)>, LaunchError> {
        let path = std::env::var("PATH").ok().filter(|path| !path.is_empty()).ok_or(LaunchError::NoPath)?;
        let sandbox = &self.config.sandbox;
        let image = self.image();
        let home = match &image {
            Some(image) => &image.working_dir,
            None if self.config.enable_chroot => &self.user.home,
            None => sandbox,
        };
        let mut environment: Vec<(String, String)> = if self.config.preserve_env {
            std::env::vars_os()
                .filter(|(name, _)| name != SECRET_VARIABLE)
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
                .collect()
        } else {
            Vec::new()
        };
        let mut set = |name: &str, value: String| {
            environment.retain(|(other, _)| other != name);
            environment.push((name.to_owned(), value));
        };
        set("HOME", home.display().to_string());
        set("LOGNAME", self.user.name.clone());
        set("USER", self.user.name.clone());
        set("PATH", path);
        if sandbox.join(PROFILE).exists() {
            let seen = match &image {
                Some(image) => image.working_dir.join(PROFILE),
                None if self.config.enable_chroot => Path::new("/").join(PROFILE),
                None => sandbox.join(PROFILE),
            };
            set("BASH_ENV", seen.display().to_string());
        }
        Ok(environment)
    }

    fn make_log_dir(
        &self,
        process: &str,
        run: usize,
        credentials: Option<&Credentials>,
    ) -> Result<PathBuf, LaunchError> {
        let path = TaskPaths::logs(&self.log_root(), process, run);
        let failed = |source| LaunchError::LogDir { path: path.clone(), source };
        let Some(credentials) = credentials else {
            // From the top: each is then made at the first try.
            let mut folders: Vec<&Path> =
                path.ancestors().take_while(|folder| *folder != self.config.sandbox).collect();
            folders.reverse();
            for folder in folders {
                std::fs::create_dir_all(folder).map_err(failed)?;
            }
            return Ok(path);
        };
        // The sandbox is the user's, who may have put a link there: nothing is made, or given away, through one.
        let mut folder =
            Directory::open(&self.config.sandbox).map_err(|error| failed(io::Error::other(error)))?;
        for part in path.strip_prefix(&self.config.sandbox).unwrap_or(&path).components() {
            folder = folder.make_directory(Path::new(&part)).map_err(failed)?;
            let metadata = folder.metadata().map_err(failed)?;
            let mode = metadata.permissions().mode();
            // Whatever the umask of this program is, the user has to get through what it made.
            if metadata.uid() == nix::unistd::geteuid().as_raw() && mode & PASSABLE != PASSABLE {
                std::fs::set_permissions(folder.handle(), Permissions::from_mode(mode | PASSABLE))
                    .map_err(failed)?;
            }
        }
        chown(folder.handle(), Some(credentials.uid), Some(credentials.gid)).map_err(failed)?;
        Ok(path)
    }

    /// Where the output of all processes goes.
    pub(super) fn log_root(&self) -> PathBuf {
        self.config.sandbox.join(".logs")
    }

    /// Starts a copy of this process as the coordinator, which waits at the gate.
    fn start_coordinator(
        &self,
        assignment: &Assignment,
        stream: &mut Appender,
    ) -> Result<(i32, OwnedFd), LaunchError> {
        let (gate, key) = pipe2(OFlag::O_CLOEXEC).map_err(io::Error::from)?;
        let pid = fork_into(|| {
            let handed = Handed {
                stream,
                gate: gate.as_fd(),
                doorbell: self.events.bell_rope().as_fd(),
                lifeline: self.events.lifeline().map(OwnedFd::as_fd),
            };
            coordinator::serve(assignment, self.paths.task_id(), handed)
        })?;
        Ok((pid, key))
    }
}

/// How long the lock of a coordinator may take to be free whose runner died before it had a record.
const LOCK_WAIT: Duration = Duration::from_secs(10);

/// Opens and locks the stream of a process. A coordinator that died while writing left part of a record: it is cut off.
fn open_stream(path: &Path) -> Result<Appender, LaunchError> {
    let stream = Appender::open_within(path, LOCK_WAIT)?;
    let mut tail = Tail::open(path)?;
    while let Ok(Some(_)) = tail.next_record() {}
    if tail.offset() < stream.size()? {
        stream.cut(tail.offset())?;
    }
    Ok(stream)
}
