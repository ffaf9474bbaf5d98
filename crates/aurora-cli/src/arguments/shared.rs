//! Options that several verbs have (`spec/cli.md` §2.2, §3.1).

use std::path::PathBuf;
use std::time::Duration;

use super::bindings::{Binding, binding};
use super::numbers::time_span;

/// Options of every verb.
#[derive(clap::Args, Clone, Debug)]
pub struct Verbosity {
    /// Log more.
    #[arg(long, short = 'v')]
    pub verbose: bool,

    /// Command hooks to skip, or `all`; there are none in this version.
    #[arg(long, value_name = "HOOKS")]
    pub skip_hooks: Option<String>,
}

/// How a config file is read.
#[derive(clap::Args, Clone, Debug)]
pub struct ConfigOptions {
    /// Give a value to a mustache of the config. May be repeated.
    #[arg(long, value_name = "NAME=VALUE", value_parser = binding)]
    pub bind: Vec<Binding>,

    /// The config file is JSON.
    #[arg(long)]
    pub read_json: bool,

    /// A folder that the config may read with open(), besides its own and the current one. May be repeated.
    #[arg(long, value_name = "FOLDER")]
    pub read: Vec<PathBuf>,
}

/// A config whose hooks a verb without a config argument would use.
#[derive(clap::Args, Clone, Debug)]
pub struct HookConfig {
    /// Config file that defines the job, for its hooks.
    #[arg(long, value_name = "PATH")]
    pub config: Option<PathBuf>,
}

/// How long and how often a verb waits.
#[derive(clap::Args, Clone, Debug)]
pub struct WaitOptions {
    /// Give up waiting after this long, such as 5m or 1h30m.
    #[arg(long, value_name = "DURATION", value_parser = time_span)]
    pub timeout: Option<Duration>,

    /// Look this often; by default after 2, 4, 8 … up to 150 seconds.
    #[arg(long, value_name = "DURATION", value_parser = time_span)]
    pub interval: Option<Duration>,
}

/// The status that a new job is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitUntil {
    /// Do not wait.
    Pending,
    /// All instances run, or have ended.
    Running,
    /// All instances have ended.
    Finished,
}

/// Reads the status to wait for.
///
/// # Errors
/// If the text is none of them.
pub fn wait_until(text: &str) -> Result<WaitUntil, String> {
    match text {
        "PENDING" => Ok(WaitUntil::Pending),
        "RUNNING" => Ok(WaitUntil::Running),
        "FINISHED" => Ok(WaitUntil::Finished),
        _ => Err(format!("invalid choice: '{text}' (choose from 'PENDING', 'RUNNING', 'FINISHED')")),
    }
}
