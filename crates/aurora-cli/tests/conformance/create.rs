use aurora_api::thrift::{ResponseCode, ScheduleStatus};

use crate::stub::{CRON, K, SERVICE, Stub};

fn stub() -> Stub {
    let stub = Stub::start();
    stub.file("f.aurora", SERVICE);
    stub
}

#[test]
fn cli_24_a_job_is_created() {
    let stub = stub();
    let outcome = stub.aurora(&["job", "create", K, "f.aurora"]).exits(0);
    assert_eq!(
        outcome.out,
        format!("Job create succeeded: job url={}/scheduler/bozo/test/hello\n", stub.address)
    );
    let world = stub.world();
    let job = &world.created[0];
    assert_eq!(job.instance_count, Some(3));
    let task = job.task_config.as_ref().unwrap();
    assert_eq!(task.is_service, Some(true));
    assert_eq!((task.tier.as_deref(), task.production), (Some("preemptible"), Some(false)));
}

#[test]
fn the_tier_decides_whether_a_job_is_production() {
    let stub = stub();
    stub.file("f.aurora", &SERVICE.replace("instances = 3", "instances = 3, tier = 'preferred'"));
    stub.aurora(&["job", "create", K, "f.aurora"]).exits(0);
    let world = stub.world();
    let task = world.created[0].task_config.as_ref().unwrap();
    assert_eq!((task.tier.as_deref(), task.production), (Some("preferred"), Some(true)));
}

#[test]
fn cli_25_a_cron_job_is_not_created() {
    let stub = stub();
    stub.file("c.aurora", CRON);
    stub.aurora(&["job", "create", K, "c.aurora"])
        .exits(4)
        .err_has("Cron jobs may only be scheduled with \"aurora cron schedule\" command");
    assert!(stub.world().created.is_empty());
}

#[test]
fn cli_26_a_refused_job() {
    let stub = stub();
    stub.world().answers.insert("createJob", (ResponseCode::InvalidRequest, "Whoops"));
    stub.aurora(&["job", "create", K, "f.aurora"])
        .exits(4)
        .err_has("Job creation failed due to error:\n\tWhoops\n");
}

#[test]
fn cli_27_a_created_job_that_is_not_there() {
    let stub = stub();
    stub.world().forgetful = true;
    stub.aurora(&["job", "create", K, "f.aurora"])
        .exits(4)
        .err_has(&format!("Error occurred while creating job {K}"));
}

#[test]
fn cli_28_a_missing_file() {
    Stub::start()
        .aurora(&["job", "create", K, "missing.aurora"])
        .exits(3)
        .err_has("Error loading configuration: [Errno 2] No such file or directory: 'missing.aurora'");
}

#[test]
fn cli_30_a_job_is_waited_for() {
    let stub = stub();
    stub.world().script = vec![ScheduleStatus::Pending, ScheduleStatus::Pending, ScheduleStatus::Running];
    stub.aurora(&["job", "create", "--wait-until", "RUNNING", "--interval=0s", K, "f.aurora"])
        .exits(0)
        .out_has("Job create succeeded");
    let looks = stub.methods().iter().filter(|method| *method == "getTasksWithoutConfigs").count();
    assert_eq!(looks, 4, "three looks and the final check");
}

#[test]
fn a_job_that_does_not_get_there_in_time() {
    let stub = stub();
    stub.aurora(&["job", "create", "--wait-until", "RUNNING", "--timeout=0s", K, "f.aurora"])
        .exits(9)
        .err_has("not all of its instances got that far in time");
}

#[test]
fn cli_32_refused_credentials_are_no_config_error() {
    let stub = stub();
    stub.world().http_status = Some("401 Unauthorized");
    stub.aurora(&["job", "create", K, "f.aurora"]).exits(30).err_has("401 Unauthorized");
}

#[test]
fn cli_33_a_lost_answer_is_not_asked_for_again() {
    let stub = stub();
    stub.world().hang_ups.insert("createJob", 1);
    stub.aurora(&["job", "create", K, "f.aurora"])
        .exits(7)
        .err_has("Transport error communicating with scheduler during non-idempotent operation: ")
        .err_has("not retrying");
    let calls = stub.methods().iter().filter(|method| *method == "createJob").count();
    assert_eq!(calls, 1);
}

#[test]
fn cli_56_more_failures_than_instances_allowed() {
    let stub = stub();
    let config = "instances = 3, update_config = UpdateConfig(max_total_failures = 3)";
    stub.file("f.aurora", &SERVICE.replace("instances = 3", config));
    stub.aurora(&["job", "create", K, "f.aurora"]).exits(3).err_has("you should use max_total_failures <= 2");
}

#[test]
fn a_job_that_is_not_in_the_file() {
    let stub = stub();
    stub.aurora(&["job", "create", "west/bozo/test/other", "f.aurora"])
        .exits(3)
        .err_has("Error loading configuration: Could not find job west/bozo/test/other")
        .err_has(&format!("  {K}"));
    assert!(stub.methods().is_empty(), "the scheduler was asked before the file was known to be good");
}

#[test]
fn bindings_reach_the_config() {
    let stub = stub();
    stub.file("f.aurora", &SERVICE.replace("instances = 3", "instances = '{{profile.n}}'"));
    stub.aurora(&["job", "create", K, "f.aurora", "--bind", "profile.n=5"]).exits(0);
    assert_eq!(stub.world().created[0].instance_count, Some(5));
}

#[test]
fn an_error_in_the_file_has_its_line() {
    let stub = stub();
    stub.file("f.aurora", &SERVICE.replace("processes = [", "proceses = ["));
    let outcome = stub.aurora(&["job", "create", K, "f.aurora"]).exits(3);
    outcome.err_has("f.aurora").err_has("proceses");
    assert!(stub.methods().is_empty());
}
