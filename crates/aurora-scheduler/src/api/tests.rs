//! The API over HTTP, against the conformance list of `spec/api.md` §11. Case 12 is in `http::tests`.

use aurora_api::thrift::rpc::*;
use aurora_api::thrift::{
    Constraint, Container, CountSlaPolicy, DockerContainer, ExecutorConfig, Identity, JobConfiguration,
    JobKey, LimitConstraint, MesosFetcherURI, Metadata, Resource, ResourceAggregate, Response, ResponseCode,
    Result as Payload, SlaPolicy, TaskConfig, TaskConstraint, TaskQuery, ValueConstraint,
};
use reqwest::Method;
use tempfile::TempDir;

use crate::testing::TestDaemon;

const TIERS_CALL: &str = r#"[1,"getTierConfigs",1,0,{}]"#;
const JSON: &str = "application/vnd.apache.thrift.json";
const BINARY: &str = "application/vnd.apache.thrift.binary";

pub(super) async fn daemon() -> (TestDaemon, TempDir) {
    let folder = TempDir::new().unwrap();
    (TestDaemon::start(folder.path(), &[]).await, folder)
}

pub(super) fn key(name: &str) -> JobKey {
    let text = |text: &str| Some(text.to_owned());
    JobKey { role: text("www-data"), environment: text("prod"), name: text(name) }
}

/// The job of sample C.
pub(super) fn job(name: &str) -> JobConfiguration {
    let text = |text: &str| Some(text.to_owned());
    JobConfiguration {
        key: Some(key(name)),
        owner: Some(Identity { user: text("alice") }),
        instance_count: Some(2),
        task_config: Some(TaskConfig {
            is_service: Some(true),
            priority: Some(0),
            max_task_failures: Some(1),
            owner: Some(Identity { user: text("alice") }),
            constraints: Some(vec![Constraint {
                name: text("rack"),
                constraint: Some(TaskConstraint::Limit(LimitConstraint { limit: Some(1) })),
            }]),
            contact_email: text("ops@example.com"),
            executor_config: Some(ExecutorConfig {
                name: text("AuroraExecutor"),
                data: text("{\"task\":1}"),
            }),
            metadata: Some(vec![Metadata { key: text("git"), value: text("a1b2c3") }]),
            job: Some(key(name)),
            tier: text("preemptible"),
            resources: Some(vec![
                Resource::NumCpus(0.5),
                Resource::RamMb(128),
                Resource::DiskMb(256),
                Resource::NamedPort("http".to_owned()),
            ]),
            ..TaskConfig::default()
        }),
        ..JobConfiguration::default()
    }
}

pub(super) fn task(change: impl FnOnce(&mut TaskConfig)) -> JobConfiguration {
    let mut job = job("other");
    change(job.task_config.as_mut().unwrap());
    job
}

pub(super) async fn create(daemon: &TestDaemon, job: JobConfiguration) -> Response {
    daemon.call(&CreateJob { description: Some(job) }).await
}

pub(super) fn messages(response: &Response) -> Vec<&str> {
    let details = response.details.as_ref().unwrap();
    details.iter().filter_map(|detail| detail.message.as_deref()).collect()
}

#[track_caller]
pub(super) fn assert_ok(response: &Response) {
    assert_eq!(response.response_code, Some(ResponseCode::Ok), "{response:?}");
    assert_eq!(response.server_info.as_ref().unwrap().cluster_name.as_deref(), Some("devcluster"));
    assert!(response.details.is_some());
}

#[track_caller]
pub(super) fn assert_refused(response: &Response, code: ResponseCode, message: &str) {
    assert_eq!(response.response_code, Some(code), "{response:?}");
    assert_eq!(messages(response).first(), Some(&message));
    assert!(response.result.is_none());
}

async fn refused(job: JobConfiguration, message: &str) {
    let (daemon, _folder) = daemon().await;
    assert_refused(&create(&daemon, job).await, ResponseCode::InvalidRequest, message);
    let (_, jobs) = daemon.get("/pendingtasks").await;
    assert_eq!(jobs, "[]");
}

async fn post(
    daemon: &TestDaemon,
    headers: &[(&'static str, &'static str)],
    body: impl Into<Vec<u8>>,
) -> (u16, String, Vec<u8>) {
    let mut request = daemon.request(Method::POST, "/api").body(body.into());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.unwrap();
    let kind = answer.headers().get("content-type").map(|value| value.to_str().unwrap().to_owned());
    (answer.status().as_u16(), kind.unwrap_or_default(), answer.bytes().await.unwrap().to_vec())
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

const ROLES_BINARY: &str = "800100010000000e676574526f6c6553756d6d6172790000000700";

#[tokio::test]
async fn api_1_tiers_in_tjson() {
    let (daemon, _folder) = daemon().await;
    let (status, kind, body) = post(&daemon, &[("content-type", "application/x-thrift")], TIERS_CALL).await;
    assert_eq!((status, kind.as_str()), (200, JSON));
    let body = String::from_utf8(body).unwrap();
    for part in [
        r#"[1,"getTierConfigs",2,0,{"0":{"rec":{"1":{"i32":1},"3":{"rec":{"27":{"rec":{"1":{"str":"preemptible"},"2":{"set":["rec",3,"#,
        r#"{"1":{"str":"preferred"},"2":{"map":["str","str",2,{"preemptible":"false","revocable":"false"}]}}"#,
        r#"{"1":{"str":"revocable"},"2":{"map":["str","str",2,{"preemptible":"true","revocable":"true"}]}}"#,
        r#""5":{"rec":{"1":{"str":"devcluster"},"3":{"str":""}}},"6":{"lst":["rec",0]}}}}]"#,
    ] {
        assert!(body.contains(part), "{part} is not in {body}");
    }
}

#[tokio::test]
async fn api_2_no_content_type_is_tjson() {
    let (daemon, _folder) = daemon().await;
    assert_eq!(post(&daemon, &[], TIERS_CALL).await.0, 200);
}

#[tokio::test]
async fn api_3_json_with_a_charset_is_refused() {
    let (daemon, _folder) = daemon().await;
    let (status, _, body) =
        post(&daemon, &[("content-type", "application/json; charset=utf-8")], TIERS_CALL).await;
    assert_eq!(status, 415);
    assert_eq!(String::from_utf8(body).unwrap(), "Unsupported Content-Type: application/json; charset=utf-8");
}

#[tokio::test]
async fn api_4_the_vendors_type_may_have_a_charset() {
    let (daemon, _folder) = daemon().await;
    let kind = "application/vnd.apache.thrift.json; charset=UTF-8";
    assert_eq!(post(&daemon, &[("content-type", kind)], TIERS_CALL).await.0, 200);
}

#[tokio::test]
async fn api_5_tbinary_both_ways() {
    let (daemon, _folder) = daemon().await;
    let (status, kind, body) =
        post(&daemon, &[("content-type", BINARY), ("accept", BINARY)], hex(ROLES_BINARY)).await;
    assert_eq!((status, kind.as_str()), (200, BINARY));
    assert_eq!(body[..4], [0x80, 1, 0, 2]);
    assert_eq!(body[22..26], [0, 0, 0, 7]);
}

#[tokio::test]
async fn api_6_tbinary_without_accept_is_answered_in_tjson() {
    let (daemon, _folder) = daemon().await;
    let (_, kind, body) = post(&daemon, &[("content-type", BINARY)], hex(ROLES_BINARY)).await;
    assert_eq!((kind.as_str(), body[0]), (JSON, b'['));
}

#[tokio::test]
async fn api_7_tjson_can_be_answered_in_tbinary() {
    let (daemon, _folder) = daemon().await;
    let (_, kind, body) = post(&daemon, &[("accept", BINARY)], TIERS_CALL).await;
    assert_eq!((kind.as_str(), body[0]), (BINARY, 0x80));
}

#[tokio::test]
async fn api_8_several_accepted_types_mean_tjson() {
    let (daemon, _folder) = daemon().await;
    let accept = "application/vnd.apache.thrift.binary, */*";
    assert_eq!(post(&daemon, &[("accept", accept)], TIERS_CALL).await.1, JSON);
}

#[tokio::test]
async fn api_9_the_old_binary_header_is_accepted() {
    let (daemon, _folder) = daemon().await;
    let mut old = vec![0, 0, 0, 14];
    old.extend_from_slice(b"getRoleSummary\x01\x00\x00\x00\x07\x00");
    let (status, _, body) = post(&daemon, &[("content-type", BINARY), ("accept", BINARY)], old).await;
    assert_eq!((status, &body[..4]), (200, [0x80, 1, 0, 2].as_slice()));
}

#[tokio::test]
async fn api_10_an_unknown_method_is_an_exception() {
    let (daemon, _folder) = daemon().await;
    let (status, _, body) = post(&daemon, &[], r#"[1,"nope",1,3,{}]"#).await;
    assert_eq!(status, 200);
    let expected = r#"[1,"nope",3,3,{"1":{"str":"Invalid method name: 'nope'"},"2":{"i32":1}}]"#;
    assert_eq!(String::from_utf8(body).unwrap(), expected);
}

#[tokio::test]
async fn api_11_a_wrong_version_or_a_cut_message_is_a_500() {
    let (daemon, _folder) = daemon().await;
    for body in [r#"[2,"getTierConfigs",1,0,{}]"#, r#"[1,"getTierConfigs",1,0,"#, ""] {
        assert_eq!(post(&daemon, &[], body).await.0, 500, "{body}");
    }
}

#[tokio::test]
async fn api_13_unknown_fields_are_ignored() {
    let (daemon, _folder) = daemon().await;
    let call = r#"[1,"getJobs",1,0,{"1":{"str":"r"},"99":{"rec":{"1":{"lst":["i32",1,5]}}}}]"#;
    assert_eq!(post(&daemon, &[], call).await.0, 200);
}

#[tokio::test]
async fn api_14_no_roles_at_first() {
    let (daemon, _folder) = daemon().await;
    let response = daemon.call(&GetRoleSummary {}).await;
    assert_ok(&response);
    let Some(Payload::RoleSummaryResult(roles)) = response.result else { panic!("no result") };
    assert!(roles.summaries.unwrap().is_empty());
}

#[tokio::test]
async fn api_20_a_job_is_populated_with_defaults() {
    let (daemon, _folder) = daemon().await;
    let mut preferred = job("hello");
    preferred.task_config.as_mut().unwrap().tier = Some("preferred".to_owned());
    let response = daemon.call(&PopulateJobConfig { description: Some(preferred) }).await;
    assert_ok(&response);
    let Some(Payload::PopulateJobResult(result)) = response.result else { panic!("no result") };
    let config = result.task_config.unwrap();
    assert_eq!(config.production, Some(true));
    assert_eq!(config.task_links.unwrap()["http"], "http://%host%:%port:http%");
    assert_eq!(config.mesos_fetcher_uris, Some(Vec::new()));
    let Some(Container::Mesos(container)) = config.container else { panic!("no container") };
    assert_eq!(container.volumes, Some(Vec::new()));
}

#[tokio::test]
async fn sched_173_the_defaults_are_part_of_the_stored_job() {
    let folder = TempDir::new().unwrap();
    let daemon = TestDaemon::start(folder.path(), &["-enable_legacy_constraints=true"]).await;
    let resources = vec![Resource::NumCpus(4.0), Resource::RamMb(4096), Resource::DiskMb(4096)];
    let quota = Some(ResourceAggregate { resources: Some(resources) });
    assert_ok(&daemon.call(&SetQuota { owner_role: Some("www-data".to_owned()), quota }).await);
    let minimal = JobConfiguration {
        owner: None,
        ..task(|task| {
            *task = TaskConfig {
                is_service: Some(true),
                tier: Some("preferred".to_owned()),
                job: task.job.take(),
                resources: task.resources.take(),
                executor_config: task.executor_config.take(),
                ..TaskConfig::default()
            };
        })
    };
    let constraints = |config: &TaskConfig| {
        let text = |rule: &Constraint| match &rule.constraint {
            Some(TaskConstraint::Limit(limit)) => {
                format!("{}:{:?}", rule.name.as_ref().unwrap(), limit.limit)
            }
            other => format!("{other:?}"),
        };
        config.constraints.iter().flatten().map(text).collect::<Vec<_>>()
    };
    let response = daemon.call(&PopulateJobConfig { description: Some(minimal.clone()) }).await;
    assert_ok(&response);
    let Some(Payload::PopulateJobResult(populated)) = response.result else { panic!("no result") };
    let populated = populated.task_config.unwrap();
    assert_eq!(constraints(&populated), ["host:Some(1)", "rack:Some(1)"]);

    assert_ok(&create(&daemon, minimal).await);
    let stored = &tasks(&daemon, of_job("other")).await[0];
    let stored = stored.assigned_task.as_ref().unwrap().task.as_ref().unwrap();
    assert_eq!(constraints(stored), ["host:Some(1)", "rack:Some(1)"]);
    assert_eq!(
        (stored.priority, stored.max_task_failures, stored.production),
        (Some(0), Some(1), Some(true))
    );
    assert_eq!(*stored, populated);
}

#[tokio::test]
async fn api_21_populating_has_its_own_prefix() {
    let (daemon, _folder) = daemon().await;
    let none = JobConfiguration { instance_count: Some(0), ..job("hello") };
    let response = daemon.call(&PopulateJobConfig { description: Some(none) }).await;
    let message = "Invalid configuration: Instance count must be positive.";
    assert_refused(&response, ResponseCode::InvalidRequest, message);
}

#[tokio::test]
async fn api_22_23_a_job_is_created_once() {
    let (daemon, _folder) = daemon().await;
    let response = create(&daemon, job("hello")).await;
    assert_ok(&response);
    assert!(response.result.is_none());
    let again = create(&daemon, job("hello")).await;
    assert_refused(&again, ResponseCode::InvalidRequest, "Job www-data/prod/hello already exists");
}

fn of_job(name: &str) -> TaskQuery {
    let key = key(name);
    TaskQuery { role: key.role, environment: key.environment, job_name: key.name, ..TaskQuery::default() }
}

async fn tasks(daemon: &TestDaemon, query: TaskQuery) -> Vec<aurora_api::thrift::ScheduledTask> {
    let response = daemon.call(&GetTasksStatus { query: Some(query) }).await;
    assert_ok(&response);
    let Some(Payload::ScheduleStatusResult(result)) = response.result else { panic!("no result") };
    result.tasks.unwrap()
}

#[tokio::test]
async fn api_24_its_tasks_are_pending() {
    let (daemon, _folder) = daemon().await;
    create(&daemon, job("hello")).await;
    let tasks = tasks(&daemon, of_job("hello")).await;
    assert_eq!(tasks.len(), 2);
    for task in tasks {
        assert_eq!(task.status, Some(aurora_api::thrift::ScheduleStatus::Pending));
        let event = &task.task_events.unwrap()[0];
        assert_eq!(event.status, Some(aurora_api::thrift::ScheduleStatus::Pending));
        assert_eq!(event.scheduler.as_deref(), Some("here"));
        let assigned = task.assigned_task.unwrap();
        assert!(assigned.slave_id.is_none() && assigned.slave_host.is_none());
        assert!(assigned.assigned_ports.unwrap().is_empty());
    }
}

#[tokio::test]
async fn api_25_tasks_without_configs_keep_the_executors_name() {
    let (daemon, _folder) = daemon().await;
    create(&daemon, job("hello")).await;
    let response = daemon.call(&GetTasksWithoutConfigs { query: Some(of_job("hello")) }).await;
    let Some(Payload::ScheduleStatusResult(result)) = response.result else { panic!("no result") };
    for task in result.tasks.unwrap() {
        let executor = task.assigned_task.unwrap().task.unwrap().executor_config.unwrap();
        assert_eq!((executor.name.as_deref(), executor.data), (Some("AuroraExecutor"), None));
    }
}

#[tokio::test]
async fn api_26_offset_and_limit_walk_through() {
    let (daemon, _folder) = daemon().await;
    create(&daemon, job("hello")).await;
    let id = |tasks: &[aurora_api::thrift::ScheduledTask]| {
        assert_eq!(tasks.len(), 1);
        tasks[0].assigned_task.as_ref().unwrap().task_id.clone().unwrap()
    };
    let first = tasks(&daemon, TaskQuery { limit: Some(1), ..of_job("hello") }).await;
    let second = tasks(&daemon, TaskQuery { limit: Some(1), offset: Some(1), ..of_job("hello") }).await;
    assert_ne!(id(&first), id(&second));
}

#[tokio::test]
async fn api_27_an_empty_set_does_not_restrict() {
    let (daemon, _folder) = daemon().await;
    create(&daemon, job("hello")).await;
    let query = TaskQuery { statuses: Some(Vec::new()), ..of_job("hello") };
    assert_eq!(tasks(&daemon, query).await.len(), 2);
}

#[tokio::test]
async fn queries_follow_every_term() {
    let (daemon, _folder) = daemon().await;
    create(&daemon, job("hello")).await;
    create(&daemon, job("other")).await;
    let all = tasks(&daemon, TaskQuery::default()).await;
    assert_eq!(all.len(), 4);
    let id = all[0].assigned_task.as_ref().unwrap().task_id.clone().unwrap();
    let count = async |query: TaskQuery| tasks(&daemon, query).await.len();
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(
        count(TaskQuery { task_ids: Some(vec![id, "no".to_owned()]), ..TaskQuery::default() }).await,
        1
    );
    assert_eq!(count(TaskQuery { job_keys: Some(vec![key("other")]), ..TaskQuery::default() }).await, 2);
    assert_eq!(count(TaskQuery { job_keys: Some(vec![key("other")]), ..of_job("hello") }).await, 0);
    assert_eq!(
        count(TaskQuery { job_name: text("hello"), role: text(" "), ..TaskQuery::default() }).await,
        2
    );
    assert_eq!(count(TaskQuery { role: text("nobody"), ..TaskQuery::default() }).await, 0);
    assert_eq!(count(TaskQuery { instance_ids: Some(vec![1, -1]), ..TaskQuery::default() }).await, 2);
    assert_eq!(count(TaskQuery { slave_hosts: Some(vec!["h".to_owned()]), ..TaskQuery::default() }).await, 0);
    let running = Some(vec![aurora_api::thrift::ScheduleStatus::Running]);
    assert_eq!(count(TaskQuery { statuses: running, ..TaskQuery::default() }).await, 0);

    let bad = JobKey { role: text("a b"), ..key("n") };
    let query = TaskQuery { job_keys: Some(vec![bad]), ..TaskQuery::default() };
    let response = daemon.call(&GetTasksStatus { query: Some(query) }).await;
    let message = "Invalid job key format: IJobKey{role=a b, environment=prod, name=n}";
    assert_refused(&response, ResponseCode::Error, message);
    let response = daemon.call(&GetTasksStatus { query: None }).await;
    assert_eq!(response.response_code, Some(ResponseCode::Error));
}

#[tokio::test]
async fn api_28_the_environment_must_be_allowed() {
    let mut job = job("other");
    let qa = JobKey { environment: Some("qa".to_owned()), ..key("other") };
    job.key = Some(qa.clone());
    job.task_config.as_mut().unwrap().job = Some(qa);
    refused(job, r"Job environment qa doesn't match: ^(prod|devel|test|staging\d*)$").await;
}

#[tokio::test]
async fn api_29_the_key_must_be_valid() {
    let (daemon, _folder) = daemon().await;
    let response = create(&daemon, JobConfiguration { key: Some(key("a b")), ..job("other") }).await;
    let message = messages(&response)[0];
    assert!(message.starts_with("Job key IJobKey{role=") && message.ends_with(" is invalid."), "{message}");
}

#[tokio::test]
async fn api_30_a_job_needs_a_task() {
    let job = JobConfiguration { task_config: None, ..job("other") };
    refused(job, "Job configuration must have taskConfig set.").await;
}

#[tokio::test]
async fn api_31_a_task_needs_an_executor() {
    let job = task(|config| config.executor_config = None);
    refused(job, "Configuration may not be null.").await;
}

#[tokio::test]
async fn api_32_the_executor_must_be_known() {
    let executor = ExecutorConfig { name: Some("foo".to_owned()), data: None };
    let job = task(|config| config.executor_config = Some(executor));
    refused(job, "Configuration for executor 'foo' doesn't exist.").await;
}

#[tokio::test]
async fn api_33_the_tier_must_be_known() {
    let job = task(|config| config.tier = Some("gold".to_owned()));
    refused(job, "Invalid tier 'gold' in TaskConfig.").await;
}

#[tokio::test]
async fn api_34_a_resource_is_given_once() {
    let job = task(|config| config.resources.as_mut().unwrap().push(Resource::RamMb(5)));
    refused(job, "Multiple resource values are not supported for RAM").await;
}

#[tokio::test]
async fn api_35_disk_is_needed() {
    let no_disk = |resource: &Resource| !matches!(resource, Resource::DiskMb(_));
    let job = task(|config| config.resources.as_mut().unwrap().retain(no_disk));
    refused(job, "disk_mb must be greater than 0.0").await;
}

#[tokio::test]
async fn api_36_gpus_are_off() {
    let job = task(|config| config.resources.as_mut().unwrap().push(Resource::NumGpus(1)));
    refused(job, "GPU resource support is disabled in this cluster.").await;
}

#[tokio::test]
async fn api_37_docker_is_off() {
    let docker = DockerContainer { image: Some("nginx".to_owned()), parameters: None };
    let job = task(|config| config.container = Some(Container::Docker(docker)));
    refused(job, "This scheduler is not configured to allow the container type DOCKER").await;
}

fn dedicated(constraint: TaskConstraint) -> JobConfiguration {
    let constraint = Constraint { name: Some("dedicated".to_owned()), constraint: Some(constraint) };
    task(|config| config.constraints = Some(vec![constraint]))
}

#[tokio::test]
async fn api_38_dedicated_is_no_limit() {
    let job = dedicated(TaskConstraint::Limit(LimitConstraint { limit: Some(1) }));
    refused(job, "A dedicated constraint must be of value type.").await;
}

#[tokio::test]
async fn api_39_dedicated_names_the_role() {
    let value = ValueConstraint { negated: Some(false), values: Some(vec!["other/x".to_owned()]) };
    refused(dedicated(TaskConstraint::Value(value)), "Only other may use hosts dedicated for that role.")
        .await;
}

#[tokio::test]
async fn api_40_a_job_has_at_most_4000_instances() {
    let job = JobConfiguration { instance_count: Some(4001), ..job("other") };
    refused(job, "Instance count must be between 1 and 4000 inclusive.").await;
}

#[tokio::test]
async fn api_42_the_fetcher_is_off() {
    let uri = MesosFetcherURI { value: Some("http://x/y".to_owned()), ..MesosFetcherURI::default() };
    let job = task(|config| config.mesos_fetcher_uris = Some(vec![uri]));
    refused(job, "Mesos Fetcher for individual jobs is disabled in this cluster.").await;
}

#[tokio::test]
async fn api_43_sla_policies_need_a_production_tier() {
    let policy = SlaPolicy::CountSlaPolicy(CountSlaPolicy { count: Some(1), duration_secs: Some(1) });
    let job = task(|config| config.sla_policy = Some(policy));
    refused(job, "Tier 'preemptible' does not support SlaPolicy.").await;
}

#[tokio::test]
async fn api_44_cron_jobs_have_a_call_of_their_own() {
    let mut job = task(|config| config.is_service = Some(false));
    job.cron_schedule = Some("* * * * *".to_owned());
    refused(job, "Cron jobs may only be created/updated by calling scheduleCronJob.").await;
}

#[tokio::test]
async fn api_53_killing_nothing_is_ok() {
    let (daemon, _folder) = daemon().await;
    let response = daemon.call(&KillTasks { job: Some(key("none")), instances: None, message: None }).await;
    assert_ok(&response);
    assert_eq!(messages(&response), ["No tasks to kill."]);
}

#[tokio::test]
async fn api_54_killing_needs_a_job() {
    let (daemon, _folder) = daemon().await;
    let response = daemon.call(&KillTasks::default()).await;
    assert_eq!(response.response_code, Some(ResponseCode::Error));
}

// Its other parts belong to the calls they name. No key at all stays an ERROR (`spec/api.md` case 54).
#[tokio::test]
async fn sched_358_an_invalid_job_key_is_an_invalid_request() {
    let (daemon, _folder) = daemon().await;
    let response = daemon.call(&KillTasks { job: Some(key("no/name")), ..KillTasks::default() }).await;
    assert_eq!(response.response_code, Some(ResponseCode::InvalidRequest));
    assert!(!messages(&response).is_empty(), "it says what is wrong");
}

#[tokio::test]
async fn killed_instances_are_those_named() {
    let (daemon, _folder) = daemon().await;
    create(&daemon, job("hello")).await;
    let kill = |instances: Option<Vec<i32>>| KillTasks { job: Some(key("hello")), instances, message: None };
    assert_eq!(messages(&daemon.call(&kill(Some(vec![-1]))).await), ["No tasks to kill."]);
    assert_ok(&daemon.call(&kill(Some(vec![1]))).await);
    assert_eq!(tasks(&daemon, of_job("hello")).await.len(), 1);
    assert_ok(&daemon.call(&kill(Some(Vec::new()))).await);
    assert!(tasks(&daemon, of_job("hello")).await.is_empty());
}

#[tokio::test]
async fn api_60_instances_of_one_config_are_one_range() {
    let (daemon, _folder) = daemon().await;
    create(&daemon, JobConfiguration { instance_count: Some(3), ..job("hello") }).await;
    let response = daemon.call(&GetConfigSummary { job: Some(key("hello")) }).await;
    assert_ok(&response);
    let Some(Payload::ConfigSummaryResult(result)) = response.result else { panic!("no result") };
    let groups = result.summary.unwrap().groups.unwrap();
    let ranges = groups[0].instances.as_ref().unwrap();
    assert_eq!((groups.len(), ranges.len(), ranges[0].first, ranges[0].last), (1, 1, Some(0), Some(2)));
}

#[tokio::test]
async fn api_61_pending_reasons_take_no_statuses() {
    let (daemon, _folder) = daemon().await;
    let pending = Some(vec![aurora_api::thrift::ScheduleStatus::Pending]);
    let query = TaskQuery { statuses: pending, role: Some("r".to_owned()), ..TaskQuery::default() };
    let response = daemon.call(&GetPendingReason { query: Some(query) }).await;
    let message = "Statuses is not supported in TaskQuery(role:r, statuses:[PENDING])";
    assert_refused(&response, ResponseCode::InvalidRequest, message);
    let query = TaskQuery { slave_hosts: Some(vec!["h".to_owned()]), ..TaskQuery::default() };
    let response = daemon.call(&GetPendingReason { query: Some(query) }).await;
    let message = "SlaveHosts are not supported in TaskQuery(slaveHosts:[h])";
    assert_refused(&response, ResponseCode::InvalidRequest, message);
}

#[tokio::test]
async fn jobs_and_roles_are_summed_up() {
    let (daemon, _folder) = daemon().await;
    create(&daemon, job("hello")).await;
    let Some(Payload::GetJobsResult(jobs)) = daemon.call(&GetJobs { owner_role: None }).await.result else {
        panic!("no result")
    };
    let jobs = jobs.configs.unwrap();
    assert_eq!((jobs.len(), jobs[0].instance_count, jobs[0].key.clone()), (1, Some(2), Some(key("hello"))));
    let summary = GetJobSummary { role: Some("www-data".to_owned()) };
    let Some(Payload::JobSummaryResult(summaries)) = daemon.call(&summary).await.result else {
        panic!("no result")
    };
    let summaries = summaries.summaries.unwrap();
    assert_eq!(summaries[0].stats.as_ref().unwrap().pending_task_count, Some(2));
    assert_eq!(summaries[0].next_cron_run_ms, None);
    let Some(Payload::RoleSummaryResult(roles)) = daemon.call(&GetRoleSummary {}).await.result else {
        panic!("no result")
    };
    let role = &roles.summaries.unwrap()[0];
    assert_eq!(
        (role.role.as_deref(), role.job_count, role.cron_job_count),
        (Some("www-data"), Some(1), Some(0))
    );
    let nobody = GetJobSummary { role: Some("nobody".to_owned()) };
    let Some(Payload::JobSummaryResult(summaries)) = daemon.call(&nobody).await.result else {
        panic!("no result")
    };
    assert!(summaries.summaries.unwrap().is_empty());
}

#[tokio::test]
async fn a_call_that_is_not_there_yet_says_so() {
    let (daemon, _folder) = daemon().await;
    let response = daemon.call(&UnloadRecovery::default()).await;
    let message = "unloadRecovery is not implemented in this version of the scheduler";
    assert_refused(&response, ResponseCode::Error, message);
}
