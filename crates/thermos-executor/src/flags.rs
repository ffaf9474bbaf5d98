//! The executor's command line (`spec/thermos.md` §3.2).
//!
//! Each task has an executor, and clap costs each a good part of its start. So what agents usually give is read by a small table; whatever
//! that does not know, help and errors included, is clap's.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Parser;
use thermos::command_line::{OldLogFlags, with_two_dashes};

/// Runs one task of an Aurora cluster. A Mesos agent starts it; the agent's environment says where to report.
#[derive(Parser, Debug, Clone)]
#[command(name = "thermos_executor", version, rename_all = "kebab-case")]
pub struct Flags {
    /// ZooKeeper servers for announcing, HOST:PORT with commas between.
    #[arg(long)]
    pub announcer_ensemble: Option<String>,

    /// Where announcements go: $ROOT/$ROLE/$ENVIRONMENT/$JOBNAME.
    #[arg(long, default_value = DEFAULT_SERVERSET_PATH)]
    pub announcer_serverset_path: String,

    /// Let jobs choose another path to be announced at.
    #[arg(long)]
    pub announcer_allow_custom_serverset_path: bool,

    /// Host that is announced; the agent's if not given.
    #[arg(long)]
    pub announcer_hostname: Option<String>,

    /// How to authenticate with ZooKeeper.
    #[arg(long)]
    pub announcer_zookeeper_auth_config: Option<PathBuf>,

    /// Announce tasks only once they run, which with a health check means that they are healthy. Ours, not upstream's.
    #[arg(long)]
    pub announcer_wait_for_running: bool,

    /// Of older versions: announcing is on whenever an ensemble is given.
    #[arg(long)]
    pub announcer_enable: bool,

    /// Starts tasks in file system images; with an empty path there are none.
    #[arg(long, default_value = DEFAULT_CONTAINERIZER, value_parser = path)]
    pub mesos_containerizer_path: PathBuf,

    /// Do not create the user in a file system image.
    #[arg(long)]
    pub no_create_user: bool,

    /// Where a file system image has the sandbox.
    #[arg(long, default_value = DEFAULT_MOUNT_POINT)]
    pub sandbox_mount_point: PathBuf,

    /// Run tasks as this user, whatever their role.
    #[arg(long)]
    pub execute_as_user: Option<String>,

    /// Run tasks as the executor's own user, whatever their role.
    #[arg(long)]
    pub nosetuid: bool,

    /// Run shell health checks as the executor's own user.
    #[arg(long)]
    pub nosetuid_health_checks: bool,

    /// Where the output of processes goes: file, console, both or none.
    #[arg(long, value_parser = ["file", "console", "both", "none"])]
    pub runner_logger_destination: Option<String>,

    /// Whether output is rotated: standard or rotate.
    #[arg(long, value_parser = ["standard", "rotate"])]
    pub runner_logger_mode: Option<String>,

    /// Size of a rotated file, MiB.
    #[arg(long)]
    pub runner_rotate_log_size_mb: Option<i64>,

    /// Rotated files that are kept.
    #[arg(long)]
    pub runner_rotate_log_backups: Option<i64>,

    /// Pass the executor's environment on to processes.
    #[arg(long = "preserve_env", alias = "preserve-env")]
    pub preserve_env: bool,

    /// Limit for each of the two phases of stopping, seconds.
    #[arg(long = "stop_timeout_in_secs", alias = "stop-timeout-in-secs", default_value_t = DEFAULT_STOP_TIMEOUT_SECS)]
    pub stop_timeout_in_secs: u64,

    /// Root of the checkpoints; the folder `checkpoints` of the run directory if not given, which is where the observer looks.
    #[arg(long, alias = "checkpoint_root")]
    pub checkpoint_root: Option<PathBuf>,

    /// Check only whether a task could run here, print what is wrong, and exit with 0 or 1.
    #[arg(long)]
    pub check: bool,

    /// With --check: the role that tasks would have.
    #[arg(long, requires = "check")]
    pub role: Option<String>,

    /// With --check: the root of an unpacked image instead of this machine.
    #[arg(long, requires = "check")]
    pub image_root: Option<PathBuf>,

    #[command(flatten)]
    _logs: OldLogFlags,
}

impl Flags {
    /// Reads the command line; `-name=value` works like `--name=value`.
    ///
    /// # Errors
    /// What clap says, help and version included.
    pub fn try_read(arguments: impl Iterator<Item = OsString>) -> Result<Self, clap::Error> {
        let arguments: Vec<OsString> = with_two_dashes(arguments).collect();
        Self::read_usual(arguments.get(1..).unwrap_or_default())
            .map_or_else(|| Self::try_parse_from(&arguments), Ok)
    }

    /// Reads `--name` and `--name=value` of the flags in [`USUAL`], each given once. None: clap has to look.
    fn read_usual(arguments: &[OsString]) -> Option<Self> {
        let mut flags = Self::defaults();
        let mut given = Vec::new();
        for argument in arguments {
            let argument = argument.to_str()?.strip_prefix("--")?;
            let (name, value) = match argument.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (argument, None),
            };
            let (_, set) =
                USUAL.iter().find(|(known, _)| *known == name).filter(|_| !given.contains(&name))?;
            given.push(name);
            match (set, value.filter(|value| !value.is_empty())) {
                (Set::Switch(flag), None) if value.is_none() => *flag(&mut flags) = true,
                (Set::Text(flag), Some(value)) => *flag(&mut flags) = Some(value.to_owned()),
                (Set::OptionalPath(flag), Some(value)) => *flag(&mut flags) = Some(value.into()),
                (Set::Path(flag), Some(value)) => *flag(&mut flags) = value.into(),
                _ => return None,
            }
        }
        Some(flags)
    }

    /// Those of an empty command line.
    fn defaults() -> Self {
        Self {
            announcer_ensemble: None,
            announcer_serverset_path: DEFAULT_SERVERSET_PATH.to_owned(),
            announcer_allow_custom_serverset_path: false,
            announcer_hostname: None,
            announcer_zookeeper_auth_config: None,
            announcer_wait_for_running: false,
            announcer_enable: false,
            mesos_containerizer_path: DEFAULT_CONTAINERIZER.into(),
            no_create_user: false,
            sandbox_mount_point: DEFAULT_MOUNT_POINT.into(),
            execute_as_user: None,
            nosetuid: false,
            nosetuid_health_checks: false,
            runner_logger_destination: None,
            runner_logger_mode: None,
            runner_rotate_log_size_mb: None,
            runner_rotate_log_backups: None,
            preserve_env: false,
            stop_timeout_in_secs: DEFAULT_STOP_TIMEOUT_SECS,
            checkpoint_root: None,
            check: false,
            role: None,
            image_root: None,
            _logs: OldLogFlags::default(),
        }
    }
}

const DEFAULT_SERVERSET_PATH: &str = "/aurora";
const DEFAULT_CONTAINERIZER: &str = "/usr/libexec/mesos/mesos-containerizer";
const DEFAULT_MOUNT_POINT: &str = "/mnt/mesos/sandbox";
const DEFAULT_STOP_TIMEOUT_SECS: u64 = 120;

/// Where the value of a flag goes.
enum Set {
    Switch(fn(&mut Flags) -> &mut bool),
    Text(fn(&mut Flags) -> &mut Option<String>),
    OptionalPath(fn(&mut Flags) -> &mut Option<PathBuf>),
    Path(fn(&mut Flags) -> &mut PathBuf),
}

/// Flags that any value suits, and switches.
const USUAL: &[(&str, Set)] = &[
    ("announcer-ensemble", Set::Text(|flags| &mut flags.announcer_ensemble)),
    (
        "announcer-allow-custom-serverset-path",
        Set::Switch(|flags| &mut flags.announcer_allow_custom_serverset_path),
    ),
    ("announcer-hostname", Set::Text(|flags| &mut flags.announcer_hostname)),
    (
        "announcer-zookeeper-auth-config",
        Set::OptionalPath(|flags| &mut flags.announcer_zookeeper_auth_config),
    ),
    ("announcer-wait-for-running", Set::Switch(|flags| &mut flags.announcer_wait_for_running)),
    ("announcer-enable", Set::Switch(|flags| &mut flags.announcer_enable)),
    ("mesos-containerizer-path", Set::Path(|flags| &mut flags.mesos_containerizer_path)),
    ("no-create-user", Set::Switch(|flags| &mut flags.no_create_user)),
    ("sandbox-mount-point", Set::Path(|flags| &mut flags.sandbox_mount_point)),
    ("execute-as-user", Set::Text(|flags| &mut flags.execute_as_user)),
    ("nosetuid", Set::Switch(|flags| &mut flags.nosetuid)),
    ("nosetuid-health-checks", Set::Switch(|flags| &mut flags.nosetuid_health_checks)),
    ("preserve_env", Set::Switch(|flags| &mut flags.preserve_env)),
    ("checkpoint-root", Set::OptionalPath(|flags| &mut flags.checkpoint_root)),
];

/// A path, which may be empty: clap's own parser refuses that.
#[expect(clippy::unnecessary_wraps, reason = "clap wants a result")]
fn path(text: &str) -> Result<PathBuf, std::convert::Infallible> {
    Ok(PathBuf::from(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> Flags {
        Flags::try_read(
            std::iter::once("thermos_executor").chain(arguments.iter().copied()).map(OsString::from),
        )
        .unwrap()
    }

    #[test]
    fn every_flag_of_upstream_is_accepted() {
        let flags = read(&[
            "--announcer-ensemble=zk:2181",
            "--announcer-serverset-path=/a",
            "--announcer-allow-custom-serverset-path",
            "--announcer-hostname=h",
            "--announcer-zookeeper-auth-config=f",
            "--announcer-enable",
            "--mesos-containerizer-path=/m",
            "--no-create-user",
            "--sandbox-mount-point=/s",
            "--execute-as-user=u",
            "--nosetuid",
            "--nosetuid-health-checks",
            "--runner-logger-destination=both",
            "--runner-logger-mode=rotate",
            "--runner-rotate-log-size-mb=1",
            "--runner-rotate-log-backups=2",
            "--preserve_env",
            "--stop_timeout_in_secs=3",
            "--checkpoint-root=/c",
            "--log_dir=x",
            "--log_to_disk=DEBUG",
            "--log_to_stderr=google:INFO",
        ]);
        assert_eq!(flags.stop_timeout_in_secs, 3);
        assert!(flags.preserve_env && flags.nosetuid && flags.nosetuid_health_checks);
    }

    #[test]
    fn the_small_table_reads_as_clap_does() {
        let text = |flags: Flags| format!("{flags:?}");
        let by_clap = |argument: Option<&String>| {
            let arguments = std::iter::once("thermos_executor").chain(argument.map(String::as_str));
            text(Flags::try_parse_from(arguments).unwrap())
        };
        assert_eq!(text(Flags::read_usual(&[]).unwrap()), by_clap(None));
        for (name, set) in USUAL {
            let argument = match set {
                Set::Switch(_) => format!("--{name}"),
                _ => format!("--{name}=/some=where"),
            };
            let read = Flags::read_usual(&[OsString::from(&argument)]).unwrap();
            assert_eq!(text(read), by_clap(Some(&argument)));
        }
    }

    #[test]
    fn what_the_small_table_does_not_know_is_left_to_clap() {
        for arguments in [
            &["--help"][..],
            &["--nosetuid=true"],
            &["--nosetuid", "--nosetuid"],
            &["--execute-as-user"],
            &["--execute-as-user="],
            &["--stop_timeout_in_secs=3"],
            &["--no-such-flag"],
            &["word"],
        ] {
            let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
            assert!(Flags::read_usual(&arguments).is_none(), "{arguments:?}");
        }
        let wrong = Flags::try_read(["thermos_executor", "--nosetuids"].into_iter().map(OsString::from));
        assert!(wrong.unwrap_err().to_string().contains("a similar argument exists: '--nosetuid'"));
    }

    #[test]
    fn one_dash_is_enough() {
        let flags = read(&["-nosetuid", "-stop_timeout_in_secs=7"]);
        assert!(flags.nosetuid);
        assert_eq!(flags.stop_timeout_in_secs, 7);
    }
}
