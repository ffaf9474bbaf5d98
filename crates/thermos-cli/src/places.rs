//! Where tasks are looked for, and which of them are meant.

use std::path::PathBuf;

use regex::Regex;
use thermos::checkpoint::DEFAULT_CHECKPOINT_ROOT;
use thermos::detect::{DEFAULT_MESOS_ROOT, FoundTask, Root, Standing, mesos_roots};

use crate::failure::Failure;

/// The options that say where tasks are (`spec/thermos.md` §5.1).
#[derive(clap::Args, Debug, Clone)]
pub struct Places {
    /// A checkpoint root to look in besides /var/run/thermos; `run` and `simplerun` write there.
    #[arg(long, value_name = "PATH", global = true)]
    root: Option<PathBuf>,

    /// The --work_dir of a Mesos agent to look in besides /var/lib/mesos.
    #[arg(long, value_name = "PATH", global = true, alias = "mesos_root")]
    mesos_root: Option<PathBuf>,
}

impl Places {
    /// Where a task without an agent belongs.
    pub fn own_root(&self) -> PathBuf {
        self.root.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_CHECKPOINT_ROOT))
    }

    /// The roots of tasks without an agent.
    pub fn plain_roots(&self) -> Vec<Root> {
        let default = PathBuf::from(DEFAULT_CHECKPOINT_ROOT);
        let mut roots: Vec<Root> = self.root.iter().cloned().map(absolute).map(Root::plain).collect();
        let default = Root::plain(default);
        if !roots.contains(&default) {
            roots.push(default);
        }
        roots
    }

    /// Every root.
    pub fn roots(&self) -> Vec<Root> {
        let default = PathBuf::from(DEFAULT_MESOS_ROOT);
        let given = self.mesos_root.iter().cloned().map(absolute).filter(|path| *path != default);
        let works: Vec<PathBuf> = std::iter::once(default.clone()).chain(given).collect();
        let mut roots = self.plain_roots();
        roots.extend(works.iter().flat_map(|work| mesos_roots(work)));
        roots
    }
}

fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}

/// Patterns for task ids, which match at the beginning.
pub struct Matchers(Vec<Regex>);

impl Matchers {
    /// From what the user wrote.
    pub fn new(expressions: &[String]) -> Result<Self, Failure> {
        let compiled = expressions.iter().map(|expression| {
            Regex::new(&format!("^(?:{expression})"))
                .map_err(|error| Failure::Usage(format!("{expression:?} is no regular expression: {error}")))
        });
        compiled.collect::<Result<_, _>>().map(Self)
    }

    fn matches(&self, task_id: &str) -> bool {
        self.0.iter().any(|pattern| pattern.is_match(task_id))
    }

    /// The tasks meant, sorted by id.
    pub fn tasks(&self, roots: &[Root], standing: Standing) -> Vec<FoundTask> {
        let mut found: Vec<FoundTask> = roots
            .iter()
            .flat_map(Root::tasks)
            .filter(|task| task.standing == standing && self.matches(&task.task_id))
            .collect();
        found.sort_by(|a, b| (&a.root, &a.task_id).cmp(&(&b.root, &b.task_id)));
        found
    }
}
