//! `thermos status` (`spec/thermos.md` §5.3).

use std::os::unix::fs::MetadataExt;

use thermos::detect::{FoundTask, Standing};
use thermos::os::identity::Look;
use thermos::os::users::UserDatabase;
use thermos::plan::replay::{ProcessRun, RunnerState};

use crate::failure::Failure;
use crate::output;
use crate::places::{Matchers, Places};
use crate::times;

/// Get the status of task(s).
#[derive(clap::Args, Debug)]
pub struct Status {
    /// How much is shown, 0 to 3.
    #[arg(long, value_name = "LEVEL", default_value_t = 0)]
    verbosity: u8,

    /// Show only tasks of this kind.
    #[arg(long, value_parser = ["active", "finished"])]
    only: Option<String>,

    /// Ids of tasks, or regular expressions that match at their beginning; all tasks if there is none.
    #[arg(value_name = "TASK")]
    tasks: Vec<String>,

    #[arg(skip)]
    look: Look,
}

impl Status {
    /// Runs the command.
    pub fn run(self, places: &Places) -> Result<(), Failure> {
        let wanted = if self.tasks.is_empty() { vec![".*".to_owned()] } else { self.tasks.clone() };
        let matchers = Matchers::new(&wanted)?;
        let roots = places.roots();
        let mut is_found = false;
        for (standing, title) in
            [(Standing::Active, "Active tasks:"), (Standing::Finished, "Finished tasks:")]
        {
            if self.only.as_ref().is_some_and(|only| only != standing.folder()) {
                continue;
            }
            let tasks = matchers.tasks(&roots, standing);
            if tasks.is_empty() {
                continue;
            }
            is_found = true;
            output::line(title);
            for task in &tasks {
                self.show(task);
            }
            output::line("");
        }
        if is_found {
            return Ok(());
        }
        output::line("No tasks found.");
        Err(Failure::Silent)
    }

    fn show(&self, task: &FoundTask) {
        let mut line = format!("  {:<20} [owner: {:>8}]", task.task_id, owner(task));
        let loaded = task.root.load(&task.task_id);
        if let Ok(loaded) = &loaded
            && task.standing == Standing::Active
            && let Some(abandoned) = self.look.abandoned(&loaded.state)
        {
            let id = &task.task_id;
            eprintln!("WARNING: task {id}: {abandoned}; `thermos kill '{id}'` ends it");
        }
        if self.verbosity == 0 {
            output::line(line);
            return;
        }
        let (state, damage) = match loaded {
            Ok(loaded) => {
                // In a task that runs it may be in the making.
                let torn = loaded.torn_at.filter(|_| task.standing == Standing::Finished);
                let torn = torn.map(|at| format!("its checkpoint is cut off at byte {at}"));
                (loaded.state, loaded.damage.map(|damage| damage.to_string()).or(torn))
            }
            Err(error) => (RunnerState::default(), Some(error.to_string())),
        };
        if let Some(damage) = damage {
            eprintln!("WARNING: task {}: {damage}; what comes before is shown", task.task_id);
        }
        let (Some(header), Some(task_state)) = (&state.header, state.task_state()) else {
            output::line(line + " - checkpoint stream CORRUPT or outdated format");
            return;
        };
        let launch = times::asctime_millis(header.launch_time_ms.unwrap_or(0));
        line.push_str(&format!("  state: {:>8} start: {launch:>25}", task_state.name()));
        output::line(line);
        if self.verbosity > 1 {
            let none = || "None".to_owned();
            let ports: Vec<String> =
                header.ports.iter().flatten().map(|(name, port)| format!("{name} -> {port}")).collect();
            let ports = if ports.is_empty() { none() } else { ports.join(" ") };
            output::line(format!("    user: {} ports: {ports}", header.user.clone().unwrap_or_else(none)));
            output::line(format!("    sandbox: {}", header.sandbox.clone().unwrap_or_else(none)));
        }
        if self.verbosity > 2 {
            output::line("    process table:");
            for (process, runs) in &state.processes {
                let Some(last) = runs.last() else { continue };
                output::line(format!("      - {process} runs: {} last: {}", runs.len(), run_text(last)));
                if let Some(reason) = &last.reason {
                    output::line(format!("        {reason}"));
                }
            }
            output::line("");
        }
    }
}

/// A run as `status` and `read` show it.
pub fn run_text(run: &ProcessRun) -> String {
    let pid = run.pid.map_or_else(|| "None".to_owned(), |pid| pid.to_string());
    let code = run.return_code.map(|code| code.to_string()).unwrap_or_default();
    format!("pid={pid}, rc={code}, finish:{}, state:{}", times::asctime(run.stop_time), run.state.name())
}

/// Who owns the stream.
fn owner(task: &FoundTask) -> String {
    let stream = task.root.paths(&task.task_id).runner();
    let Ok(metadata) = std::fs::symlink_metadata(stream) else { return "?".to_owned() };
    let uid = metadata.uid();
    UserDatabase::default().by_uid(uid).map_or_else(|_| format!("uid:{uid}"), |user| user.name)
}
