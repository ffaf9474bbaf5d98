//! Quotas, instances and what administrators do, against the conformance list of `spec/api.md` §11.

use std::collections::BTreeSet;

use aurora_api::thrift::rpc::*;
use aurora_api::thrift::{
    ExplicitReconciliationSettings, GetQuotaResult, Hosts, InstanceKey, JobConfiguration, Resource,
    ResourceAggregate, Response, ResponseCode, Result as Payload, ScheduleStatus, TaskQuery,
};
use tempfile::TempDir;

use super::tests::{assert_ok, assert_refused, create, daemon, job, key, messages, task};
use crate::testing::TestDaemon;

fn aggregate(cpus: f64, ram: i64, disk: i64) -> ResourceAggregate {
    let resources = vec![Resource::NumCpus(cpus), Resource::RamMb(ram), Resource::DiskMb(disk)];
    ResourceAggregate { resources: Some(resources) }
}

async fn quota(daemon: &TestDaemon, role: &str) -> GetQuotaResult {
    let response = daemon.call(&GetQuota { owner_role: Some(role.to_owned()) }).await;
    assert_ok(&response);
    let Some(Payload::GetQuotaResult(result)) = response.result else { panic!("no result") };
    result
}

async fn set_quota(daemon: &TestDaemon, quota: ResourceAggregate) -> Response {
    daemon.call(&SetQuota { owner_role: Some("www-data".to_owned()), quota: Some(quota) }).await
}

#[tokio::test]
async fn api_15_a_role_without_quota_has_zeros() {
    let (daemon, _folder) = daemon().await;
    let zeros = Some(aggregate(0.0, 0, 0));
    let quota = quota(&daemon, "nobody").await;
    for amounts in [
        quota.quota,
        quota.prod_shared_consumption,
        quota.non_prod_shared_consumption,
        quota.prod_dedicated_consumption,
        quota.non_prod_dedicated_consumption,
    ] {
        assert_eq!(amounts, zeros);
    }
}

#[tokio::test]
async fn api_16_a_quota_is_of_a_role() {
    let (daemon, _folder) = daemon().await;
    let response = daemon.call(&GetQuota { owner_role: Some(String::new()) }).await;
    assert_refused(&response, ResponseCode::Error, "Argument cannot be blank");
}

#[tokio::test]
async fn api_17_a_quota_is_what_was_set() {
    let (daemon, _folder) = daemon().await;
    assert_ok(&set_quota(&daemon, aggregate(10.0, 1024, 1024)).await);
    assert_eq!(quota(&daemon, "www-data").await.quota, Some(aggregate(10.0, 1024, 1024)));
    let expected = r#"{"www-data":{"cpu_cores":10.0,"ram_mb":1024,"disk_mb":1024}}"#;
    assert_eq!(daemon.get("/quotas").await.1, expected);
    assert_eq!(daemon.get("/quotas?role=nobody").await.1, "{}");
}

#[tokio::test]
async fn api_18_a_quota_is_of_three_resources() {
    let (daemon, _folder) = daemon().await;
    let only = ResourceAggregate { resources: Some(vec![Resource::NumCpus(1.0)]) };
    let message = "Quota resources must be exactly: [CPUS, RAM_MB, DISK_MB]";
    assert_refused(&set_quota(&daemon, only).await, ResponseCode::Error, message);
    let mut four = aggregate(1.0, 1, 1);
    four.resources.as_mut().unwrap().push(Resource::NumGpus(1));
    let message = "Too many resource values in quota.";
    assert_refused(&set_quota(&daemon, four).await, ResponseCode::Error, message);
}

#[tokio::test]
async fn api_19_a_quota_is_not_negative() {
    let (daemon, _folder) = daemon().await;
    let response = set_quota(&daemon, aggregate(1.0, -1, 1)).await;
    assert_eq!(response.response_code, Some(ResponseCode::InvalidRequest));
    assert!(messages(&response)[0].starts_with("Negative values in: "));
}

#[tokio::test]
async fn api_41_production_needs_quota() {
    let (daemon, _folder) = daemon().await;
    let production = task(|task| {
        task.tier = Some("preferred".to_owned());
        task.resources = aggregate(1.0, 128, 128).resources;
    });
    let response = create(&daemon, JobConfiguration { instance_count: Some(1), ..production.clone() }).await;
    assert_eq!(response.response_code, Some(ResponseCode::InvalidRequest), "{response:?}");
    let message = messages(&response)[0];
    assert!(message.starts_with("Insufficient resource quota: "), "{message}");
    for part in [
        "CPU quota exceeded by 1.00 core(s)",
        "RAM quota exceeded by 128.00 MB",
        "disk quota exceeded by 128.00 MB",
    ] {
        assert!(message.contains(part), "{message}");
    }
    assert_ok(&set_quota(&daemon, aggregate(2.0, 256, 256)).await);
    assert_ok(&create(&daemon, production).await);
    let used = quota(&daemon, "www-data").await.prod_shared_consumption;
    assert_eq!(used, Some(aggregate(2.0, 256, 256)));
}

/// A daemon with job J of two instances.
async fn with_job() -> (TestDaemon, TempDir) {
    let (daemon, folder) = daemon().await;
    assert_ok(&create(&daemon, job("j")).await);
    (daemon, folder)
}

fn restart(ids: &[i32]) -> RestartShards {
    RestartShards { job: Some(key("j")), shard_ids: Some(ids.to_vec()) }
}

fn add(instance: i32, count: i32) -> AddInstances {
    let key = InstanceKey { job_key: Some(key("j")), instance_id: Some(instance) };
    AddInstances { key: Some(key), count: Some(count) }
}

#[tokio::test]
async fn api_55_a_restart_names_instances() {
    let (daemon, _folder) = with_job().await;
    let response = daemon.call(&restart(&[])).await;
    assert_refused(&response, ResponseCode::Error, "Argument cannot be blank");
}

#[tokio::test]
async fn api_56_a_restart_names_active_instances() {
    let (daemon, _folder) = with_job().await;
    for ids in [&[99][..], &[0, -1]] {
        let response = daemon.call(&restart(ids)).await;
        assert_refused(&response, ResponseCode::InvalidRequest, "Not all requested shards are active.");
    }
    assert_ok(&daemon.call(&restart(&[0, 1])).await);
}

#[tokio::test]
async fn api_57_at_least_one_instance_is_added() {
    let (daemon, _folder) = with_job().await;
    let response = daemon.call(&add(0, 0)).await;
    assert_refused(&response, ResponseCode::InvalidRequest, "Instance count must be positive.");
}

#[tokio::test]
async fn api_58_instances_are_added_like_an_active_one() {
    let (daemon, _folder) = with_job().await;
    let response = daemon.call(&add(99, 1)).await;
    let message = "No active task found for a given instance ID.";
    assert_refused(&response, ResponseCode::InvalidRequest, message);
}

#[tokio::test]
async fn api_59_an_added_instance_follows_the_highest() {
    let (daemon, _folder) = with_job().await;
    assert_ok(&daemon.call(&add(0, 1)).await);
    let response = daemon.call(&GetTasksStatus { query: Some(TaskQuery::default()) }).await;
    let Some(Payload::ScheduleStatusResult(result)) = response.result else { panic!("no result") };
    let ids: BTreeSet<Option<i32>> =
        result.tasks.unwrap().iter().map(|task| task.assigned_task.as_ref().unwrap().instance_id).collect();
    assert_eq!(ids, [Some(0), Some(1), Some(2)].into());
}

#[tokio::test]
async fn api_77_active_tasks_are_not_pruned() {
    let (daemon, _folder) = with_job().await;
    let query = |statuses| TaskQuery { statuses: Some(statuses), ..TaskQuery::default() };
    let response = daemon.call(&PruneTasks { query: Some(query(vec![ScheduleStatus::Running])) }).await;
    assert_refused(&response, ResponseCode::Error, "Tasks in non-terminal state cannot be pruned.");
    assert_ok(&daemon.call(&PruneTasks { query: Some(query(Vec::new())) }).await);
    assert!(daemon.get("/pendingtasks").await.1.contains("www-data"));
}

#[tokio::test]
async fn api_79_a_batch_of_a_reconciliation_has_a_size() {
    let (daemon, _folder) = daemon().await;
    let call = |batch_size| TriggerExplicitTaskReconciliation {
        settings: Some(ExplicitReconciliationSettings { batch_size }),
    };
    for size in [0, -1] {
        let response = daemon.call(&call(Some(size))).await;
        assert_refused(&response, ResponseCode::InvalidRequest, "Batch size must be greater than zero.");
    }
    assert_ok(&daemon.call(&call(None)).await);
    assert_ok(&daemon.call(&call(Some(10))).await);
    assert_ok(&daemon.call(&TriggerImplicitTaskReconciliation {}).await);
}

#[tokio::test]
async fn a_snapshot_and_a_forced_status_are_answered() {
    let (daemon, _folder) = with_job().await;
    assert_ok(&daemon.call(&Snapshot {}).await);
    assert!(daemon.get("/vars").await.1.contains("scheduler_log_snapshots 1"));
    let force = |task_id: &str, status| ForceTaskState { task_id: Some(task_id.to_owned()), status };
    assert_ok(&daemon.call(&force("unknown", Some(ScheduleStatus::Lost))).await);
    let blank = daemon.call(&force(" ", Some(ScheduleStatus::Lost))).await;
    assert_refused(&blank, ResponseCode::Error, "Argument cannot be blank");
    assert_eq!(daemon.call(&force("unknown", None)).await.response_code, Some(ResponseCode::Error));
}

#[tokio::test]
async fn backups_are_made_and_listed() {
    let folder = tempfile::tempdir().unwrap();
    let backups = folder.path().join("backups");
    let daemon = TestDaemon::start(folder.path(), &[&format!("-backup_dir={}", backups.display())]).await;
    let made = daemon.call(&PerformBackup {}).await;
    assert_ok(&made);
    let Some(Payload::ListBackupsResult(listed)) = daemon.call(&ListBackups {}).await.result else {
        panic!("no list")
    };
    let names = listed.backups.unwrap();
    assert_eq!(names.len(), 1);
    assert_eq!(
        made.details.unwrap()[0].message.as_deref(),
        Some(&*format!("Backup {} is written.", names[0]))
    );
    let bytes = std::fs::read(backups.join(&names[0])).unwrap();
    assert!(scheduler_core::backup::Backup::decode(&bytes).unwrap().settings.is_some());
}

#[tokio::test]
async fn without_a_folder_of_their_own_backups_are_beside_the_journal() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::start(folder.path(), &[]).await;
    assert_ok(&daemon.call(&PerformBackup {}).await);
    let Some(Payload::ListBackupsResult(listed)) = daemon.call(&ListBackups {}).await.result else {
        panic!("no list")
    };
    let name = listed.backups.unwrap().pop().unwrap();
    assert!(folder.path().join("journal/backups").join(name).is_file());
}

#[tokio::test]
async fn api_76_unknown_hosts_are_left_out() {
    let (daemon, _folder) = daemon().await;
    let hosts = || Some(Hosts { host_names: Some(vec!["unknown".to_owned()]) });
    let response = daemon.call(&MaintenanceStatus { hosts: hosts() }).await;
    assert_ok(&response);
    let Some(Payload::MaintenanceStatusResult(result)) = response.result else { panic!("no result") };
    assert_eq!(result.statuses, Some(Vec::new()));
    for response in [
        daemon.call(&StartMaintenance { hosts: hosts() }).await,
        daemon.call(&DrainHosts { hosts: hosts() }).await,
        daemon.call(&EndMaintenance { hosts: hosts() }).await,
    ] {
        assert_ok(&response);
    }
    let response = daemon.call(&DrainHosts { hosts: None }).await;
    assert_eq!(response.response_code, Some(ResponseCode::Error));
}
