//! `aurora_admin`, for those who run a cluster (`spec/cli.md` §10). One command is one file.

mod increase_quota;
mod scheduler_backup_now;
mod scheduler_list_backups;
mod set_quota;
mod simulate;

use aurora_api::thrift::{Response, ResponseCode};
use clap::error::{ContextKind, ErrorKind};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use tracing::info;

use crate::arguments::{cores, megabytes};
use crate::cli::{interruptible, run_to_end};
use crate::context::Context;
use crate::exit_code::ExitCode;
use crate::failure::{Failure, messages};
use crate::output;
use crate::quota::Amounts;

/// Sets what the roles of a cluster may use, makes backups of its scheduler, and simulates what would happen.
///
/// Clusters are those of `aurora`. RAM and DISK are sizes such as 512mb, 8g or 1t.
#[derive(Debug, Parser)]
#[command(name = "aurora_admin", version, max_term_width = 120)]
struct Cli {
    /// Log more.
    #[arg(short = 'v', long, global = true)]
    verbose: bool,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
#[command(rename_all = "snake_case")]
enum Command {
    /// Set the quota of a role.
    SetQuota(set_quota::SetQuota),
    /// Add to the quota of a role.
    IncreaseQuota(increase_quota::IncreaseQuota),
    /// Make a backup of the scheduler's state now.
    SchedulerBackupNow(scheduler_backup_now::SchedulerBackupNow),
    /// List the backups that the scheduler keeps.
    SchedulerListBackups(scheduler_list_backups::SchedulerListBackups),
    /// Say what would fit, and what would wait and why, if jobs came or hosts went.
    Simulate(simulate::Simulate),
}

impl Command {
    async fn run(self, context: Context) -> Result<(), Failure> {
        match self {
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

/// Runs the program with its arguments, the first of which is its own name; the exit code is 0, 1, 2 or 130.
#[must_use]
pub fn run(arguments: &[String]) -> u8 {
    let parsed =
        Cli::command().try_get_matches_from(arguments).and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => return explain(arguments, &error),
    };
    output::start_log(cli.verbose);
    match run_to_end(interruptible(cli.command.run(Context::default()))) {
        code @ (ExitCode::Ok | ExitCode::Interrupted) => code.number(),
        _ => 1,
    }
}

/// Says what is wrong with a command line; the exit code is upstream's, that of `-h` and no command included.
fn explain(arguments: &[String], error: &clap::Error) -> u8 {
    let asked_for_docs = arguments.get(1).is_some_and(|argument| argument == "help");
    let text = error.to_string();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            output::print(text.trim_end());
            u8::from(error.kind() == ErrorKind::DisplayHelp && !asked_for_docs)
        }
        ErrorKind::InvalidSubcommand if asked_for_docs => {
            let name = error.get(ContextKind::InvalidSubcommand).map(ToString::to_string);
            output::print(&format!("Subcommand {} not found.", name.unwrap_or_default()));
            1
        }
        ErrorKind::MissingRequiredArgument => {
            // One pointer to the help is enough: upstream's.
            let complaint = text.replace("For more information, try '--help'.", "");
            let complaint = complaint.trim_end();
            output::print_error(&format!("{complaint}\n\nsee the help subcommand for more details."));
            1
        }
        ErrorKind::UnknownArgument => {
            let argument = error.get(ContextKind::InvalidArg).map(ToString::to_string).unwrap_or_default();
            output::print_error(text.trim_end());
            // An argument too many is another error than an option that does not exist.
            if argument.starts_with('-') { 2 } else { 1 }
        }
        _ => {
            output::print_error(text.trim_end());
            1
        }
    }
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
