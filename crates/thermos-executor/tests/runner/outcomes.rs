//! Which way a task goes (§9.2, first half).

use serde_json::json;
use thermos::plan::record::{ProcessState, TaskState};

use crate::rig::{self, Rig, is_alive, is_inhabited, process, process_with, signal_process, wait_for};

use ProcessState::{Failed, Killed, Lost, Running, Success};

fn outcome(rig: &Rig) -> TaskState {
    outcome_of(rig, rig.start())
}

fn outcome_of(rig: &Rig, running: rig::Running<'_>) -> TaskState {
    running.end().fine();
    assert!(rig.paths().finished().exists() && !rig.paths().active().exists());
    assert!(!is_inhabited(rig.folder.path()), "something was left behind");
    let terminal = rig.state().statuses.iter().map(|step| step.state).find(|state| state.is_terminal());
    terminal.expect("the task has ended")
}

#[test]
fn th_17_the_stream_of_a_good_run() {
    let rig = Rig::new(&[process("p", "true")]);
    assert_eq!(outcome(&rig), TaskState::Success);
    let expected = [
        "task ACTIVE",
        "header",
        "p WAITING/0",
        "p FORKED/1",
        "p RUNNING/2",
        "p SUCCESS/3 rc 0",
        "task CLEANING",
        "task FINALIZING",
        "task SUCCESS",
    ];
    assert_eq!(rig.stream(), expected);
    let run = rig.state().last_run("p").unwrap().clone();
    assert!(
        run.fork_time.unwrap() < run.start_time.unwrap() && run.start_time.unwrap() < run.stop_time.unwrap()
    );
}

#[test]
fn th_18_layers_of_processes() {
    let names = ["t1", "t2", "t3", "t4", "t5", "t6"];
    let mut processes: Vec<_> = names.iter().map(|name| process(name, "true")).collect();
    processes[0] = process("t1", "echo {{thermos.ports[named_port]}}");
    let mut orders = Vec::new();
    for (from, to) in [(0, 2), (0, 3), (1, 2), (1, 3), (2, 4), (2, 5), (3, 4), (3, 5)] {
        orders.push(json!({"order": [names[from], names[to]]}));
    }
    let rig = Rig::new(&processes).with("constraints", json!(orders)).argument("--port=named_port:8123");
    assert_eq!(outcome(&rig), TaskState::Success);
    let state = rig.state();
    for name in names {
        assert_eq!(rig.runs(name), [Success], "{name}");
    }
    assert_eq!(rig.log("t1", 0, "stdout"), "8123\n");
    let header = state.header.unwrap();
    assert_eq!(header.task_id.as_deref(), Some("task-1"));
    assert_eq!(header.sandbox.as_deref(), rig.sandbox().to_str());
    assert_eq!(header.ports.unwrap()["named_port"], 8123);
    assert!(header.hostname.is_some() && header.launch_time_ms.unwrap() > 0);
}

#[test]
fn th_19_a_process_has_its_tries() {
    let failing = process_with("f", "exit 7", json!({"max_failures": 3}));
    let rig = Rig::new(&[failing, process("ok", "true")]).with("max_failures", json!(2));
    assert_eq!(outcome(&rig), TaskState::Success);
    let state = rig.state();
    let runs = &state.processes["f"];
    assert_eq!((rig.runs("f"), rig.runs("ok")), (vec![Failed; 3], vec![Success]));
    assert_eq!(runs[2].seq, 11);
    assert!(runs.iter().all(|run| run.return_code == Some(7)));
    for pair in runs.windows(2) {
        assert!(pair[1].start_time.unwrap() - pair[0].stop_time.unwrap() >= 0.99);
    }
}

#[test]
fn th_20_a_failed_process_fails_the_task_and_finalizers_run() {
    let failing = process_with("f", "exit 7", json!({"max_failures": 2}));
    let rig = Rig::new(&[failing, process_with("end", "true", json!({"final": true}))]);
    assert_eq!(outcome(&rig), TaskState::Failed);
    assert_eq!((rig.runs("f"), rig.runs("end")), (vec![Failed, Failed], vec![Success]));
}

#[test]
fn th_21_a_process_succeeds_on_its_last_try() {
    let try_until = |tries: usize| {
        let name = format!("p{tries}");
        let command = format!("echo x >> {name}; test $(wc -l < {name}) -ge {tries}");
        process_with(&name, &command, json!({"max_failures": 5}))
    };
    let rig = Rig::new(&[try_until(1), try_until(2), try_until(3)]);
    assert_eq!(outcome(&rig), TaskState::Success);
    assert_eq!(rig.runs("p1"), [Success]);
    assert_eq!(rig.runs("p2"), [Failed, Success]);
    assert_eq!(rig.runs("p3"), [Failed, Failed, Success]);
}

#[test]
fn th_22_a_deadlock_fails() {
    let rig = Rig::new(&[process("a", "true"), process("b", "exit 1"), process("c", "true")])
        .order(&["a", "b", "c"])
        .with("max_failures", json!(2));
    assert_eq!(outcome(&rig), TaskState::Failed);
    assert_eq!((rig.runs("a"), rig.runs("b"), rig.runs("c")), (vec![Success], vec![Failed], vec![]));
}

#[test]
fn th_23_a_task_without_a_limit_on_failures() {
    let bad = |name| process_with(name, "exit 1", json!({"max_failures": 2}));
    let processes = [
        bad("f1"),
        bad("f2"),
        bad("f3"),
        process("g1", "true"),
        process("g2", "true"),
        process("g3", "true"),
    ];
    let rig = Rig::new(&processes).with("max_failures", json!(0));
    assert_eq!(outcome(&rig), TaskState::Success);
    for (bad, good) in [("f1", "g1"), ("f2", "g2"), ("f3", "g3")] {
        assert_eq!((rig.runs(bad), rig.runs(good)), (vec![Failed; 2], vec![Success]));
    }
}

#[test]
fn th_24_a_process_without_a_limit_on_failures() {
    let command = "echo x >> tries; test $(wc -l < tries) -ge 3";
    let rig = Rig::new(&[process_with("p", command, json!({"max_failures": 0}))]);
    assert_eq!(outcome(&rig), TaskState::Success);
    assert_eq!(rig.runs("p"), [Failed, Failed, Success]);
}

#[test]
fn th_25_an_ephemeral_ends_with_the_rest() {
    let rig =
        Rig::new(&[process_with("e", "sleep 100", json!({"ephemeral": true})), process("main", "sleep 0.3")]);
    assert_eq!(outcome(&rig), TaskState::Success);
    assert_eq!(rig.runs("e"), [Killed]);
}

#[test]
fn th_26_a_failing_ephemeral_fails_nothing() {
    let main = process("main", "until test -e go; do sleep 0.05; done");
    let failing = process_with("e", "exit 1", json!({"ephemeral": true}));
    let rig = Rig::new(&[failing, main]);
    let running = rig.start();
    rig.wait_run("e", Failed);
    std::fs::write(rig.sandbox().join("go"), "").unwrap();
    assert_eq!(outcome_of(&rig, running), TaskState::Success);
    assert_eq!((rig.runs("e"), rig.runs("main")), (vec![Failed], vec![Success]));
}

#[test]
fn th_27_ephemerals_alone_run() {
    let rig = Rig::new(&[process_with("e", "exec sleep 100", json!({"ephemeral": true}))]);
    assert_eq!(outcome(&rig), TaskState::Success);
    assert_eq!(rig.runs("e"), [Killed]);
    assert_eq!(rig.state().last_run("e").unwrap().return_code, Some(-15));
}

#[test]
fn th_28_a_daemon_runs_again_and_again() {
    let rig = Rig::new(&[process_with("d", "true", json!({"daemon": true})), process("main", "sleep 100")]);
    let running = rig.start();
    wait_for("three runs of the daemon", || {
        let state = thermos::checkpoint::load(&rig.paths().runner()).ok()?.state;
        (state.processes.get("d")?.iter().filter(|run| run.state == Success).count() >= 3).then_some(())
    });
    running.signal("USR1");
    running.end().fine();
    let state = rig.state();
    for pair in state.processes["d"].windows(2).filter(|pair| pair[1].start_time.is_some()) {
        assert!(pair[1].start_time.unwrap() - pair[0].stop_time.unwrap() >= 0.99);
    }
    assert_eq!(state.task_state(), Some(TaskState::Killed));
}

#[test]
fn th_29_an_ephemeral_daemon_does_not_hide_a_deadlock() {
    let ephemeral = process_with("e", "sleep 100", json!({"daemon": true, "ephemeral": true}));
    let rig = Rig::new(&[process("a", "exit 1"), process("b", "true"), ephemeral])
        .order(&["a", "b"])
        .with("max_failures", json!(5));
    assert_eq!(outcome(&rig), TaskState::Failed);
    assert_eq!((rig.runs("a"), rig.runs("b"), rig.runs("e")), (vec![Failed], vec![], vec![Killed]));
}

#[test]
fn th_30_one_process_at_a_time() {
    let names = ["a", "b", "c"];
    let rig = Rig::new(&names.map(|name| process(name, "sleep 0.3"))).with("max_concurrency", json!(1));
    assert_eq!(outcome(&rig), TaskState::Success);
    let state = rig.state();
    let mut times: Vec<(f64, f64)> = names
        .iter()
        .map(|name| state.last_run(name).unwrap())
        .map(|run| (run.start_time.unwrap(), run.stop_time.unwrap()))
        .collect();
    times.sort_by(|one, other| one.0.total_cmp(&other.0));
    assert!(times.windows(2).all(|pair| pair[1].0 >= pair[0].1), "{times:?}");
    assert!(names.iter().all(|name| rig.runs(name) == [Success]));
}

#[test]
fn th_31_the_third_waits_for_a_place() {
    let rig =
        Rig::new(&["a", "b", "c"].map(|name| process(name, "sleep 0.3"))).with("max_concurrency", json!(2));
    assert_eq!(outcome(&rig), TaskState::Success);
    let stream = rig.stream();
    let first_end = stream.iter().position(|line| line.contains("SUCCESS")).unwrap();
    let third = stream.iter().enumerate().filter(|(_, line)| line.contains("WAITING")).nth(2).unwrap().0;
    assert!(third > first_end, "{stream:?}");
}

#[test]
fn th_32_finalizers_come_last() {
    let rig = Rig::new(&[process("main", "sleep 0.2"), process_with("end", "true", json!({"final": true}))]);
    assert_eq!(outcome(&rig), TaskState::Success);
    let state = rig.state();
    assert!(
        state.last_run("main").unwrap().stop_time.unwrap()
            < state.last_run("end").unwrap().start_time.unwrap()
    );
}

#[test]
fn th_33_a_finalizer_behind_a_failed_one_is_skipped() {
    let end = |name, command| process_with(name, command, json!({"final": true}));
    let rig =
        Rig::new(&[process("main", "true"), end("f1", "exit 1"), end("f2", "true")]).order(&["f1", "f2"]);
    assert_eq!(outcome(&rig), TaskState::Success);
    assert_eq!((rig.runs("f1"), rig.runs("f2")), (vec![Failed], vec![]));
}

#[test]
fn th_34_finalizers_have_their_tries() {
    let f1 = process_with("f1", "exit 1", json!({"final": true, "max_failures": 2}));
    let rig = Rig::new(&[process("main", "true"), f1, process_with("f2", "true", json!({"final": true}))]);
    assert_eq!(outcome(&rig), TaskState::Success);
    assert_eq!((rig.runs("f1"), rig.runs("f2")), (vec![Failed, Failed], vec![Success]));
}

#[test]
fn th_35_finalizers_do_not_save_a_task() {
    let rig = Rig::new(&[process("main", "exit 1"), process_with("end", "true", json!({"final": true}))]);
    assert_eq!(outcome(&rig), TaskState::Failed);
    assert_eq!(rig.runs("end"), [Success]);
}

const TRAPS_TERM: &str = "trap 'exit 0' TERM; touch ready; while true; do sleep 0.1; done";
const IGNORES_TERM: &str = "trap '' TERM; touch ready; while true; do sleep 0.1; done";
const FAILS_WHEN_TOLD: &str = "until test -e go; do sleep 0.05; done; exit 1";

/// The outcome of a task of which `bad` fails once its sibling is set on what it does when it is asked to end.
fn outcome_with_sibling(rig: &Rig) -> TaskState {
    let running = rig.start();
    wait_for("the sibling to be ready", || rig.sandbox().join("ready").exists().then_some(()));
    rig.wait_run("sibling", Running);
    rig.wait_run("bad", Running);
    std::fs::write(rig.sandbox().join("go"), "").unwrap();
    outcome_of(rig, running)
}

#[test]
fn th_36_siblings_are_asked_to_end() {
    let rig = Rig::new(&[
        process("bad", FAILS_WHEN_TOLD),
        process("sibling", TRAPS_TERM),
        process_with("end", "true", json!({"final": true})),
    ]);
    assert_eq!(outcome_with_sibling(&rig), TaskState::Failed);
    let stream = rig.stream();
    let from = stream.iter().position(|line| line == "task CLEANING").unwrap();
    let expected = [
        "task CLEANING",
        "sibling SUCCESS/3 rc 0",
        "task FINALIZING",
        "end WAITING/0",
        "end FORKED/1",
        "end RUNNING/2",
        "end SUCCESS/3 rc 0",
        "task FAILED",
    ];
    assert_eq!(stream[from..], expected);
}

/// From the entry of CLEANING to that of a terminal state, in milliseconds.
fn cleaned_for(rig: &Rig) -> i64 {
    let statuses = rig.state().statuses;
    let entered =
        |is_it: fn(TaskState) -> bool| statuses.iter().find(|step| is_it(step.state)).unwrap().timestamp_ms;
    entered(TaskState::is_terminal) - entered(|state| state == TaskState::Cleaning)
}

#[test]
fn th_37_siblings_that_do_not_listen_are_killed() {
    let rig = Rig::new(&[
        process("bad", FAILS_WHEN_TOLD),
        process("sibling", IGNORES_TERM),
        process_with("end", "true", json!({"final": true})),
    ])
    .with("finalization_wait", json!(2));
    assert_eq!(outcome_with_sibling(&rig), TaskState::Failed);
    let stream = rig.stream();
    assert_eq!(stream[stream.len() - 2..], ["task FAILED", "sibling KILLED/3 rc -1"]);
    assert!(cleaned_for(&rig) >= 2000);
    assert!(rig.runs("end").is_empty());
}

#[test]
fn th_38_finalizers_have_limited_time() {
    // A machine may be so busy that the time is over before the finalizer has begun. Then it gets more.
    for seconds in [2, 8, 32] {
        let processes = [process("main", "true"), process_with("end", "sleep 1000", json!({"final": true}))];
        let rig = Rig::new(&processes).with("finalization_wait", json!(seconds));
        assert_eq!(outcome(&rig), TaskState::Success);
        assert!(cleaned_for(&rig) >= 1000 * seconds);
        let stream = rig.stream();
        if stream.iter().any(|line| line == "end RUNNING/2") {
            return assert_eq!(stream[stream.len() - 2..], ["task SUCCESS", "end KILLED/3 rc -1"]);
        }
    }
    panic!("the finalizer never began");
}

#[test]
fn th_39_no_time_means_no_finalizers() {
    let rig = Rig::new(&[process("main", "true"), process_with("end", "true", json!({"final": true}))])
        .with("finalization_wait", json!(0));
    assert_eq!(outcome(&rig), TaskState::Success);
    let stream = rig.stream();
    assert_eq!(stream[stream.len() - 2..], ["task CLEANING", "task SUCCESS"]);
    assert!(rig.runs("end").is_empty());
}

fn signalled(rig: &Rig, signal: &str) {
    let running = rig.start();
    wait_for("the process to be ready", || rig.sandbox().join("ready").exists().then_some(()));
    rig.wait_run("s", Running);
    running.signal(signal);
    running.end().fine();
    assert!(!is_inhabited(rig.folder.path()), "something was left behind");
}

#[test]
fn th_40_a_kill_runs_finalizers() {
    killed_in_order("USR1");
}

#[test]
fn th_45_an_interrupt_is_a_kill() {
    killed_in_order("INT");
}

fn killed_in_order(signal: &str) {
    let rig = Rig::new(&[
        process("s", "touch ready; exec sleep 100"),
        process_with("end", "true", json!({"final": true})),
    ]);
    signalled(&rig, signal);
    let stream = rig.stream();
    let tail: Vec<&str> = stream.iter().skip(5).map(String::as_str).collect();
    let expected = [
        "task CLEANING",
        "s KILLED/3 rc -15",
        "task FINALIZING",
        "end WAITING/0",
        "end FORKED/1",
        "end RUNNING/2",
        "end SUCCESS/3 rc 0",
        "task KILLED",
    ];
    assert_eq!(tail, expected, "SIG{signal}");
}

#[test]
fn th_41_a_lost_task_ends_at_once() {
    // It does not heed the SIGTERM that comes just before.
    let rig = Rig::new(&[process("s", IGNORES_TERM), process_with("end", "true", json!({"final": true}))]);
    signalled(&rig, "USR2");
    let stream = rig.stream();
    assert_eq!(stream[stream.len() - 3..], ["task CLEANING", "task LOST", "s KILLED/3 rc -1"]);
    assert!(rig.runs("end").is_empty());
}

#[test]
fn th_42_a_process_may_end_well_when_killed() {
    let rig = Rig::new(&[process("s", TRAPS_TERM)]);
    signalled(&rig, "USR1");
    assert_eq!(rig.runs("s"), [Success]);
    assert_eq!(rig.state().task_state(), Some(TaskState::Killed));
}

#[test]
fn th_43_a_kill_waits_no_longer_than_finalization_may() {
    let rig = Rig::new(&[process("s", IGNORES_TERM)]).with("finalization_wait", json!(2));
    signalled(&rig, "USR1");
    // Upstream would wait for a minute.
    assert!((2000..45_000).contains(&cleaned_for(&rig)), "{}", cleaned_for(&rig));
    assert_eq!(rig.runs("s"), [Killed]);
    assert_eq!(rig.state().task_state(), Some(TaskState::Killed));
}

#[test]
fn th_44_a_kill_lets_a_finalizer_go_on() {
    let end = "touch finalizing; until test -e go; do sleep 0.05; done";
    let rig = Rig::new(&[process("main", "true"), process_with("end", end, json!({"final": true}))]);
    let mut running = rig.start();
    rig.wait_run("end", Running);
    wait_for("the finalizer", || rig.sandbox().join("finalizing").exists().then_some(()));
    running.order("USR1", "asked to kill the task");
    std::fs::write(rig.sandbox().join("go"), "").unwrap();
    running.end().fine();
    assert_eq!(rig.runs("end"), [Success]);
    assert_eq!(rig.state().task_state(), Some(TaskState::Killed));
}

#[test]
fn th_46_a_shell_killed_from_outside_runs_again() {
    let rig = Rig::new(&[process("p", "test -e again && exit 0; touch again; exec sleep 100")]);
    let running = rig.start();
    let run = rig.wait_run("p", Running);
    wait_for("the first run", || rig.sandbox().join("again").exists().then_some(()));
    signal_process(run.pid.unwrap(), "KILL");
    running.end().fine();
    assert_eq!(rig.runs("p"), [Killed, Success]);
    assert_eq!(rig.state().processes["p"][0].return_code, Some(-9));
    assert_eq!(rig.state().task_state(), Some(TaskState::Success));
}

#[test]
fn th_47_a_lost_coordinator_takes_its_shell_along() {
    let rig = Rig::new(&[process("p", "test -e again && exit 0; touch again; sleep 100")]);
    let running = rig.start();
    let run = rig.wait_run("p", Running);
    wait_for("the first run", || rig.sandbox().join("again").exists().then_some(()));
    signal_process(run.coordinator_pid.unwrap(), "KILL");
    running.end().fine();
    assert_eq!(rig.runs("p"), [Lost, Success]);
    assert!(!is_alive(run.pid.unwrap()));
}
