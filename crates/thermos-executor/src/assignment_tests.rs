use aurora_api::thrift::{ExecutorConfig, JobKey, TaskConfig, encode_binary};
use serde_json::json;

use super::*;

fn assigned(data: &str) -> Assigned {
    let task = TaskConfig {
        job: Some(JobKey {
            role: Some("www".into()),
            environment: Some("devel".into()),
            name: Some("j".into()),
        }),
        executor_config: Some(ExecutorConfig {
            name: Some("AuroraExecutor".into()),
            data: Some(data.into()),
        }),
        ..TaskConfig::default()
    };
    let bytes = encode_binary(&AssignedTask {
        task_id: Some("t-1".into()),
        slave_host: Some("h".into()),
        instance_id: Some(3),
        assigned_ports: Some(BTreeMap::from([("http".into(), 8080)])),
        task: Some(task),
        ..AssignedTask::default()
    });
    Assigned::decode(&bytes).unwrap()
}

fn flags() -> Flags {
    Flags::try_read(std::iter::once("thermos_executor".into())).unwrap()
}

fn job(cmdline: &str) -> Value {
    json!({"role": "www", "name": "j", "surprise": 1, "task": {
        "name": "j", "processes": [{"name": "p", "cmdline": cmdline, "novelty": true}],
    }})
}

#[test]
fn th_98_garbage_is_named_as_such() {
    let text = Assigned::decode(&[1, 2, 3]).unwrap_err().to_string();
    assert!(text.starts_with("Could not deserialize task.: "), "{text}");
}

#[test]
fn th_99_executor_data_that_is_not_json() {
    let text = assigned("{nope").unpack("www", &flags()).unwrap_err().to_string();
    let start =
        "Could not deserialize Thermos task from AssignedTask: Could not deserialize thermos config: ";
    assert!(text.starts_with(start), "{text}");
    let text = assigned("").unpack("www", &flags()).unwrap_err().to_string();
    assert!(text.contains("Task did not have a thermos config!"), "{text}");
}

#[test]
fn th_107_unknown_fields_and_old_blobs_are_accepted() {
    let assignment = assigned(&job("run").to_string()).unpack("www", &flags()).unwrap();
    assert_eq!(assignment.task.unwrap().name, "j");
    assert!(assignment.warnings.is_empty());
    let instance = json!({"instance": 3, "role": "www", "task": job("run")["task"]});
    let assignment = assigned(&instance.to_string()).unpack("www", &flags()).unwrap();
    assert_eq!(assignment.task.unwrap().process("p").unwrap().schedule.max_failures, 1);
    assert!(assignment.health.question.is_none() && assignment.announcement.is_none());
    assert!(assignment.lifecycle.is_none() && assignment.warnings.is_empty());
}

#[test]
fn th_108_unbound_references_are_listed() {
    let text = assigned(&job("{{unbound_cmd}} {{unbound}}").to_string())
        .unpack("www", &flags())
        .unwrap_err()
        .to_string();
    let expected = "Unexpected unbound refs: {{unbound_cmd}} {{unbound}}. Make sure you are not nesting template variables.";
    assert!(text.contains(expected), "{text}");
    // Whether the port is there or not.
    for (port, made) in [("http", "{{hello_8080}}"), ("health", "{{hello_0}}")] {
        let command = format!("{{{{hello_{{{{thermos.ports[{port}]}}}}}}}}");
        let text = assigned(&job(&command).to_string()).unpack("www", &flags()).unwrap_err().to_string();
        let expected =
            format!("Unexpected unbound refs: {made}. Make sure you are not nesting template variables.");
        assert!(text.contains(&expected), "{text}");
    }
    let escaped = job("{{&hello}} ${x} {{thermos.ports[http]}} }} {{ {");
    assert!(assigned(&escaped.to_string()).unpack("www", &flags()).is_ok());
}

#[test]
fn run_time_values_are_bound() {
    let data = job(
        "{{mesos.instance}} {{mesos.hostname}} {{thermos.task_id}} {{thermos.ports[http]}} {{thermos.user}}",
    );
    let assignment = assigned(&data.to_string()).unpack("me", &flags()).unwrap();
    assert_eq!(assignment.task.unwrap().process("p").unwrap().cmdline, "3 h t-1 8080 me");
    let for_runner = assignment.task_json["processes"][0]["cmdline"].as_str().unwrap();
    assert_eq!(for_runner, "3 h {{thermos.task_id}} {{thermos.ports[http]}} {{thermos.user}}");
}

#[test]
fn a_port_that_was_not_assigned_is_left_to_the_runner() {
    let assignment = assigned(&job("{{thermos.ports[admin]}}").to_string()).unpack("www", &flags()).unwrap();
    assert!(assignment.task.is_none());
}
