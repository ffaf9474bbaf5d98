use crate::stub::{CRON, K, SERVICE, Stub};

#[test]
fn cli_55_the_layout_of_inspect() {
    let stub = Stub::start();
    let config = SERVICE
        .replace("instances = 3", "instances = 3, contact = 'bozo@the.clown', constraints = {'rack': 'limit:1'}")
        .replace(
            "processes = [",
            "constraints = order('setup', 'hello'), processes = [Process(name = 'setup', cmdline = 'true'), Process(name = 'tidy', cmdline = 'date\\ntrue', final = True), ",
        );
    stub.file("f.aurora", &config);
    let outcome = stub.aurora(&["job", "inspect", K, "f.aurora"]).exits(0);
    assert_eq!(
        outcome.out,
        "Job level information
  name:       'hello'
  role:       'bozo'
  contact:    'bozo@the.clown'
  cluster:    'west'
  instances:  '3'
  constraints:
    'rack': 'limit:1'
  service:    True
  production: False

Task level information
  name: 'hello'
  constraints:
  setup < hello

Process 'setup':
  cmdline:
    true

Process 'tidy':
  final
  cmdline:
    date
    true

Process 'hello':
  cmdline:
    sleep 1000

"
    );
}

#[test]
fn a_cron_job_shows_its_schedule() {
    let stub = Stub::start();
    stub.file("c.aurora", CRON);
    stub.aurora(&["job", "inspect", "--local", K, "c.aurora"])
        .exits(0)
        .out_has("  cron:\n    schedule: '* * * * *'\n    policy:   'KILL_EXISTING'\n");
    assert!(stub.methods().is_empty());
}

#[test]
fn inspect_needs_no_scheduler() {
    let stub = Stub::start();
    stub.file("f.aurora", SERVICE);
    stub.world().hang_ups.insert("getTierConfigs", 9);
    stub.aurora(&["job", "inspect", K, "f.aurora"])
        .exits(0)
        .out_has("  name:       'hello'")
        .err_has(" WARN] the job's tier is shown as the file has it");
    stub.aurora(&["job", "inspect", "--raw", "--local", K, "f.aurora"]).exits(0).out_has("TaskConfig");
    stub.aurora(&["job", "inspect", "--write-json", "--local", K, "f.aurora"])
        .exits(0)
        .out_has("\"health_check_config\": ");
}
