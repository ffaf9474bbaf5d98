//! Hooks that a file declares: a list `hooks` of objects whose methods are called around calls of the scheduler's API,
//! for jobs with `enable_hooks=True` (`spec/cli.md` §6.1). They are methods of the file, so they run in its evaluator:
//! they see the job and may refuse the call; they cannot start programs or reach the network.

use std::path::Path;

use super::run::{hooks, in_thread, surroundings};
use super::{JobSelector, LoadOptions, load_text, read_text};
use crate::diagnostic::{Diagnostic, Diagnostics, Span};
use crate::eval::{Args, Interp, Value, diagnostics_of};

/// Finds and calls the method of a hook.
const PRELUDE: &str = include_str!("hooks.aurora");

/// When a hook is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookEvent {
    /// Before the call, which it may refuse.
    Before,
    /// After the call, with what the scheduler said.
    After(String),
    /// After the call failed, with the reason.
    Failed(String),
}

/// A call of the API that has hooks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookCall {
    /// `create_job`
    CreateJob,
    /// `add_instances`, with how many.
    AddInstances(i32),
    /// `kill_job`, with which instances; `None` means all.
    KillJob(Option<Vec<i32>>),
    /// `restart`, with which instances; `None` means all.
    Restart(Option<Vec<i32>>),
    /// `start_cronjob`
    StartCronjob,
    /// `start_job_update`, with the message for the record and which instances; `None` means all.
    StartJobUpdate(Option<String>, Option<Vec<i32>>),
}

/// What hooks had to say.
#[derive(Debug, Default)]
pub struct HookOutcome {
    /// Whether one of them refused the call.
    pub is_stopped: bool,
    /// What they printed.
    pub printed: String,
    /// Exceptions they raised. Before a call an exception refuses it.
    pub problems: Option<Diagnostics>,
}

impl HookCall {
    /// What the API calls it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::CreateJob => "create_job",
            Self::AddInstances(_) => "add_instances",
            Self::KillJob(_) => "kill_job",
            Self::Restart(_) => "restart",
            Self::StartCronjob => "start_cronjob",
            Self::StartJobUpdate(..) => "start_job_update",
        }
    }

    /// What its method takes besides the job.
    fn arguments(&self) -> Vec<Value> {
        let numbers = |ids: &Option<Vec<i32>>| match ids {
            Some(ids) => Value::list(ids.iter().map(|id| Value::Int(i128::from(*id))).collect()),
            None => Value::None,
        };
        match self {
            Self::CreateJob | Self::StartCronjob => Vec::new(),
            Self::AddInstances(count) => vec![Value::Int(i128::from(*count))],
            Self::KillJob(ids) => vec![numbers(ids)],
            Self::Restart(ids) => vec![numbers(ids), Value::None],
            Self::StartJobUpdate(message, ids) => {
                let message = message.as_deref().map_or(Value::None, Value::str);
                vec![message, numbers(ids)]
            }
        }
    }
}

/// Calls the hooks of a file for one of its jobs, in order. Before a call the first that gives a false value or raises
/// an exception ends it. Does nothing for a job without `enable_hooks=True`.
///
/// # Errors
/// The file or the job is at fault.
pub fn run_hooks(
    path: &Path,
    options: &LoadOptions,
    selector: &JobSelector,
    call: &HookCall,
    event: &HookEvent,
) -> Result<HookOutcome, Diagnostics> {
    let text = read_text(path)?;
    let file = load_text(path, text.clone(), options)?;
    let chosen = file.select(selector)?;
    let enabled = chosen.value.field("enable_hooks").ok().flatten().and_then(|flag| flag.text().ok());
    if file.hooks == 0 || enabled.as_deref() != Some("True") {
        return Ok(HookOutcome::default());
    }
    let (owned, job, key) = (path.to_owned(), chosen.value.clone(), chosen.key.clone());
    let surroundings = surroundings(path, options);
    let (call, event) = (call.clone(), event.clone());
    in_thread(path, move || {
        let mut interp = Interp::new(surroundings);
        let name = owned.display().to_string();
        let real = owned.canonicalize().unwrap_or_else(|_| owned.clone());
        let ran = interp.run_text(&real, &name, text, None);
        let hooks = hooks(&interp);
        let ready = ran.and_then(|()| {
            // The file's own print() calls were shown when it was loaded.
            interp.printed.clear();
            interp.run_text(Path::new("hooks"), "hooks", PRELUDE.to_owned(), None)
        });
        if let Err(problems) = ready {
            return Err(Diagnostics::new(problems, interp.sources));
        }
        let function = interp.globals.get("call_hook").unwrap_or(Value::None);
        let (when, outcome) = match &event {
            HookEvent::Before => ("pre", Value::None),
            HookEvent::After(message) => ("post", Value::str(message.as_str())),
            HookEvent::Failed(reason) => ("err", Value::str(reason.as_str())),
        };
        let key = [&key.cluster, &key.role, &key.environment, &key.name];
        let key = Value::tuple(key.map(|part| Value::str(part.as_str())).to_vec());
        let (mut is_stopped, mut problems) = (false, Vec::new());
        for hook in hooks {
            let given = vec![
                hook,
                Value::str(when),
                Value::str(call.name()),
                Value::Object(job.clone()),
                key.clone(),
                outcome.clone(),
                Value::list(call.arguments()),
            ];
            let result = interp
                .call(&function, Args::of(given, Span::default()))
                .and_then(|result| interp.truthy(&result));
            let refuses = match result {
                Ok(goes_on) => !goes_on,
                Err(stop) => {
                    problems.extend(diagnostics_of(stop).into_iter().map(without_prelude));
                    true
                }
            };
            if refuses && event == HookEvent::Before {
                is_stopped = true;
                break;
            }
        }
        let problems = (!problems.is_empty()).then(|| Diagnostics::new(problems, interp.sources.clone()));
        Ok(HookOutcome { is_stopped, printed: std::mem::take(&mut interp.printed), problems })
    })
}

/// Callers in the prelude mean nothing to a person.
fn without_prelude(mut problem: Diagnostic) -> Diagnostic {
    problem.related.retain(|related| related.note != "called as call_hook()");
    let depth = problem.related.len();
    // The last caller left is the prelude's own line.
    problem.related.truncate(depth.saturating_sub(1));
    problem
}
