//! The daemon as a whole: started in order, stopped in order.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, anyhow};
use arc_swap::ArcSwap;
use mesos_v1::SchedulerConfig;
use mesos_v1::scheduler::{SchedulerEvent, SchedulerTiming};
use scheduler_core::config::CoreConfig;
use scheduler_core::effect::Batch;
use scheduler_core::{Core, Identity};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::app::{App, AppState};
use crate::backups::{self, Backups};
use crate::clock::{Clock, SystemClock};
use crate::driver::{Driver, Shell, SnapshotPolicy};
use crate::flags::Flags;
use crate::http;
use crate::journal::{Journal, LocalJournal};
use crate::mesos::calls::{CallSender, MesosCalls};
use crate::mesos::held::HeldOffers;
use crate::mesos::last_words::LastWords;
use crate::mesos::offer::Revocable;
use crate::mesos::session::{EventPump, connection_cell};
use crate::mesos::task_info::LaunchSettings;
use crate::outbox::World;
use crate::queue::{InputReceiver, InputSender, input_queue};
use crate::requests::Requests;
use crate::stats::Stats;
use crate::supervisor::{Failure, Supervisor, TaskKind};

/// A snapshot is taken after so many records: recovery replays at most these, which takes well under a second.
const SNAPSHOT_RECORDS: u64 = 50_000;

/// How long open requests may take to end when the daemon stops.
const DRAIN_PATIENCE: Duration = Duration::from_secs(5);

/// How long the driver may take to commit its last batch.
const DRIVER_PATIENCE: Duration = Duration::from_secs(10);

/// A running scheduler.
pub struct Daemon {
    address: String,
    inputs: InputSender,
    driver: JoinHandle<()>,
    supervisor: Supervisor,
    failures: mpsc::Receiver<Failure>,
    quit: CancellationToken,
}

/// What the journal gave back, as a core that runs.
struct Recovered {
    core: Core,
    owed: Batch,
    journal: LocalJournal,
}

impl Daemon {
    /// Starts everything, in this order: settings, journal, core, listener, Mesos, driver, HTTP. `connect` opens the
    /// session with Mesos.
    ///
    /// # Errors
    /// A setting, the journal or the listener does not work. Nothing is left running then.
    pub async fn start<S, C>(flags: &Flags, connect: C) -> anyhow::Result<Self>
    where
        S: CallSender + Clone + Sync + 'static,
        C: FnOnce(SchedulerConfig) -> anyhow::Result<(S, mpsc::Receiver<SchedulerEvent>)>,
    {
        let config = flags.core.config(&flags.executor, &flags.collector)?;
        let credential = flags.mesos.credential()?;
        let executor = flags.executor.settings()?;
        if executor.path.is_none() {
            warn!("no -thermos_executor_path is given: tasks of the built-in executor cannot be launched");
        }
        let hostname = hostname(flags)?;
        let clock = SystemClock;
        let stats = Stats::default();

        let Recovered { core, owed, journal } = recover(flags, &config, &hostname, clock)?;
        let backups = Backups::open(&flags.backups, &flags.journal.native_log_file_path)?;
        let views = Arc::new(ArcSwap::from_pointee(core.view()));

        let listener = flags.http.listen().await?;
        let address =
            format!("{}://{}", flags.http.serverset_endpoint_name, advertised(flags, &listener, &hostname)?);

        let framework_info = flags.mesos.framework_info(
            views.load().framework(),
            credential.as_ref(),
            &hostname,
            &address,
            config.policy.gpus,
        );
        let (handle, events) = connect(SchedulerConfig {
            masters: flags.mesos.mesos_master_address.clone(),
            framework_info,
            credential,
            timing: SchedulerTiming::default(),
        })?;

        let (inputs, receiver) = input_queue();
        let requests = Requests::new(inputs.clone());
        let held = HeldOffers::default();
        let connection = connection_cell();
        let revocable = Revocable { cpus: config.revocable_cpus, ram: config.revocable_ram };
        let settings = LaunchSettings {
            executor,
            tiers: config.tiers.clone(),
            revocable,
            cluster: flags.api.cluster_name.clone(),
            collector: flags.collector.settings(),
        };
        let outbox = World {
            requests: requests.clone(),
            mesos: MesosCalls::new(handle.clone(), held.clone(), settings, inputs.clone(), stats.clone()),
            stats: stats.clone(),
        };
        let shell = Shell {
            journal,
            outbox,
            clock,
            views: Arc::clone(&views),
            stats: stats.clone(),
            snapshots: SnapshotPolicy {
                records: SNAPSHOT_RECORDS,
                interval: flags.journal.dlog_snapshot_interval.millis(),
            },
        };
        let driver = Driver::start(core, owed, shell)?;

        let (supervisor, failures) = Supervisor::new();
        let quit = CancellationToken::new();
        let driver = spawn_driver(driver, receiver, requests.clone(), supervisor.clone())?;
        let pump = EventPump {
            calls: handle,
            inputs: inputs.clone(),
            held: held.clone(),
            last_words: LastWords::default(),
            supervisor: supervisor.clone(),
            revocable,
            stats: stats.clone(),
            connection: Arc::clone(&connection),
            clock: Box::new(clock),
            credential_file: flags.mesos.framework_authentication_file.clone(),
        };
        supervisor.spawn(TaskKind::MesosEvents, pump.run(events, supervisor.stopping().clone()));
        let app = Arc::new(App {
            views,
            requests,
            stats,
            clock: Box::new(clock),
            cluster: flags.api.cluster_name.clone(),
            stats_url_prefix: flags.api.viz_job_url_prefix.clone(),
            observer_url: flags.api.thermos_observer_url.clone(),
            backups,
            core: config,
            held,
            connection,
            quit: quit.clone(),
        });
        let interval = flags.backups.backup_interval.millis();
        let stopping = supervisor.stopping().clone();
        supervisor.spawn(TaskKind::Backups, backups::run(Arc::clone(&app), interval, stopping));
        let local = listener.local_addr().context("cannot read the address of the listener")?;
        supervisor.spawn(TaskKind::HttpServer, serve(listener, app, supervisor.stopping().clone()));
        info!("listening on http://{local}");
        Ok(Self { address: format!("http://{local}"), inputs, driver, supervisor, failures, quit })
    }

    /// `http://host:port` of the listener.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Is cancelled when a client asks the daemon to stop.
    pub fn quit(&self) -> &CancellationToken {
        &self.quit
    }

    /// Waits for the first part that fails. The process must end then, without [`Daemon::stop`]: what is durable is safe.
    pub async fn failed(&mut self) -> Failure {
        match self.failures.recv().await {
            Some(failure) => failure,
            // The supervisor, which we hold, keeps the channel open.
            None => std::future::pending().await,
        }
    }

    /// Stops in order: accept nothing more and drain replies, commit the last batch, leave Mesos. Tasks run on.
    ///
    /// # Errors
    /// A stage took longer than it may; what was acknowledged is durable all the same.
    pub async fn stop(self) -> anyhow::Result<()> {
        info!("stopping");
        if !self.supervisor.stop(DRAIN_PATIENCE).await {
            warn!("some requests were still open and are cut off");
        }
        self.inputs.close();
        let joined = tokio::task::spawn_blocking(move || self.driver.join());
        match tokio::time::timeout(DRIVER_PATIENCE, joined).await {
            Ok(_) => {
                info!("stopped");
                Ok(())
            }
            Err(_) => {
                Err(anyhow!("the journal did not take the last batch in time; what was acknowledged is safe"))
            }
        }
    }
}

fn recover(
    flags: &Flags,
    config: &CoreConfig,
    hostname: &str,
    clock: SystemClock,
) -> anyhow::Result<Recovered> {
    let (journal, held) = LocalJournal::open(&flags.journal.native_log_file_path)?;
    let identity = Identity { host: Arc::from(hostname) };
    let mut owed = Batch::default();
    let core = Core::recover(
        config.clone(),
        identity,
        rand::random(),
        held.snapshot.as_deref(),
        &held.records,
        clock.now(),
        &mut owed,
    )
    .with_context(|| {
        format!(
            "the journal {} cannot be replayed; start the version that wrote it, or restore the folder from a copy",
            journal.file().display()
        )
    })?;
    info!(
        journal = %journal.file().display(),
        tasks = core.view().task_count(),
        records = journal.records_since_snapshot(),
        "state recovered"
    );
    Ok(Recovered { core, owed, journal })
}

fn spawn_driver<J, O, C>(
    driver: Driver<J, O, C>,
    receiver: InputReceiver,
    requests: Requests,
    supervisor: Supervisor,
) -> anyhow::Result<JoinHandle<()>>
where
    J: Journal + 'static,
    O: crate::outbox::Outbox + 'static,
    C: Clock + 'static,
{
    let run = move || {
        // A broken invariant of the core ends the process like a failed commit does, but with its name in the log.
        let ended = catch_unwind(AssertUnwindSafe(|| driver.run(&receiver)));
        drop(receiver);
        requests.abandon();
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(error)) => supervisor.fail("driver", error.into()),
            Err(_) => {
                supervisor.fail("driver", anyhow!("an invariant is broken; the log above has the panic"))
            }
        }
    };
    std::thread::Builder::new()
        .name("driver".to_owned())
        .spawn(run)
        .context("cannot start the driver's thread")
}

async fn serve(listener: TcpListener, app: AppState, stopping: CancellationToken) -> anyhow::Result<()> {
    axum::serve(listener, http::router(app))
        .with_graceful_shutdown(stopping.cancelled_owned())
        .await
        .context("the HTTP listener failed")
}

fn hostname(flags: &Flags) -> anyhow::Result<String> {
    if let Some(name) = &flags.http.hostname {
        return Ok(name.clone());
    }
    let name =
        nix::unistd::gethostname().context("cannot read this machine's name; give it with -hostname")?;
    name.into_string()
        .map_err(|name| anyhow!("this machine's name {name:?} is not text; give one with -hostname"))
}

/// `host:port` for others: by name, or by address while only this machine can connect.
fn advertised(flags: &Flags, listener: &TcpListener, hostname: &str) -> anyhow::Result<String> {
    let local = listener.local_addr().context("cannot read the address of the listener")?;
    if flags.http.hostname.is_none() && local.ip().is_loopback() {
        return Ok(local.to_string());
    }
    Ok(format!("{hostname}:{}", local.port()))
}

/// Ends the process after a failure: at once, because memory may be ahead of the journal.
pub fn end_after(failure: &Failure) -> ! {
    error!("{} failed: {:#}", failure.part, failure.error);
    std::process::exit(1);
}

#[cfg(test)]
#[path = "daemon_tests.rs"]
mod tests;
