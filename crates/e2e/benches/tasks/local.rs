//! A cluster of `aurora local up`, as people start it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use aurora_api::thrift::{Result as ApiResult, ScheduleStatus, ScheduledTask, TaskQuery, rpc};
use aurora_client::{Client, Cluster};
use e2e::{PortBlock, program, wait_for};
use tempfile::TempDir;

/// More than any machine has.
const RESOURCES: &str = "cpus:10000;mem:10000000;disk:10000000;ports:[31000-32000]";

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Between two looks at the tasks. Each costs the scheduler an answer with all of them.
const POLL: Duration = Duration::from_millis(200);

/// One agent without limits. Dropping it stops everything.
pub struct Local {
    folder: TempDir,
    client: Client,
    runtime: tokio::runtime::Runtime,
    _ports: PortBlock,
}

impl Local {
    pub fn start() -> Local {
        let folder = tempfile::Builder::new().prefix("aurora-bench-").tempdir().unwrap();
        let ports = PortBlock::take();
        let uri = format!("http://127.0.0.1:{}", ports.scheduler());
        let local = Local {
            folder,
            client: Client::new(&Cluster::at("local", &uri)).unwrap(),
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(),
            _ports: ports,
        };
        local.aurora(&[
            "local",
            "up",
            "--detach",
            "--no-launch-limit",
            &format!("--resources={RESOURCES}"),
            &format!("--dir={}", local.directory().display()),
            &format!("--http-port={}", local._ports.scheduler()),
            &format!("--mesos-port={}", local._ports.master()),
            "--observer-port=0",
        ]);
        local
    }

    pub fn directory(&self) -> &Path {
        self.folder.path()
    }

    fn config(&self, job: &str) -> PathBuf {
        self.directory().join(format!("{job}.aurora"))
    }

    /// Creates a job of instances that sleep.
    pub fn create(&self, job: &str, instances: usize) {
        let config = format!(
            "task = SequentialTask(processes = [Process(name = 'main', cmdline = 'exec sleep 86400')], \
             resources = Resources(cpu = 0.1, ram = 16*MB, disk = 16*MB))\n\
             jobs = [Service(cluster = 'local', role = 'bench', environment = 'prod', name = '{job}', \
             instances = {instances}, task = task)]\n"
        );
        std::fs::write(self.config(job), config).unwrap();
        self.aurora(&["job", "create", &key(job), self.config(job).to_str().unwrap()]);
    }

    /// Waits until all run. When the last one began to, since the epoch.
    pub fn wait_for_running(&self, job: &str, instances: usize) -> Duration {
        wait_for(&format!("{instances} instances of {job} to run"), PATIENCE, || {
            std::thread::sleep(POLL);
            let began: Vec<i64> = self.tasks(job).iter().filter_map(running_since).collect();
            let last = *began.iter().max()?;
            (began.len() == instances).then(|| Duration::from_millis(u64::try_from(last).unwrap()))
        })
    }

    pub fn kill(&self, job: &str) {
        self.aurora(&["job", "killall", &key(job)]);
    }

    fn tasks(&self, job: &str) -> Vec<ScheduledTask> {
        let query = TaskQuery { job_name: Some(job.to_owned()), ..TaskQuery::default() };
        let call = rpc::GetTasksWithoutConfigs { query: Some(query) };
        let Ok(response) = self.runtime.block_on(self.client.try_once(&call)) else { return Vec::new() };
        let Some(ApiResult::ScheduleStatusResult(result)) = response.result else { return Vec::new() };
        result.tasks.unwrap_or_default().into_iter().collect()
    }

    fn aurora(&self, arguments: &[&str]) {
        let status = Command::new(program("aurora"))
            .args(arguments)
            .env("AURORA_LOCAL_DIR", self.directory())
            .env("HOME", self.directory())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "aurora {arguments:?}: {status}");
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        self.aurora(&["local", "down", &format!("--dir={}", self.directory().display())]);
    }
}

fn key(job: &str) -> String {
    format!("local/bench/prod/{job}")
}

/// When it began to run, in milliseconds since the epoch, if it still does.
fn running_since(task: &ScheduledTask) -> Option<i64> {
    if task.status != Some(ScheduleStatus::Running) {
        return None;
    }
    let events = task.task_events.as_ref()?;
    events.iter().find(|event| event.status == Some(ScheduleStatus::Running))?.timestamp
}
