//! The jobs that match a pattern.

use aurora_api::thrift::Result as Payload;
use aurora_api::thrift::rpc::GetJobs;
use tracing::info;

use crate::arguments::{ClusterJobKey, JobPattern};
use crate::context::Context;
use crate::exit_code::ExitCode;
use crate::failure::{COMMAND_FAILURE, Failure, accepted};

/// The keys of the jobs that match, sorted. A literal key is not looked up.
pub async fn matching_jobs(
    context: &mut Context,
    pattern: &JobPattern,
    code: ExitCode,
) -> Result<Vec<ClusterJobKey>, Failure> {
    if let Some(key) = pattern.literal() {
        return Ok(vec![key]);
    }
    let clusters: Vec<String> = match pattern.cluster.as_str() {
        "*" => context.cluster_names()?,
        one => vec![one.to_owned()],
    };
    let is_glob = pattern.role.contains(['*', '?', '[']);
    let role = (!is_glob).then(|| pattern.role.clone());
    let mut keys = Vec::new();
    for cluster in clusters {
        let client = context.client(&cluster)?;
        info!("Retrieving jobs for role {}", role.as_deref().unwrap_or("*"));
        let call = GetJobs { owner_role: role.clone() };
        let response = accepted(client.call(&call).await?, code, COMMAND_FAILURE)?;
        let Some(Payload::GetJobsResult(result)) = response.result else {
            continue;
        };
        keys.extend(
            result
                .configs
                .unwrap_or_default()
                .iter()
                .filter_map(|job| job.key.as_ref())
                .map(|key| ClusterJobKey::reported(&cluster, key))
                .filter(|key| pattern.matches(key)),
        );
    }
    keys.sort();
    Ok(keys)
}
