//! All that a scenario needs: a cluster, a scheduler, and the client.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use aurora_api::thrift::{
    ExecutorConfig, JobConfiguration, JobKey, Resource, ScheduleStatus, ScheduledTask, TaskConfig, rpc,
};
use tempfile::TempDir;

use crate::scheduler::CLUSTER_NAME;
use crate::{Backend, Cluster, PATIENCE, PortBlock, Scheduler, processes, program, wait_until};

/// How many lines of each log a failed test shows.
const LOG_LINES_SHOWN: usize = 30;

/// The role and environment of the tests' jobs.
const ROLE: &str = "www";
const ENVIRONMENT: &str = "prod";

/// What a testbed is made of; the default is one agent that fits three instances of one CPU.
pub struct TestbedOptions {
    /// How many agents.
    pub agents: u32,
    /// What each of them has, as Mesos's `--resources`.
    pub resources: &'static str,
    /// Further flags of the scheduler.
    pub scheduler_flags: Vec<String>,
    /// Further flags of Mesos, as `MESOS_NAME` and value.
    pub mesos_flags: Vec<(&'static str, String)>,
    /// Where three masters of a real Mesos are elected, instead of one master that always leads.
    pub ensemble: Option<String>,
}

impl Default for TestbedOptions {
    fn default() -> TestbedOptions {
        TestbedOptions {
            agents: 1,
            resources: "cpus:4;mem:4096;disk:20000;ports:[31000-32000]",
            scheduler_flags: Vec::new(),
            mesos_flags: Vec::new(),
            ensemble: None,
        }
    }
}

/// A cluster, a scheduler and a client. Dropping it ends every process; the files go too, unless the test failed.
pub struct Testbed {
    // Dropped in this order: the scheduler first, so that it sees no cluster falling apart.
    /// The scheduler.
    pub scheduler: Scheduler,
    /// The cluster.
    pub cluster: Cluster,
    directory: Option<TempDir>,
    _ports: PortBlock,
}

/// What a command printed, and how it ended.
#[derive(Debug)]
pub struct Output {
    /// The exit code; -1 after a signal.
    pub code: i32,
    /// What it printed.
    pub stdout: String,
    /// What it complained of.
    pub stderr: String,
}

impl Output {
    /// Passes the output on if the command ended with this code.
    ///
    /// # Panics
    /// If it did not.
    pub fn expect_code(self, code: i32) -> Output {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }
}

impl Testbed {
    /// One agent and a scheduler.
    pub fn start(backend: Backend) -> Testbed {
        Testbed::start_with(backend, TestbedOptions::default())
    }

    /// One agent and a scheduler with further flags.
    pub fn start_with_flags(backend: Backend, flags: &[String]) -> Testbed {
        let options = TestbedOptions { scheduler_flags: flags.to_vec(), ..TestbedOptions::default() };
        Testbed::start_with(backend, options)
    }

    /// A cluster as wanted, and a scheduler.
    pub fn start_with(backend: Backend, options: TestbedOptions) -> Testbed {
        let directory = tempfile::Builder::new().prefix("aurora-e2e-").tempdir().unwrap();
        // Shown by a panic while things start, when no testbed is there yet to show its logs.
        let shown = ShowLogsOfFailure(Some(directory.path().to_owned()));
        let ports = PortBlock::take();
        let mesos = directory.path().join("mesos");
        std::fs::create_dir(&mesos).unwrap();
        let (agents, resources) = (options.agents, options.resources);
        let cluster = match options.ensemble {
            Some(ensemble) => Cluster::start_elected(&mesos, &ports, agents, resources, &ensemble),
            None => {
                Cluster::start_with_flags(backend, &mesos, &ports, agents, resources, options.mesos_flags)
            }
        };
        let scheduler = Scheduler::start(
            directory.path(),
            ports.scheduler(),
            &cluster.master(),
            &current_user(),
            &options.scheduler_flags,
        );
        let clusters = serde_json::json!([{
            "name": CLUSTER_NAME,
            "scheduler_uri": scheduler.address(),
            "auth_mechanism": "UNAUTHENTICATED",
        }]);
        std::fs::write(directory.path().join("clusters.json"), clusters.to_string()).unwrap();
        shown.disarm();
        Testbed { scheduler, cluster, directory: Some(directory), _ports: ports }
    }

    /// The directory of everything.
    ///
    /// # Panics
    /// Never, while the testbed lives.
    pub fn directory(&self) -> &Path {
        self.directory.as_ref().expect("it goes with the testbed").path()
    }

    /// Runs `aurora` with these arguments, to its end.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn aurora(&self, arguments: &[&str]) -> Output {
        self.run("aurora", arguments)
    }

    /// Runs `aurora_admin` with these arguments, to its end.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn admin(&self, arguments: &[&str]) -> Output {
        self.run("aurora_admin", arguments)
    }

    fn run(&self, name: &str, arguments: &[&str]) -> Output {
        let output = Command::new(program(name))
            .args(arguments)
            .env("AURORA_CONFIG_ROOT", self.directory())
            .env("HOME", self.directory())
            .current_dir(self.directory())
            .output()
            .unwrap();
        Output {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The full key of a job of the tests.
    pub fn key(&self, name: &str) -> String {
        format!("{CLUSTER_NAME}/{ROLE}/{ENVIRONMENT}/{name}")
    }

    /// Writes a configuration file and gives its path.
    ///
    /// # Panics
    /// If that fails.
    pub fn write_config(&self, name: &str, content: &str) -> PathBuf {
        let path = self.directory().join(format!("{name}.aurora"));
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Creates a job of one process, of `kind` `Service` or `Job`, with `aurora job create`.
    ///
    /// # Panics
    /// If the client does not report success.
    pub fn create(&self, kind: &str, name: &str, instances: u32, command: &str) {
        assert!(!command.contains("'''"), "the command is written between three quotes");
        let config = format!(
            "main = Process(name = 'main', cmdline = '''{command}''')\n\
             task = SequentialTask(processes = [main], \
             resources = Resources(cpu = 1.0, ram = 64*MB, disk = 64*MB), finalization_wait = 5)\n\
             jobs = [{kind}(cluster = '{CLUSTER_NAME}', role = '{ROLE}', environment = '{ENVIRONMENT}', \
             name = '{name}', instances = {instances}, task = task)]\n"
        );
        let path = self.write_config(name, &config);
        let created = self.aurora(&["job", "create", &self.key(name), path.to_str().unwrap()]).expect_code(0);
        assert!(created.stdout.contains("Job create succeeded"), "{created:?}");
    }

    /// Creates a job of one instance whose executor is given this, as the client would not.
    ///
    /// # Panics
    /// If the scheduler does not take it.
    pub fn create_with_data(&self, name: &str, data: &str) {
        let key = JobKey {
            role: Some(ROLE.into()),
            environment: Some(ENVIRONMENT.into()),
            name: Some(name.into()),
        };
        let config = ExecutorConfig { name: Some("AuroraExecutor".into()), data: Some(data.into()) };
        let task = TaskConfig {
            job: Some(key.clone()),
            executor_config: Some(config),
            resources: Some([Resource::NumCpus(1.0), Resource::RamMb(64), Resource::DiskMb(64)].into()),
            ..TaskConfig::default()
        };
        let job = JobConfiguration {
            key: Some(key),
            instance_count: Some(1),
            task_config: Some(task),
            ..JobConfiguration::default()
        };
        self.scheduler.call(&rpc::CreateJob { description: Some(job) }).unwrap();
    }

    /// All tasks of a job, ended ones too, by instance and age.
    ///
    /// # Panics
    /// If the scheduler does not answer.
    pub fn tasks(&self, name: &str) -> Vec<ScheduledTask> {
        self.scheduler.tasks(ROLE, ENVIRONMENT, name).unwrap()
    }

    /// The text of the job's page.
    pub fn job_page(&self, name: &str) -> (u16, String) {
        self.scheduler.page(&format!("/scheduler/{ROLE}/{ENVIRONMENT}/{name}"))
    }

    /// Waits until the numbers of the job's tasks by status are these, ended tasks included, and gives the tasks.
    ///
    /// # Panics
    /// If they do not become so.
    pub fn wait_for_statuses(&self, name: &str, wanted: &[(ScheduleStatus, usize)]) -> Vec<ScheduledTask> {
        let wanted: BTreeMap<ScheduleStatus, usize> = wanted.iter().copied().collect();
        wait_until(&format!("tasks of {name} to be {wanted:?}"), PATIENCE, || {
            let tasks = self.scheduler.tasks(ROLE, ENVIRONMENT, name)?;
            let mut counts = BTreeMap::new();
            for status in tasks.iter().filter_map(|task| task.status) {
                *counts.entry(status).or_insert(0) += 1;
            }
            if counts == wanted { Ok(tasks) } else { Err(format!("{:#?}", described(&tasks))) }
        })
    }

    /// Waits until so many instances of a job run, whatever ended before them, and gives the running tasks.
    ///
    /// # Panics
    /// If they do not.
    pub fn wait_for_running(&self, name: &str, instances: usize) -> Vec<ScheduledTask> {
        wait_until(&format!("{instances} instances of {name} to run"), PATIENCE, || {
            let tasks = self.scheduler.tasks(ROLE, ENVIRONMENT, name)?;
            let running: Vec<ScheduledTask> =
                tasks.iter().filter(|task| task.status == Some(ScheduleStatus::Running)).cloned().collect();
            if running.len() == instances { Ok(running) } else { Err(format!("{:#?}", described(&tasks))) }
        })
    }

    /// The processes in the cluster's sandboxes whose command contains `part`.
    pub fn sandbox_processes(&self, part: &str) -> Vec<processes::Process> {
        let mut found = processes::below(self.cluster.directory());
        found.retain(|process| {
            process.command.contains(part) && process.cwd.components().any(|it| it.as_os_str() == "runs")
        });
        found
    }

    /// Waits until no process is left in any sandbox.
    ///
    /// # Panics
    /// If some stay.
    pub fn wait_for_empty_sandboxes(&self) {
        wait_until("all processes in sandboxes to end", PATIENCE, || {
            let left = self.sandbox_processes("");
            if left.is_empty() { Ok(()) } else { Err(format!("{left:#?}")) }
        });
    }

    /// The files with this name below the sandboxes of the cluster.
    pub fn sandbox_files(&self, name: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        collect_files(self.cluster.directory(), name, &mut found);
        found
    }
}

impl Drop for Testbed {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(directory) = self.directory.take()
        {
            ShowLogsOfFailure(Some(directory.keep()));
        }
    }
}

/// The id of a task.
///
/// # Panics
/// If it has none, which the scheduler never sends.
pub fn task_id(task: &ScheduledTask) -> &str {
    task.assigned_task
        .as_ref()
        .and_then(|assigned| assigned.task_id.as_deref())
        .expect("every task has an id")
}

/// The messages of a task's events, oldest first, with their statuses.
pub fn events(task: &ScheduledTask) -> Vec<String> {
    let events = task.task_events.iter().flat_map(|events| events.iter());
    events
        .map(|event| {
            let status = event.status.map_or_else(|| "?".to_owned(), |status| format!("{status:?}"));
            format!("{status}: {}", event.message.as_deref().unwrap_or_default())
        })
        .collect()
}

fn described(tasks: &[ScheduledTask]) -> Vec<String> {
    let describe = |task: &ScheduledTask| {
        let instance = task.assigned_task.as_ref().and_then(|assigned| assigned.instance_id);
        format!("{} of {instance:?}: {:?} after {:?}", task_id(task), task.status, events(task))
    };
    tasks.iter().map(describe).collect()
}

/// When dropped in a panic: prints the ends of the logs and says where they are.
struct ShowLogsOfFailure(Option<PathBuf>);

impl ShowLogsOfFailure {
    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for ShowLogsOfFailure {
    fn drop(&mut self) {
        let Some(directory) = self.0.take().filter(|_| std::thread::panicking()) else { return };
        for log in ["scheduler.log", "mesos/master.log", "mesos/agent-1.log"] {
            let Ok(content) = std::fs::read_to_string(directory.join(log)) else { continue };
            let lines: Vec<&str> = content.lines().collect();
            let last = &lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..];
            eprintln!("--- the end of {log}\n{}", last.join("\n"));
        }
        eprintln!("--- all files are in {}", directory.display());
    }
}

fn collect_files(folder: &Path, name: &str, found: &mut Vec<PathBuf>) {
    // What vanishes meanwhile is not there.
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => collect_files(&entry.path(), name, found),
            Ok(_) if entry.file_name() == name => found.push(entry.path()),
            _ => {}
        }
    }
}

/// The name of the user who runs the tests.
///
/// # Panics
/// If `id` does not say.
pub fn current_user() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
