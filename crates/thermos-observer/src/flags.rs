//! The observer's command line (`spec/thermos.md` §4.1).

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use clap::Parser;
use thermos::command_line::{OldLogFlags, with_two_dashes};
use thermos::detect::DEFAULT_MESOS_ROOT;
use thermos::usage::{DISK_INTERVAL_SECS, PROCESS_INTERVAL_SECS};

/// Shows the tasks of this machine over HTTP. Whoever reaches it reads all sandboxes, unless --credentials says who may.
#[derive(Parser, Debug, Clone)]
#[command(name = "thermos_observer", version)]
pub struct Flags {
    /// The --work_dir of the Mesos agent; may be repeated on a machine with several.
    #[arg(long = "mesos-root", alias = "mesos_root", value_name = "DIR", default_value = DEFAULT_MESOS_ROOT)]
    pub mesos_root: Vec<PathBuf>,

    /// A checkpoint root of tasks without an agent, such as /var/run/thermos; may be repeated.
    #[arg(long, value_name = "DIR")]
    pub root: Vec<PathBuf>,

    /// The address to listen on. 0.0.0.0 lets other machines in, as the links of the scheduler's pages need it.
    #[arg(long, value_name = "IP", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub ip: IpAddr,

    /// The port to listen on.
    #[arg(long, value_name = "N", default_value_t = 1338)]
    pub port: u16,

    /// A file of lines NAME:PASSWORD: only these people may look (Basic authentication). Ours, not upstream's.
    #[arg(long, value_name = "FILE")]
    pub credentials: Option<PathBuf>,

    /// Seconds between two looks for tasks.
    #[arg(long = "polling_interval_secs", alias = "polling-interval-secs", value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    pub polling_interval_secs: u64,

    /// Do not measure what tasks use.
    #[arg(long = "disable_task_resource_collection", alias = "disable-task-resource-collection")]
    pub disable_task_resource_collection: bool,

    /// Seconds between two samples of processes.
    #[arg(long = "task_process_collection_interval_secs", alias = "task-process-collection-interval-secs", value_name = "N", default_value_t = PROCESS_INTERVAL_SECS, value_parser = clap::value_parser!(u64).range(1..))]
    pub task_process_collection_interval_secs: u64,

    /// Seconds between two measurements of sandboxes.
    #[arg(long = "task_disk_collection_interval_secs", alias = "task-disk-collection-interval-secs", value_name = "N", default_value_t = DISK_INTERVAL_SECS, value_parser = clap::value_parser!(u64).range(1..))]
    pub task_disk_collection_interval_secs: u64,

    /// Ask the agent for the size of sandboxes instead of looking through them.
    #[arg(long = "enable_mesos_disk_collector", alias = "enable-mesos-disk-collector")]
    pub enable_mesos_disk_collector: bool,

    /// Where the agent lists its containers.
    #[arg(
        long = "agent_api_url",
        alias = "agent-api-url",
        value_name = "URL",
        default_value = "http://localhost:5051/containers"
    )]
    pub agent_api_url: String,

    /// Where in such a container its executor's id is (jmespath).
    #[arg(
        long = "executor_id_json_path",
        alias = "executor-id-json-path",
        value_name = "PATH",
        default_value = "executor_id"
    )]
    pub executor_id_json_path: String,

    /// Where in such a container the bytes of its sandbox are (jmespath).
    #[arg(
        long = "disk_usage_json_path",
        alias = "disk-usage-json-path",
        value_name = "PATH",
        default_value = "statistics.disk_used_bytes"
    )]
    pub disk_usage_json_path: String,

    #[command(flatten)]
    _logs: OldLogFlags,

    /// Of older versions: a service manager keeps programs in the background.
    #[arg(long = "app_daemonize", alias = "app-daemonize", hide = true)]
    pub app_daemonize: bool,

    /// As --app_daemonize.
    #[arg(long = "app_pidfile", alias = "app-pidfile", hide = true)]
    pub app_pidfile: Option<PathBuf>,
}

/// Where tasks are looked for.
#[derive(Debug, Clone)]
pub struct Places {
    /// The work folders of agents.
    pub mesos_roots: Vec<PathBuf>,
    /// Checkpoint roots by themselves.
    pub plain: Vec<PathBuf>,
}

impl Flags {
    /// Reads the command line; `-name=value` works like `--name=value`.
    ///
    /// # Errors
    /// What clap says, help and version included.
    pub fn try_read(arguments: impl Iterator<Item = OsString>) -> Result<Self, clap::Error> {
        Self::try_parse_from(with_two_dashes(arguments))
    }

    /// Where tasks are looked for.
    pub fn places(&self) -> Places {
        let absolute = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
        Places {
            mesos_roots: self.mesos_root.iter().map(absolute).collect(),
            plain: self.root.iter().map(absolute).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_of_upstream_is_accepted() {
        let given = [
            "thermos_observer",
            "--mesos-root=/w",
            "--root=/r",
            "--ip=0.0.0.0",
            "-port=1339",
            "--polling_interval_secs=1",
            "--disable_task_resource_collection",
            "--task_process_collection_interval_secs=2",
            "--task_disk_collection_interval_secs=3",
            "--enable_mesos_disk_collector",
            "--agent_api_url=http://h:1/c",
            "--executor_id_json_path=a",
            "--disk_usage_json_path=b",
            "--log_to_disk=NONE",
            "--log_to_stderr=google:INFO",
            "--app_daemonize",
        ];
        let flags = Flags::try_read(given.into_iter().map(OsString::from)).unwrap();
        assert_eq!((flags.port, flags.ip.to_string().as_str()), (1339, "0.0.0.0"));
        let bare = Flags::try_read(std::iter::once(OsString::from("thermos_observer"))).unwrap();
        assert!(bare.ip.is_loopback());
        assert_eq!((bare.port, bare.polling_interval_secs), (1338, 5));
    }
}
