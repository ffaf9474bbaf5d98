use aurora_api::thrift::ResponseCode;

use crate::stub::{K, SERVICE, Stub, aggregate};

#[test]
fn cli_84_a_quota_is_printed() {
    let stub = Stub::start();
    let outcome = stub.aurora(&["quota", "get", "west/bozo"]).exits(0).err_has("Getting quota for: bozo");
    assert_eq!(
        outcome.out,
        "Allocated:
  CPU: 5 core(s)
  RAM: 20480 MB
  Disk: 40960 MB
Production shared pool resources consumed:
  CPU: 1 core(s)
  RAM: 1024 MB
  Disk: 2048 MB
Non-production shared pool resources consumed:
  CPU: 0.5 core(s)
  RAM: 16 MB
  Disk: 32 MB
"
    );
    for bad in ["west", "west/", "west/bozo/test"] {
        stub.aurora(&["quota", "get", bad]).exits(2).err_has("Role argument must be a CLUSTER/NAME pair");
    }
}

#[test]
fn a_quota_is_printed_as_json() {
    let stub = Stub::start();
    let outcome = stub.aurora(&["quota", "get", "--write-json", "west/bozo"]).exits(0);
    let json: serde_json::Value = serde_json::from_str(&outcome.out).unwrap();
    assert_eq!(json["quota"]["resources"][1]["ramMb"], 20_480);
    assert_eq!(json["prodSharedConsumption"]["resources"][0]["numCpus"], 1.0);
    assert_eq!(outcome.out.lines().count(), 1);
}

#[test]
fn a_refused_question_for_a_quota() {
    let stub = Stub::start();
    stub.world().answers.insert("getQuota", (ResponseCode::Error, "Whoops"));
    stub.aurora(&["quota", "get", "west/bozo"])
        .exits(10)
        .err_has("Error retrieving quota for role bozo\n\tWhoops");
}

#[test]
fn cli_92_a_quota_is_set() {
    let stub = Stub::start();
    stub.admin(&["set_quota", "west", "bozo", "1.0", "1g", "2g"])
        .exits(0)
        .err_has(" INFO] Response from scheduler: OK (message: )");
    let world = stub.world();
    assert_eq!(world.quotas[0].owner_role.as_deref(), Some("bozo"));
    assert_eq!(world.quotas[0].quota, Some(aggregate(1.0, 1_024, 2_048)));
}

#[test]
fn a_quota_is_increased() {
    let stub = Stub::start();
    stub.admin(&["increase_quota", "west", "bozo", "1.5", "10m", "50m"])
        .exits(0)
        .err_has("Current quota for bozo:\n INFO]   CPU: 5 core(s)")
        .err_has("Attempting to update quota for bozo to\n INFO]   CPU: 6.5 core(s)");
    assert_eq!(stub.world().quotas[0].quota, Some(aggregate(6.5, 20_490, 41_010)));
}

#[test]
fn a_refused_quota() {
    let stub = Stub::start();
    stub.world().answers.insert("setQuota", (ResponseCode::InvalidRequest, "Whoops"));
    stub.admin(&["set_quota", "west", "bozo", "1.0", "1g", "2g"])
        .exits(1)
        .err_has("Response from scheduler: INVALID_REQUEST (message: Whoops)");
}

#[test]
fn a_job_refused_for_its_quota_points_to_the_remedy() {
    let stub = Stub::start();
    stub.file("f.aurora", SERVICE);
    let refusal = "Insufficient resource quota: CPU quota exceeded by 3.00 core(s)";
    stub.world().answers.insert("createJob", (ResponseCode::InvalidRequest, refusal));
    stub.aurora(&["job", "create", K, "f.aurora"])
        .exits(4)
        .err_has(&format!("Job creation failed due to error:\n\t{refusal}\n"))
        .err_has("aurora_admin set_quota CLUSTER ROLE CPU RAM DISK");
}
