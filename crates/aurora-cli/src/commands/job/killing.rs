//! What `job kill` and `job killall` have in common (`spec/cli.md` §7.4, §8.2).

use aurora_api::thrift::rpc::KillTasks;
use aurora_client::Client;
use aurora_config::HookCall;
use tracing::info;

use crate::arguments::{ClusterJobKey, ConfigOptions, HookConfig, Verbosity, WaitOptions, int};
use crate::context::{job_url, open_in_browser};
use crate::exit_code::ExitCode;
use crate::failure::{COMMAND_FAILURE, Failure, accepted};
use crate::hooks::Hooks;
use crate::output;
use crate::tasks::{fetch_active, instance_id, is_terminal};
use crate::wait::{Pace, wait_for};

/// Options of both verbs.
#[derive(clap::Args, Debug)]
pub struct KillOptions {
    /// Kill this many instances at a time.
    #[arg(long, value_name = "N", default_value = "1", value_parser = int, allow_negative_numbers = true)]
    batch_size: i32,

    /// Kill all of them at once.
    #[arg(long)]
    no_batching: bool,

    /// Go on after this many batches that did not end in time.
    #[arg(long, value_name = "N", default_value = "0", value_parser = int, allow_negative_numbers = true)]
    max_total_failures: i32,

    /// Why, for the record.
    #[arg(long, short, value_name = "TEXT")]
    message: Option<String>,

    /// Open the job's page.
    #[arg(long)]
    open_browser: bool,

    #[command(flatten)]
    config: ConfigOptions,

    #[command(flatten)]
    hooks: HookConfig,

    #[command(flatten)]
    wait: WaitOptions,

    #[command(flatten)]
    _verbosity: Verbosity,
}

/// Kills the instances, or all when there are none named.
pub async fn kill(
    client: &Client,
    key: &ClusterJobKey,
    instances: Option<&[i32]>,
    options: &KillOptions,
) -> Result<(), Failure> {
    info!("Killing tasks for job: {key}");
    if options.no_batching {
        kill_at_once(client, key, instances, options).await?;
    } else {
        kill_in_batches(client, key, instances, options).await?;
    }
    if options.open_browser {
        open_in_browser(&job_url(client, key));
    }
    Ok(())
}

async fn kill_at_once(
    client: &Client,
    key: &ClusterJobKey,
    instances: Option<&[i32]>,
    options: &KillOptions,
) -> Result<(), Failure> {
    request(client, key, instances, options, COMMAND_FAILURE).await?;
    let pace = Pace::limited(&options.wait);
    if wait_for(client, key, instances, pace, is_terminal).await? {
        return Ok(());
    }
    Err(Failure::new(
        ExitCode::Timeout,
        match instances {
            Some(instances) => format!("Instances {instances:?} were not killed in time"),
            None => format!("Instances of {key} were not killed in time"),
        },
    ))
}

async fn kill_in_batches(
    client: &Client,
    key: &ClusterJobKey,
    instances: Option<&[i32]>,
    options: &KillOptions,
) -> Result<(), Failure> {
    let mut wanted: Vec<i32> = fetch_active(client, key)
        .await?
        .iter()
        .map(instance_id)
        .filter(|id| instances.is_none_or(|instances| instances.contains(id)))
        .collect();
    wanted.dedup();
    if wanted.is_empty() {
        // Compat: scripts rely on this being a success (`spec/cli.md` §11, 1).
        output::print_error(&format!("No tasks to kill found for job {key}"));
        return Ok(());
    }
    info!("Instances to be killed: {wanted:?}");
    let batch_size = usize::try_from(options.batch_size).unwrap_or(1).max(1);
    let mut errors = 0;
    for batch in wanted.chunks(batch_size) {
        let header = format!("Kill of instances {batch:?} failed with error:");
        request(client, key, Some(batch), options, &header).await?;
        let pace = Pace::limited(&options.wait);
        if wait_for(client, key, Some(batch), pace, is_terminal).await? {
            output::print(&format!("Successfully killed instances {batch:?}"));
            continue;
        }
        output::print_error(&format!("Instances {batch:?} were not killed in time"));
        errors += 1;
        if errors > options.max_total_failures {
            return Err(Failure::new(
                ExitCode::CommandFailure,
                "Exceeded maximum number of errors while killing instances",
            ));
        }
    }
    if errors > 0 {
        return Err(Failure::new(ExitCode::CommandFailure, "Errors occurred while killing instances"));
    }
    Ok(())
}

async fn request(
    client: &Client,
    key: &ClusterJobKey,
    instances: Option<&[i32]>,
    options: &KillOptions,
    header: &str,
) -> Result<(), Failure> {
    let call = KillTasks {
        job: Some(key.to_thrift()),
        instances: instances.map(<[i32]>::to_vec),
        message: options.message.clone(),
    };
    let answer = match &options.hooks.config {
        Some(file) => {
            let hooked = HookCall::KillJob(instances.map(<[i32]>::to_vec));
            Hooks::of(file, &options.config, key, hooked).around(client.call(&call)).await?
        }
        None => client.call(&call).await?,
    };
    accepted(answer, ExitCode::ApiError, header)?;
    Ok(())
}
