//! `thermos kill`.

use std::time::Duration;

use thermos::detect::Standing;
use thermos::plan::record::TaskState;
use thermos::run::{ask_runner, kill_with_runner};

use crate::failure::Failure;
use crate::output;
use crate::places::{Matchers, Places};

/// Kill task(s).
///
/// Regular expressions may be used to match multiple tasks. Every process gets SIGKILL at once and no finalizer runs, unless
/// --graceful is given.
#[derive(clap::Args, Debug)]
pub struct Kill {
    /// Ask the runner of each task to end it in order, finalizers and all, and wait for that.
    #[arg(long)]
    graceful: bool,

    /// Ids of active tasks, or regular expressions that match at their beginning.
    #[arg(value_name = "TASK")]
    tasks: Vec<String>,
}

/// Between two looks at a task that was asked to end.
const POLL: Duration = Duration::from_millis(100);

impl Kill {
    /// Runs the command.
    pub fn run(self, places: &Places) -> Result<(), Failure> {
        if self.tasks.is_empty() {
            eprintln!("Must specify tasks!");
            return Ok(());
        }
        let matched = Matchers::new(&self.tasks)?.tasks(&places.roots(), Standing::Active);
        if matched.is_empty() {
            output::line("No active tasks matched.");
            return Ok(());
        }
        let mut is_failed = false;
        for task in matched {
            output::part(format!("Killing {}...", task.task_id));
            let paths = task.root.paths(&task.task_id);
            let asked = if self.graceful { ask_runner(&paths) } else { Ok(false) };
            let killed = asked.and_then(|is_asked| {
                if is_asked {
                    // The runner keeps its own deadlines; should it be killed, the next round finds it gone.
                    while paths.active().exists() && ask_again(&paths) {
                        std::thread::sleep(POLL);
                    }
                }
                if paths.active().exists() {
                    kill_with_runner(&paths, TaskState::Killed).map(|_| ())
                } else {
                    Ok(())
                }
            });
            match killed {
                Ok(()) => output::line("done."),
                Err(error) => {
                    is_failed = true;
                    output::line("failed.");
                    eprintln!("cannot kill {}: {error}", task.task_id);
                }
            }
        }
        if is_failed { Err(Failure::Silent) } else { Ok(()) }
    }
}

/// Whether the runner is still there. Being asked again changes nothing for it.
fn ask_again(paths: &thermos::checkpoint::TaskPaths) -> bool {
    ask_runner(paths).unwrap_or(false)
}
