//! What the client, the executor and the runner do with a job, one after the other (`spec/config.md` §5.3 and §5.8).
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::Arc;

use aurora_model::{Budget, Cause, Escapes, Origin, Raw, UnknownKeys, Value, schema};

fn raw(json: serde_json::Value) -> Raw {
    Raw::from(&json)
}

fn smallest_job(cmdline: &str) -> Value {
    let job = serde_json::json!({
        "cluster": "east", "role": "svc", "environment": "devel",
        "task": {
            "processes": [{"name": "demo", "cmdline": cmdline}],
            "resources": {"cpu": 0.5, "ram": 64 << 20, "disk": 64 << 20},
        },
    });
    schema::job().call(&[raw(job)], &[]).unwrap()
}

/// The data the client submits: everything but what an update may change without restarting tasks.
fn executor_data(job: &Value) -> Arc<str> {
    let without = [
        ("update_config".into(), Raw::new(aurora_model::RawData::Empty)),
        ("instances".into(), { Raw::new(aurora_model::RawData::Empty) }),
    ];
    job.derive(&without).unwrap().to_canonical_json().unwrap()
}

#[test]
fn the_executor_data_of_the_smallest_job_is_as_specified() {
    insta::assert_snapshot!(executor_data(&smallest_job("run {{mesos.instance}}")));
}

#[test]
fn the_task_is_resolved_in_three_stages() {
    let cmdline =
        "run {{mesos.instance}} {{thermos.ports[http]}} {{thermos.user}} {{thermos.task_id}} '{{&.Name}}'";
    let job = smallest_job(cmdline);
    assert!(job.check().is_ok());
    let ports: Vec<_> = job.interpolate().unwrap().references();
    let ports: Vec<_> =
        ports.iter().filter_map(|reference| reference.index_below(&["thermos", "ports"])).collect();
    assert_eq!(ports, ["http"]);

    let data = executor_data(&job);
    let read = schema::job().from_json_text(&data, UnknownKeys::Ignore).unwrap();
    let bound = read.field_in_scope("task").unwrap().unwrap().bind_mesos(3, "agent-7").unwrap();
    let task = bound.to_json_within(Escapes::Keep, &Budget::default()).unwrap();
    assert_eq!(
        task["processes"][0]["cmdline"],
        "run 3 {{thermos.ports[http]}} {{thermos.user}} {{thermos.task_id}} '{{&.Name}}'"
    );

    let task = schema::task().from_json(&task, UnknownKeys::Ignore).unwrap();
    let ports = BTreeMap::from([("http".to_owned(), 31_000)]);
    let task = task.bind_thermos("id-1", "svc", &ports).unwrap();
    assert!(task.interpolate().unwrap().unbound.is_empty());
    // The last stage strips the escapes, once.
    assert_eq!(task.to_json().unwrap()["processes"][0]["cmdline"], "run 3 31000 svc id-1 '{{.Name}}'");
}

#[test]
fn a_part_in_scope_keeps_its_escapes() {
    let job = smallest_job("{{&x}}");
    let task = job.at(&aurora_model::Path {
        steps: vec![aurora_model::Step::Field { of: "MesosJob".into(), name: "task".into() }],
    });
    let kept = task.unwrap().to_json_within(Escapes::Keep, &Budget::default()).unwrap();
    assert_eq!(kept["processes"][0]["cmdline"], "{{&x}}");
}

#[test]
fn newer_data_is_read_by_dropping_what_is_unknown() {
    let mut data: serde_json::Value = serde_json::from_str(&executor_data(&smallest_job("x"))).unwrap();
    data["novelty"] = serde_json::json!([1]);
    data["task"]["processes"][0]["novelty"] = serde_json::json!({"a": null});
    data["container"] = serde_json::json!({"image": "img", "novelty": 1});
    assert!(schema::job().from_json(&data, UnknownKeys::Reject).is_err());
    let read = schema::job().from_json(&data, UnknownKeys::Ignore).unwrap();
    assert!(read.check().is_ok(), "{}", read.check());
    assert_eq!(read.to_json().unwrap()["container"], serde_json::json!({"image": "img", "parameters": []}));
}

#[test]
fn a_choice_of_structs_takes_the_one_whose_fields_fit() {
    let taken = |field: &str, json: serde_json::Value| {
        let job = smallest_job("x").derive(&[(field.into(), raw(json))]).unwrap();
        assert!(job.check().is_ok(), "{}", job.check());
        job.field(field).unwrap().unwrap().unwrapped().unwrap().ty().name().to_string()
    };
    let docker = serde_json::json!({"image": "a"});
    assert_eq!(taken("container", docker.clone()), "Docker");
    assert_eq!(taken("container", serde_json::json!({"docker": docker})), "Container");
    let image = serde_json::json!({"image": {"name": "a", "tag": "b"}});
    assert_eq!(taken("container", image), "Mesos");
    assert_eq!(taken("sla_policy", serde_json::json!({"count": 2, "duration_secs": 5})), "CountSlaPolicy");
    assert_eq!(
        taken("sla_policy", serde_json::json!({"percentage": 2, "duration_secs": 5})),
        "PercentageSlaPolicy"
    );
}

#[test]
fn a_choice_that_fits_nothing_says_why_for_each() {
    let container = raw(serde_json::json!({"imag": "a"}));
    let job = smallest_job("x").derive(&[("container".into(), container)]).unwrap();
    let check = job.check();
    let Cause::NoAlternative { tried, .. } = &check.problems[0].cause else { panic!("{check}") };
    let reasons: Vec<_> = tried.iter().map(|t| format!("{}: {}", t.name, t.problems[0].message())).collect();
    assert_eq!(
        reasons,
        [
            "Container: Unknown schema attribute imag",
            "Docker: Unknown schema attribute imag",
            "Mesos: Unknown schema attribute imag"
        ]
    );
    assert_eq!(check.problems[0].path.to_string(), "container");
}

#[test]
fn all_problems_are_reported_each_with_its_place() {
    let at = |id: u64| Origin::new(id);
    let process =
        Raw::map([("name", Raw::from("p").at(at(1))), ("max_failures", Raw::from("many").at(at(2)))]);
    let task = Raw::map([("processes", Raw::list([process.at(at(3))])), ("max_concurrency", Raw::none())]);
    let job = schema::job()
        .call_within(&[], &[("task".into(), task.at(at(4)))], at(5), &Budget::default())
        .unwrap();
    let found: Vec<_> = job
        .check()
        .problems
        .iter()
        .map(|problem| format!("{} @{}", problem.path, problem.origin.map_or(0, Origin::id)))
        .collect();
    assert_eq!(
        found,
        [
            "role @5",
            "cluster @5",
            "environment @5",
            "task > processes[0] 'p' > cmdline @3",
            "task > processes[0] 'p' > max_failures @2",
            "task > max_concurrency @4",
        ]
    );
}

#[test]
fn a_binding_knows_whether_it_was_used() {
    let table = [("a".into(), Raw::from("1")), ("b".into(), Raw::from("2"))];
    let table = Arc::new(aurora_model::Environment::from_named(&table).unwrap());
    smallest_job("{{a}}").bind_environment(&table).unwrap().interpolate().unwrap();
    let unused: Vec<_> = table.unused().map(ToString::to_string).collect();
    assert_eq!(unused, ["b"]);
}

#[test]
fn a_later_stage_names_what_is_missing() {
    let task = smallest_job("{{thermos.port[http]}}").field("task").unwrap().unwrap();
    let left = task.bind_thermos("id", "svc", &BTreeMap::new()).unwrap().interpolate().unwrap().unbound;
    assert_eq!(left[0].reference.to_string(), "thermos.port[http]");
    assert_eq!(left[0].path.to_string(), "processes[0] 'demo' > cmdline");
}
