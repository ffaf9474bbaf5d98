use std::collections::BTreeMap;

use serde_json::json;

use super::*;

fn read(value: &Value) -> Result<Task, TaskError> {
    bind_and_read(value, &binding::Context::thermos("t", "u", &BTreeMap::from([("http".into(), 80)])))
}

fn error(value: &Value) -> String {
    read(value).unwrap_err().to_string()
}

#[test]
fn absent_fields_have_their_defaults() {
    let task =
        read(&json!({"processes": [{"name": "a", "cmdline": "run {{thermos.ports[http]}}", "unknown": 1}]}))
            .unwrap();
    assert_eq!((task.name.as_str(), task.max_failures, task.max_concurrency), ("a", 1, 0));
    assert_eq!(task.finalization_wait, Duration::from_secs(30));
    let process = task.process("a").unwrap();
    assert_eq!(process.cmdline, "run 80");
    assert_eq!((process.schedule.max_failures, process.schedule.min_duration), (1, Duration::from_secs(5)));
    assert!(!process.schedule.daemon && !process.schedule.ephemeral && !process.is_final);
}

#[test]
fn integers_stand_for_booleans() {
    let task =
        read(&json!({"name": "t", "processes": [{"name": "a", "cmdline": "x", "daemon": 1, "final": 0}]}))
            .unwrap();
    assert!(task.process("a").unwrap().schedule.daemon);
    assert!(!task.process("a").unwrap().is_final);
}

#[test]
fn th_16_process_names() {
    for bad in ["", ".x", "a/b", "a\0b"] {
        let text = error(&json!({"processes": [{"name": bad, "cmdline": "x"}]}));
        assert_eq!(text, format!("Task has invalid process: Invalid process name: {bad}"));
    }
    for good in ["a b", "a.b"] {
        assert!(read(&json!({"processes": [{"name": good, "cmdline": "x"}]})).is_ok());
    }
}

#[test]
fn each_defect_has_its_text() {
    assert_eq!(
        error(&json!({"processes": [{"name": "a"}]})),
        "Failed to fully evaluate task: Process[cmdline] is required."
    );
    assert_eq!(
        error(&json!({"processes": [{"name": "a", "cmdline": "{{foo}} {{bar}}"}]})),
        "Unexpected unbound refs: {{bar}} {{foo}}. Make sure you are not nesting template variables."
    );
    assert_eq!(
        error(&json!({"processes": [{"name": "a", "cmdline": "{{thermos.ports[admin]}}"}]})),
        "ERROR!  Unbound ports: admin"
    );
    assert_eq!(
        error(&json!({"processes": [{"name": "a", "cmdline": "x"}], "constraints": [{"order": ["a", "a"]}]})),
        "Task has invalid plan: Cycles detected in the task schedule!"
    );
    assert_eq!(error(&json!({"name": "t"})), "Failed to fully evaluate task: Task[processes] is required.");
}

#[test]
fn odd_but_working_tasks_are_warned_about() {
    let task = read(&json!({
        "processes": [{"name": "a", "cmdline": "1"}, {"name": "a", "cmdline": "2"}],
        "constraints": [{"order": ["x", "y"]}],
    }))
    .unwrap();
    assert_eq!(task.processes.len(), 1);
    assert_eq!(task.process("a").unwrap().cmdline, "2");
    assert_eq!(task.warnings.len(), 2);
}

#[test]
fn th_74_rotation_needs_a_size_and_backups() {
    let logger = |size, backups| Logger {
        mode: LogMode::Rotate,
        rotation: Rotation { log_bytes: size, backups },
        ..Logger::default()
    };
    assert_eq!(logger(0, 1).check().unwrap_err().to_string(), "Log size cannot be less than one byte.");
    assert_eq!(logger(1, 0).check().unwrap_err().to_string(), "Log backups cannot be less than one.");
    assert_eq!(logger(1, 1).check(), Ok(()));
}
