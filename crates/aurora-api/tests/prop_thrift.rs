//! Both encodings return what they were given, and no bytes make them panic.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};

use aurora_api::thrift::*;
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z\"\\\\/]{0,12}", any::<String>()]
}

fn list<T>(items: BTreeSet<T>) -> Vec<T> {
    items.into_iter().collect()
}

fn job_key() -> impl Strategy<Value = JobKey> {
    (option::of(text()), option::of(text()), option::of(text()))
        .prop_map(|(role, environment, name)| JobKey { role, environment, name })
}

fn resource() -> impl Strategy<Value = Resource> {
    prop_oneof![
        (-1e18_f64..1e18).prop_map(Resource::NumCpus),
        any::<f64>()
            .prop_filter("NaN differs from itself", |value| !value.is_nan())
            .prop_map(Resource::NumCpus),
        any::<i64>().prop_map(Resource::RamMb),
        text().prop_map(Resource::NamedPort),
    ]
}

/// Resources without repeated elements, which a set would lose.
fn resources() -> impl Strategy<Value = Vec<Resource>> {
    vec(resource(), 0..6).prop_map(|resources| {
        let unique: BTreeMap<_, _> =
            resources.into_iter().map(|resource| (encode_binary(&resource), resource)).collect();
        unique.into_values().collect()
    })
}

fn task_config() -> impl Strategy<Value = TaskConfig> {
    let container = prop_oneof![
        Just(Container::Mesos(MesosContainer::default())),
        option::of(text()).prop_map(|image| Container::Docker(DockerContainer {
            image,
            parameters: Some(vec![DockerParameter::default(); 2]),
        })),
    ];
    (
        option::of(job_key()),
        option::of(any::<bool>()),
        option::of(any::<i32>()),
        option::of(resources()),
        option::of(btree_map(text(), text(), 0..4)),
        container,
    )
        .prop_map(|(job, is_service, priority, resources, task_links, container)| TaskConfig {
            job,
            is_service,
            priority,
            resources,
            task_links,
            container: Some(container),
            ..TaskConfig::default()
        })
}

fn status() -> impl Strategy<Value = ScheduleStatus> {
    proptest::sample::select(ScheduleStatus::ALL)
}

fn task() -> impl Strategy<Value = ScheduledTask> {
    let event = (any::<i64>(), status(), option::of(text())).prop_map(|(timestamp, status, message)| {
        TaskEvent { timestamp: Some(timestamp), status: Some(status), message, scheduler: None }
    });
    (
        option::of(task_config()),
        option::of(btree_map(text(), any::<i32>(), 0..4)),
        option::of(status()),
        option::of(vec(event, 0..5)),
    )
        .prop_map(|(task, assigned_ports, status, task_events)| ScheduledTask {
            assigned_task: Some(AssignedTask { task, assigned_ports, ..AssignedTask::default() }),
            status,
            task_events,
            ..ScheduledTask::default()
        })
}

fn query() -> impl Strategy<Value = TaskQuery> {
    (
        option::of(btree_set(status(), 0..5)),
        option::of(btree_set(any::<i32>(), 0..40)),
        option::of(btree_set(job_key(), 0..4)),
        option::of(btree_set(text(), 0..4)),
    )
        .prop_map(|(statuses, instance_ids, job_keys, task_ids)| TaskQuery {
            statuses: statuses.map(list),
            instance_ids: instance_ids.map(list),
            job_keys: job_keys.map(list),
            task_ids: task_ids.map(list),
            ..TaskQuery::default()
        })
}

proptest! {
    #[test]
    fn tasks_survive_both_encodings(task in task()) {
        prop_assert_eq!(decode_binary::<ScheduledTask>(&encode_binary(&task)).unwrap(), task.clone());
        prop_assert_eq!(decode_json::<ScheduledTask>(&encode_json(&task)).unwrap(), task);
    }

    #[test]
    fn queries_survive_both_encodings(query in query()) {
        prop_assert_eq!(decode_binary::<TaskQuery>(&encode_binary(&query)).unwrap(), query.clone());
        prop_assert_eq!(decode_json::<TaskQuery>(&encode_json(&query)).unwrap(), query);
    }

    #[test]
    fn filling_twice_is_filling_once(task in task()) {
        let mut once = task;
        once.fill_unset();
        let mut twice = once.clone();
        twice.fill_unset();
        prop_assert_eq!(once, twice);
    }

    #[test]
    fn no_bytes_make_the_decoders_panic(bytes in vec(any::<u8>(), 0..400)) {
        for encoding in [Encoding::Json, Encoding::Binary] {
            if let Ok(incoming) = Incoming::open(encoding, &bytes) {
                let _ = incoming.body::<rpc::CreateJob>();
            }
        }
        let _ = decode_binary::<ScheduledTask>(&bytes);
        let _ = decode_json::<ScheduledTask>(&bytes);
    }

    #[test]
    fn damaged_messages_do_not_make_the_decoders_panic(
        task in task(),
        at in any::<proptest::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut binary = encode_binary(&task);
        let place = at.index(binary.len());
        binary[place] = byte;
        let _ = decode_binary::<ScheduledTask>(&binary);
        let mut json = encode_json(&task);
        let place = at.index(json.len());
        json[place] = byte;
        let _ = decode_json::<ScheduledTask>(&json);
    }
}
