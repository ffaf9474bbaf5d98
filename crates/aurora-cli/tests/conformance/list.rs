use aurora_api::thrift::ResponseCode;

use crate::stub::{K, Stub};

#[test]
fn cli_50_a_pattern_lists_the_matching_jobs() {
    let stub = Stub::start();
    let outcome = stub.aurora(&["job", "list", "west/b*"]).exits(0);
    assert_eq!(outcome.out, "west/bozo/test/alpha\nwest/bozo/test/beta\nwest/bozo/test/other\n");
    assert_eq!(stub.world().asked_roles, [None]);
    let outcome = stub.aurora(&["job", "list", "west/*/*/b*"]).exits(0);
    assert_eq!(outcome.out, "west/bozo/test/beta\n");
    let outcome = stub.aurora(&["job", "list", "west/nobody*"]).exits(0);
    assert_eq!(outcome.out, "");
}

#[test]
fn cli_51_a_literal_key_is_not_looked_up() {
    let stub = Stub::start();
    let outcome = stub.aurora(&["job", "list", K]).exits(0);
    assert_eq!(outcome.out, format!("{K}\n"));
    assert!(stub.methods().is_empty());
}

#[test]
fn a_refused_list_is_a_failure() {
    let stub = Stub::start();
    stub.world().answers.insert("getJobs", (ResponseCode::Error, "Whoops"));
    stub.aurora(&["job", "list", "west"]).exits(4).err_has("Whoops");
}

#[test]
fn refused_credentials_have_their_own_code() {
    let stub = Stub::start();
    stub.world().http_status = Some("401 Unauthorized");
    stub.aurora(&["job", "list", "west"]).exits(30).err_has("401 Unauthorized for url: ");
}

#[test]
fn the_first_failures_of_a_read_are_told() {
    let stub = Stub::start();
    stub.world().hang_ups.insert("getJobs", 2);
    let outcome = stub.aurora(&["job", "list", "west/b*"]).exits(0);
    assert_eq!(outcome.err.matches("retrying...").count(), 2, "{}", outcome.err);
}
