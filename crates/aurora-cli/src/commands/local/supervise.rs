//! The life of a local cluster: start, watch, stop.

use std::time::Duration;

use aurora_api::thrift::ResponseCode;
use aurora_api::thrift::rpc::GetTierConfigs;
use aurora_client::{Client, Cluster};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep};

use super::children::{
    Plan, Running, START_LIMIT, mesos_ready, spawn_mesos, spawn_observer, spawn_scheduler,
};
use super::jobs::{self, LocalJob};
use super::programs::Programs;
use super::shutdown::stop_programs;
use super::watch::{JobName, Watch};
use crate::exit_code::ExitCode;
use crate::failure::{Failure, messages};
use crate::local_state::{CLUSTER, LocalState, ProcessIdentity, default_dir};
use crate::output;

/// How often is looked while instances are coming up, and later.
const EAGER: Duration = Duration::from_millis(50);
const CALM: Duration = Duration::from_secs(1);
/// After this long the cluster counts as up although some instances are not.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where the steps are told.
#[derive(Debug)]
pub struct Screen {
    start: Instant,
}

impl Screen {
    /// A screen that shows the time from now on.
    #[must_use]
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// Tells a step, with the time.
    pub fn step(&self, text: &str) {
        let seconds = self.start.elapsed().as_secs_f64();
        output::print(&format!("[{seconds:6.2}s] {text}"));
    }

    /// Prints a line as it is.
    pub fn print(&self, text: &str) {
        output::print(text);
    }
}

/// The wish that the cluster stops: Ctrl-C, SIGTERM or the end of the terminal.
struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl StopSignals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}

/// The cluster, as far as it was started.
struct LocalCluster<'a> {
    plan: &'a Plan,
    state: LocalState,
    mesos: Option<Running>,
    scheduler: Option<Running>,
    observer: Option<Running>,
}

impl LocalCluster<'_> {
    fn record(&self) -> Result<(), Failure> {
        let dir = &self.plan.dir;
        self.state.write(dir).map_err(|error| failure(format!("cannot write to {}: {error}", dir.display())))
    }

    /// An error if a program has ended by itself.
    fn check(&mut self) -> Result<(), Failure> {
        for program in [&mut self.mesos, &mut self.scheduler, &mut self.observer].into_iter().flatten() {
            program.check()?;
        }
        Ok(())
    }
}

/// Starts the cluster, tells what happens on it until it is to stop, and stops it, however the start went.
///
/// # Errors
/// If something could not be started, or has ended by itself.
pub async fn supervise(
    programs: &Programs,
    plan: &Plan,
    jobs: Vec<LocalJob>,
    screen: &Screen,
) -> Result<(), Failure> {
    let mut stop =
        StopSignals::listen().map_err(|error| failure(format!("cannot listen to signals: {error}")))?;
    let own = i32::try_from(std::process::id()).unwrap_or_default();
    let supervisor = ProcessIdentity::of(own)
        .ok_or_else(|| failure("cannot read /proc; it is needed to tell processes apart".to_owned()))?;
    let mut cluster = LocalCluster {
        plan,
        state: LocalState {
            supervisor,
            mesos: None,
            scheduler: None,
            observer: None,
            scheduler_uri: format!("http://127.0.0.1:{}", plan.http_port),
            mesos_port: plan.mesos_port,
            master: None,
            agents: plan.agents,
            ready: false,
        },
        mesos: None,
        scheduler: None,
        observer: None,
    };
    cluster.record()?;
    let result = tokio::select! {
        biased;
        () = stop.next() => Ok(()),
        result = live(&mut cluster, programs, jobs, screen) => result,
    };
    if let Err(failure) = &result {
        output::print_error(&failure.text);
    }
    screen.step("stopping the scheduler, then Mesos with all tasks (once more Ctrl-C to hurry)");
    stop_programs(&cluster.state, stop.next()).await;
    LocalState::remove(&plan.dir);
    screen.step(&format!("stopped; {} keeps the jobs and the logs", plan.dir.display()));
    // Its text was printed before the programs were stopped, which may take a while.
    result.map_err(|failure| Failure::new(failure.code, ""))
}

/// Starts everything, then tells what happens. Ends only with an error.
async fn live(
    cluster: &mut LocalCluster<'_>,
    programs: &Programs,
    jobs: Vec<LocalJob>,
    screen: &Screen,
) -> Result<(), Failure> {
    let plan = cluster.plan;
    let mut watch = Watch::from_now();

    // A process is on record before anything is waited for: whenever we are stopped, it is stopped too.
    let mesos = cluster.mesos.insert(spawn_mesos(programs, plan)?);
    cluster.state.mesos = Some(mesos.identity);
    cluster.record()?;
    let master = mesos_ready(cluster.mesos.as_mut()).await?;
    screen.step(&format!("Mesos: master {master}, agents: {}", plan.agents));
    cluster.state.master = Some(master.clone());

    let observer = spawn_observer(programs, plan)?;
    cluster.state.observer = Some(observer.identity);
    cluster.observer = Some(observer);
    cluster.record()?;

    let scheduler = spawn_scheduler(programs, plan, &master)?;
    cluster.state.scheduler = Some(scheduler.identity);
    cluster.scheduler = Some(scheduler);
    cluster.record()?;
    let client = Client::new(&Cluster::at(CLUSTER, &cluster.state.scheduler_uri))?;
    wait_for_scheduler(cluster, &client).await?;
    screen.step(&format!("scheduler: {}/scheduler", cluster.state.scheduler_uri));
    screen.step(&format!("tasks run as {}, who started this, whatever their role", own_name()));
    screen.step(default_constraints(plan.legacy_constraints));

    let names = jobs::create(&client, jobs, screen).await?;
    let up_since = Instant::now();
    loop {
        let settled = watch.look(&client, screen).await;
        cluster.check()?;
        if cluster.state.ready {
            sleep(CALM).await;
            continue;
        }
        let all_run = settled.is_some_and(|settled| settled.covers(&names));
        if all_run || up_since.elapsed() > PATIENCE {
            if !all_run {
                screen.step("not all instances run yet; what follows is told here");
            }
            print_where_to_look(cluster, &names, screen);
            cluster.state.ready = true;
            cluster.record()?;
        }
        sleep(EAGER).await;
    }
}

/// Waits until the scheduler answers calls.
async fn wait_for_scheduler(cluster: &mut LocalCluster<'_>, client: &Client) -> Result<(), Failure> {
    let start = Instant::now();
    loop {
        let last = match client.try_once(&GetTierConfigs::default()).await {
            Ok(response) if response.response_code == Some(ResponseCode::Ok) => return Ok(()),
            Ok(response) => messages(&response),
            Err(error) => error.to_string(),
        };
        cluster.check()?;
        if start.elapsed() > START_LIMIT {
            return Err(Failure::new(
                ExitCode::Timeout,
                format!(
                    "the scheduler has not answered in {} s: {last}\n  its log is {}",
                    START_LIMIT.as_secs(),
                    cluster.plan.dir.join("aurora-scheduler.log").display()
                ),
            ));
        }
        sleep(EAGER).await;
    }
}

fn print_where_to_look(cluster: &LocalCluster<'_>, names: &[JobName], screen: &Screen) {
    let LocalCluster { plan, state, .. } = cluster;
    let dir = plan.dir.display();
    screen.print("");
    screen.print(&format!("The cluster `{CLUSTER}` is up. Where to look next:"));
    screen.print(&format!("  page       {}/scheduler", state.scheduler_uri));
    if plan.dir != default_dir() {
        screen.print(&format!("  first      export AURORA_LOCAL_DIR={dir}"));
    }
    for name in names {
        screen.print(&format!("  a job      aurora job status {CLUSTER}/{name}"));
    }
    screen.print(&format!("  all        aurora job list {CLUSTER}"));
    screen.print(&format!("  output     {}: tasks, what they wrote, their sandboxes", plan.observer_url()));
    screen.print(&format!("  sandboxes  {dir}/mesos/agent-*/, in each .logs/PROCESS/RUN/stdout and stderr"));
    screen.print(&format!("  logs       {dir}/aurora-scheduler.log and mesos-local.log"));
    screen.print("  stop       Ctrl-C here, or `aurora local down`; the next start finds the jobs again");
    screen.print("");
}

/// Whoever runs this. The C library's look-up does not work in a static program.
fn own_name() -> String {
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let uid = nix::unistd::geteuid().as_raw();
    name_in(&users, uid)
        .map(str::to_owned)
        .or_else(|| std::env::var("USER").ok())
        .unwrap_or_else(|| format!("user {uid}"))
}

/// The name of a user in the text of `/etc/passwd`: `name:password:uid:…`.
fn name_in(users: &str, uid: u32) -> Option<&str> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then_some(name)
    })
}

/// What becomes of jobs that say nothing of hosts and racks.
const fn default_constraints(are_on: bool) -> &'static str {
    if are_on {
        "default constraints are on: one instance per host, and one per rack for production services"
    } else {
        "default constraints (one instance per host and so on) are off, as this machine is one host: --legacy-constraints turns \
         them on"
    }
}

fn failure(text: String) -> Failure {
    Failure::new(ExitCode::CommandFailure, text)
}

#[cfg(test)]
mod tests {
    use super::name_in;

    #[test]
    fn a_user_is_found_by_number() {
        let users = "root:x:0:0::/root:/bin/sh\n# broken\nalice:x:1000:1000::/home/alice:/bin/sh\n";
        assert_eq!(name_in(users, 1000), Some("alice"));
        assert_eq!(name_in(users, 0), Some("root"));
        assert_eq!(name_in(users, 100), None);
    }
}
