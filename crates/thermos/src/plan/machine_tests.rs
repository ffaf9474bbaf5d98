use super::*;
use crate::plan::record::{ProcessStatus, TaskStatus};

fn schedule(name: &str) -> Schedule {
    Schedule {
        name: name.into(),
        daemon: false,
        ephemeral: false,
        max_failures: 1,
        min_duration: Duration::from_secs(1),
    }
}

fn shape(regular: Vec<Schedule>, finalizing: Vec<Schedule>) -> Shape {
    Shape {
        regular,
        finalizing,
        orders: Vec::new(),
        max_failures: 1,
        max_concurrency: 0,
        finalization_wait: Duration::from_secs(30),
        run_limit: Some(100),
    }
}

const fn at(seconds: i64) -> Moment {
    Moment::from_secs(seconds)
}

/// A driver without processes: carries out what the machine asks for at a time.
struct Rig {
    machine: Machine,
    now: Moment,
}

impl Rig {
    fn new(shape: Shape) -> Self {
        let mut rig = Self { machine: Machine::new(shape).unwrap(), now: at(100) };
        rig.enter(TaskState::Active);
        rig
    }

    fn apply(&mut self, record: &Record) {
        self.machine.apply(record, Strictness::Strict, self.now).unwrap();
    }

    fn enter(&mut self, state: TaskState) {
        self.apply(&Record::Task(TaskStatus {
            state: Some(state.wire()),
            timestamp_ms: Some(self.now.as_millis()),
            ..TaskStatus::default()
        }));
    }

    fn status(&mut self, process: &str, state: ProcessState) {
        let seq = self.machine.state().next_seq(process);
        let now = self.now.as_secs_f64();
        self.apply(&Record::Process(ProcessStatus {
            fork_time: Some(now),
            start_time: Some(now),
            stop_time: Some(now),
            pid: Some(2),
            coordinator_pid: Some(1),
            return_code: Some(0),
            ..ProcessStatus::new(process, seq, state)
        }));
    }

    /// Expects that these are to be launched, and launches them.
    fn launches(&mut self, expected: &[&str]) {
        assert_eq!(
            self.machine.step(self.now),
            Step::Launch(expected.iter().map(|name| (*name).into()).collect())
        );
        for name in expected {
            self.status(name, ProcessState::Waiting);
            self.status(name, ProcessState::Forked);
            self.status(name, ProcessState::Running);
        }
    }

    fn enters(&mut self, expected: TaskState) {
        assert_eq!(self.machine.step(self.now), Step::Enter(expected));
        self.enter(expected);
    }

    fn waits(&self) {
        assert!(matches!(self.machine.step(self.now), Step::Wait(_)), "{:?}", self.machine.step(self.now));
    }
}

#[test]
fn a_good_task_goes_through_cleaning_and_finalizing() {
    let mut rig = Rig::new(shape(vec![schedule("a")], vec![schedule("f")]));
    rig.launches(&["a"]);
    rig.waits();
    rig.status("a", ProcessState::Success);
    rig.enters(TaskState::Cleaning);
    rig.enters(TaskState::Finalizing);
    rig.launches(&["f"]);
    rig.status("f", ProcessState::Failed);
    rig.enters(TaskState::Success);
    assert_eq!(rig.machine.step(rig.now), Step::Done);
}

#[test]
fn cleaning_waits_for_what_lives_and_then_for_its_time() {
    let mut rig = Rig::new(shape(vec![schedule("a"), schedule("b")], vec![schedule("f")]));
    rig.launches(&["a", "b"]);
    rig.status("a", ProcessState::Failed);
    rig.enters(TaskState::Cleaning);
    rig.now = at(129);
    assert_eq!(rig.machine.step(rig.now), Step::Wait(Some(Duration::from_secs(1))));
    rig.now = at(130);
    rig.enters(TaskState::Failed);
}

#[test]
fn a_takeover_does_not_win_finalization_time() {
    let mut rig = Rig::new(shape(vec![schedule("a"), schedule("b")], vec![]));
    rig.launches(&["a", "b"]);
    rig.status("a", ProcessState::Failed);
    rig.enters(TaskState::Cleaning);
    rig.now = at(120);
    rig.enter(TaskState::Cleaning);
    rig.now = at(130);
    rig.enters(TaskState::Failed);
}

#[test]
fn a_kill_waits_for_the_finalization_wait_and_a_minute_at_most() {
    let mut long = shape(vec![schedule("a")], vec![schedule("f")]);
    long.finalization_wait = Duration::from_secs(600);
    let mut rig = Rig::new(long);
    rig.launches(&["a"]);
    rig.machine.order_kill(TaskState::Killed, Duration::MAX, rig.now);
    rig.enters(TaskState::Cleaning);
    rig.now = at(159);
    rig.waits();
    rig.now = at(160);
    rig.enters(TaskState::Killed);
}

#[test]
fn losing_a_task_leaves_no_time_and_no_finalizers() {
    let mut rig = Rig::new(shape(vec![schedule("a")], vec![schedule("f")]));
    rig.launches(&["a"]);
    rig.machine.order_kill(TaskState::Lost, Duration::ZERO, rig.now);
    rig.enters(TaskState::Cleaning);
    rig.enters(TaskState::Lost);
}

#[test]
fn th_44_a_kill_while_finalizing_lets_the_finalizer_go_on() {
    let mut rig = Rig::new(shape(vec![schedule("a")], vec![schedule("f")]));
    rig.launches(&["a"]);
    rig.status("a", ProcessState::Success);
    rig.enters(TaskState::Cleaning);
    rig.enters(TaskState::Finalizing);
    rig.launches(&["f"]);
    rig.now = at(110);
    rig.machine.order_kill(TaskState::Killed, Duration::MAX, rig.now);
    rig.waits();
    rig.now = at(130);
    rig.enters(TaskState::Killed);
}

#[test]
fn max_concurrency_counts_what_runs() {
    let mut one = shape(vec![schedule("a"), schedule("b"), schedule("c")], vec![]);
    one.max_concurrency = 2;
    let mut rig = Rig::new(one);
    rig.launches(&["a", "b"]);
    rig.waits();
    rig.status("a", ProcessState::Success);
    rig.launches(&["c"]);
}

#[test]
fn th_22_a_deadlock_fails_the_task() {
    let mut chain = shape(vec![schedule("a"), schedule("b"), schedule("c")], vec![]);
    chain.orders = vec![vec!["a".into(), "b".into(), "c".into()]];
    chain.max_failures = 2;
    let mut rig = Rig::new(chain);
    rig.launches(&["a"]);
    rig.status("a", ProcessState::Success);
    rig.launches(&["b"]);
    rig.status("b", ProcessState::Failed);
    rig.enters(TaskState::Cleaning);
    rig.enters(TaskState::Finalizing);
    rig.enters(TaskState::Failed);
    assert!(rig.machine.state().last_run("c").is_none());
}

#[test]
fn a_plan_of_ephemerals_runs_before_it_ends() {
    let mut rig = Rig::new(shape(vec![Schedule { ephemeral: true, ..schedule("e") }], vec![]));
    rig.launches(&["e"]);
    rig.enters(TaskState::Cleaning);
    rig.waits();
    rig.status("e", ProcessState::Killed);
    rig.enters(TaskState::Finalizing);
    rig.enters(TaskState::Success);
}

#[test]
fn no_finalization_wait_means_no_finalizing() {
    let mut hasty = shape(vec![schedule("a")], vec![schedule("f")]);
    hasty.finalization_wait = Duration::ZERO;
    let mut rig = Rig::new(hasty);
    rig.launches(&["a"]);
    rig.status("a", ProcessState::Success);
    rig.enters(TaskState::Cleaning);
    rig.enters(TaskState::Success);
}
