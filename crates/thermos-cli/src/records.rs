//! Records of a stream as upstream prints them.

use thermos::plan::record::{ProcessStatus, Record, RunnerHeader, TaskStatus};

use crate::literal::quoted;

/// A record, with `None` for what it does not hold.
pub fn shown(record: &Record) -> String {
    let none = || "None".to_owned();
    let (header, process, task) = match record {
        Record::Header(header) => (header_text(header), none(), none()),
        Record::Process(status) => (none(), process_text(status), none()),
        Record::Task(status) => (none(), none(), task_text(status)),
        Record::Empty => (none(), none(), none()),
    };
    format!("RunnerCkpt(runner_header={header}, process_status={process}, task_status={task})")
}

fn text(value: Option<&String>) -> String {
    value.map_or_else(|| "None".to_owned(), |text| quoted(text))
}

fn number(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "None".to_owned(), |number| number.to_string())
}

fn float(value: Option<f64>) -> String {
    // With a point, as Python has it.
    value.map_or_else(|| "None".to_owned(), |number| format!("{number:?}"))
}

/// A header.
pub fn header_text(header: &RunnerHeader) -> String {
    let ports = header.ports.as_ref().map_or_else(
        || "None".to_owned(),
        |ports| {
            let items: Vec<String> =
                ports.iter().map(|(name, port)| format!("{}: {port}", quoted(name))).collect();
            format!("{{{}}}", items.join(", "))
        },
    );
    format!(
        "RunnerHeader(task_id={}, launch_time_ms={}, sandbox={}, hostname={}, user={}, ports={ports}, log_dir={}, uid={})",
        text(header.task_id.as_ref()),
        number(header.launch_time_ms),
        text(header.sandbox.as_ref()),
        text(header.hostname.as_ref()),
        text(header.user.as_ref()),
        text(header.log_dir.as_ref()),
        number(header.uid),
    )
}

fn process_text(status: &ProcessStatus) -> String {
    let reason =
        status.reason.as_ref().map_or_else(String::new, |reason| format!(", reason={}", quoted(reason)));
    format!(
        "ProcessStatus(seq={}, process={}, state={}, start_time={}, pid={}, stop_time={}, return_code={}, coordinator_pid={}, fork_time={}{reason})",
        number(status.seq),
        text(status.process.as_ref()),
        number(status.state),
        float(status.start_time),
        number(status.pid),
        float(status.stop_time),
        number(status.return_code),
        number(status.coordinator_pid),
        float(status.fork_time),
    )
}

fn task_text(status: &TaskStatus) -> String {
    format!(
        "TaskStatus(state={}, timestamp_ms={}, runner_pid={}, runner_uid={})",
        number(status.state),
        number(status.timestamp_ms),
        number(status.runner_pid),
        number(status.runner_uid),
    )
}

#[cfg(test)]
mod tests {
    use thermos::plan::record::ProcessState;

    use super::*;

    #[test]
    fn every_field_is_named() {
        let status = ProcessStatus {
            start_time: Some(2.0),
            pid: Some(4),
            ..ProcessStatus::new("a", 2, ProcessState::Running)
        };
        assert_eq!(
            shown(&Record::Process(status)),
            "RunnerCkpt(runner_header=None, process_status=ProcessStatus(seq=2, process='a', state=2, start_time=2.0, pid=4, stop_time=None, return_code=None, coordinator_pid=None, fork_time=None), task_status=None)"
        );
    }
}
