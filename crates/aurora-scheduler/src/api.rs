//! The Thrift API over HTTP: `POST /api` (`spec/api.md` §2, §3.1, §9). One file per call.
//!
//! Reads answer from the published view. Writes go through the driver, and their replies come when they are durable.

mod add_instances;
mod backups;
mod create_job;
mod envelope;
mod force_task_state;
mod get_config_summary;
mod get_job_summary;
mod get_jobs;
mod get_pending_reason;
mod get_quota;
mod get_role_summary;
mod get_tasks_status;
mod get_tasks_without_configs;
mod get_tier_configs;
mod kill_tasks;
mod maintenance;
mod populate_job_config;
mod prune_tasks;
pub mod query;
mod reconcile;
mod restart_shards;
mod set_quota;
mod snapshot;
mod transport;

use std::time::Instant;

use aurora_api::thrift::{
    self, Arguments, DecodeError, Encoding, Incoming, MessageHeader, Response, ResponseCode, Rpc, Struct,
};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response as HttpResponse};
use tracing::{debug, warn};

use crate::app::{App, AppState};

pub use get_job_summary::{shown_task, stats as job_stats};

/// Who acts when nobody had to say who they are (`spec/api.md` §2.1).
pub const UNSECURE: &str = "UNSECURE";

/// Who we are and who may ask.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Cluster and API")]
pub struct ApiFlags {
    /// The name of this cluster, as users write it.
    #[arg(long = "cluster_name")]
    pub cluster_name: String,
    /// Where statistics of jobs are drawn; clients show it.
    #[arg(long = "viz_job_url_prefix", default_value = "")]
    pub viz_job_url_prefix: String,
    /// The observer of an agent's host, which pages link to. Ours, not upstream's.
    #[arg(long = "thermos_observer_url", default_value = "http://{host}:1338")]
    pub thermos_observer_url: String,
    /// How users prove who they are. Only NONE works in this version.
    #[arg(long = "http_authentication_mechanism", default_value = "NONE", value_parser = ["NONE"])]
    pub http_authentication_mechanism: String,
}

/// Answers one message.
pub async fn serve(State(app): State<AppState>, headers: HeaderMap, body: Bytes) -> HttpResponse {
    let Some(encoding) = transport::request_encoding(&headers) else {
        let given = headers.get(header::CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()));
        let text = format!("Unsupported Content-Type: {}", given.unwrap_or_default());
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, text).into_response();
    };
    let reply_encoding = transport::reply_encoding(&headers);
    match answer(&app, encoding, reply_encoding, &body).await {
        Ok(bytes) => {
            ([(header::CONTENT_TYPE, transport::content_type(reply_encoding))], bytes).into_response()
        }
        Err(error) => {
            debug!(%error, "a request could not be decoded");
            (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response()
        }
    }
}

async fn answer(
    app: &App,
    encoding: Encoding,
    reply_encoding: Encoding,
    body: &[u8],
) -> Result<Vec<u8>, DecodeError> {
    let incoming = Incoming::open(encoding, body)?;
    let header = incoming.header.clone();
    let Some(rpc) = Rpc::from_name(&header.name) else {
        incoming.skip_body()?;
        let exception = thrift::ApplicationException::unknown_method(&header.name);
        return Ok(thrift::encode_exception(reply_encoding, &header, &exception));
    };
    let started = Instant::now();
    let mut response = dispatch(app, rpc, incoming).await?;
    response.server_info = Some(envelope::server_info(app));
    response.fill_unset();
    let code = response.response_code.unwrap_or(ResponseCode::Error);
    app.stats.time(format!("scheduler_thrift_{}", rpc.as_str()), started.elapsed());
    app.stats.count(format!("scheduler_thrift_response_{code}"), 1);
    debug!(call = rpc.as_str(), %code, "answered");
    Ok(thrift::encode_reply(reply_encoding, &MessageHeader { name: header.name, ..header }, response))
}

async fn dispatch(app: &App, rpc: Rpc, incoming: Incoming<'_>) -> Result<Response, DecodeError> {
    fn arguments<A: Arguments>(incoming: Incoming<'_>) -> Result<A, DecodeError> {
        incoming.body()
    }
    Ok(match rpc {
        Rpc::CreateJob => create_job::answer(app, arguments(incoming)?).await,
        Rpc::KillTasks => kill_tasks::answer(app, arguments(incoming)?).await,
        Rpc::RestartShards => restart_shards::answer(app, arguments(incoming)?).await,
        Rpc::AddInstances => add_instances::answer(app, arguments(incoming)?).await,
        Rpc::GetQuota => get_quota::answer(app, &arguments(incoming)?),
        Rpc::SetQuota => set_quota::answer(app, arguments(incoming)?).await,
        Rpc::ForceTaskState => force_task_state::answer(app, arguments(incoming)?).await,
        Rpc::PruneTasks => prune_tasks::answer(app, arguments(incoming)?).await,
        Rpc::TriggerExplicitTaskReconciliation => reconcile::explicit(app, arguments(incoming)?).await,
        Rpc::TriggerImplicitTaskReconciliation => {
            incoming.skip_body()?;
            reconcile::implicit(app).await
        }
        Rpc::StartMaintenance => maintenance::start(app, arguments(incoming)?).await,
        Rpc::DrainHosts => maintenance::drain(app, arguments(incoming)?).await,
        Rpc::EndMaintenance => maintenance::end(app, arguments(incoming)?).await,
        Rpc::MaintenanceStatus => maintenance::status(app, arguments(incoming)?),
        Rpc::Snapshot => {
            incoming.skip_body()?;
            snapshot::answer(app).await
        }
        Rpc::PerformBackup => {
            incoming.skip_body()?;
            backups::perform(app).await
        }
        Rpc::ListBackups => {
            incoming.skip_body()?;
            backups::list(app)
        }
        Rpc::GetTasksStatus => get_tasks_status::answer(app, &arguments(incoming)?),
        Rpc::GetTasksWithoutConfigs => get_tasks_without_configs::answer(app, &arguments(incoming)?),
        Rpc::GetPendingReason => get_pending_reason::answer(app, &arguments(incoming)?),
        Rpc::GetJobs => get_jobs::answer(app, &arguments(incoming)?),
        Rpc::GetJobSummary => get_job_summary::answer(app, &arguments(incoming)?),
        Rpc::GetRoleSummary => {
            incoming.skip_body()?;
            get_role_summary::answer(app)
        }
        Rpc::GetConfigSummary => get_config_summary::answer(app, &arguments(incoming)?),
        Rpc::GetTierConfigs => {
            incoming.skip_body()?;
            get_tier_configs::answer(app)
        }
        Rpc::PopulateJobConfig => populate_job_config::answer(app, &arguments(incoming)?),
        missing => {
            incoming.skip_body()?;
            warn!(call = missing.as_str(), "a call that this version does not have");
            envelope::error(format!(
                "{} is not implemented in this version of the scheduler",
                missing.as_str()
            ))
        }
    })
}

#[cfg(test)]
#[path = "api/admin_tests.rs"]
mod admin_tests;
#[cfg(test)]
#[path = "api/tests.rs"]
mod tests;
