//! The scheduler API: S1 to S29, where the wire matters.

use std::time::{Duration, Instant};

use e2e::Backend;
use e2e::framework::{FrameworkBed, framework_info, task};
use e2e::wire::*;
use mesos_v1::messages as v1;
use mesos_v1::messages::executor::event::Type as ExecutorEvent;
use mesos_v1::messages::scheduler::{Call, call, event};
use prost::Message as _;

use v1::TaskState::*;
use v1::task_status::Reason;

async fn mesos_s1_a_subscription_begins_with_its_id_and_a_heartbeat(backend: Backend) {
    let bed = FrameworkBed::start(backend);
    let body = subscribe_call(framework_info()).encode_to_vec();
    let response = post(&client(), &scheduler_url(&bed), None, body).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["Content-Type"], PROTOBUF);
    assert_eq!(response.headers()["Transfer-Encoding"], "chunked");
    assert!(response.headers()["Mesos-Stream-Id"].len() <= 128);
    // From before the subscription: however late the test reads a heartbeat, the next cannot come too soon.
    let began = Instant::now();
    let mut second = WireScheduler::subscribe(&bed, framework_info()).await;
    assert!(second.id.value.ends_with("-0001"), "{}", second.id);
    assert_eq!(second.subscribed.heartbeat_interval_seconds, Some(15.0));
    assert!(second.subscribed.master_info.is_some());
    assert_eq!(second.record().await.unwrap().r#type(), event::Type::Heartbeat);
    second.event(event::Type::Heartbeat).await;
    let interval = began.elapsed();
    assert!(interval >= Duration::from_millis(14_900), "{interval:?}");
}

async fn mesos_s3_content_types_and_methods(backend: Backend) {
    let bed = FrameworkBed::start(backend);
    let (client, url) = (client(), scheduler_url(&bed));
    let body = subscribe_call(framework_info()).encode_to_vec();
    let with = |kind: &str| client.post(&url).header("Content-Type", kind).body(body.clone()).send();
    for kind in ["application/json; charset=utf-8", "application/x-protobuf; charset=utf-8", "text/plain"] {
        assert_eq!(with(kind).await.unwrap().status(), 415, "{kind}");
    }
    assert_eq!(client.post(&url).body(body.clone()).send().await.unwrap().status(), 400);
    let got = client.get(&url).send().await.unwrap();
    assert_eq!((got.status().as_u16(), &got.headers()["Allow"]), (405, &"POST".parse().unwrap()));
}

async fn mesos_s4_garbage_and_missing_members(backend: Backend) {
    let bed = FrameworkBed::start(backend);
    let bodies = [
        Vec::new(),
        vec![0xff; 9],
        call_of(call::Type::Subscribe).encode_to_vec(),
        Call::default().encode_to_vec(),
    ];
    for body in bodies {
        assert_eq!(post(&client(), &scheduler_url(&bed), None, body).await.status(), 400);
    }
    // Field 4000, which nobody has.
    let mut unknown = subscribe_call(framework_info()).encode_to_vec();
    unknown.extend([0x80, 0xfa, 0x01, 0x07]);
    assert_eq!(post(&client(), &scheduler_url(&bed), None, unknown).await.status(), 200);
}

async fn mesos_s5_accept_and_stream_id_of_a_subscription(backend: Backend) {
    let bed = FrameworkBed::start(backend);
    let (client, url) = (client(), scheduler_url(&bed));
    let body = subscribe_call(framework_info()).encode_to_vec();
    let request = client.post(&url).header("Content-Type", PROTOBUF).header("Accept", "text/html");
    assert_eq!(request.body(body.clone()).send().await.unwrap().status(), 406);
    assert_eq!(post(&client, &url, Some("x"), body).await.status(), 400);
}

async fn mesos_s6_both_framework_ids_must_agree(backend: Backend) {
    let bed = FrameworkBed::start(backend);
    let named = v1::FrameworkInfo { id: Some("other".into()), ..framework_info() };
    let outer_only = Call { framework_id: Some("x".into()), ..subscribe_call(framework_info()) };
    let inner_only = Call { framework_id: None, ..subscribe_call(named.clone()) };
    let different = Call { framework_id: Some("x".into()), ..subscribe_call(named) };
    for call in [outer_only, inner_only, different] {
        let answer = post(&client(), &scheduler_url(&bed), None, call.encode_to_vec()).await;
        assert_eq!(answer.status(), 400);
    }
}

async fn mesos_s7_calls_without_a_subscription(backend: Backend) {
    let bed = FrameworkBed::start(backend);
    let scheduler = WireScheduler::subscribe(&bed, framework_info()).await;
    let revive = |id: Option<v1::FrameworkId>| Call { framework_id: id, ..call_of(call::Type::Revive) };
    let (own, stream) = (Some(scheduler.id.clone()), scheduler.stream_id.clone());
    assert_eq!(scheduler.raw(revive(None), Some(&stream)).await, 400);
    assert_eq!(scheduler.raw(revive(Some("unknown".into())), Some(&stream)).await, 400);
    assert_eq!(scheduler.raw(revive(own.clone()), None).await, 400);
    assert_eq!(scheduler.raw(revive(own.clone()), Some("wrong")).await, 400);
    assert_eq!(scheduler.raw(revive(own.clone()), Some(&stream)).await, 202);
    drop(scheduler);
    let other = WireScheduler::subscribe(&bed, framework_info()).await;
    wait_for("the disconnection", async || other.raw(revive(own.clone()), Some(&stream)).await == 403).await;
}

async fn mesos_s10_reconnecting_in_time_keeps_tasks_and_resends_updates(backend: Backend) {
    let bed = FrameworkBed::start(backend);
    let mut scheduler = WireScheduler::subscribe(&bed, framework_info()).await;
    let (offer, mut executor) = run_one(&bed, &mut scheduler, "t").await;
    let info = v1::FrameworkInfo { id: Some(scheduler.id.clone()), ..framework_info() };
    drop(scheduler);
    let sent = executor.update("t", TaskFinished).await;
    let mut scheduler = WireScheduler::subscribe(&bed, info.clone()).await;
    assert_eq!(Some(scheduler.id.clone()), info.id);
    let status = scheduler.taken("t", TaskFinished).await;
    assert_eq!((status.uuid, status.agent_id), (sent.uuid, Some(offer.agent_id)));
    assert!(status.timestamp.is_some());
}

async fn mesos_s11_a_framework_that_stays_away_or_is_torn_down_is_removed(backend: Backend) {
    let bed = FrameworkBed::start(backend);
    for is_torn_down in [false, true] {
        let timeout = if is_torn_down { 3600.0 } else { 0.0 };
        let info = v1::FrameworkInfo { failover_timeout: Some(timeout), ..framework_info() };
        let mut scheduler = WireScheduler::subscribe(&bed, info.clone()).await;
        let (_, mut executor) = run_one(&bed, &mut scheduler, "t").await;
        let id = scheduler.id.clone();
        if is_torn_down {
            assert_eq!(scheduler.call(Call::teardown()).await, 202);
            while scheduler.record().await.is_some() {}
        }
        drop(scheduler);
        assert_eq!(executor.next().await.r#type(), ExecutorEvent::Shutdown);
        let again = subscribe_call(v1::FrameworkInfo { id: Some(id), ..info });
        let response = post(&client(), &scheduler_url(&bed), None, again.encode_to_vec()).await;
        assert_eq!(response.status(), 200);
        let error = Records::<v1::scheduler::Event>::new(response).next().await.unwrap().error.unwrap();
        assert_eq!(error.message, "Framework has been removed");
    }
}

async fn mesos_s15_an_offer_says_where_it_is(backend: Backend) {
    let bed = FrameworkBed::start(backend);
    let mut scheduler = WireScheduler::subscribe(&bed, framework_info()).await;
    let offer = scheduler.offer().await;
    assert_eq!(offer.hostname, "agent-1");
    assert_eq!(offer.attributes, [v1::Attribute::text("host", "agent-1"), v1::Attribute::text("rack", "a")]);
    let url = offer.url.unwrap();
    assert_eq!(url.path.as_deref(), Some("/slave(1)"));
    let address = format!("{}:{}", url.address.ip.unwrap(), url.address.port);
    assert_eq!(address, bed.cluster.agent(1));
}

async fn mesos_s16_a_decline_without_filters_hides_an_offer_for_five_seconds(backend: Backend) {
    let bed = FrameworkBed::start(backend);
    let mut scheduler = WireScheduler::subscribe(&bed, framework_info()).await;
    let offer = scheduler.offer().await;
    let declined = Instant::now();
    let decline = call::Decline { offer_ids: vec![offer.id], filters: None };
    scheduler.call(Call { decline: Some(decline), ..call_of(call::Type::Decline) }).await;
    scheduler.offer().await;
    let away = declined.elapsed();
    assert!(away >= Duration::from_millis(4500), "{away:?}");
}

async fn mesos_s19_a_bigger_offer_passes_the_filter(backend: Backend) {
    let bed = FrameworkBed::start(backend);
    let mut scheduler = WireScheduler::subscribe(&bed, framework_info()).await;
    // The rest of the offer is refused for an hour.
    let (_, mut executor) = run_one(&bed, &mut scheduler, "t").await;
    scheduler.assert_none(event::Type::Offers).await;
    executor.update("t", TaskFinished).await;
    let offer = scheduler.offer().await;
    let cpus = offer.resources.iter().find(|one| one.name == "cpus").unwrap().scalar.unwrap().value;
    // Before the acknowledgement already; the executor still has its own share.
    assert!((cpus - 3.9).abs() < 1e-9, "{cpus}");
}

async fn mesos_s20_two_offers_of_one_agent_are_used_together(backend: Backend) {
    let bed = FrameworkBed::start(backend);
    let mut scheduler = WireScheduler::subscribe(&bed, framework_info()).await;
    let offer = scheduler.offer().await;
    scheduler.accept(&[&offer], vec![task(QUIET, &offer, "a", b"")], 0.0).await;
    let rest = scheduler.offer().await;
    let mut executor = WireExecutor::of(&bed, &scheduler, "a");
    executor.subscribe().await;
    executor.launched().await;
    executor.update("a", TaskFinished).await;
    let freed = scheduler.offer().await;
    let mut big = task(QUIET, &offer, "big", b"");
    big.resources[0] = v1::Resource::scalar("cpus", 3.7);
    scheduler.accept(&[&rest, &freed], vec![big], 0.0).await;
    let mut executor = WireExecutor::of(&bed, &scheduler, "big");
    executor.subscribe().await;
    assert_eq!(executor.launched().await.task_id, "big".into());
}

async fn mesos_s25_an_executor_that_runs_must_not_change(backend: Backend) {
    let bed = FrameworkBed::start(backend);
    let mut scheduler = WireScheduler::subscribe(&bed, framework_info()).await;
    let (_, mut executor) = run_one_and_refuse(&bed, &mut scheduler, "t", 0.0).await;
    let rest = scheduler.offer().await;
    let mut labelled = v1::TaskInfo { task_id: "labelled".into(), ..task(QUIET, &rest, "t", b"") };
    labelled.executor.as_mut().unwrap().labels = Some(v1::Labels::default());
    let mut changed = v1::TaskInfo { task_id: "changed".into(), ..task(QUIET, &rest, "t", b"") };
    changed.executor.as_mut().unwrap().name = Some("other".into());
    scheduler.accept(&[&rest], vec![changed, labelled], 0.0).await;
    scheduler.taken("changed", TaskError).await;
    assert_eq!(executor.launched().await.task_id, "labelled".into());
}

async fn mesos_s26_a_task_group_is_refused_as_a_whole(backend: Backend) {
    let bed = FrameworkBed::start(backend);
    let mut scheduler = WireScheduler::subscribe(&bed, framework_info()).await;
    let offer = scheduler.offer().await;
    let bad = v1::TaskInfo { agent_id: "elsewhere".into(), ..task(QUIET, &offer, "b", b"") };
    let tasks = vec![task(QUIET, &offer, "a", b""), bad];
    let group = v1::offer::Operation {
        r#type: Some(v1::offer::operation::Type::LaunchGroup.into()),
        launch_group: Some(v1::offer::operation::LaunchGroup {
            executor: tasks[0].executor.clone().unwrap(),
            task_group: v1::TaskGroupInfo { tasks },
        }),
        ..v1::offer::Operation::default()
    };
    let accept = call::Accept { offer_ids: vec![offer.id], operations: vec![group], filters: None };
    scheduler.call(Call { accept: Some(accept), ..call_of(call::Type::Accept) }).await;
    for _ in 0..2 {
        let status = scheduler.update().await;
        assert_eq!((status.state(), status.reason()), (TaskError, Reason::TaskGroupInvalid), "{status:?}");
    }
}

async fn mesos_s29_an_id_is_free_after_the_last_acknowledgement(backend: Backend) {
    let bed = FrameworkBed::start(backend);
    let mut scheduler = WireScheduler::subscribe(&bed, framework_info()).await;
    let (_, mut executor) = run_one(&bed, &mut scheduler, "t").await;
    executor.update("t", TaskFinished).await;
    let finished = scheduler.update().await;
    let offer = scheduler.offer().await;
    scheduler.accept(&[&offer], vec![task(QUIET, &offer, "t", b"")], 0.0).await;
    let mut refused = scheduler.update().await;
    // What is not acknowledged comes again after a while.
    while refused.uuid.is_some() && refused.uuid == finished.uuid {
        refused = scheduler.update().await;
    }
    assert_eq!(refused.state(), TaskError);
    assert!(refused.message().starts_with("Task has duplicate ID"), "{}", refused.message());
    scheduler.acknowledge(&finished).await;
    let offer = scheduler.offer().await;
    scheduler.accept(&[&offer], vec![task(QUIET, &offer, "t", b"")], 0.0).await;
    assert_eq!(executor.launched().await.task_id, "t".into());
}

e2e::on_both_clusters_async! {
    mesos_s1_a_subscription_begins_with_its_id_and_a_heartbeat,
    mesos_s3_content_types_and_methods,
    mesos_s4_garbage_and_missing_members,
    mesos_s5_accept_and_stream_id_of_a_subscription,
    mesos_s6_both_framework_ids_must_agree,
    mesos_s7_calls_without_a_subscription,
    mesos_s10_reconnecting_in_time_keeps_tasks_and_resends_updates,
    mesos_s11_a_framework_that_stays_away_or_is_torn_down_is_removed,
    mesos_s15_an_offer_says_where_it_is,
    mesos_s16_a_decline_without_filters_hides_an_offer_for_five_seconds,
    mesos_s19_a_bigger_offer_passes_the_filter,
    mesos_s20_two_offers_of_one_agent_are_used_together,
    mesos_s25_an_executor_that_runs_must_not_change,
    mesos_s26_a_task_group_is_refused_as_a_whole,
    mesos_s29_an_id_is_free_after_the_last_acknowledgement,
}
