use mesos_v1::messages as v1;
use mesos_v1::messages::{master, scheduler};
use serde_json::json;

use super::*;

const CALL: &str = "mesos.v1.scheduler.Call";

fn read(json: &Json) -> Result<scheduler::Call, JsonError> {
    from_json(CALL, json.to_string().as_bytes())
}

#[test]
fn a_call_is_read_as_mesos_reads_it() {
    let call = read(&json!({
        "type": "SUBSCRIBE", "unknown": [1], "accept": null,
        "subscribe": {
            "suppressed_roles": "alone",
            "framework_info": {
                "user": "root", "name": "x", "failover_timeout": "15", "checkpoint": "true",
                "capabilities": [{ "type": "PARTITION_AWARE" }, { "type": "FROM_THE_FUTURE" }],
            },
        },
    }))
    .unwrap();
    let subscribe = call.subscribe.unwrap();
    assert_eq!(subscribe.suppressed_roles, ["alone"]);
    assert_eq!(subscribe.framework_info.failover_timeout(), 15.0);
    assert!(subscribe.framework_info.checkpoint());
    assert_eq!(subscribe.framework_info.capabilities[1].r#type, None);

    let uuid = [9; 16];
    let call = read(&json!({
        "type": "ACKNOWLEDGE", "framework_id": { "value": "f" },
        "acknowledge": { "agent_id": { "value": "a" }, "task_id": { "value": "t" }, "uuid": "CQkJCQkJCQkJCQkJCQkJCQ==" },
    }))
    .unwrap();
    assert_eq!(call.acknowledge.unwrap().uuid, uuid);
}

#[test]
fn what_does_not_fit_is_named_with_its_place() {
    let text = |json| read(&json).unwrap_err().to_string();
    let call = json!({ "type": "SUBSCRIBE", "subscribe": { "framework_info": { "name": "x" } } });
    assert_eq!(text(call), "Missing required fields: subscribe.framework_info.user");
    let call = json!({ "subscribe": { "framework_info": { "user": 1 } } });
    assert!(text(call).contains("'subscribe.framework_info.user': expecting a JSON string, not 1"));
    let accept = |ids| json!({ "type": "DECLINE", "decline": { "offer_ids": ids } });
    assert!(text(accept(json!([{ "value": "a" }, 7]))).contains("'decline.offer_ids[1]'"));
    assert!(text(accept(json!([{}]))).contains("decline.offer_ids[0].value"));
    assert!(from_json::<scheduler::Call>(CALL, b"{").unwrap_err().to_string().contains("into JSON"));
    assert!(from_json::<scheduler::Call>(CALL, b"[]").is_err());
    // A required enum must be known, and whole numbers must fit.
    let resource = |kind| {
        json!({ "accept": { "operations": [{ "launch": { "task_infos": [{
        "name": "x", "task_id": { "value": "t" }, "agent_id": { "value": "a" },
        "resources": [{ "name": "cpus", "type": kind }],
    }] } }] } })
    };
    assert!(read(&resource("SCALAR")).is_ok());
    assert!(text(resource("SCALA")).contains("'SCALA' is no value of Type"));
    let message = from_protobuf::<scheduler::Call>(CALL, &scheduler::Call::default().encode_to_vec());
    assert!(message.is_ok());
    assert!(matches!(from_protobuf::<scheduler::Call>(CALL, b"\x1a\x00"), Err(JsonError::Missing(_))));
}

#[test]
fn a_message_is_written_as_mesos_writes_it() {
    let info = v1::FrameworkInfo { user: "root".into(), name: "x".into(), ..v1::FrameworkInfo::default() };
    let json = to_json("mesos.v1.FrameworkInfo", &info.encode_to_vec()).unwrap();
    assert_eq!(json, json!({ "user": "root", "name": "x", "failover_timeout": 0.0, "checkpoint": false }));

    let status = v1::TaskStatus {
        task_id: "t".into(),
        state: v1::TaskState::TaskRunning.into(),
        uuid: Some(vec![9; 16]),
        limitation: Some(v1::TaskResourceLimitation::default()),
        timestamp: Some(1.5),
        ..v1::TaskStatus::default()
    };
    let json = to_json("mesos.v1.TaskStatus", &status.encode_to_vec()).unwrap();
    assert_eq!(
        json,
        json!({
            "task_id": { "value": "t" }, "state": "TASK_RUNNING", "timestamp": 1.5,
            "uuid": "CQkJCQkJCQkJCQkJCQkJCQ==", "limitation": {},
        })
    );
    // A value that is not known comes out as nothing.
    let capability = v1::framework_info::Capability { r#type: Some(99) };
    let info = v1::FrameworkInfo { capabilities: vec![capability], ..info };
    let json = to_json("mesos.v1.FrameworkInfo", &info.encode_to_vec()).unwrap();
    assert_eq!(json["capabilities"], json!([{}]));
}

#[test]
fn what_is_written_can_be_read_again() {
    let limits = [("cpus".to_owned(), v1::value::Scalar { value: f64::INFINITY })];
    let task = v1::TaskInfo {
        name: "x".into(),
        task_id: "t".into(),
        agent_id: "a".into(),
        data: Some(vec![0, 1, 255]),
        limits: limits.into(),
        ..v1::TaskInfo::default()
    };
    let json = to_json("mesos.v1.TaskInfo", &task.encode_to_vec()).unwrap();
    assert_eq!(json["limits"]["cpus"]["value"], "Infinity");
    let again: v1::TaskInfo = from_json("mesos.v1.TaskInfo", json.to_string().as_bytes()).unwrap();
    assert_eq!(again, task);
}

#[test]
fn every_message_of_the_servers_is_defined() {
    for name in [
        "scheduler.Call",
        "scheduler.Event",
        "executor.Call",
        "executor.Event",
        "master.Call",
        "master.Response",
        "agent.Call",
        "agent.Response",
    ] {
        assert!(descriptor(&format!("mesos.v1.{name}")).is_ok(), "{name}");
    }
    assert_eq!(master::Call::default().encode_to_vec(), b"");
}
