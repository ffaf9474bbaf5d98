//! The endpoints of operators.

use reqwest::Method;
use tempfile::TempDir;

use crate::testing::TestDaemon;

async fn daemon() -> (TestDaemon, TempDir) {
    let folder = TempDir::new().unwrap();
    (TestDaemon::start(folder.path(), &[]).await, folder)
}

#[tokio::test]
async fn api_12_large_replies_are_compressed_on_request() {
    let (daemon, _folder) = daemon().await;
    let answer = daemon
        .request(Method::POST, "/api")
        .header("accept-encoding", "gzip")
        .body(r#"[1,"getTierConfigs",1,0,{}]"#)
        .send()
        .await
        .unwrap();
    // The client takes the header away when it decompresses, and the length with it.
    assert_eq!(answer.status().as_u16(), 200);
    assert_eq!(answer.content_length(), None);
    let plain =
        daemon.request(Method::GET, "/health").header("accept-encoding", "identity").send().await.unwrap();
    assert_eq!(plain.content_length(), Some(3));
}

#[tokio::test]
async fn api_83_88_health_and_leadership() {
    let (daemon, _folder) = daemon().await;
    assert_eq!(daemon.get("/health").await, (200, "OK\n".to_owned()));
    let (status, body) = daemon.get("/leaderhealth").await;
    assert_eq!(status, 200);
    assert!(body.starts_with("Current status: This is the leading scheduler.\n\n"));
}

#[tokio::test]
async fn api_89_stopping_takes_a_post() {
    let (daemon, _folder) = daemon().await;
    assert_eq!(daemon.get("/quitquitquit").await.0, 405);
    let foreign =
        daemon.request(Method::POST, "/quitquitquit").header("origin", "http://evil").send().await.unwrap();
    assert_eq!(foreign.status().as_u16(), 403);
    assert!(!daemon.daemon.quit().is_cancelled());
    let answer = daemon.request(Method::POST, "/quitquitquit").send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "Notifying quit listener.");
    assert!(daemon.daemon.quit().is_cancelled());
}

#[tokio::test]
async fn api_90_usage_texts_are_400() {
    let (daemon, _folder) = daemon().await;
    assert_eq!(daemon.get("/structdump").await.0, 400);
    assert_eq!(daemon.get("/mname").await.0, 400);
    assert_eq!(daemon.get("/mname/r/e/j/0").await, (404, "No such live instance found.".to_owned()));
}

#[tokio::test]
async fn vars_are_sorted_lines_and_an_object() {
    let (daemon, _folder) = daemon().await;
    let (_, text) = daemon.get("/vars").await;
    let names: Vec<&str> = text.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(names.is_sorted());
    for name in ["framework_registered", "task_store_PENDING", "uptime_secs", "outstanding_offers"] {
        assert!(names.contains(&name), "{name}");
    }
    let (_, json) = daemon.get("/vars.json").await;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["task_store_PENDING"], 0);
    assert_eq!(json["resources_total_consumed_cpu_cores"], 0);
    for name in ["timed_out_tasks", "http_500_responses_events"] {
        assert_eq!(json[name], 0, "counters are there before their first event");
    }
    assert_eq!(json["http_200_responses_events"], 1, "the page before this one");
    assert!(json["http_200_responses_nanos_total"].as_i64() > Some(0));
    assert_eq!(daemon.get("/nowhere").await.0, 404);
    let broken = daemon.request(Method::POST, "/api").body("no thrift").send().await.unwrap();
    assert_eq!(broken.status().as_u16(), 500);
    let (_, text) = daemon.get("/vars").await;
    for line in ["http_404_responses_events 1", "http_500_responses_events 1"] {
        assert!(text.lines().any(|other| other == line), "{line}");
    }
}

#[tokio::test]
async fn small_endpoints_have_upstreams_shapes() {
    let (daemon, _folder) = daemon().await;
    let tiers = r#"{"default":"preemptible","tiers":{"preemptible":{"preemptible":true,"revocable":false},"preferred":{"preemptible":false,"revocable":false},"revocable":{"preemptible":true,"revocable":true}}}"#;
    assert_eq!(daemon.get("/tiers").await.1, tiers);
    assert_eq!(daemon.get("/maintenance").await.1, r#"{"DRAINED":[],"SCHEDULED":[],"DRAINING":{}}"#);
    assert_eq!(daemon.get("/offers").await.1, "[]");
    assert_eq!(daemon.get("/pendingtasks").await.1, "[]");
    assert_eq!(daemon.get("/cron").await.1, r#"{"scheduled":{}}"#);
    assert_eq!(daemon.get("/nowhere").await.0, 404);
}
