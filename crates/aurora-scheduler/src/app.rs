//! What everyone who answers HTTP needs to know.

use std::sync::Arc;

use aurora_api::amounts::Timestamp;
use scheduler_core::View;
use scheduler_core::config::CoreConfig;
use tokio_util::sync::CancellationToken;

use crate::backups::Backups;
use crate::clock::Clock;
use crate::driver::Views;
use crate::mesos::held::HeldOffers;
use crate::mesos::session::ConnectionCell;
use crate::requests::Requests;
use crate::stats::Stats;

/// Shared by all handlers. Reading never makes the driver wait.
pub struct App {
    /// The published state.
    pub views: Views,
    /// The way for changes.
    pub requests: Requests,
    /// Counters and timings.
    pub stats: Stats,
    /// What time it is.
    pub clock: Box<dyn Clock>,
    /// `-cluster_name`.
    pub cluster: String,
    /// `-viz_job_url_prefix`.
    pub stats_url_prefix: String,
    /// `-thermos_observer_url`.
    pub observer_url: String,
    /// Where backups go.
    pub backups: Backups,
    /// Policies and tiers for checking jobs.
    pub core: CoreConfig,
    /// Offers as Mesos sent them.
    pub held: HeldOffers,
    /// How we stand with Mesos.
    pub connection: ConnectionCell,
    /// Cancelled to stop the daemon.
    pub quit: CancellationToken,
}

/// What handlers get.
pub type AppState = Arc<App>;

impl App {
    /// The state at this moment. Take it once per request: two views may differ.
    pub fn view(&self) -> Arc<View> {
        self.views.load_full()
    }

    /// The observer of a host.
    pub fn observer(&self, host: &str) -> String {
        self.observer_url.trim_end_matches('/').replace("{host}", host)
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
