//! `thermos gc` (`spec/thermos.md` §6.4).

use std::time::{Duration, SystemTime};

use thermos::detect::{Root, Standing};
use thermos::garbage::{
    Erase, EraseError, Measured, Policy, Scope, erase_data, erase_logs, erase_metadata, finished_tasks,
    measure, parse_age, parse_size, select,
};

use crate::failure::Failure;
use crate::output;
use crate::places::{Matchers, Places};

/// Garbage collect task(s) and task metadata.
///
/// Only finished tasks below --root and /var/run/thermos are looked at; a Mesos agent removes its own. If tasks are named, only
/// those are collected, whatever the limits say. Nothing is removed unless a --delete option says so.
#[derive(clap::Args, Debug)]
pub struct Gc {
    /// Collect tasks that are older, as in 1d2h3m4s.
    #[arg(long = "max_age", alias = "max-age", value_name = "AGE", value_parser = parse_age)]
    max_age: Option<Duration>,

    /// Collect the oldest tasks while all take more space, as in 500mb or 2G.
    #[arg(long = "max_space", alias = "max-space", value_name = "SIZE", value_parser = parse_size)]
    max_space: Option<u64>,

    /// Collect the oldest tasks while there are more.
    #[arg(long = "max_tasks", alias = "max-tasks", value_name = "NUMBER")]
    max_tasks: Option<usize>,

    /// Keep sandboxes (the default).
    #[arg(long = "keep-data", overrides_with = "delete_data")]
    keep_data: bool,

    /// Remove sandboxes.
    #[arg(long = "delete-data", overrides_with = "keep_data")]
    delete_data: bool,

    /// Keep the output of processes (the default).
    #[arg(long = "keep-logs", overrides_with = "delete_logs")]
    keep_logs: bool,

    /// Remove the output of processes.
    #[arg(long = "delete-logs", overrides_with = "keep_logs")]
    delete_logs: bool,

    /// Keep checkpoints (the default).
    #[arg(long = "keep-metadata", overrides_with = "delete_metadata")]
    keep_metadata: bool,

    /// Remove checkpoints: the tasks are forgotten.
    #[arg(long = "delete-metadata", overrides_with = "keep_metadata")]
    delete_metadata: bool,

    /// Do not ask.
    #[arg(long)]
    force: bool,

    /// Only say what would be done.
    #[arg(long)]
    dryrun: bool,

    /// Ids of finished tasks, or regular expressions that match at their beginning.
    #[arg(value_name = "TASK")]
    tasks: Vec<String>,
}

impl Gc {
    /// Runs the command.
    pub fn run(self, places: &Places) -> Result<(), Failure> {
        let roots = places.plain_roots();
        output::line(format!("Analyzing root at {}", places.own_root().display()));
        let erase = Erase { data: self.delete_data, logs: self.delete_logs, metadata: self.delete_metadata };
        let tasks: Vec<(Root, String)> = if self.tasks.is_empty() {
            output::line("No task ids specified, using default collector.");
            self.by_policy(&roots, erase)
        } else {
            let matched = Matchers::new(&self.tasks)?.tasks(&roots, Standing::Finished);
            matched.into_iter().map(|task| (task.root, task.task_id)).collect()
        };
        if tasks.is_empty() {
            output::line("No tasks to garbage collect.  Exiting");
            return Ok(());
        }
        if !self.force && !self.dryrun && !is_confirmed() {
            output::line("Cancelling gc.");
            return Ok(());
        }
        if erase == (Erase { data: false, logs: false, metadata: false }) {
            eprintln!(
                "Nothing is removed: say what, with --delete-data, --delete-logs or --delete-metadata."
            );
        }
        output::line("Running gc...");
        let mut is_failed = false;
        for (root, task_id) in &tasks {
            let word = |is_deleted: bool| if is_deleted { "deleting" } else { "keeping" };
            output::line(format!(
                "  Task {task_id} data ({}) logs ({}) metadata ({}) ",
                word(erase.data),
                word(erase.logs),
                word(erase.metadata)
            ));
            if let Err(error) = self.collect(root, task_id, erase) {
                is_failed = true;
                eprintln!("ERROR: {error}");
            }
        }
        output::line("done.");
        if is_failed { Err(Failure::Silent) } else { Ok(()) }
    }

    fn by_policy(&self, roots: &[Root], erase: Erase) -> Vec<(Root, String)> {
        let now = SystemTime::now();
        let measured: Vec<Measured> = finished_tasks(roots)
            .into_iter()
            .map(|(root, task_id)| {
                let measured = measure(&root, &task_id, now);
                tell(&measured);
                measured
            })
            .collect();
        let policy = Policy { max_age: self.max_age, max_space: self.max_space, max_tasks: self.max_tasks };
        let selection = select(&policy, erase, measured);
        output::line(format!("After age filter: {} tasks", selection.after_age));
        output::line(format!("After size filter: {} tasks", selection.after_space));
        output::line(format!("After total task filter: {} tasks", selection.tasks.len()));
        output::line("Deciding to garbage collect the following tasks:");
        for task in &selection.tasks {
            output::line(format!("   {}", task.task_id));
        }
        if selection.tasks.is_empty() {
            output::line("   None.");
        }
        selection.tasks.into_iter().map(|task| (task.root, task.task_id)).collect()
    }

    fn collect(&self, root: &Root, task_id: &str, erase: Erase) -> Result<(), EraseError> {
        let maybe = |is_wanted: bool, name: &str, act: &dyn Fn() -> Result<(), EraseError>| {
            if is_wanted && self.dryrun {
                output::line(format!("    would run {name}()"));
                Ok(())
            } else if is_wanted {
                act()
            } else {
                Ok(())
            }
        };
        // Without its stream nobody could tell where the rest is, so that goes last.
        maybe(erase.data, "erase_data", &|| erase_data(root, task_id, &Scope::Anywhere))?;
        maybe(erase.logs, "erase_logs", &|| erase_logs(root, task_id, &Scope::Anywhere))?;
        maybe(erase.metadata, "erase_metadata", &|| erase_metadata(root, task_id))
    }
}

fn tell(task: &Measured) {
    let age = if task.age == Duration::MAX { "unknown".to_owned() } else { task.age.as_secs().to_string() };
    output::line(format!("Analyzing task {} (age: {age} secs)... ", task.task_id));
    output::line(format!("  metadata {:.1}KB ", in_units(task.metadata_bytes, 1 << 10)));
    output::line(format!("  logs {:.1}KB ", in_units(task.log_bytes, 1 << 10)));
    output::line(format!("  data {:.1}MB ", in_units(task.data_bytes, 1 << 20)));
}

#[expect(clippy::cast_precision_loss, reason = "shown with one digit")]
fn in_units(bytes: u64, unit: u64) -> f64 {
    bytes as f64 / unit as f64
}

fn is_confirmed() -> bool {
    output::part("Continue [y/N]? ");
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer);
    read.is_ok() && answer.trim().eq_ignore_ascii_case("y")
}
