//! `aurora job inspect` (`spec/cli.md` §7.10).

use std::path::PathBuf;

use aurora_api::thrift::JobConfiguration;
use serde_json::Value;
use tracing::warn;

use crate::arguments::{ClusterJobKey, ConfigOptions, Verbosity, job_key};
use crate::configuration::{self, Configuration, invalid};
use crate::context::Context;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::output;

/// Prints what a config file makes of a job.
#[derive(clap::Args, Debug)]
pub struct Inspect {
    /// The job's key.
    #[arg(value_name = "CLUSTER/ROLE/ENV/NAME", value_parser = job_key)]
    key: ClusterJobKey,

    /// The config file that defines it.
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Print what would be sent to the scheduler.
    #[arg(long)]
    raw: bool,

    /// Print the whole job as JSON, with all defaults.
    #[arg(long, conflicts_with = "raw")]
    write_json: bool,

    /// Do not ask the scheduler for its tiers.
    #[arg(long, alias = "offline")]
    local: bool,

    #[command(flatten)]
    config: ConfigOptions,

    #[command(flatten)]
    _verbosity: Verbosity,
}

impl Inspect {
    /// Runs the verb.
    pub async fn run(self, mut context: Context) -> Result<(), Failure> {
        let mut configuration = Configuration::load(&self.file, &self.config).map_err(invalid)?;
        if !self.local {
            let client = context.client(&self.key.cluster).map_err(or_local)?;
            configuration.look_up_images(&client, &self.key).await.map_err(invalid)?;
        }
        let mut job = configuration.translated(&self.key).map_err(invalid)?;
        if !self.local {
            let client = context.client(&self.key.cluster)?;
            if let Err(reason) = configuration::try_backfill_tier(&client, &mut job.configuration).await {
                warn!(
                    "the job's tier is shown as the file has it, since the scheduler was not asked: {reason}"
                );
            }
        }
        if self.raw {
            output::print(&format!("{:#?}", job.configuration));
            return Ok(());
        }
        let json: Value = serde_json::from_str(&job.json).map_err(|error| {
            let text = format!("the job's JSON cannot be read back: {error}");
            Failure::new(ExitCode::UnknownError, text)
        })?;
        if self.write_json {
            output::print(&format!("{json:#}"));
        } else {
            output::print(&render(&json, &job.configuration));
        }
        Ok(())
    }
}

fn or_local(failure: Failure) -> Failure {
    let text = format!("{}\n  no cluster is needed with --local", failure.text.trim_end());
    Failure::new(failure.code, text)
}

fn render(job: &Value, configuration: &JobConfiguration) -> String {
    let mut lines = vec!["Job level information".to_owned()];
    lines.push(format!("  name:       '{}'", text(&job["name"])));
    lines.push(format!("  role:       '{}'", text(&job["role"])));
    if !job["contact"].is_null() {
        lines.push(format!("  contact:    '{}'", text(&job["contact"])));
    }
    lines.push(format!("  cluster:    '{}'", text(&job["cluster"])));
    lines.push(format!("  instances:  '{}'", text(&job["instances"])));
    if !job["cron_schedule"].is_null() {
        lines.push("  cron:".to_owned());
        lines.push(format!("    schedule: '{}'", text(&job["cron_schedule"])));
        let policy = configuration.cron_collision_policy.map_or("KILL_EXISTING", |policy| policy.as_str());
        lines.push(format!("    policy:   '{policy}'"));
    }
    if let Some(constraints) = job["constraints"].as_object().filter(|constraints| !constraints.is_empty()) {
        lines.push("  constraints:".to_owned());
        lines.extend(constraints.iter().map(|(name, value)| format!("    '{name}': '{}'", text(value))));
    }
    let task = configuration.task_config.as_ref();
    if let Some(policy) = task.and_then(|task| task.partition_policy.as_ref()) {
        lines.push("  partition_policy:".to_owned());
        lines.push(format!("    reschedule: {}", truth(policy.reschedule)));
        lines.push(format!("    delay_secs: '{}'", policy.delay_secs.unwrap_or_default()));
    }
    lines.push(format!("  service:    {}", truth(task.and_then(|task| task.is_service))));
    lines.push(format!("  production: {}", truth(task.and_then(|task| task.production))));
    lines.push(String::new());
    lines.push("Task level information".to_owned());
    lines.push(format!("  name: '{}'", text(&job["task"]["name"])));
    let orders: Vec<String> = elements(&job["task"]["constraints"]).iter().filter_map(order).collect();
    if !orders.is_empty() {
        lines.push("  constraints:".to_owned());
        lines.extend(orders);
    }
    lines.push(String::new());
    for process in elements(&job["task"]["processes"]) {
        lines.push(format!("Process '{}':", text(&process["name"])));
        for flag in ["daemon", "ephemeral", "final"] {
            if process[flag] == true {
                lines.push(format!("  {flag}"));
            }
        }
        lines.push("  cmdline:".to_owned());
        lines.extend(text(&process["cmdline"]).lines().map(|line| format!("    {line}")));
        lines.push(String::new());
    }
    lines.join("\n")
}

/// The order that a constraint puts processes in.
fn order(constraint: &Value) -> Option<String> {
    let names: Vec<String> = elements(&constraint["order"]).iter().map(text).collect();
    (!names.is_empty()).then(|| format!("  {}", names.join(" < ")))
}

fn elements(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Compat: upstream prints Python's words.
fn truth(value: Option<bool>) -> &'static str {
    if value == Some(true) { "True" } else { "False" }
}
