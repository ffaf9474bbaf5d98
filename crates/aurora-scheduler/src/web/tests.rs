//! The pages as they are sent, with what differs from run to run taken out.

use aurora_api::thrift::rpc::CreateJob;
use aurora_api::thrift::{ExecutorConfig, JobConfiguration, JobKey, Resource, ResponseCode, TaskConfig};
use regex::Regex;
use tempfile::TempDir;

use crate::testing::TestDaemon;

fn job(contact: &str) -> CreateJob {
    let text = |text: &str| Some(text.to_owned());
    let key = Some(JobKey { role: text("www"), environment: text("prod"), name: text("hello") });
    let task = TaskConfig {
        job: key.clone(),
        is_service: Some(true),
        max_task_failures: Some(1),
        contact_email: text(contact),
        executor_config: Some(ExecutorConfig { name: text("AuroraExecutor"), data: text("{}") }),
        resources: Some(vec![Resource::NumCpus(0.5), Resource::RamMb(64), Resource::DiskMb(32)]),
        ..TaskConfig::default()
    };
    let description =
        JobConfiguration { key, instance_count: Some(1), task_config: Some(task), ..Default::default() };
    CreateJob { description: Some(description) }
}

/// A page without ids, times and the version.
async fn page(daemon: &TestDaemon, path: &str) -> String {
    let (status, mut page) = daemon.get(path).await;
    assert_eq!(status, 200, "{page}");
    for (pattern, placeholder) in [
        (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID"),
        (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "TIME"),
        (r"just now|\d+ s ago", "AGO"),
        (r"\?\d+\.\d+\.\d+", "?VERSION"),
        (r"\n\s*\n+", "\n"),
    ] {
        page = Regex::new(pattern).unwrap().replace_all(&page, placeholder).into_owned();
    }
    page
}

#[tokio::test]
async fn pages_look_as_they_were_reviewed() {
    let folder = TempDir::new().unwrap();
    let daemon = TestDaemon::start(folder.path(), &[]).await;
    let created = daemon.call(&job("<b>\"o'ps\" & co</b>")).await;
    assert_eq!(created.response_code, Some(ResponseCode::Ok));
    let tried = "Why 1 of its tasks is pending";
    daemon
        .wait_for("an attempt", async |daemon| {
            let page = daemon.get("/scheduler/www/prod/hello").await.1;
            page.contains(tried) && !page.contains("Waiting for the first offer to be tried")
        })
        .await;
    insta::assert_snapshot!("roles", page(&daemon, "/scheduler").await);
    insta::assert_snapshot!("role", page(&daemon, "/scheduler/www").await);
    let job = page(&daemon, "/scheduler/www/prod/hello").await;
    assert!(!job.contains("<b>"), "{job}");
    insta::assert_snapshot!("job", job);
    assert!(daemon.get("/assets/refresh.js").await.1.contains("location.reload()"));
}
