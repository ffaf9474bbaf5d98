//! Process numbers in records that mean another process by now (D17).

use std::fs::{self, File};
use std::io::Write;
use std::process::{Child, Command};

use thermos::checkpoint::encode_record;
use thermos::os::identity::{Abandoned, Look, identify};
use thermos::os::kernel::{Kernel, Linux};
use thermos::plan::record::{ProcessState, ProcessStatus, Record, RunnerHeader, TaskState, TaskStatus};
use thermos::plan::{Birth, BootId, Place, ProcessId};
use thermos::run::{Killed, kill_task};

use crate::rig::{Rig, is_alive, process, wait_for};

use ProcessState::{Forked, Lost, Running, Success, Waiting};

/// A process that leads a session of its own, and is nobody's business.
struct Stranger(Child);

impl Stranger {
    fn new() -> Self {
        let child = Command::new("setsid").args(["sleep", "1000"]).spawn().unwrap();
        let stranger = Self(child);
        wait_for("a session of its own", || {
            let stat = fs::read_to_string(format!("/proc/{}/stat", stranger.pid())).ok()?;
            let session = stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(3)?.to_owned();
            (session == stranger.pid().to_string()).then_some(())
        });
        stranger
    }

    fn pid(&self) -> i32 {
        i32::try_from(self.0.id()).unwrap()
    }

    fn birth(&self) -> Birth {
        identify(self.pid()).birth.unwrap()
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// A task whose last runner recorded this process, which began then, as itself, as the coordinator and as the shell of `p`.
fn task_of(recorded: ProcessId) -> Rig {
    let began = Linux.processes()[&recorded.pid].start_secs;
    let rig = Rig::new(&[process("p", "true")]);
    let paths = rig.paths();
    fs::create_dir_all(paths.checkpoints()).unwrap();
    let mut forked = ProcessStatus {
        fork_time: Some(began),
        coordinator_pid: Some(recorded.pid),
        ..ProcessStatus::new("p", 1, Forked)
    };
    forked.set_birth(recorded.birth);
    let mut running = ProcessStatus {
        start_time: Some(began),
        pid: Some(recorded.pid),
        ..ProcessStatus::new("p", 2, Running)
    };
    running.set_birth(recorded.birth);
    let uid = nix::unistd::getuid().as_raw();
    let header = RunnerHeader {
        task_id: Some("task-1".into()),
        sandbox: Some(rig.sandbox().display().to_string()),
        uid: i32::try_from(uid).ok(),
        ..RunnerHeader::default()
    };
    let records = [
        Record::Task(TaskStatus::new(TaskState::Active, 1000, recorded, uid)),
        Record::Header(header),
        Record::Process(ProcessStatus::new("p", 0, Waiting)),
        Record::Process(forked.clone()),
        Record::Process(running.clone()),
    ];
    let mut stream = File::create(paths.runner()).unwrap();
    for record in &records {
        stream.write_all(&encode_record(record).unwrap()).unwrap();
    }
    let own =
        [Record::Process(forked), Record::Process(running)].map(|record| encode_record(&record).unwrap());
    fs::write(paths.coordinator("p"), own.concat()).unwrap();
    rig
}

/// The number of a stranger as the records of a task have it that is long gone: from an earlier tick, or an earlier start of
/// the machine.
fn reused(stranger: &Stranger) -> [ProcessId; 2] {
    let birth = stranger.birth();
    let earlier = Birth { start_ticks: birth.start_ticks - 1, ..birth };
    let boot = BootId::parse("11111111-2222-4333-8444-555555555555").unwrap();
    let before_reboot = Birth { place: Place { boot, ..birth.place }, ..birth };
    [earlier, before_reboot].map(|birth| ProcessId { pid: stranger.pid(), birth: Some(birth) })
}

#[test]
fn d17_a_new_runner_does_not_take_a_stranger_for_its_coordinator() {
    let stranger = Stranger::new();
    for recorded in reused(&stranger) {
        let rig = task_of(recorded);
        assert_eq!(
            Look::default().abandoned(&rig.state()),
            Some(Abandoned { runner_pid: stranger.pid(), live_processes: 0 })
        );
        rig.run().fine();
        assert_eq!(rig.runs("p"), [Lost, Success]);
        assert!(is_alive(stranger.pid()));
    }
}

#[test]
fn d17_a_kill_spares_the_new_owner_of_a_number() {
    let stranger = Stranger::new();
    for recorded in reused(&stranger) {
        let rig = task_of(recorded);
        assert_eq!(kill_task(&rig.paths(), TaskState::Killed).unwrap(), Killed::Now { runs: 1 });
        assert_eq!(rig.runs("p"), [Lost]);
        assert!(is_alive(stranger.pid()));
    }
    // Out of sight, in another pid namespace: nobody here is meant, and nothing is claimed of the runner.
    let birth = stranger.birth();
    let elsewhere = Birth { place: Place { namespace: birth.place.namespace + 1, ..birth.place }, ..birth };
    let rig = task_of(ProcessId { pid: stranger.pid(), birth: Some(elsewhere) });
    assert_eq!(Look::default().abandoned(&rig.state()), None);
    kill_task(&rig.paths(), TaskState::Killed).unwrap();
    assert!(is_alive(stranger.pid()));
}

#[test]
fn d17_old_records_and_exact_ones_find_their_process() {
    for is_old in [true, false] {
        let own = Stranger::new();
        let birth = (!is_old).then(|| own.birth());
        let rig = task_of(ProcessId { pid: own.pid(), birth });
        assert_eq!(Look::default().abandoned(&rig.state()), None);
        assert_eq!(kill_task(&rig.paths(), TaskState::Killed).unwrap(), Killed::Now { runs: 1 });
        assert_eq!(rig.runs("p"), [ProcessState::Killed]);
        wait_for("the process to be gone", || (!is_alive(own.pid())).then_some(()));
    }
}

#[test]
fn d17_a_runner_records_who_it_and_its_processes_are() {
    let rig = Rig::new(&[process("p", "exec sleep 1000")]);
    let running = rig.start();
    let run = rig.wait_run("p", Running);
    let state = rig.state();
    for recorded in [state.runner(), run.coordinator(), run.shell()] {
        let recorded = recorded.unwrap();
        assert!(recorded.birth.is_some());
        assert_eq!(recorded, identify(recorded.pid));
    }
    assert_eq!(state.runner().unwrap().pid, running.pid());
    assert_eq!(Look::default().abandoned(&state), None);
    let runner_pid = running.pid();
    running.kill_runner();
    assert_eq!(Look::default().abandoned(&state), Some(Abandoned { runner_pid, live_processes: 1 }));
    kill_task(&rig.paths(), TaskState::Killed).unwrap();
    wait_for("the shell to be gone", || (!is_alive(run.pid.unwrap())).then_some(()));
    assert_eq!(Look::default().abandoned(&rig.state()), None, "it is over");
}
