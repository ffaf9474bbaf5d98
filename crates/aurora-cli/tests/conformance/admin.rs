//! The frame of `aurora_admin` (`spec/cli.md` §10.1).

use aurora_api::thrift::MaintenanceMode;

use crate::stub::Stub;

#[test]
fn wrong_command_lines_of_the_administrator() {
    let stub = Stub::start();
    stub.admin(&[]).exits(1);
    for help in ["-h", "--help", "--long-help"] {
        stub.admin(&[help]).exits(0).out_has("set_quota");
    }
    stub.admin(&["help"]).exits(0).out_has("increase_quota");
    stub.admin(&["help", "NOPE"]).exits(1).out_has("Subcommand NOPE not found.");
    stub.admin(&["nope"]).exits(1);
    stub.admin(&["set_quota", "west", "bozo", "1"])
        .exits(1)
        .err_has("see the help subcommand for more details.");
    stub.admin(&["set_quota", "west", "bozo", "1", "1g", "1g", "more"]).exits(1);
    stub.admin(&["set_quota", "--x", "west", "bozo", "1", "1g", "1g"]).exits(2).err_has("--x");
    stub.admin(&["set_quota", "west", "bozo", "1", "1x", "1g"]).exits(1).err_has("Invalid data size: '1x'");
    stub.admin(&["set_quota", "west", "bozo", "1", "512", "1g"]).exits(1).err_has("512mb");
    stub.admin(&["set_quota", "east", "bozo", "1", "1g", "1g"]).exits(1).err_has("Unknown cluster: east");
    assert!(stub.world().quotas.is_empty());
}

#[test]
fn help_is_of_one_command() {
    let stub = Stub::start();
    stub.admin(&["help", "host_drain"]).exits(0).out_has("--post_drain_script");
    stub.admin(&["host_drain", "--help"]).exits(0).out_has("--post_drain_script");
    stub.admin(&["help", "host_drain", "host_status"])
        .exits(1)
        .out_has("Please specify at most one subcommand.");
}

#[test]
fn what_is_wrong_with_a_command_line_is_told() {
    let stub = Stub::start();
    stub.admin(&["host_drain"]).exits(1).err_has("see the help subcommand for more details.");
    stub.admin(&["host_status", "--hosts=h", "west", "more"])
        .exits(1)
        .err_has("see the help subcommand for more details.");
    stub.admin(&["host_status", "--x", "west"])
        .exits(2)
        .err_has("error: no such option: --x")
        .err_has("Usage: ");
    stub.admin(&["host_drain", "--timeout=x", "--hosts=h", "west"]).exits(2).err_has("Invalid time span: x");
    stub.admin(&["host_status", "--hosts=h", "east"])
        .exits(1)
        .err_has("Unknown cluster: east. Known clusters: local, west");
    assert!(stub.methods().is_empty());
}

#[test]
fn options_and_arguments_come_in_any_order() {
    let stub = Stub::start();
    stub.world().hosts.insert("h".to_owned(), MaintenanceMode::None);
    for arguments in [
        ["host_status", "west", "--hosts", "h", "-v"],
        ["-v", "host_status", "--hosts", "h", "west"],
        ["host_status", "-v", "-hosts=h", "--bypass-leader", "west"],
    ] {
        stub.admin(&arguments)
            .exits(0)
            .out_has("h is in state: NONE")
            .err_has("DEBUG] calling maintenanceStatus");
    }
}

#[test]
fn a_quiet_command_says_only_its_result() {
    let stub = Stub::start();
    stub.world().hosts.insert("h".to_owned(), MaintenanceMode::None);
    for quiet in ["-q", "--log_to_stderr=NONE", "--log_to_stderr=plain:ERROR"] {
        let outcome = stub.admin(&["host_status", quiet, "--hosts=h", "west"]).exits(0);
        assert_eq!((outcome.out.as_str(), outcome.err.as_str()), ("h is in state: NONE\n", ""));
    }
    stub.admin(&["host_status", "--log_to_stderr=LOUD", "--hosts=h", "west"])
        .exits(2)
        .err_has("no such level: LOUD");
}

#[test]
fn options_may_be_kept_in_a_file() {
    let stub = Stub::start();
    stub.world().hosts.insert("h".to_owned(), MaintenanceMode::None);
    stub.file(".aurora-adminrc", "[host_status]\noptions = --hosts=h -q\n");
    let outcome = stub.admin(&["host_status", "west"]).exits(0).out_has("h is in state: NONE");
    assert_eq!(outcome.err, "");
    let ignoring = ["host_status", "--app_ignore_rc_file", "west"];
    stub.admin(&ignoring).exits(1).err_has("Please specify either --filename or --hosts");
    stub.file(".aurora-adminrc", "[host_status]\noptions\n");
    stub.admin(&["host_status", "west"])
        .exits(1)
        .err_has(".aurora-adminrc:2: ")
        .err_has("--app_ignore_rc_file");
    stub.admin(&["help"]).exits(0);
}
