//! Agents: A1, A3 to A10. A2 is in `sessions.rs`.

use std::os::unix::fs::PermissionsExt as _;

use e2e::framework::{FrameworkBed, framework_info, task};
use e2e::wire::*;
use e2e::{Backend, Signal, WAITS_FOR_EXECUTORS, flags, processes};
use mesos_v1::messages as v1;
use mesos_v1::messages::executor::event::Type as ExecutorEvent;
use mesos_v1::messages::scheduler::{Call, call, event};

use v1::TaskState::*;
use v1::task_status::Reason;

fn amount(offer: &v1::Offer, name: &str) -> Option<f64> {
    offer.resources.iter().find(|one| one.name == name)?.scalar.map(|scalar| scalar.value)
}

async fn mesos_a1_the_sandbox_of_an_executor(backend: Backend) {
    let bed = FrameworkBed::start(backend);
    let mut scheduler = WireScheduler::subscribe(&bed, framework_info()).await;
    let offer = scheduler.offer().await;
    let command = "echo out; echo err >&2; touch done; exec sleep 3600";
    scheduler.accept(&[&offer], vec![task(command, &offer, "t", b"")], 3600.0).await;
    let latest = sandbox(&bed, &offer, &scheduler, "t");
    wait_for("the executor", async || latest.join("done").exists()).await;
    assert!(std::fs::symlink_metadata(&latest).unwrap().is_symlink());
    let folder = latest.canonicalize().unwrap();
    // The run's name is the container's id, a UUID.
    assert_eq!(folder.file_name().unwrap().len(), 36);
    assert_eq!(folder.parent(), latest.parent().unwrap().canonicalize().ok().as_deref());
    assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o750);
    assert_eq!(std::fs::read_to_string(folder.join("stdout")).unwrap(), "out\n");
    assert!(std::fs::read_to_string(folder.join("stderr")).unwrap().ends_with("err\n"));
}

async fn mesos_a3_an_agent_with_other_attributes_is_refused_until_it_is_made_new(backend: Backend) {
    let bed = FrameworkBed::start(backend);
    let mut scheduler = WireScheduler::subscribe(&bed, framework_info()).await;
    let (offer, _executor) = run_one(&bed, &mut scheduler, "t").await;
    bed.cluster.stop("1", Signal::Kill);
    let attributes = ["--attributes", "host:agent-1;rack:z"];
    let refusal = bed.cluster.try_start_again("1", &attributes, &[]).unwrap_err();
    match backend {
        Backend::Embedded => {
            assert!(refusal.contains("attribute rack changed from a to z"), "{refusal}");
            assert!(refusal.contains("--accept-agent-changes"), "{refusal}");
            let accept = [attributes[0], attributes[1], "--accept-agent-changes"];
            bed.cluster.try_start_again("1", &accept, &[]).unwrap();
        }
        Backend::RealMesos => {
            assert!(refusal.contains("Incompatible agent info detected"), "{refusal}");
            assert!(refusal.contains("meta/slaves/latest"), "{refusal}");
            std::fs::remove_file(bed.cluster.directory().join("agent-1/meta/slaves/latest")).unwrap();
            bed.cluster.try_start_again("1", &attributes, &[]).unwrap();
        }
    }
    let lost = scheduler.taken("t", TaskLost).await;
    assert_eq!(lost.reason(), Reason::AgentRemoved);
    assert_eq!(lost.message(), "Agent agent-1 removed: a new agent registered at the same address");
    let again = scheduler.offer().await;
    assert_ne!(again.agent_id, offer.agent_id);
    assert!(again.attributes.contains(&v1::Attribute::text("rack", "z")), "{again:?}");
}

async fn mesos_a4_what_an_agent_may_change(backend: Backend) {
    let bed = FrameworkBed::start(backend);
    let mut scheduler = WireScheduler::subscribe(&bed, framework_info()).await;
    let first = scheduler.offer().await.agent_id;
    let with = |cpus: &str| format!("{cpus};mem:4096;disk:20000;ports:[31000-32000]");
    let (host, turned) = ("host:agent-1;rack:a", "rack:a;host:agent-1");
    let cases = [
        // Neither the order of attributes nor the pieces of an amount matter.
        ("equal", with("cpus:2;cpus:2"), turned, true),
        ("equal", with("cpus:5"), host, false),
        ("additive", with("cpus:5"), "host:agent-1;rack:a;zone:z", true),
        ("additive", with("cpus:3"), host, false),
        ("additive", with("cpus:4"), "host:agent-1;rack:b", false),
        // A real agent compares with its first state for ever and forgets what it was changed to; the embedded one does
        // not imitate that defect.
        ("equal", with("cpus:4"), host, backend == Backend::RealMesos),
        ("equal", with("cpus:5"), "host:agent-1;rack:a;zone:z", backend == Backend::Embedded),
        ("additive", with("cpus:6"), "host:agent-1;rack:a;zone:z", true),
    ];
    for (policy, resources, attributes, is_accepted) in cases {
        bed.cluster.stop("1", Signal::Kill);
        let arguments = ["--resources", &resources, "--attributes", attributes];
        let flags = [("MESOS_RECONFIGURATION_POLICY", policy)];
        let started = bed.cluster.try_start_again("1", &arguments, &flags);
        assert_eq!(started.is_ok(), is_accepted, "{policy} {resources} {attributes}: {started:?}");
    }
    wait_for("the agent's offers", async || scheduler.offer().await.agent_id == first).await;
}

async fn mesos_a5_an_agent_that_cleans_up_ends_its_executors(backend: Backend) {
    let bed = FrameworkBed::start(backend);
    let mut scheduler = WireScheduler::subscribe(&bed, framework_info()).await;
    let (offer, mut executor) = run_one(&bed, &mut scheduler, "t").await;
    let folder = sandbox(&bed, &offer, &scheduler, "t");
    bed.cluster.stop("1", Signal::Kill);
    let mut start = bed.cluster.begin_start("1", &[("MESOS_RECOVER", "cleanup"), WAITS_FOR_EXECUTORS]);
    executor.subscribe_with(Vec::new(), Vec::new()).await;
    assert_eq!(executor.next().await.r#type(), ExecutorEvent::Shutdown);
    // It ends by itself instead of registering, which the command that starts it counts as a failure.
    let ended = tokio::task::spawn_blocking(move || start.wait().unwrap()).await.unwrap();
    assert!(!ended.success());
    wait_for("the end of the container", async || processes::below(&folder).is_empty()).await;
}

async fn mesos_a6_resources_and_attributes_as_text(backend: Backend) {
    let text = "cpus:1.5; cpus:0.5;cpus(web):1;mem:1024;disk:2000;gpus:0;ports:[31003-31010,31000-31005];zones:{a,b}";
    let bed = FrameworkBed::start_agents(backend, 1, text, Vec::new());
    let mut scheduler = WireScheduler::subscribe(&bed, framework_info()).await;
    let offer = scheduler.offer().await;
    // What is kept for another role is not offered, and neither is a zero.
    assert_eq!((amount(&offer, "cpus"), amount(&offer, "mem")), (Some(2.0), Some(1024.0)));
    assert_eq!(amount(&offer, "gpus"), None);
    let ports = offer.resources.iter().find(|one| one.name == "ports").unwrap();
    assert_eq!(ports.ranges, v1::Resource::ranges("ports", [(31000, 31010)]).ranges);
    let zones = offer.resources.iter().find(|one| one.name == "zones").unwrap();
    assert_eq!(zones.set.clone().unwrap().item, ["a", "b"]);
    bed.cluster.stop("1", Signal::Kill);
    for bad in ["cpus", "cpus:x", "ports:[31000-]", "cpus:1:2", "cpus:1;cpus:[1-2]", "mem:x[1-2]"] {
        assert!(bed.cluster.try_start_again("1", &["--resources", bad], &[]).is_err(), "{bad}");
    }
    for bad in ["rack", "zones:{a,b}", ":a", "rack:"] {
        let arguments = ["--resources", text, "--attributes", bad];
        assert!(bed.cluster.try_start_again("1", &arguments, &[]).is_err(), "{bad}");
    }

    // What is not named is what the machine has.
    let bed = FrameworkBed::start_agents(backend, 1, "mem:512", Vec::new());
    let offer = WireScheduler::subscribe(&bed, framework_info()).await.offer().await;
    let cores = std::fs::read_to_string("/proc/cpuinfo").unwrap().matches("processor\t").count();
    assert_eq!((amount(&offer, "cpus"), amount(&offer, "mem")), (Some(cores as f64), Some(512.0)));
    assert!(amount(&offer, "disk").is_some_and(|disk| disk > 0.0), "{offer:?}");
    let ports = offer.resources.iter().find(|one| one.name == "ports").unwrap();
    assert_eq!(ports.ranges, v1::Resource::ranges("ports", [(31000, 32000)]).ranges);
}

async fn mesos_a7_an_agent_that_is_lost_comes_back_with_its_tasks(backend: Backend) {
    // A lost agent is unreachable after about 11 s.
    let impatient = [("MESOS_MAX_AGENT_PING_TIMEOUTS", "10"), WAITS_FOR_EXECUTORS];
    for (info, state) in [(framework_info(), TaskLost), (aware(), TaskUnreachable)] {
        let bed = FrameworkBed::start_with_flags(backend, flags(impatient));
        let mut scheduler = WireScheduler::subscribe(&bed, info).await;
        let (offer, mut executor) = run_one(&bed, &mut scheduler, "t").await;
        bed.cluster.stop("1", Signal::Kill);
        let lost = scheduler.taken("t", state).await;
        assert_eq!((lost.reason(), lost.message()), (Reason::AgentRemoved, "health check timed out"));
        assert!(lost.unreachable_time.is_some());
        let failure = scheduler.event(event::Type::Failure).await.failure.unwrap();
        assert_eq!((failure.agent_id, failure.executor_id), (Some(offer.agent_id.clone()), None));
        scheduler.call(Call::reconcile([("t".into(), Some(offer.agent_id.clone()))])).await;
        assert_eq!(scheduler.taken("t", state).await.reason(), Reason::Reconciliation);

        let mut start = bed.cluster.begin_start("1", &[]);
        executor.subscribe().await;
        let back = scheduler.taken("t", TaskRunning).await;
        assert_eq!((back.reason(), back.uuid), (Reason::AgentReregistered, None));
        executor.update("t", TaskFinished).await;
        scheduler.taken("t", TaskFinished).await;
        assert!(start.wait().unwrap().success());
    }
}

async fn mesos_a8_an_agent_that_unregisters(backend: Backend) {
    let bed = FrameworkBed::start(backend);
    let mut scheduler = WireScheduler::subscribe(&bed, framework_info()).await;
    let (offer, mut executor) = run_one_and_refuse(&bed, &mut scheduler, "t", 0.0).await;
    let held = scheduler.offer().await;
    bed.cluster.stop("1", Signal::Unregister);
    assert_eq!(executor.next().await.r#type(), ExecutorEvent::Shutdown);
    let lost = scheduler.taken("t", TaskLost).await;
    assert_eq!(lost.reason(), Reason::AgentRemoved);
    assert_eq!(lost.message(), "Agent agent-1 removed: the agent unregistered");
    assert_eq!(scheduler.event(event::Type::Rescind).await.rescind.unwrap().offer_id, held.id);
    let agent = loop {
        let failure = scheduler.event(event::Type::Failure).await.failure.unwrap();
        if failure.executor_id.is_none() {
            break failure.agent_id;
        }
    };
    assert_eq!(agent, Some(offer.agent_id));
}

async fn post_json(bed: &FrameworkBed, path: &str, body: serde_json::Value) -> u16 {
    let url = format!("http://{}{path}", bed.cluster.master());
    let request = client().post(url).header("Content-Type", "application/json").body(body.to_string());
    request.send().await.unwrap().status().as_u16()
}

async fn mesos_a9_maintenance_of_a_machine(backend: Backend) {
    let bed = FrameworkBed::start(backend);
    let mut scheduler = WireScheduler::subscribe(&bed, framework_info()).await;
    let (offer, _executor) = run_one_and_refuse(&bed, &mut scheduler, "t", 0.0).await;
    let held = scheduler.offer().await;

    let machine = serde_json::json!({ "hostname": "agent-1", "ip": "127.0.0.1" });
    assert_eq!(post_json(&bed, "/machine/down", serde_json::json!([machine])).await, 400);
    let hour = 3_600_000_000_000_i64;
    let window = serde_json::json!({
        "machine_ids": [machine],
        "unavailability": { "start": { "nanoseconds": 1_700_000_000_000_000_000_i64 }, "duration": { "nanoseconds": hour } },
    });
    assert_eq!(
        post_json(&bed, "/maintenance/schedule", serde_json::json!({ "windows": [window] })).await,
        200
    );
    assert_eq!(scheduler.event(event::Type::Rescind).await.rescind.unwrap().offer_id, held.id);
    // One of the moment before may be among them.
    let announced = loop {
        if let Some(unavailability) = scheduler.offer().await.unavailability {
            break unavailability;
        }
    };
    assert_eq!(announced.duration.map(|duration| duration.nanoseconds), Some(hour));
    let inverse = |event: v1::scheduler::Event| event.inverse_offers.unwrap().inverse_offers.remove(0);
    let asked = inverse(scheduler.event(event::Type::InverseOffers).await);
    assert_eq!(asked.agent_id, Some(offer.agent_id.clone()));
    let accept = call::AcceptInverseOffers {
        inverse_offer_ids: vec![asked.id],
        filters: Some(v1::Filters { refuse_seconds: Some(1.0) }),
    };
    let accept = Call { accept_inverse_offers: Some(accept), ..call_of(call::Type::AcceptInverseOffers) };
    assert_eq!(scheduler.call(accept).await, 202);
    let again = inverse(scheduler.event(event::Type::InverseOffers).await);

    assert_eq!(post_json(&bed, "/machine/down", serde_json::json!([machine])).await, 200);
    let lost = scheduler.taken("t", TaskLost).await;
    assert_eq!(lost.reason(), Reason::AgentRemoved);
    let rescinded = scheduler.event(event::Type::RescindInverseOffer).await;
    assert_eq!(rescinded.rescind_inverse_offer.unwrap().inverse_offer_id, again.id);
    loop {
        let failure = scheduler.event(event::Type::Failure).await.failure.unwrap();
        if failure.executor_id.is_none() {
            break;
        }
    }
    assert_eq!(post_json(&bed, "/machine/up", serde_json::json!([machine])).await, 200);
    // The agent was told to end.
    bed.cluster.stop("1", Signal::Kill);
    bed.cluster.start_again("1");
    wait_for("the agent's offers", async || {
        let offer_now = scheduler.offer().await;
        offer_now.agent_id == offer.agent_id && offer_now.unavailability.is_none()
    })
    .await;
}

async fn mesos_a10_a_sandbox_goes_when_it_is_old(backend: Backend) {
    let flags = vec![("MESOS_GC_DELAY", "2secs".to_owned())];
    let bed = FrameworkBed::start_with_flags(backend, flags);
    let mut scheduler = WireScheduler::subscribe(&bed, framework_info()).await;
    let (offer, mut executor) = run_one(&bed, &mut scheduler, "t").await;
    executor.update("t", TaskFinished).await;
    let folder = sandbox(&bed, &offer, &scheduler, "t").canonicalize().unwrap();
    scheduler.taken("t", TaskFinished).await;
    wait_for("the sandbox to go", async || {
        // The test speaks for the executor, whose process may be slow to start.
        for process in processes::below(&folder) {
            processes::kill_at_once(process.pid);
        }
        !folder.exists()
    })
    .await;
}

e2e::on_both_clusters_async! {
    mesos_a5_an_agent_that_cleans_up_ends_its_executors,
    mesos_a9_maintenance_of_a_machine,
    mesos_a1_the_sandbox_of_an_executor,
    mesos_a3_an_agent_with_other_attributes_is_refused_until_it_is_made_new,
    mesos_a4_what_an_agent_may_change,
    mesos_a6_resources_and_attributes_as_text,
    mesos_a7_an_agent_that_is_lost_comes_back_with_its_tasks,
    mesos_a8_an_agent_that_unregisters,
    mesos_a10_a_sandbox_goes_when_it_is_old,
}
