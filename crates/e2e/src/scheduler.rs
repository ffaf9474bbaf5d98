//! The scheduler's process, and its API.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use aurora_api::thrift::{
    Arguments, JobKey, Response, ResponseCode, Result as ApiResult, ScheduledTask, TaskQuery, rpc,
};
use aurora_client::Client;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::runtime::Runtime;

use crate::programs::program;
use crate::wait::{PATIENCE, wait_until};

/// The name of the tests' cluster.
pub const CLUSTER_NAME: &str = "e2e";

/// A scheduler with its state in a directory. Dropping it kills it.
pub struct Scheduler {
    directory: PathBuf,
    port: u16,
    arguments: Vec<String>,
    process: Option<Child>,
    client: Client,
    runtime: Runtime,
}

impl Scheduler {
    /// Starts a scheduler of the master's cluster and waits until it is ready to take calls.
    pub fn start(directory: &Path, port: u16, master: &str, user: &str, more: &[String]) -> Scheduler {
        // A second installation is refused, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let journal = directory.join("journal");
        let backups = directory.join("backups");
        let mut arguments = vec![
            format!("-cluster_name={CLUSTER_NAME}"),
            format!("-http_port={port}"),
            format!("-mesos_master_address={master}"),
            format!("-native_log_file_path={}", journal.display()),
            format!("-backup_dir={}", backups.display()),
            format!("-executor_user={user}"),
            format!("-thermos_executor_path={}", program("thermos_executor").display()),
            "-thermos_executor_flags=--nosetuid --nosetuid-health-checks".to_owned(),
            "-thermos_executor_cpu=0.1".to_owned(),
            "-thermos_executor_ram=32MB".to_owned(),
            "-enable_legacy_constraints=false".to_owned(),
            "-initial_flapping_task_delay=200ms".to_owned(),
        ];
        arguments.extend_from_slice(more);
        let cluster = aurora_client::Cluster::at(CLUSTER_NAME, &format!("http://127.0.0.1:{port}"));
        let mut scheduler = Scheduler {
            directory: directory.to_owned(),
            port,
            arguments,
            process: None,
            client: Client::new(&cluster).unwrap(),
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(),
        };
        scheduler.start_again();
        scheduler
    }

    /// `http://host:port`
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Starts it again and waits until it is ready.
    ///
    /// # Panics
    /// If it runs already, or ends instead of getting ready.
    pub fn start_again(&mut self) {
        self.spawn();
        self.wait_until_ready();
    }

    /// Starts it again and does not wait.
    ///
    /// # Panics
    /// If it runs already.
    pub fn spawn(&mut self) {
        assert!(self.process.is_none(), "the scheduler runs already");
        let log =
            OpenOptions::new().create(true).append(true).open(self.directory.join("scheduler.log")).unwrap();
        let process = Command::new(program("aurora-scheduler"))
            .args(&self.arguments)
            .current_dir(&self.directory)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.process = Some(process);
    }

    /// Gives it a flag from its next start on; the last of a repeated one counts.
    pub fn set(&mut self, flag: &str) {
        self.arguments.push(flag.to_owned());
    }

    /// Waits for it to end by itself; gives its exit status.
    ///
    /// # Panics
    /// If it does not run, or does not end.
    pub fn wait_for_end(&mut self) -> std::process::ExitStatus {
        let mut process = self.process.take().expect("the scheduler does not run");
        wait_until("the scheduler to end", PATIENCE, || {
            process.try_wait().unwrap().ok_or_else(|| "it still runs".to_owned())
        })
    }

    /// All that it has logged.
    ///
    /// # Panics
    /// If it has no log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.join("scheduler.log")).unwrap()
    }

    /// Waits until it takes calls.
    ///
    /// # Panics
    /// If it does not run, or ends instead of getting ready.
    pub fn wait_until_ready(&mut self) {
        wait_until("the scheduler to be ready", PATIENCE, || {
            let process = self.process.as_mut().expect("the scheduler does not run");
            if let Some(status) = process.try_wait().unwrap() {
                panic!("the scheduler ended with {status} instead of getting ready");
            }
            self.call(&rpc::GetTierConfigs {}).map(|_| ())
        });
    }

    /// A crash.
    ///
    /// # Panics
    /// If it does not run.
    pub fn crash(&mut self) {
        let mut process = self.process.take().expect("the scheduler does not run");
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// A clean end, as a service manager asks for it. Gives the exit status.
    ///
    /// # Panics
    /// If it does not run, or does not end.
    pub fn stop(&mut self) -> std::process::ExitStatus {
        let mut process = self.process.take().expect("the scheduler does not run");
        kill(Pid::from_raw(i32::try_from(process.id()).unwrap()), Signal::SIGTERM).unwrap();
        wait_until("the scheduler to end after SIGTERM", PATIENCE, || {
            process.try_wait().unwrap().ok_or_else(|| "it still runs".to_owned())
        })
    }

    /// Calls the API once; what is not OK is an error with the scheduler's words.
    pub fn call<A: Arguments>(&self, arguments: &A) -> Result<Response, String> {
        let answer = self.runtime.block_on(self.client.try_once(arguments));
        let response = answer.map_err(|error| format!("{error:#}"))?;
        match response.response_code {
            Some(ResponseCode::Ok) => Ok(response),
            code => Err(format!("{code:?}: {:?}", response.details)),
        }
    }

    /// All tasks of a job that the scheduler knows, ended ones too, by instance and age.
    pub fn tasks(&self, role: &str, environment: &str, name: &str) -> Result<Vec<ScheduledTask>, String> {
        let key = JobKey {
            role: Some(role.to_owned()),
            environment: Some(environment.to_owned()),
            name: Some(name.to_owned()),
        };
        let query = TaskQuery { job_keys: Some([key].into_iter().collect()), ..TaskQuery::default() };
        let response = self.call(&rpc::GetTasksWithoutConfigs { query: Some(query) })?;
        let Some(ApiResult::ScheduleStatusResult(result)) = response.result else {
            return Err(format!("no tasks in the answer: {response:?}"));
        };
        let mut tasks: Vec<ScheduledTask> = result.tasks.unwrap_or_default().into_iter().collect();
        tasks.sort_by_key(|task| {
            let instance = task.assigned_task.as_ref().and_then(|assigned| assigned.instance_id);
            let born = task.task_events.as_ref().and_then(|events| events.iter().next()?.timestamp);
            (instance, born)
        });
        Ok(tasks)
    }

    /// A page or another resource, with its status.
    ///
    /// # Panics
    /// If the scheduler does not answer.
    pub fn page(&self, path: &str) -> (u16, String) {
        let url = format!("{}{path}", self.address());
        self.runtime.block_on(async {
            let client = reqwest::Client::builder().no_proxy().build().unwrap();
            let response = client.get(url).send().await.unwrap();
            (response.status().as_u16(), response.text().await.unwrap())
        })
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // One that has ended by itself needs no killing.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
