//! Offers and their acceptance: S14 to S26.

use mesos_v1::messages as v1;
use mesos_v1::messages::scheduler::{self, call, event};

use crate::harness::*;

use v1::TaskState::{TaskDropped, TaskError, TaskFinished, TaskLost};
use v1::task_status::Reason;

#[tokio::test]
async fn mesos_s14_resources_of_an_offer_have_a_role_and_no_allocation() {
    let cluster = Cluster::start(1).await;
    let mut scheduler = Scheduler::subscribe(&cluster, framework()).await;
    let offer = scheduler.offer().await;
    assert_eq!(offer.allocation_info, None);
    assert_eq!(offer.resources.len(), 4);
    assert!(
        offer.resources.iter().all(|one| one.role.as_deref() == Some("*") && one.allocation_info.is_none())
    );
}

#[tokio::test]
async fn mesos_s15_an_offer_says_where_it_is() {
    let cluster = Cluster::start(1).await;
    let mut scheduler = Scheduler::subscribe(&cluster, framework()).await;
    let offer = scheduler.offer().await;
    assert_eq!(offer.hostname, "agent-1");
    assert_eq!(offer.attributes, [v1::Attribute::text("host", "agent-1"), v1::Attribute::text("rack", "a")]);
    let url = offer.url.unwrap();
    assert_eq!(url.path.as_deref(), Some("/slave(1)"));
    assert_eq!(url.address.port, i32::from(cluster.agent(1).address.port()));
    assert_eq!(Some(offer.agent_id), Some(cluster.agent(1).registered().await));
}

#[tokio::test]
async fn mesos_s16_s17_a_decline_hides_for_as_long_as_it_says() {
    let cluster = Cluster::start(1).await;
    let mut scheduler = Scheduler::subscribe(&cluster, framework()).await;
    let offer = scheduler.offer().await;
    scheduler.call(scheduler::Call::decline(vec![offer.id], 0.0)).await;
    let offer = scheduler.offer().await;
    // Without filters, and with a negative time: 5 s.
    let unfiltered = scheduler::Call {
        decline: Some(call::Decline { offer_ids: vec![offer.id], filters: None }),
        ..call_of(call::Type::Decline)
    };
    let begin = std::time::Instant::now();
    scheduler.call(unfiltered).await;
    let offer = scheduler.offer().await;
    assert!(begin.elapsed() >= std::time::Duration::from_secs(5), "{:?}", begin.elapsed());
    scheduler.call(scheduler::Call::decline(vec![offer.id], 3600.0)).await;
    scheduler.assert_silent().await;
}

#[tokio::test]
async fn mesos_s18_revive_forgets_refusals_and_suppress_stops_offers() {
    let cluster = Cluster::start(1).await;
    let mut scheduler = Scheduler::subscribe(&cluster, framework()).await;
    let offer = scheduler.offer().await;
    scheduler.call(scheduler::Call::decline(vec![offer.id], 3600.0)).await;
    scheduler.call(call_of(call::Type::Revive)).await;
    let offer = scheduler.offer().await;

    scheduler.call(call_of(call::Type::Suppress)).await;
    // The offer that is out stays usable; what it leaves is not offered again.
    scheduler.call(scheduler::Call::accept(vec![offer.id.clone()], vec![task(&offer, "t")], 0.0)).await;
    scheduler.assert_silent().await;
    assert_eq!(cluster.view("/tasks").await["tasks"][0]["id"], "t");
    scheduler.call(call_of(call::Type::Revive)).await;
    scheduler.offer().await;
}

#[tokio::test]
async fn mesos_s19_a_bigger_offer_passes_the_filter() {
    let cluster = Cluster::start(1).await;
    let mut scheduler = Scheduler::subscribe(&cluster, framework()).await;
    // The rest of the offer is refused for an hour by `launch`.
    let (_, mut executor) = run_one(&cluster, &mut scheduler, "t").await;
    scheduler.assert_silent().await;
    executor.update("t", TaskFinished).await;
    let offer = scheduler.offer().await;
    let cpus = offer.resources.iter().find(|one| one.name == "cpus").unwrap().scalar.unwrap().value;
    // Before the acknowledgement already; the executor still has its own share.
    assert!((cpus - 3.9).abs() < 1e-9, "{cpus}");
}

#[tokio::test]
async fn mesos_s20_two_offers_of_one_agent_are_used_together() {
    let cluster = Cluster::start(1).await;
    let mut scheduler = Scheduler::subscribe(&cluster, framework()).await;
    let offer = scheduler.offer().await;
    scheduler.call(scheduler::Call::accept(vec![offer.id.clone()], vec![task(&offer, "a")], 0.0)).await;
    let rest = scheduler.offer().await;
    let mut executor = Executor::new(&cluster, 1, &scheduler, "a");
    executor.subscribe().await;
    executor.launched().await;
    executor.update("a", TaskFinished).await;
    let freed = scheduler.offer().await;
    let mut big = task(&offer, "big");
    big.resources[0] = v1::Resource::scalar("cpus", 3.7);
    scheduler.call(scheduler::Call::accept(vec![rest.id, freed.id], vec![big], 0.0)).await;
    let mut executor = Executor::new(&cluster, 1, &scheduler, "big");
    executor.subscribe().await;
    assert_eq!(executor.next().await.launch.unwrap().task.task_id, "big".into());
}

#[tokio::test]
async fn mesos_s21_invalid_offers_lose_the_tasks_and_return_the_valid_ones() {
    let cluster = Cluster::tuned(2, |_| {}, |_| {}).await;
    for (info, state) in [(framework(), TaskLost), (aware(), TaskDropped)] {
        let mut scheduler = Scheduler::subscribe(&cluster, info).await;
        let mut offers = Vec::new();
        while offers.len() < 2 {
            offers.extend(scheduler.event(event::Type::Offers).await.offers.unwrap().offers);
        }
        let (first, second) = (offers[0].clone(), offers[1].clone());
        let mixed = vec![first.id.clone(), second.id.clone()];
        scheduler.call(scheduler::Call::accept(mixed, vec![task(&first, "t")], 0.0)).await;
        let status = scheduler.update().await;
        assert_eq!((status.state(), status.reason()), (state, Reason::InvalidOffers));
        assert_eq!(status.source(), v1::task_status::Source::Master);
        assert_eq!(status.uuid, None);
        assert!(status.message().starts_with("Task launched with invalid offers: "), "{}", status.message());
        let mut again = Vec::new();
        while again.len() < 2 {
            again.extend(scheduler.event(event::Type::Offers).await.offers.unwrap().offers);
        }
        for bad in [vec![first.id.clone()], vec![], vec![again[0].id.clone(), again[0].id.clone()]] {
            scheduler.call(scheduler::Call::accept(bad, vec![task(&first, "t")], 0.0)).await;
            assert_eq!(scheduler.update().await.reason(), Reason::InvalidOffers);
        }
        scheduler.call(scheduler::Call::teardown()).await;
    }
}

#[tokio::test]
async fn mesos_s22_an_empty_accept_is_a_decline() {
    let cluster = Cluster::start(1).await;
    let mut scheduler = Scheduler::subscribe(&cluster, framework()).await;
    let offer = scheduler.offer().await;
    let accept = |ids, seconds| scheduler::Call {
        accept: Some(call::Accept {
            offer_ids: ids,
            operations: vec![],
            filters: Some(v1::Filters { refuse_seconds: Some(seconds) }),
        }),
        ..call_of(call::Type::Accept)
    };
    scheduler.call(accept(vec![offer.id], 0.0)).await;
    let offer = scheduler.offer().await;
    scheduler.call(accept(vec![offer.id], 3600.0)).await;
    scheduler.assert_silent().await;
}

#[tokio::test]
async fn mesos_s23_a_thousandth_of_a_cpu_too_much() {
    let cluster = Cluster::start(1).await;
    let mut scheduler = Scheduler::subscribe(&cluster, framework()).await;
    let offer = scheduler.offer().await;
    let with_cpus = |cpus: f64, id: &str| {
        let mut task = task(&offer, id);
        task.resources[0] = v1::Resource::scalar("cpus", cpus);
        task
    };
    scheduler.call(scheduler::Call::accept(vec![offer.id.clone()], vec![with_cpus(3.901, "a")], 0.0)).await;
    let status = scheduler.update().await;
    assert_eq!((status.state(), status.reason()), (TaskError, Reason::TaskInvalid));
    let again = scheduler.offer().await;
    scheduler.launch(&again, vec![with_cpus(3.9004, "b")]).await;
    Executor::new(&cluster, 1, &scheduler, "b").subscribe().await;
}

#[tokio::test]
async fn mesos_s24_invalid_tasks_fail_alone() {
    let cluster = Cluster::start(1).await;
    let mut scheduler = Scheduler::subscribe(&cluster, framework()).await;
    let offer = scheduler.offer().await;
    let mut bad: Vec<v1::TaskInfo> =
        ["", "a/b", "..", &"x".repeat(256)].iter().map(|id| task(&offer, id)).collect();
    bad.push(v1::TaskInfo { agent_id: "elsewhere".into(), ..task(&offer, "elsewhere") });
    bad.push(v1::TaskInfo { command: Some(v1::CommandInfo::default()), ..task(&offer, "both") });
    bad.push(v1::TaskInfo { executor: None, ..task(&offer, "neither") });
    bad.push(v1::TaskInfo { resources: vec![], ..task(&offer, "nothing") });
    let count = bad.len();
    bad.insert(0, task(&offer, "good"));
    bad.push(task(&offer, "good"));
    scheduler.launch(&offer, bad).await;
    for _ in 0..=count {
        let status = scheduler.update().await;
        assert_eq!((status.state(), status.reason()), (TaskError, Reason::TaskInvalid), "{status:?}");
    }
    Executor::new(&cluster, 1, &scheduler, "good").subscribe().await;
}

#[tokio::test]
async fn one_malformed_resource_fails_the_whole_launch() {
    let cluster = Cluster::start(1).await;
    let mut scheduler = Scheduler::subscribe(&cluster, framework()).await;
    let offer = scheduler.offer().await;
    let mut bad = task(&offer, "bad");
    bad.resources[0] = v1::Resource::scalar("cpus", 0.0004);
    scheduler.launch(&offer, vec![task(&offer, "good"), bad]).await;
    for _ in 0..2 {
        let status = scheduler.update().await;
        assert_eq!(status.state(), TaskError);
        assert!(status.message().starts_with("Resource 'cpus:0' is invalid: "), "{}", status.message());
    }
}

#[tokio::test]
async fn mesos_s25_an_executor_that_runs_must_not_change() {
    let cluster = Cluster::start(1).await;
    let mut scheduler = Scheduler::subscribe(&cluster, framework()).await;
    let offer = scheduler.offer().await;
    scheduler.call(scheduler::Call::accept(vec![offer.id.clone()], vec![task(&offer, "t")], 0.0)).await;
    let mut executor = Executor::new(&cluster, 1, &scheduler, "t");
    executor.subscribe().await;
    executor.launched().await;
    let rest = scheduler.offer().await;
    let mut same = task(&rest, "t");
    same.task_id = "labelled".into();
    same.executor.as_mut().unwrap().labels = Some(v1::Labels::default());
    let mut changed = task(&rest, "t");
    changed.task_id = "changed".into();
    changed.executor.as_mut().unwrap().name = Some("other".into());
    scheduler.launch(&rest, vec![changed, same]).await;
    let status = scheduler.update().await;
    assert_eq!((status.task_id, status.state), ("changed".into(), TaskError.into()));
    assert_eq!(executor.launched().await.task_id, "labelled".into());
}

#[tokio::test]
async fn mesos_s26_task_groups_are_refused_as_a_whole() {
    let cluster = Cluster::start(1).await;
    let mut scheduler = Scheduler::subscribe(&cluster, framework()).await;
    let offer = scheduler.offer().await;
    let tasks = vec![task(&offer, "a"), task(&offer, "b")];
    let group = v1::offer::Operation {
        r#type: Some(v1::offer::operation::Type::LaunchGroup.into()),
        launch_group: Some(v1::offer::operation::LaunchGroup {
            executor: tasks[0].executor.clone().unwrap(),
            task_group: v1::TaskGroupInfo { tasks },
        }),
        ..Default::default()
    };
    let accept = call::Accept { offer_ids: vec![offer.id], operations: vec![group], filters: None };
    scheduler.call(scheduler::Call { accept: Some(accept), ..call_of(call::Type::Accept) }).await;
    for _ in 0..2 {
        let status = scheduler.update().await;
        assert_eq!((status.state(), status.reason()), (TaskError, Reason::TaskGroupInvalid));
    }
}
