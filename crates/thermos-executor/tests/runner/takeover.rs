//! Runners that die and runners that take over (§9.2, second half), and the end of the executor.

use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use serde_json::json;
use thermos::os::fd::make_inheritable;
use thermos::plan::record::{ProcessState, TaskState};
use thermos::run::RunnerExit;

use crate::rig::{Rig, is_alive, is_inhabited, process, process_with, signal_process, wait_for};

use ProcessState::{Lost, Running, Success};

#[test]
fn th_48_each_loss_is_a_run_of_its_own() {
    let rig = Rig::new(&[process("p", STUBBORN)]);
    let running = rig.start();
    let nth_run = |count: usize| {
        wait_for("the next run", || {
            let state = thermos::checkpoint::load(&rig.paths().runner()).ok()?.state;
            let runs = state.processes.get("p")?;
            (runs.len() == count && runs.last()?.state == Running).then(|| runs.last().cloned())?
        })
    };
    signal_process(nth_run(1).coordinator_pid.unwrap(), "KILL");
    signal_process(nth_run(2).pid.unwrap(), "KILL");
    nth_run(3);
    running.kill_runner();
    assert_eq!(rig.runs("p"), [Lost, ProcessState::Killed, Running]);
    thermos::run::kill_task(&rig.paths(), TaskState::Killed).unwrap();
}

#[test]
fn th_49_a_new_controller_ends_what_is_gone() {
    let rig = Rig::new(&[process("p", "exec sleep 100")]);
    let running = rig.start();
    let run = rig.wait_run("p", Running);
    running.kill_runner();
    signal_process(run.coordinator_pid.unwrap(), "KILL");
    signal_process(run.pid.unwrap(), "KILL");
    wait_for("the shell to be gone", || (!is_alive(run.pid.unwrap())).then_some(()));
    wait_for("the coordinator to be gone", || (!is_alive(run.coordinator_pid.unwrap())).then_some(()));
    thermos::run::kill_task(&rig.paths(), TaskState::Killed).unwrap();
    assert_eq!(rig.runs("p"), [Lost]);
    assert!(rig.paths().finished().exists());
}

#[test]
fn a_task_without_a_runner_is_ended_by_force() {
    let rig = Rig::new(&[process("p", "sleep 100 & sleep 100")]);
    let running = rig.start();
    let run = rig.wait_run("p", Running);
    running.kill_runner();
    thermos::run::kill_task(&rig.paths(), TaskState::Killed).unwrap();
    wait_for("the processes to be gone", || (!is_inhabited(rig.folder.path())).then_some(()));
    assert!(!is_alive(run.pid.unwrap()));
    let stream = rig.stream();
    assert_eq!(stream[stream.len() - 3..], ["task ACTIVE", "p KILLED/3 rc -9", "task KILLED"]);
}

#[test]
fn daemons_of_a_task_without_a_runner_are_killed_with_it() {
    // One that was started before, and more and more of them meanwhile.
    let command =
        "(setsid sleep 1000 &); touch ready; while true; do (setsid sleep 1000 &); sleep 0.05; done";
    let rig = Rig::new(&[process("p", command)]);
    let running = rig.start();
    is_ready(&rig);
    running.kill_runner();
    thermos::run::kill_task(&rig.paths(), TaskState::Killed).unwrap();
    wait_for("the processes to be gone", || (!is_inhabited(rig.folder.path())).then_some(()));
    assert_eq!(rig.runs("p"), [ProcessState::Killed]);
}

#[test]
fn th_50_a_new_runner_goes_on() {
    let rig = Rig::new(&[process("a", "until test -e go; do sleep 0.05; done"), process("b", "true")])
        .order(&["a", "b"]);
    let first = rig.start();
    rig.wait_run("a", Running);
    first.kill_runner();
    let second = rig.start();
    wait_for("the second runner", || {
        (rig.stream().iter().filter(|line| *line == "task ACTIVE").count() == 2).then_some(())
    });
    std::fs::write(rig.sandbox().join("go"), "").unwrap();
    second.end().fine();
    assert_eq!((rig.runs("a"), rig.runs("b")), (vec![Success], vec![Success]));
    assert_eq!(rig.state().task_state(), Some(TaskState::Success));
}

/// Whether a runner comes to the end of its task before it is killed, after this time.
fn is_over_within(rig: &Rig, life: Duration) -> bool {
    let running = rig.start();
    let begin = Instant::now();
    while !rig.paths().finished().exists() {
        if begin.elapsed() >= life {
            running.kill_runner();
            return false;
        }
        std::thread::sleep(Duration::from_micros(500));
    }
    // The one before may have been killed when only the last file was left to move.
    let end = running.end().code();
    assert!(end == Some(0) || end == Some(i32::from(RunnerExit::TerminalTask.status())), "{end:?}");
    true
}

/// Lives that come to an end on any machine that is not very busy. On one that is, a runner may need seconds to begin: the lives
/// that follow are longer by far.
const MOST_SHORT_LIVES: u32 = 30;

#[test]
fn th_51_a_runner_killed_again_and_again_comes_to_the_same_end() {
    let processes = [
        process("a", "sleep 0.1"),
        process_with("b", "exit 3", json!({"max_failures": 2})),
        process("c", "sleep 0.1"),
        process_with("end", "sleep 0.1", json!({"final": true})),
    ];
    let rig = Rig::new(&processes).order(&["a", "c"]).with("max_failures", json!(2));
    // Each life is a bit longer than the one before, so that death comes at every step once and the end is reached.
    let (mut life, step) = (Duration::from_millis(5), Duration::from_millis(15));
    let mut lives = 1;
    while !is_over_within(&rig, life) {
        lives += 1;
        life = if lives > MOST_SHORT_LIVES { life * 2 } else { life + step };
    }
    let state = rig.state();
    let last = |name: &str| state.last_run(name).unwrap().state;
    assert_eq!(
        (last("a"), last("b"), last("c"), last("end")),
        (Success, ProcessState::Failed, Success, Success)
    );
    assert_eq!(state.task_state(), Some(TaskState::Success));
    assert!(!is_inhabited(rig.folder.path()));
}

#[test]
fn th_52_a_second_runner_is_refused() {
    let rig = Rig::new(&[process("p", "until test -e go; do sleep 0.05; done")]);
    let first = rig.start();
    rig.wait_run("p", Running);
    let second = rig.run();
    assert_eq!(second.code(), Some(103));
    assert!(
        second.stderr().contains("Could not acquire checkpoint permission or lock"),
        "{}",
        second.stderr()
    );
    std::fs::write(rig.sandbox().join("go"), "").unwrap();
    first.end().fine();
    assert_eq!(rig.runs("p"), [Success]);
}

#[test]
fn th_53_a_runner_on_a_finished_task_exits_0() {
    let rig = Rig::new(&[process("p", "true")]);
    rig.run().fine();
    let before = rig.stream();
    rig.run().fine();
    assert_eq!(rig.stream(), before);
}

#[test]
fn th_54_another_task_under_the_same_id_is_refused() {
    let mut rig = Rig::new(&[process("p", "exec sleep 100")]);
    let first = rig.start();
    rig.wait_run("p", Running);
    first.kill_runner();
    rig.task["processes"][0]["cmdline"] = json!("true");
    let second = rig.run();
    assert_eq!(second.code(), Some(102));
    assert!(second.stderr().contains("Task differs from on disk copy: "), "{}", second.stderr());
    thermos::run::kill_task(&rig.paths(), TaskState::Killed).unwrap();
}

/// A pipe whose other end an executor would hold, and a runner that watches it.
fn with_lifeline(rig: &Rig) -> (std::io::PipeWriter, std::process::Child) {
    let (reader, writer) = std::io::pipe().unwrap();
    make_inheritable(&reader).unwrap();
    let mut command = rig.command();
    command.arg(format!("--lifeline_fd={}", reader.as_raw_fd()));
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    (writer, command.spawn().unwrap())
}

const STUBBORN: &str = "trap '' TERM; touch ready; while true; do sleep 0.1; done";

fn is_ready(rig: &Rig) {
    wait_for("the process to be ready", || rig.sandbox().join("ready").exists().then_some(()));
    rig.wait_run("p", Running);
}

#[test]
fn the_task_ends_with_its_executor() {
    let rig = Rig::new(&[process("p", STUBBORN), process("q", "(setsid sleep 100 &) ; exec sleep 100")]);
    let (writer, mut runner) = with_lifeline(&rig);
    is_ready(&rig);
    rig.wait_run("q", Running);
    drop(writer);
    runner.wait().unwrap();
    assert!(!is_inhabited(rig.folder.path()), "something was left behind");
    assert!(rig.state().statuses.iter().any(|step| step.state == TaskState::Lost));
    assert!(rig.paths().finished().exists());
}

#[test]
fn the_task_ends_even_when_executor_and_runner_are_killed_together() {
    let rig = Rig::new(&[process("p", STUBBORN)]);
    let (writer, mut runner) = with_lifeline(&rig);
    is_ready(&rig);
    runner.kill().unwrap();
    runner.wait().unwrap();
    drop(writer);
    wait_for("the processes to be gone", || (!is_inhabited(rig.folder.path())).then_some(()));
}

/// A process that is over, with a daemon that it left, and one that goes on.
fn with_daemon() -> Rig {
    let daemon = process(
        "d",
        "(setsid sh -c 'echo $$ > daemon; exec sleep 1000' &); until test -s daemon; do sleep 0.01; done",
    );
    let rig = Rig::new(&[daemon, process("p", "until test -e go; do sleep 0.05; done")]);
    rig.order(&["d", "p"])
}

#[test]
fn a_daemon_of_a_process_that_is_over_does_not_outlive_executor_and_runner() {
    let rig = with_daemon();
    let (writer, mut runner) = with_lifeline(&rig);
    rig.wait_run("p", Running);
    assert!(rig.state().last_run("d").unwrap().is_guarded);
    assert!(is_alive(rig.wait_number("daemon")));
    runner.kill().unwrap();
    runner.wait().unwrap();
    drop(writer);
    wait_for("the processes to be gone", || (!is_inhabited(rig.folder.path())).then_some(()));
}

#[test]
fn a_daemon_of_a_process_that_is_over_is_taken_over_with_the_task() {
    let rig = with_daemon();
    let first = rig.start();
    rig.wait_run("p", Running);
    let daemon = rig.wait_number("daemon");
    first.kill_runner();
    let second = rig.start();
    wait_for("the second runner", || (rig.state().statuses.len() == 2).then_some(()));
    assert!(is_alive(daemon));
    std::fs::write(rig.sandbox().join("go"), "").unwrap();
    second.end().fine();
    assert!(!is_alive(daemon) && !is_inhabited(rig.folder.path()));
}

#[test]
fn a_daemon_of_a_process_that_is_over_is_killed_with_the_task() {
    let rig = with_daemon();
    let runner = rig.start();
    rig.wait_run("p", Running);
    runner.kill_runner();
    thermos::run::kill_task(&rig.paths(), TaskState::Killed).unwrap();
    wait_for("the processes to be gone", || (!is_inhabited(rig.folder.path())).then_some(()));
}

#[test]
fn runs_that_leave_daemons_follow_each_other() {
    let command = "(setsid sleep 1000 &); test -e go";
    let fields = json!({"daemon": true, "min_duration": 0, "max_failures": 4});
    let rig = Rig::new(&[process_with("p", command, fields)]);
    let done = rig.run();
    done.fine();
    assert_eq!(rig.runs("p"), [ProcessState::Failed; 4], "{}", done.stderr());
    assert!(!is_inhabited(rig.folder.path()));
}

#[test]
fn a_damaged_stream_is_gone_on_with_from_before_the_damage() {
    for damage in [&[0, 0, 0, 9, 1, 2][..], &[0xff; 40], &[0, 0, 0, 1, 0], &[0]] {
        let rig = Rig::new(&[process("a", "until test -e go; do sleep 0.05; done"), process("b", "true")])
            .order(&["a", "b"]);
        let first = rig.start();
        rig.wait_run("a", Running);
        first.kill_runner();
        let before = std::fs::read(rig.paths().runner()).unwrap();
        std::fs::write(rig.paths().runner(), [before.as_slice(), damage].concat()).unwrap();
        let second = rig.start();
        wait_for("the second runner", || (rig.state().statuses.len() == 2).then_some(()));
        std::fs::write(rig.sandbox().join("go"), "").unwrap();
        let done = second.end();
        done.fine();
        let said = format!("{} at byte {}", rig.paths().runner().display(), before.len());
        assert!(done.stderr().contains(&said) && done.stderr().contains("is dropped"), "{}", done.stderr());
        assert_eq!((rig.runs("a"), rig.runs("b")), (vec![Success], vec![Success]));
        assert!(std::fs::read(rig.paths().runner()).unwrap().starts_with(&before));
    }
}

/// A small deterministic source of chance, so that a failure can be repeated by its seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// A task of a few short processes: orders, tries, finalizers.
fn random_task(chance: &mut Chance) -> Rig {
    let names = ["a", "b", "c", "d"];
    let mut processes = Vec::new();
    for name in names {
        let tries = 1 + chance.below(3);
        // Fails until its last try, and one in four does so then as well.
        let last = if chance.below(4) == 0 { tries + 1 } else { tries };
        let command = format!(
            "echo x >> tries-{name}; sleep 0.0{}; test $(wc -l < tries-{name}) -ge {last}",
            chance.below(9)
        );
        let fields = json!({"max_failures": tries, "min_duration": 0, "final": name == "d"});
        processes.push(process_with(name, &command, fields));
    }
    // Without a limit, so that no process ends early because another one failed first.
    let rig = Rig::new(&processes).with("max_failures", json!(0));
    if chance.below(2) == 0 { rig.order(&["a", "b"]) } else { rig }
}

#[test]
fn a_runner_killed_at_random_moments_changes_nothing() {
    for seed in 1..=8_u64 {
        let outcome = |rig: &Rig| {
            let state = rig.state();
            // A coordinator whose runner died before it knew what to do is lost, and its run begins anew.
            let runs = ["a", "b", "c", "d"].map(|name| {
                let mut runs = rig.runs(name);
                runs.retain(|run| *run != Lost);
                runs
            });
            (state.task_state(), runs)
        };
        let calm = random_task(&mut Chance(seed * 7919));
        calm.run().fine();
        let mut chance = Chance(seed * 7919);
        let rig = random_task(&mut chance);
        let (mut most_us, mut lives) = (80_000, 1);
        while !is_over_within(&rig, Duration::from_micros(chance.below(most_us))) {
            lives += 1;
            if lives > MOST_SHORT_LIVES {
                most_us *= 2;
            }
        }
        assert_eq!(outcome(&rig), outcome(&calm), "seed {seed}: {:#?}", rig.stream());
        assert!(!is_inhabited(rig.folder.path()), "seed {seed}");
    }
}
