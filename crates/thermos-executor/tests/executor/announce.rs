//! Announcements, with a ZooKeeper server of the test's own (`spec/thermos.md` §3.9).

use std::fs;
use std::time::Duration;

use mesos_v1::messages::TaskState::{TaskFailed, TaskKilled, TaskRunning};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use zookeeper::Ensemble;
use zookeeper::client::Client;
use zookeeper::test_server::TestServer;

use crate::agent::{Refusing, Rig, assigned_text, job_of, wait_for};

/// A server, and where its clients run.
struct ZooKeeper {
    server: TestServer,
    runtime: Runtime,
}

/// Sessions outlast a server that takes long to start again, or is not let run for a while.
const LONG_SESSIONS: &str = "minSessionTimeout=60000";

impl ZooKeeper {
    fn start() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        Self { server: TestServer::start_with(LONG_SESSIONS), runtime }
    }

    fn flag(&self) -> String {
        format!("--announcer-ensemble={}", self.server.address())
    }

    fn client(&self) -> Client {
        let ensemble = Ensemble::new(&self.server.address(), "/").unwrap();
        wait_for("ZooKeeper", || {
            self.runtime.block_on(zookeeper::connect(&ensemble, Duration::from_secs(10))).ok()
        })
    }

    /// Names and contents of a ServerSet's members.
    fn members(&self, set: &str) -> Vec<(String, Value)> {
        let client = self.client();
        self.runtime.block_on(async {
            let mut members = Vec::new();
            for name in client.list_children(set).await.unwrap_or_default() {
                if let Ok((data, _)) = client.get_data(&format!("{set}/{name}")).await {
                    members.push((name, serde_json::from_slice(&data).unwrap()));
                }
            }
            members
        })
    }

    fn wait_for_member(&self, set: &str) -> (String, Value) {
        wait_for("a member", || self.members(set).pop())
    }
}

fn announced_job(announce: Value) -> String {
    let mut job = job_of(&[json!({"name": "p", "cmdline": "exec sleep 1000"})]);
    job["announce"] = announce;
    // As long may the first announcement take.
    job["health_check_config"] = json!({"initial_interval_secs": 300});
    job.to_string()
}

const SET: &str = "/aurora/nobody/devel/j";

#[test]
fn a_task_is_announced_as_long_as_it_runs() {
    let server = ZooKeeper::start();
    let mut rig = Rig::start(&["--nosetuid", &server.flag()]);
    let job = announced_job(json!({"primary_port": "http", "portmap": {"aurora": "http"}}));
    rig.launch(assigned_text(&job, "nobody", &[("http", 8080)]));
    let (name, data) = server.wait_for_member(SET);
    assert!(name.len() == "member_0000000000".len() && name.starts_with("member_"), "{name}");
    let endpoint = json!({"host": "localhost", "port": 8080});
    assert_eq!(
        data,
        json!({
            "status": "ALIVE", "serviceEndpoint": endpoint, "shard": 0,
            "additionalEndpoints": {"aurora": endpoint, "http": endpoint},
        })
    );
    // Removed by somebody: it comes back under another number.
    server.runtime.block_on(server.client().delete(&format!("{SET}/{name}"), None)).unwrap();
    let (second, _) = server.wait_for_member(SET);
    assert_ne!(name, second);
    rig.kill("t");
    rig.wait_state(TaskKilled);
    // ZooKeeper may have been too slow to be waited for: then the announcement goes with its session.
    if rig.log().contains("no longer announced path=") {
        assert!(server.members(SET).is_empty(), "the task is announced still");
    } else {
        wait_for("the end of the session", || server.members(SET).is_empty().then_some(()));
    }
    assert_eq!(rig.end(), Some(0));
}

#[test]
fn an_announcement_outlives_a_restart_and_the_end_of_its_session() {
    let mut server = ZooKeeper::start();
    let mut rig = Rig::start(&["--nosetuid", &server.flag()]);
    rig.launch(assigned_text(&announced_job(json!({})), "nobody", &[("http", 8080)]));
    let (name, _) = server.wait_for_member(SET);
    server.server.crash();
    server.server.start_again();
    // The session goes on, and the member with it.
    assert_eq!(server.wait_for_member(SET).0, name);
    server.server.crash();
    server.server.forget();
    server.server.start_again();
    server.wait_for_member(SET);
    rig.kill("t");
    assert_eq!(rig.end(), Some(0));
    assert_eq!(rig.states().last(), Some(&TaskKilled));
}

#[test]
fn th_136_a_task_that_cannot_be_announced_in_time_fails() {
    let nobody = Refusing::new();
    let mut rig = Rig::start(&["--nosetuid", &format!("--announcer-ensemble={}", nobody.address)]);
    let mut job: Value = serde_json::from_str(&announced_job(json!({}))).unwrap();
    job["health_check_config"] = json!({"initial_interval_secs": 0.1, "interval_secs": 0.1});
    rig.launch(assigned_text(&job.to_string(), "nobody", &[]));
    let message = rig.wait_state(TaskFailed);
    assert!(message.starts_with("Creating Announcer Serverset timed out."), "{message}");
    assert!(message.contains(&format!("{}: Connection refused", nobody.address)), "{message}");
    assert_eq!(rig.end(), Some(0));
    assert!(!rig.is_inhabited());
}

#[test]
fn a_task_says_which_servers_fail_and_that_it_is_announced_after_all() {
    let mut server = ZooKeeper::start();
    server.server.crash();
    let refused = Refusing::new();
    let servers = format!("--announcer-ensemble={},{}", refused.address, server.server.address());
    let mut rig = Rig::start(&["--nosetuid", &servers]);
    rig.launch(assigned_text(&announced_job(json!({})), "nobody", &[]));
    let words = rig.wait_state(TaskRunning);
    let lacks = wait_for("news of the announcement", || {
        let (state, text) = rig.updates().pop()?;
        (state == TaskRunning && text.contains("Not announced yet")).then_some(text)
    });
    let start = format!("{words} Not announced yet, trying again: no ZooKeeper server of ");
    assert!(lacks.starts_with(&start), "{lacks}");
    for address in [refused.address.to_string(), server.server.address()] {
        assert!(lacks.contains(&format!("{address}: Connection refused")), "{lacks}");
    }
    server.server.start_again();
    server.wait_for_member(SET);
    wait_for("the end of the news", || (rig.updates().pop()? == (TaskRunning, words.clone())).then_some(()));
    rig.kill("t");
    assert_eq!(rig.end(), Some(0));
}

#[test]
fn th_137_a_path_of_the_jobs_own() {
    let job = announced_job(json!({"zk_path": "/uns/blah"}));
    let mut refused = Rig::start(&["--nosetuid", "--announcer-ensemble=127.0.0.1:1"]);
    refused.launch(assigned_text(&job, "nobody", &[]));
    let message = refused.wait_state(TaskFailed);
    assert!(message.starts_with("Executor must be started with --announcer-allow-custom-serverset-path"));
    assert_eq!(refused.end(), Some(0));

    let server = ZooKeeper::start();
    let flags = ["--nosetuid", &server.flag(), "--announcer-allow-custom-serverset-path"];
    let mut rig = Rig::start(&flags);
    rig.launch(assigned_text(&job, "nobody", &[]));
    assert_eq!(server.wait_for_member("/uns/blah").1["serviceEndpoint"]["port"], 0);
    rig.kill("t");
    assert_eq!(rig.end(), Some(0));
}

#[test]
fn credentials_and_rights_are_those_of_the_file() {
    let server = ZooKeeper::start();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, user: &str| {
        let path = folder.path().join(name);
        let credential = format!("{user}:secret");
        let all = json!({"read": true, "write": true, "create": true, "delete": true, "admin": true});
        let config = json!({
            "auth": [{"scheme": "digest", "credential": credential}],
            "acl": [
                {"scheme": "digest", "credential": credential, "permissions": all},
                {"scheme": "world", "credential": "anyone", "permissions": {"read": true}},
            ],
        });
        fs::write(&path, config.to_string()).unwrap();
        format!("--announcer-zookeeper-auth-config={}", path.display())
    };
    let mut rig = Rig::start(&["--nosetuid", &server.flag(), &file("ours", "aurora")]);
    rig.launch(assigned_text(&announced_job(json!({})), "nobody", &[]));
    let (name, _) = server.wait_for_member(SET);
    // Others may read it, which was done, and not remove it.
    assert!(server.runtime.block_on(server.client().delete(&format!("{SET}/{name}"), None)).is_err());

    // Another may not join the set of the first: that is said, and the task fails (D24).
    let flags = ["--nosetuid", &server.flag(), &file("theirs", "mallory")];
    let refused_within = |seconds: u64| {
        let mut other = Rig::start(&flags);
        let mut job: Value = serde_json::from_str(&announced_job(json!({}))).unwrap();
        job["health_check_config"] = json!({"initial_interval_secs": seconds});
        other.launch(assigned_text(&job.to_string(), "nobody", &[]));
        other.wait_state(TaskRunning);
        let message = other.wait_state(TaskFailed);
        assert_eq!(other.end(), Some(0));
        message
    };
    // Where ZooKeeper has not even refused it in so short a time it gets more.
    let message =
        [3, 15, 60].into_iter().map(refused_within).find(|text| !text.contains("timed out")).unwrap();
    assert!(message.starts_with(&format!("Failed to join ServerSet: {SET}: not authorized")), "{message}");
    rig.kill("t");
    assert_eq!(rig.end(), Some(0));
}

#[test]
fn a_task_may_be_announced_only_once_it_runs() {
    let server = ZooKeeper::start();
    let mut rig = Rig::start(&["--nosetuid", &server.flag(), "--announcer-wait-for-running"]);
    let mut job: Value = serde_json::from_str(&announced_job(json!({}))).unwrap();
    job["health_check_config"] = json!({
        "initial_interval_secs": 600, "interval_secs": 0.2, "timeout_secs": 90.0,
        "health_checker": {"shell": {"shell_command": "touch checked; test -e go"}},
    });
    rig.launch(assigned_text(&job.to_string(), "nobody", &[]));
    let checked = rig.folder.path().join("checked");
    wait_for("a check", || checked.exists().then_some(()));
    assert!(server.members(SET).is_empty());
    fs::write(rig.folder.path().join("go"), "").unwrap();
    rig.wait_state(TaskRunning);
    server.wait_for_member(SET);
    rig.kill("t");
    assert_eq!(rig.end(), Some(0));
}
