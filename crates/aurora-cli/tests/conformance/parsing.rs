use crate::stub::{K, Stub};

#[test]
fn cli_1_no_arguments_is_help() {
    Stub::start().aurora(&[]).exits(0).out_has("Usage: aurora");
}

#[test]
fn help_at_any_level_is_on_stdout() {
    let stub = Stub::start();
    stub.aurora(&["job", "--help"]).exits(0).out_has("killall");
    let help = stub.aurora(&["job", "create", "-h"]).exits(0);
    assert!(help.err.is_empty(), "{help:?}");
    help.out_has("--wait-until");
}

#[test]
fn cli_2_version_is_on_stderr() {
    let outcome = Stub::start().aurora(&["--version"]).exits(0);
    assert_eq!(outcome.out, "");
    assert_eq!(outcome.err.trim(), env!("CARGO_PKG_VERSION"));
}

#[test]
fn cli_3_a_noun_needs_a_verb() {
    Stub::start().aurora(&["job"]).exits(2).err_has("aurora job: error: too few arguments");
}

#[test]
fn cli_4_unknown_nouns_and_verbs() {
    let stub = Stub::start();
    stub.aurora(&["foo"])
        .exits(2)
        .err_has("argument noun: invalid choice: 'foo' (choose from 'job', 'config'");
    stub.aurora(&["job", "foo"]).exits(2).err_has("argument verb: invalid choice: 'foo' (choose from ");
}

#[test]
fn cli_5_surplus_arguments_are_named() {
    let stub = Stub::start();
    stub.aurora(&["job", "list", K, "extra"])
        .exits(2)
        .err_has("aurora: error: unrecognized arguments: extra");
    stub.aurora(&["job", "list", K, "--no-such=1"]).exits(2).err_has("unrecognized arguments: --no-such=1");
}

#[test]
fn cli_6_options_come_after_the_verb() {
    Stub::start().aurora(&["-v", "job", "list", K]).exits(2).err_has("usage: ");
}

#[test]
fn missing_positionals() {
    Stub::start()
        .aurora(&["job", "create", K])
        .exits(2)
        .err_has("aurora job create: error: too few arguments");
}

#[test]
fn cli_7_an_unknown_cluster() {
    Stub::start()
        .aurora(&["job", "status", "x"])
        .exits(3)
        .err_has("Unknown cluster: x")
        .err_has("known clusters: local, west");
}

#[test]
fn cli_8_a_key_has_four_parts() {
    Stub::start()
        .aurora(&["job", "create", "a/b/c", "F"])
        .exits(2)
        .err_has("argument CLUSTER/ROLE/ENV/NAME: invalid jobkeytype value: 'a/b/c'");
}

#[test]
fn cli_9_an_instance_range_goes_up() {
    Stub::start()
        .aurora(&["job", "kill", &format!("{K}/4-1")])
        .exits(2)
        .err_has("Invalid instance range: ['4', '1']");
}

#[test]
fn cli_29_a_status_to_wait_for() {
    Stub::start().aurora(&["job", "create", "--wait-until=SOON", K, "F"]).exits(2).err_has(
        "argument --wait-until: invalid choice: 'SOON' (choose from 'PENDING', 'RUNNING', 'FINISHED')",
    );
}

#[test]
fn cli_31_a_binding_has_an_equals_sign() {
    Stub::start()
        .aurora(&["job", "create", K, "F", "--bind", "foo"])
        .exits(2)
        .err_has("Binding parameter must be formatted name=value");
}

#[test]
fn a_bad_number_is_named() {
    Stub::start()
        .aurora(&["job", "killall", K, "--batch-size", "x"])
        .exits(2)
        .err_has("argument --batch-size: invalid int value: 'x'");
}

#[test]
fn cli_52_a_pattern_has_at_most_four_parts() {
    Stub::start()
        .aurora(&["job", "list", "a/b/c/d/e"])
        .exits(2)
        .err_has("invalid arg_type_jobkey value: 'a/b/c/d/e'");
}

#[test]
fn options_may_have_one_dash_and_be_shortened() {
    let stub = Stub::running([0]);
    stub.aurora(&["job", "killall", "-batch-size=5", "--no-batch", K])
        .exits(0)
        .out_has("Job killall succeeded");
}

#[test]
fn a_broken_clusters_file_is_no_trouble_until_it_is_needed() {
    let stub = Stub::start();
    stub.file(".aurora/clusters.json", "[{]");
    stub.aurora(&["job", "--help"]).exits(0);
    stub.aurora(&["job", "status", K]).exits(3).err_has("Unable to parse ").err_has("line 1 column 3");
}

#[test]
fn a_cluster_behind_zookeeper_says_what_to_do() {
    let stub = Stub::start();
    stub.file(".aurora/clusters.json", r#"[{"name": "west", "zk": "zk1"}]"#);
    stub.aurora(&["job", "status", K]).exits(3).err_has("\"scheduler_uri\"");
}
