//! What becomes of the task: states, and words that say why (`spec/thermos.md` §3.4, §7.3).

use std::path::{Path, PathBuf};

use mesos_v1::messages::TaskState;
use thermos::checkpoint::TaskPaths;
use thermos::logs::last_lines;
use thermos::plan::record::{ProcessState, TaskState as Checkpointed};
use thermos::plan::replay::{ProcessRun, RunnerState};

/// The longest message; the rest is in the sandbox.
const MESSAGE_BYTES: usize = 1024;

/// Processes that are named in a message.
const NAMED_PROCESSES: usize = 3;

/// How a runner ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunnerEnd {
    /// By a signal.
    Signal(i32),
    /// By itself.
    Code(i32),
}

/// The last word on a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// For the scheduler.
    pub state: TaskState,
    /// Upstream's words first, since tools match them, then cause, place and remedy.
    pub message: String,
}

impl Verdict {
    /// A verdict in upstream's words alone.
    pub fn new(state: TaskState, text: impl Into<String>) -> Self {
        Self { state, message: one_line(text.into()) }
    }

    /// Adds why, where, and what to do.
    #[must_use]
    pub fn because(self, detail: Option<String>) -> Self {
        match detail.filter(|detail| !detail.is_empty()) {
            Some(detail) => Self { message: one_line(with_detail(&self.message, &detail)), ..self },
            None => self,
        }
    }

    /// Whether it went wrong.
    pub fn is_failure(&self) -> bool {
        matches!(self.state, TaskState::TaskFailed | TaskState::TaskLost)
    }
}

/// Upstream's words, unchanged, and what there is to add: a sentence behind a sentence, and otherwise behind a colon.
pub fn with_detail(text: &str, detail: &str) -> String {
    let mut letters = detail.chars();
    match letters.next() {
        Some(first) if text.ends_with(['.', '!']) => {
            format!("{text} {}{}", first.to_uppercase(), letters.as_str())
        }
        _ => format!("{text}: {detail}"),
    }
}

/// A message as it is sent: on one line, and not too long.
pub fn one_line(text: String) -> String {
    let text = text.replace(['\n', '\r'], " ");
    if text.len() <= MESSAGE_BYTES {
        return text;
    }
    let cut = (0..=MESSAGE_BYTES - 3).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    format!("{}...", &text[..cut])
}

/// The verdict that the end of a runner stands for. `error` is what the runner said of itself.
pub fn of_runner(
    end: RunnerEnd,
    checkpoint: Option<&RunnerState>,
    error: Option<&str>,
    host: &str,
) -> Verdict {
    let error = error.map(str::to_owned);
    match end {
        RunnerEnd::Signal(signal) => Verdict::new(TaskState::TaskKilled, format!("Task killed by signal {signal}."))
            .because((signal == 9).then(|| {
                format!("the runner got SIGKILL on {host}; if nobody sent it, look for the out-of-memory killer in the kernel's log")
            })),
        RunnerEnd::Code(0 | 105) => of_checkpoint(checkpoint, host),
        RunnerEnd::Code(101) => {
            Verdict::new(TaskState::TaskLost, "Thermos failed with internal error.").because(error)
        }
        RunnerEnd::Code(102) => {
            Verdict::new(TaskState::TaskFailed, "Thermos received an invalid task.").because(error)
        }
        RunnerEnd::Code(103) => {
            Verdict::new(TaskState::TaskLost, "Thermos failed with an unknown error.").because(error)
        }
        RunnerEnd::Code(104) => Verdict::new(TaskState::TaskFailed, "Task started with unknown user.").because(error),
        RunnerEnd::Code(code) => {
            let text = format!("Thermos exited for unknown reason (exit status: {code})");
            Verdict::new(TaskState::TaskLost, text).because(error)
        }
    }
}

fn of_checkpoint(checkpoint: Option<&RunnerState>, host: &str) -> Verdict {
    let unreadable = || Verdict::new(TaskState::TaskLost, "Task checkpoint could not be read.");
    let Some(state) = checkpoint else { return unreadable() };
    match state.task_state() {
        Some(Checkpointed::Success) => Verdict::new(TaskState::TaskFinished, "Task finished."),
        Some(Checkpointed::Failed) => {
            Verdict::new(TaskState::TaskFailed, "Task failed.").because(failure_detail(state, host))
        }
        Some(Checkpointed::Killed) => Verdict::new(TaskState::TaskKilled, "Task killed."),
        Some(Checkpointed::Lost) => Verdict::new(TaskState::TaskLost, "Task lost."),
        Some(Checkpointed::Active) => Verdict::new(TaskState::TaskLost, "Runner died while task was active."),
        Some(Checkpointed::Cleaning | Checkpointed::Finalizing) | None => unreadable(),
    }
}

/// Which processes failed, how, and where their output is.
pub fn failure_detail(state: &RunnerState, host: &str) -> Option<String> {
    let log_dir = state.header.as_ref().and_then(|header| header.log_dir.as_deref()).map(PathBuf::from);
    let failed: Vec<String> = state
        .last_runs()
        .filter(|(_, _, run)| run.state == ProcessState::Failed)
        .take(NAMED_PROCESSES)
        .map(|(name, number, run)| describe_run(name, number, run, log_dir.as_deref(), host))
        .collect();
    if failed.is_empty() {
        let stuck: Vec<&str> = state
            .last_runs()
            .filter(|(_, _, run)| run.state != ProcessState::Success)
            .map(|(name, _, _)| name)
            .collect();
        return (!stuck.is_empty()).then(|| format!("processes that did not succeed: {}", stuck.join(", ")));
    }
    Some(failed.join("; "))
}

fn describe_run(name: &str, number: usize, run: &ProcessRun, log_dir: Option<&Path>, host: &str) -> String {
    if let Some(reason) = &run.reason {
        return format!("process '{name}' (run {number}) could not be started on {host}: {reason}");
    }
    let how =
        run.return_code.map_or_else(|| "failed".to_owned(), |code| format!("exited with status {code}"));
    let Some(log_dir) = log_dir else { return format!("process '{name}' (run {number}) {how} on {host}") };
    let folder = TaskPaths::logs(log_dir, name, number);
    let quote = ["stderr", "stdout"]
        .iter()
        .find_map(|stream| last_lines(&folder.join(stream)).map(|lines| format!(", {stream} ends: {lines}")))
        .unwrap_or_default();
    format!("process '{name}' (run {number}) {how}; its output is in {} on {host}{quote}", folder.display())
}

#[cfg(test)]
mod tests {
    use thermos::plan::record::{ProcessStatus, Record, RunnerHeader, TaskStatus};
    use thermos::plan::replay::Strictness;

    use super::*;

    fn state_of(task: Checkpointed) -> RunnerState {
        let mut state = RunnerState::default();
        let header = RunnerHeader { log_dir: Some("/s/.logs".into()), ..RunnerHeader::default() };
        let status = |seq, process_state| ProcessStatus {
            fork_time: Some(1.0),
            coordinator_pid: Some(2),
            start_time: Some(1.0),
            pid: Some(3),
            stop_time: Some(1.0),
            return_code: Some(7),
            ..ProcessStatus::new("p", seq, process_state)
        };
        for record in [
            Record::Header(header),
            Record::Process(status(0, ProcessState::Waiting)),
            Record::Process(status(1, ProcessState::Forked)),
            Record::Process(status(2, ProcessState::Running)),
            Record::Process(status(3, ProcessState::Failed)),
            Record::Task(TaskStatus { state: Some(task.wire()), ..TaskStatus::default() }),
        ] {
            state.apply(&record, Strictness::Strict).unwrap();
        }
        state
    }

    fn row(end: RunnerEnd, checkpoint: Option<Checkpointed>) -> (TaskState, String) {
        let state = checkpoint.map(state_of);
        let verdict = of_runner(end, state.as_ref(), None, "h");
        (verdict.state, verdict.message)
    }

    #[test]
    fn th_95_each_end_of_a_runner_has_its_verdict() {
        use RunnerEnd::Code;
        let plain = |state, text: &str| (state, text.to_owned());
        assert_eq!(
            row(Code(0), Some(Checkpointed::Success)),
            plain(TaskState::TaskFinished, "Task finished.")
        );
        assert_eq!(row(Code(0), None), plain(TaskState::TaskLost, "Task checkpoint could not be read."));
        assert_eq!(
            row(Code(0), Some(Checkpointed::Active)),
            plain(TaskState::TaskLost, "Runner died while task was active.")
        );
        for code in [0, 105] {
            let row = |checkpoint| row(Code(code), Some(checkpoint));
            assert_eq!(row(Checkpointed::Success), plain(TaskState::TaskFinished, "Task finished."));
            assert_eq!(row(Checkpointed::Lost).0, TaskState::TaskLost);
            assert!(row(Checkpointed::Lost).1.starts_with("Task lost."));
            assert_eq!(row(Checkpointed::Killed).0, TaskState::TaskKilled);
            assert!(row(Checkpointed::Killed).1.starts_with("Task killed."));
            for between in [Checkpointed::Cleaning, Checkpointed::Finalizing] {
                assert_eq!(row(between).0, TaskState::TaskLost);
                assert!(row(between).1.starts_with("Task checkpoint could not be read."), "{between:?}");
            }
        }
        assert_eq!(row(Code(101), None), plain(TaskState::TaskLost, "Thermos failed with internal error."));
        assert_eq!(row(Code(102), None), plain(TaskState::TaskFailed, "Thermos received an invalid task."));
        assert_eq!(row(Code(103), None), plain(TaskState::TaskLost, "Thermos failed with an unknown error."));
        assert_eq!(row(Code(104), None), plain(TaskState::TaskFailed, "Task started with unknown user."));
        let (state, text) = row(Code(105), Some(Checkpointed::Failed));
        assert_eq!(state, TaskState::TaskFailed);
        assert_eq!(
            text,
            "Task failed. Process 'p' (run 0) exited with status 7; its output is in /s/.logs/p/0 on h"
        );
        assert_eq!(
            row(Code(13), None),
            plain(TaskState::TaskLost, "Thermos exited for unknown reason (exit status: 13)")
        );
        let (state, text) = row(RunnerEnd::Signal(9), None);
        assert_eq!(state, TaskState::TaskKilled);
        assert!(text.starts_with("Task killed by signal 9."), "{text}");
    }

    #[test]
    fn a_message_is_one_line_of_limited_length() {
        let verdict = Verdict::new(TaskState::TaskFailed, "a\nb").because(Some("ä".repeat(1000)));
        assert!(verdict.message.len() <= MESSAGE_BYTES && !verdict.message.contains('\n'));
        assert!(verdict.message.ends_with("..."));
    }
}
