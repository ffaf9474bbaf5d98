//! The executor's command line (`spec/thermos.md` §3.2).

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
    #[arg(long, default_value = "/aurora")]
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
    #[arg(long, default_value = "/usr/libexec/mesos/mesos-containerizer", value_parser = path)]
    pub mesos_containerizer_path: PathBuf,

    /// Do not create the user in a file system image.
    #[arg(long)]
    pub no_create_user: bool,

    /// Where a file system image has the sandbox.
    #[arg(long, default_value = "/mnt/mesos/sandbox")]
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
    #[arg(long = "stop_timeout_in_secs", alias = "stop-timeout-in-secs", default_value_t = 120)]
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
        Self::try_parse_from(with_two_dashes(arguments))
    }
}

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
    fn one_dash_is_enough() {
        let flags = read(&["-nosetuid", "-stop_timeout_in_secs=7"]);
        assert!(flags.nosetuid);
        assert_eq!(flags.stop_timeout_in_secs, 7);
    }
}
