//! `aurora_admin`, for those who run a cluster (`spec/cli.md` §10). One command is one file.

mod command_line;
mod host_activate;
mod host_deactivate;
mod host_drain;
mod host_status;
mod host_wait;
mod hosts;
mod increase_quota;
mod maintenance;
mod safety;
mod scheduler_backup_now;
mod scheduler_list_backups;
mod set_quota;
mod simulate;
mod sla_probe_hosts;

use std::path::PathBuf;

use aurora_api::thrift::{Response, ResponseCode};
use clap::{ArgAction, CommandFactory, FromArgMatches, Parser, Subcommand};
use tracing::info;
use tracing_subscriber::filter::LevelFilter;

use crate::arguments::{cores, megabytes};
use crate::cli::{interruptible, run_to_end, with_double_dashes};
use crate::context::{Administrator, Context};
use crate::exit_code::ExitCode;
use crate::failure::{Failure, messages};
use crate::output;
use crate::quota::Amounts;

/// The heading of options that do not belong to one command.
const EVERY_COMMAND: &str = "Options of every command";

/// Takes hosts out of service and back, sets what the roles of a cluster may use, makes backups of its scheduler, and
/// simulates what would happen.
///
/// Clusters are those of `aurora`. RAM and DISK are sizes such as 512mb, 8g or 1t; time spans are written 30m or 1h30m.
/// Options that are always wanted for a command may be kept in ~/.aurora-adminrc: `[COMMAND]`, and below it `options = …`.
#[derive(Debug, Parser)]
#[command(
    name = "aurora_admin",
    version,
    max_term_width = 120,
    infer_long_args = true,
    args_override_self = true
)]
struct Cli {
    /// Log more.
    #[arg(short = 'v', long, global = true, help_heading = EVERY_COMMAND)]
    verbose: bool,

    /// Log nothing.
    #[arg(short = 'q', long, global = true, help_heading = EVERY_COMMAND)]
    quiet: bool,

    /// Log from this level on: NONE, DEBUG, INFO, WARN, ERROR or FATAL.
    #[arg(long = "log_to_stderr", value_name = "[SCHEME:]LEVEL", value_parser = command_line::log_level)]
    #[arg(global = true, help_heading = EVERY_COMMAND)]
    log_to_stderr: Option<LevelFilter>,

    /// Ask the scheduler that is named, even if another one leads.
    #[arg(long, global = true, help_heading = EVERY_COMMAND)]
    bypass_leader_redirect: bool,

    /// Leave ~/.aurora-adminrc out.
    #[arg(long = "app_ignore_rc_file", global = true, help_heading = EVERY_COMMAND)]
    _ignore_options_file: bool,

    /// Print help.
    #[arg(long = "long-help", action = ArgAction::HelpLong, global = true, hide = true)]
    _long_help: Option<bool>,

    #[command(subcommand)]
    command: Command,
}

impl Cli {
    fn log_level(&self) -> LevelFilter {
        match self.log_to_stderr {
            _ if self.quiet => LevelFilter::OFF,
            _ if self.verbose => LevelFilter::DEBUG,
            level => level.unwrap_or(LevelFilter::INFO),
        }
    }
}

// Each command says itself what it does; a doc comment here would hide that.
#[derive(Debug, Subcommand)]
#[command(rename_all = "snake_case")]
enum Command {
    HostStatus(host_status::HostStatus),
    HostDeactivate(host_deactivate::HostDeactivate),
    HostDrain(host_drain::HostDrain),
    HostWait(host_wait::HostWait),
    HostActivate(host_activate::HostActivate),
    SlaProbeHosts(sla_probe_hosts::SlaProbeHosts),
    SetQuota(set_quota::SetQuota),
    IncreaseQuota(increase_quota::IncreaseQuota),
    SchedulerBackupNow(scheduler_backup_now::SchedulerBackupNow),
    SchedulerListBackups(scheduler_list_backups::SchedulerListBackups),
    Simulate(simulate::Simulate),
}

impl Command {
    /// Whether the command deals with Ctrl-C by itself.
    fn handles_interrupts(&self) -> bool {
        matches!(self, Self::HostDrain(_))
    }

    async fn run(self, context: Context) -> Result<(), Failure> {
        match self {
            Self::HostStatus(command) => command.run(context).await,
            Self::HostDeactivate(command) => command.run(context).await,
            Self::HostDrain(command) => command.run(context).await,
            Self::HostWait(command) => command.run(context).await,
            Self::HostActivate(command) => command.run(context).await,
            Self::SlaProbeHosts(command) => command.run(context).await,
            Self::SetQuota(command) => command.run(context).await,
            Self::IncreaseQuota(command) => command.run(context).await,
            Self::SchedulerBackupNow(command) => command.run(context).await,
            Self::SchedulerListBackups(command) => command.run(context).await,
            Self::Simulate(command) => command.run(),
        }
    }
}

/// A role and amounts, as both commands have them.
#[derive(clap::Args, Debug)]
struct RoleAmounts {
    /// The cluster.
    #[arg(value_name = "CLUSTER")]
    cluster: String,

    /// The role.
    #[arg(value_name = "ROLE")]
    role: String,

    /// CPU, in cores, such as 4 or 0.5.
    #[arg(value_name = "CPU", value_parser = cores)]
    cpus: f64,

    /// Memory, such as 8g; a number without a unit is bytes.
    #[arg(value_name = "RAM", value_parser = megabytes)]
    ram_mb: i64,

    /// Disk space, such as 20g; a number without a unit is bytes.
    #[arg(value_name = "DISK", value_parser = megabytes)]
    disk_mb: i64,
}

impl RoleAmounts {
    fn amounts(&self) -> Amounts {
        Amounts { cpus: self.cpus, ram_mb: self.ram_mb, disk_mb: self.disk_mb }
    }
}

/// Runs the program with its arguments, the first of which is its own name; the exit code is 0, 1, 2 or 130, or 4 where that
/// was asked for.
#[must_use]
pub fn run(arguments: &[String]) -> u8 {
    let mut command = Cli::command();
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let is_command = |name: &str| command.find_subcommand(name).is_some_and(|found| found.get_name() == name);
    let arguments = match command_line::with_options_of_file(arguments, is_command, home.as_deref()) {
        Ok(arguments) => with_double_dashes(&command, &arguments),
        Err(failure) => {
            output::print_error(&failure.text);
            return 1;
        }
    };
    let parsed =
        command.try_get_matches_from_mut(&arguments).and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => return command_line::explain(&arguments, &error),
    };
    output::start_log(cli.log_level());
    let handles_interrupts = cli.command.handles_interrupts();
    let context =
        Context::of_administrator(Administrator { bypass_leader_redirect: cli.bypass_leader_redirect });
    let running = cli.command.run(context);
    match if handles_interrupts { run_to_end(running) } else { run_to_end(interruptible(running)) } {
        code @ (ExitCode::Ok | ExitCode::CommandFailure | ExitCode::Interrupted) => code.number(),
        _ => 1,
    }
}

/// Why a command has failed.
fn failure(text: impl Into<String>) -> Failure {
    Failure::new(ExitCode::UnknownError, text)
}

/// Logs the scheduler's answer (`spec/cli.md` §10.1).
///
/// # Errors
/// If it is not OK.
fn check(response: &Response) -> Result<(), Failure> {
    let code = response.response_code.map_or("no response code", ResponseCode::as_str);
    let line = format!("Response from scheduler: {code} (message: {})", messages(response));
    if response.response_code == Some(ResponseCode::Ok) {
        info!("{line}");
        return Ok(());
    }
    Err(Failure::new(ExitCode::ApiError, line))
}
