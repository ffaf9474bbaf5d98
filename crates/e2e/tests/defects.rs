//! Defects of Mesos 1.11 (`spec/mesos.md` §10, 12): the embedded cluster has none of them, and on the real one they cost
//! nothing.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use aurora_api::thrift::ScheduleStatus::Running;
use e2e::framework::{FrameworkBed, framework_info};
use e2e::wire::{WireScheduler, run_one, wait_for};
use e2e::{Backend, Dockerd, PATIENCE, Signal, Testbed, TestbedOptions, events, task_id, wait_until};
use mesos_v1::messages::TaskState;
use mesos_v1::messages::executor::event;
use mesos_v1::messages::scheduler::Call;
use mesos_v1::scheduler::SendError;

/// How long nothing must come.
const SILENCE: Duration = Duration::from_secs(1);

/// A call of type UNKNOWN aborts the real master.
async fn a_call_without_a_type_does_not_reach_the_master(backend: Backend) {
    let bed = FrameworkBed::start(backend);
    let mut framework = bed.subscribe(None).await;
    let refused = framework.handle.send(Call::default());
    assert!(matches!(refused, Err(SendError::NoType(_))), "{refused:?}");
    framework.offer().await;
}

/// Whether this process has a connection to an address, or has closed one that the other side has not closed yet.
fn is_connected(address: &str) -> bool {
    let port: u16 = address.rsplit(':').next().unwrap().parse().unwrap();
    let remote = format!("0100007F:{port:04X}");
    let own: Vec<String> = std::fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|entry| Some(std::fs::read_link(entry.ok()?.path()).ok()?.display().to_string()))
        .collect();
    // Of a closed one nobody is the owner.
    let is_ours = |inode: &str| inode == "0" || own.contains(&format!("socket:[{inode}]"));
    const TIME_WAIT: &str = "06";
    std::fs::read_to_string("/proc/self/net/tcp").unwrap().lines().any(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        fields.get(2) == Some(&remote.as_str()) && fields[3] != TIME_WAIT && is_ours(fields[9])
    })
}

/// The real agent loses a kill while the executor's stream is down, so it is said again until the task has ended.
async fn a_kill_that_is_lost_is_said_again(backend: Backend) {
    let bed = FrameworkBed::start(backend);
    let mut scheduler = WireScheduler::subscribe(&bed, framework_info()).await;
    let (_, mut executor) = run_one(&bed, &mut scheduler, "a").await;
    executor.hang_up();
    wait_for("the agent to notice", async || !is_connected(&bed.cluster.agent(1))).await;
    assert_eq!(scheduler.call(Call::kill("a".into(), None)).await, 202);
    // Calls are taken in their order: with this answer the kill has been, too.
    scheduler.call(Call::reconcile([("a".into(), None)])).await;
    scheduler.taken("a", TaskState::TaskRunning).await;
    if backend == Backend::RealMesos {
        let log = bed.cluster.directory().join("agent-1.log");
        wait_for("the agent to take the kill", async || {
            std::fs::read_to_string(&log).unwrap().contains("Asked to kill task a of framework")
        })
        .await;
        executor.subscribe_with(Vec::new(), Vec::new()).await;
        assert!(!executor.hears(event::Type::Kill, SILENCE).await, "only the embedded agent keeps it");
        scheduler.call(Call::kill("a".into(), None)).await;
    } else {
        executor.subscribe_with(Vec::new(), Vec::new()).await;
    }
    assert!(executor.hears(event::Type::Kill, PATIENCE).await);
    executor.update("a", TaskState::TaskKilled).await;
    scheduler.taken("a", TaskState::TaskKilled).await;
}

/// The real agent gives up all Docker containers of HTTP executors when it starts; the task then fails and starts again.
fn a_task_in_a_docker_container_and_a_restart_of_its_agent(backend: Backend) {
    let engine = Dockerd::start();
    engine.image_without_glibc("shell");
    let testbed = Testbed::start_with(
        backend,
        TestbedOptions {
            mesos_flags: vec![
                ("MESOS_CONTAINERIZERS", "docker,mesos".to_owned()),
                ("MESOS_DOCKER_SOCKET", engine.socket().display().to_string()),
            ],
            scheduler_flags: vec![
                "-allowed_container_types=MESOS,DOCKER".to_owned(),
                "-initial_flapping_task_delay=1secs".to_owned(),
            ],
            ..TestbedOptions::default()
        },
    );
    let config = "main = Process(name = 'main', cmdline = 'exec sleep 86396')\n\
                  task = SequentialTask(processes = [main], resources = Resources(cpu = 1.0, ram = 64*MB, disk = 64*MB))\n\
                  jobs = [Service(cluster = 'e2e', role = 'www', environment = 'prod', name = 'it', task = task, \
                  container = Docker(image = 'shell'))]\n";
    let path = testbed.write_config("it", config);
    testbed.aurora(&["job", "create", &testbed.key("it"), path.to_str().unwrap()]).expect_code(0);
    let before = testbed.wait_for_running("it", 1);
    let container = engine.running();

    testbed.cluster.stop("1", Signal::Kill);
    testbed.cluster.start_again("1");
    if backend == Backend::Embedded {
        let now = testbed.wait_for_running("it", 1);
        assert_eq!((task_id(&now[0]), engine.running()), (task_id(&before[0]), container));
    } else {
        let tasks = wait_until("another task in its place", PATIENCE, || {
            let tasks = testbed.tasks("it");
            let is_other =
                tasks.iter().any(|task| task.status == Some(Running) && task_id(task) != task_id(&before[0]));
            if is_other {
                Ok(tasks)
            } else {
                Err(format!("{:#?}", tasks.iter().map(events).collect::<Vec<_>>()))
            }
        });
        let old = tasks.iter().find(|task| task_id(task) == task_id(&before[0])).unwrap();
        assert!(events(old).last().unwrap().contains("unknown container"), "{:?}", events(old));
    }
    wait_until("one container", PATIENCE, || match engine.running() {
        one if one.len() == 1 => Ok(()),
        other => Err(format!("{other:?}")),
    });
    testbed.aurora(&["job", "killall", &testbed.key("it")]).expect_code(0);
    wait_until("no container", PATIENCE, || match engine.running() {
        none if none.is_empty() => Ok(()),
        left => Err(format!("{left:?}")),
    });
}

mod embedded {
    use super::Backend::Embedded;

    #[tokio::test]
    async fn a_call_without_a_type_does_not_reach_the_master() {
        super::a_call_without_a_type_does_not_reach_the_master(Embedded).await;
    }

    #[tokio::test]
    async fn a_kill_that_is_lost_is_said_again() {
        Box::pin(super::a_kill_that_is_lost_is_said_again(Embedded)).await;
    }

    #[test]
    fn a_task_in_a_docker_container_and_a_restart_of_its_agent() {
        super::a_task_in_a_docker_container_and_a_restart_of_its_agent(Embedded);
    }
}

mod real_mesos {
    use super::Backend::RealMesos;

    #[tokio::test]
    async fn a_call_without_a_type_does_not_reach_the_master() {
        super::a_call_without_a_type_does_not_reach_the_master(RealMesos).await;
    }

    #[tokio::test]
    async fn a_kill_that_is_lost_is_said_again() {
        Box::pin(super::a_kill_that_is_lost_is_said_again(RealMesos)).await;
    }

    #[test]
    fn a_task_in_a_docker_container_and_a_restart_of_its_agent() {
        super::a_task_in_a_docker_container_and_a_restart_of_its_agent(RealMesos);
    }
}
