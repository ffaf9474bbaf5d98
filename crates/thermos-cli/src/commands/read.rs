//! `thermos read` (`spec/thermos.md` §5.4), and the older `thermos_ckpt` (§5.5).

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use thermos::checkpoint::{LoadError, Tail, load};
use thermos::plan::replay::{RunnerState, Strictness};

use super::status::run_text;
use crate::failure::Failure;
use crate::{output, records, times};

/// Replay a thermos checkpoint.
#[derive(clap::Args, Debug)]
pub struct Read {
    /// Only print the checkpoint records, do not replay them.
    #[arg(long)]
    simple: bool,

    /// Print each record while it is replayed, and the result as it is stored.
    #[arg(long, conflicts_with = "simple")]
    raw: bool,

    /// The checkpoint.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

impl Read {
    /// Runs the command.
    pub fn run(self) -> Result<(), Failure> {
        let [path] = self.files.as_slice() else {
            return Err(Failure::Usage(format!("Expected one checkpoint file, got {}", self.files.len())));
        };
        if !path.exists() {
            return Err(Failure::Usage(format!("Could not find {}", path.display())));
        }
        if self.raw {
            return raw(path, true);
        }
        if self.simple {
            return simple(path);
        }
        let loaded = load(path).map_err(|error| Failure::failed(&error))?;
        show(&loaded.state);
        match (loaded.damage, loaded.torn_at) {
            (Some(damage), _) => {
                output::line(failed_to_recover(path, &damage));
                Err(Failure::Silent)
            }
            (None, Some(offset)) => {
                output::line(format!(
                    "Failed to recover from {}: the record at byte {offset} is not whole: its writer died in it, or is in it now",
                    path.display()
                ));
                Err(Failure::Silent)
            }
            (None, None) if loaded.state.header.is_none() => Err(Failure::Silent),
            (None, None) => Ok(()),
        }
    }
}

fn failed_to_recover(path: &Path, damage: &LoadError) -> String {
    match damage {
        LoadError::Record { .. } => damage.to_string(),
        other => format!("Failed to recover from {}: {other}", path.display()),
    }
}

fn simple(path: &Path) -> Result<(), Failure> {
    let mut tail = Tail::open(path).map_err(|error| Failure::failed(&error))?;
    loop {
        match tail.next_record() {
            Ok(Some(record)) => output::line(format!("CKPT: {}", records::shown(&record))),
            Ok(None) if tail.has_partial() => {
                output::line(format!(
                    "Failed to recover from {}: the record at byte {} is not whole",
                    path.display(),
                    tail.offset()
                ));
                return Err(Failure::Silent);
            }
            Ok(None) => return Ok(()),
            Err(error) => {
                output::line(failed_to_recover(path, &error));
                return Err(Failure::Silent);
            }
        }
    }
}

fn show(state: &RunnerState) {
    let Some(header) = &state.header else {
        output::line("Checkpoint stream CORRUPT or outdated format");
        return;
    };
    let none = || "None".to_owned();
    output::line("Recovered Task Header:");
    output::line(format!("  id:      {}", header.task_id.clone().unwrap_or_else(none)));
    output::line(format!("  user:    {}", header.user.clone().unwrap_or_else(none)));
    output::line(format!("  host:    {}", header.hostname.clone().unwrap_or_else(none)));
    output::line(format!("  sandbox: {}", header.sandbox.clone().unwrap_or_else(none)));
    let ports: Vec<String> =
        header.ports.iter().flatten().map(|(name, port)| format!("{name}->{port}")).collect();
    if !ports.is_empty() {
        output::line(format!("  ports:   {}", ports.join(" ")));
    }
    output::line("Recovered Task States:");
    for step in &state.statuses {
        let when = times::asctime_millis(step.timestamp_ms);
        output::line(format!(
            "  {when} [pid: {}] => {}",
            step.runner.map_or(0, |runner| runner.pid),
            step.state.name()
        ));
    }
    output::line("Recovered Processes:");
    for (process, runs) in &state.processes {
        output::line(format!("  {process}   runs: {}", runs.len()));
        for (number, run) in runs.iter().enumerate().rev() {
            output::line(format!("    {number:>2}: {}", run_text(run)));
            if let Some(reason) = &run.reason {
                output::line(format!("        {reason}"));
            }
        }
    }
}

/// Each record, and with `assemble` what they add up to.
fn raw(path: &Path, assemble: bool) -> Result<(), Failure> {
    let recovering = |error: &dyn std::fmt::Display| {
        output::line(format!("Error recovering checkpoint stream: {error}"));
        Failure::Silent
    };
    let mut tail = Tail::open(path).map_err(|error| recovering(&error))?;
    let mut state = RunnerState::default();
    while let Some(record) = tail.next_record().map_err(|error| recovering(&error))? {
        output::line(format!("Recovering: {}", records::shown(&record)));
        if assemble {
            state.apply(&record, Strictness::Strict).map_err(|error| recovering(&error))?;
        }
    }
    if assemble {
        output::line("Recovered Task Header");
        output::line(state.header.as_ref().map_or_else(|| "None".to_owned(), records::header_text));
        output::line("Recovered Task States");
        for step in &state.statuses {
            output::line(format!("{step:?}"));
        }
        output::line("Recovered Processes");
        for (process, runs) in &state.processes {
            for run in runs {
                output::line(format!("{process}: {run:?}"));
            }
        }
    }
    Ok(())
}

/// The program `thermos_ckpt` with its arguments.
pub fn as_old_program(arguments: &[String]) -> ExitCode {
    let mut checkpoint = None;
    let mut assemble = true;
    let mut unknown = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let (name, value) = argument
            .split_once('=')
            .map_or((argument.as_str(), None), |(name, value)| (name, Some(value.to_owned())));
        match name {
            "--checkpoint" => checkpoint = value.or_else(|| rest.next().cloned()).map(PathBuf::from),
            "--assemble" => {
                let value = value.or_else(|| rest.next().cloned()).unwrap_or_default();
                assemble = !matches!(value.to_ascii_lowercase().as_str(), "false" | "0" | "no" | "");
            }
            _ => unknown.push(argument.clone()),
        }
    }
    if !unknown.is_empty() {
        println!("ERROR: unrecognized arguments: {}", unknown.join(" "));
        return ExitCode::FAILURE;
    }
    let Some(path) = checkpoint else {
        println!("ERROR: must supply --checkpoint");
        return ExitCode::FAILURE;
    };
    match raw(&path, assemble) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.tell(""),
    }
}
