//! What a verb works with: the environment, the clusters, and their clients.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use aurora_client::{Client, Cluster, Clusters, ClustersError};
use tracing::warn;

use crate::arguments::ClusterJobKey;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::local_state;

/// How a person starts the cluster on this machine.
const START_LOCAL: &str =
    "`aurora local up FILE…`, or name the directory of one that runs in AURORA_LOCAL_DIR";

/// What a verb works with.
#[derive(Debug, Default)]
pub struct Context {
    clusters: Option<Clusters>,
    clients: HashMap<String, Arc<Client>>,
    administrator: Option<Administrator>,
}

/// How the clients of `aurora_admin` call.
#[derive(Clone, Copy, Debug)]
pub struct Administrator {
    /// Whether a scheduler that does not lead answers itself.
    pub bypass_leader_redirect: bool,
}

impl Context {
    /// What a command of `aurora_admin` works with.
    #[must_use]
    pub fn of_administrator(administrator: Administrator) -> Self {
        Self { administrator: Some(administrator), ..Self::default() }
    }

    /// The clusters; their files are read when first needed, so that `--help` works whatever is in them.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn clusters(&mut self) -> Result<&Clusters, Failure> {
        let clusters = match self.clusters.take() {
            Some(clusters) => clusters,
            None => {
                let root = std::env::var_os("AURORA_CONFIG_ROOT").map(PathBuf::from);
                let home = std::env::var_os("HOME").map(PathBuf::from);
                let paths = Clusters::default_paths(root.as_deref(), home.as_deref());
                let local = local_cluster();
                Clusters::load(&paths, local)?
            }
        };
        Ok(self.clusters.insert(clusters))
    }

    /// The client of a cluster.
    ///
    /// # Errors
    /// If the cluster is not known, or it is not known where its scheduler is.
    pub fn client(&mut self, cluster: &str) -> Result<Arc<Client>, Failure> {
        if let Some(client) = self.clients.get(cluster) {
            return Ok(Arc::clone(client));
        }
        let is_administrator = self.administrator.is_some();
        let found = self.clusters()?.get(cluster).map_err(|error| match error {
            ClustersError::Unknown { name, known, searched } if is_administrator => Failure::new(
                ExitCode::InvalidConfiguration,
                format!(
                    "Unknown cluster: {name}. Known clusters: {known}\n  clusters are read from {searched}"
                ),
            ),
            error => error.into(),
        })?;
        let client = Client::new(found)?;
        let client = if is_not_started(found) { client.not_started(START_LOCAL) } else { client };
        let client = match self.administrator {
            Some(administrator) => client.for_administrator(administrator.bypass_leader_redirect),
            None => client,
        };
        let client = Arc::new(client);
        self.clients.insert(cluster.to_owned(), Arc::clone(&client));
        Ok(client)
    }
}

impl Context {
    /// The names of the clusters that someone has set up: all of the files, and the one on this machine if it runs.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn cluster_names(&mut self) -> Result<Vec<String>, Failure> {
        let clusters = self.clusters()?.iter().filter(|cluster| !is_not_started(cluster));
        Ok(clusters.map(|cluster| cluster.name.clone()).collect())
    }
}

fn local_cluster() -> Cluster {
    Cluster::at(local_state::CLUSTER, &local_state::scheduler_uri())
}

/// Whether this is the cluster on this machine, no file says otherwise, and `aurora local up` does not run.
fn is_not_started(cluster: &Cluster) -> bool {
    !local_state::is_running() && *cluster == local_cluster()
}

/// The page of a job.
#[must_use]
pub fn job_url(client: &Client, key: &ClusterJobKey) -> String {
    let ClusterJobKey { role, environment, name, .. } = key;
    format!("{}/scheduler/{role}/{environment}/{name}", client.address())
}

/// Opens a page in the person's browser: `$BROWSER`, or what the desktop has.
pub fn open_in_browser(url: &str) {
    let program = std::env::var("BROWSER").unwrap_or_else(|_| "xdg-open".to_owned());
    let started = Command::new(&program)
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    if let Err(error) = started {
        warn!("cannot open {url} with {program}: {error}; set BROWSER to the program of your choice");
    }
}
