//! What tasks cost on one machine, and how fast many of them start.
//!
//! `cargo build --release --workspace --bins && cargo bench -p e2e --bench tasks`, as root on Debian. The programs measured are
//! those beside this one. With words after `--`, only these parts: `cost`, `idle`, `start`, `emulated`.
//!
//! Cost and idle cost are measured as the machine is, and on an emulated one that counts instructions (`emulated.rs`), which alone says
//! what the programs do: a virtual machine whose memory is the host's again and again adds many times that.
//!
//! The baselines are Debian's `supervisord` and `slurm-wlm`, which are installed if they are missing, as QEMU is, and run with settings
//! and files of their own in a temporary directory.
#![allow(clippy::unwrap_used, reason = "a benchmark")]

mod baselines;
mod emulated;
mod local;
mod parts;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use e2e::program;
use local::Local;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use parts::{Parts, Usage};

/// Instances of the job that is started.
const INSTANCES: usize = 300;

/// Tasks whose idle cost is measured together, and for how long: longer than the executor's longest interval, a minute.
const IDLE_TASKS: usize = 100;
const IDLE_TIME: Duration = Duration::from_secs(70);

/// The same where time that nobody uses passes at once.
const EMULATED_IDLE_TIME: Duration = Duration::from_secs(600);

/// How often the cost of one task is measured; the median is told.
const RUNS: usize = 9;

/// After RUNNING, until memory is looked at.
const SETTLING: Duration = Duration::from_secs(3);

/// What the parts of one task may take.
const PSS_AIM_KIB: u64 = 6 * 1024;
const CPU_AIM_MS: f64 = 5.0;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if !arguments.iter().any(|argument| argument == "--bench") {
        return;
    }
    // An Err means that a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let words: Vec<&str> =
        arguments.iter().map(String::as_str).filter(|argument| !argument.starts_with("--")).collect();
    let is_wanted = |part: &str| words.is_empty() || words.contains(&part);
    let is_inside = arguments.iter().any(|argument| argument == emulated::INSIDE);
    if is_wanted("cost") {
        cost(is_inside);
    }
    if is_wanted("idle") {
        idle(if is_inside { EMULATED_IDLE_TIME } else { IDLE_TIME });
    }
    if is_inside {
        return;
    }
    if is_wanted("start") {
        start();
    }
    if is_wanted("emulated") {
        println!("on an emulated machine, a nanosecond an instruction:");
        emulated::run(&["cost", "idle"]);
    }
}

/// Executor, runner and coordinator of one task, alone on the machine, beside programs that end as soon as they have started:
/// one after the other, and each after a rest, when a virtual machine may have lost its memory to the host meanwhile.
fn cost(is_inside: bool) {
    let local = Local::start();
    memory_of_one(&local);
    cpu_of_one(&local, "at once", Duration::ZERO);
    if is_inside {
        return;
    }
    cpu_of_one(&local, "rested", SETTLING);
}

fn memory_of_one(local: &Local) {
    local.create("memory", 1);
    local.wait_for_running("memory", 1);
    std::thread::sleep(SETTLING);
    let usage = Parts::below(local.directory()).usage();
    local.kill("memory");
    println!("one task, {} s after RUNNING:", SETTLING.as_secs());
    for (name, part) in usage.parts() {
        println!("  {name:<18} {:>6} KiB Pss", part.pss_kib);
    }
    println!(
        "  together           {:>6} KiB Pss   {:.2} of the aim of {PSS_AIM_KIB} KiB",
        usage.pss_kib(),
        usage.pss_kib() as f64 / PSS_AIM_KIB as f64
    );
}

fn cpu_of_one(local: &Local, pace: &str, rest: Duration) {
    let mut references = vec![
        ("`true`, dynamic", PathBuf::from("/bin/true"), vec![], Vec::new()),
        ("`bash-static -c :`", PathBuf::from("/bin/bash-static"), vec!["-c", ":"], Vec::new()),
        ("`thermos_executor --version`", program("thermos_executor"), vec!["--version"], Vec::new()),
    ];
    // The emulated machine has no dynamic programs.
    references.retain(|(_, program, _, _)| program.exists());
    for (name, program, arguments, spent) in &mut references {
        for _ in 0..RUNS {
            std::thread::sleep(rest);
            spent.push(cpu_of_start(program, arguments).unwrap_or_else(|error| panic!("{name}: {error}")));
        }
    }
    let mut usages: Vec<Usage> = (0..RUNS)
        .map(|run| {
            std::thread::sleep(rest);
            let job = format!("cost_{}_{run}", pace.replace(' ', "_"));
            local.create(&job, 1);
            local.wait_for_running(&job, 1);
            let usage = Parts::below(local.directory()).usage();
            local.kill(&job);
            usage
        })
        .collect();
    usages.sort_by_key(Usage::cpu);
    let cpu = &usages[RUNS / 2];
    println!("one task until RUNNING, {pace}, median of {RUNS}:");
    for (name, part) in cpu.parts() {
        println!("  {name:<28} {:>6.2} ms CPU", part.cpu.as_secs_f64() * 1e3);
    }
    let ms = cpu.cpu().as_secs_f64() * 1e3;
    println!(
        "  together                     {ms:>6.2} ms CPU   {:.2} of the aim of {CPU_AIM_MS} ms",
        ms / CPU_AIM_MS
    );
    for (name, _, _, spent) in &mut references {
        spent.sort();
        let median = spent[RUNS / 2].as_secs_f64() * 1e3;
        println!("  beside {name:<28} {median:>6.2} ms CPU   a task costs {:.2} times as much", ms / median);
    }
}

/// User and system time of a program from its start to its end.
fn cpu_of_start(program: &Path, arguments: &[&str]) -> std::io::Result<Duration> {
    let of_children = || -> std::io::Result<Duration> {
        let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
        Ok([usage.user_time(), usage.system_time()]
            .into_iter()
            .map(|time| Duration::from_micros(u64::try_from(time.num_microseconds()).unwrap()))
            .sum())
    };
    let before = of_children()?;
    let status = Command::new(program).args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).status()?;
    assert!(status.success(), "{}: {status}", program.display());
    Ok(of_children()? - before)
}

/// Many tasks that do nothing, beside as many shells that wake once a minute and go to sleep again.
fn idle(time: Duration) {
    let local = Local::start();
    local.create("idle", IDLE_TASKS);
    local.wait_for_running("idle", IDLE_TASKS);
    let shells = baselines::minute_shells(IDLE_TASKS);
    std::thread::sleep(Duration::from_secs(5));
    let parts = Parts::below(local.directory());
    let (before, begin) = (parts.usage().cpu(), Instant::now());
    let shells_before = shells.cpu();
    std::thread::sleep(time);
    let usage = parts.usage();
    let share = |spent: Duration| spent.as_secs_f64() / begin.elapsed().as_secs_f64() * 100.0;
    let (own, of_shells) = (share(usage.cpu() - before), share(shells.cpu() - shells_before));
    println!(
        "{IDLE_TASKS} idle tasks for {} s: {own:.4} % of one core, {:.2} of the aim of 0.1 %; {} KiB Pss a task",
        time.as_secs(),
        own / 0.1,
        usage.pss_kib() / IDLE_TASKS as u64
    );
    for (name, part) in usage.parts() {
        println!(
            "  {name:<18} {:>7.2} ms a task since its start",
            part.cpu.as_secs_f64() * 1e3 / IDLE_TASKS as f64
        );
    }
    println!(
        "  {IDLE_TASKS} times `bash-static` that waits a minute: {of_shells:.4} %; the tasks take {:.2} times as much",
        own / of_shells
    );
}

/// From the call that creates a job to the last instance that runs, and the same with others.
fn start() {
    let supervisord = baselines::supervisord(INSTANCES);
    let slurm = baselines::slurm(INSTANCES);
    let local = Local::start();
    let begin = now();
    local.create("start", INSTANCES);
    let own = local.wait_for_running("start", INSTANCES).saturating_sub(begin);
    let parts = Parts::below(local.directory()).usage();
    let rate = |took: Duration| INSTANCES as f64 / took.as_secs_f64();
    println!("{INSTANCES} times `sleep`, from the call to the last one running:");
    println!("  aurora local       {:>6.2} s   {:>5.0} a second", own.as_secs_f64(), rate(own));
    for (name, took) in [("supervisord", supervisord), ("Slurm", slurm)] {
        println!(
            "  {name:<18} {:>6.2} s   {:>5.0} a second   aurora is {:.2} times as fast",
            took.as_secs_f64(),
            rate(took),
            rate(own) / rate(took)
        );
    }
    println!(
        "  executors, runners, coordinators: {:.2} ms CPU and {} KiB Pss a task",
        parts.cpu().as_secs_f64() * 1e3 / INSTANCES as f64,
        parts.pss_kib() / INSTANCES as u64
    );
}

/// Since the epoch.
fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}
