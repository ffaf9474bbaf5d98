//! How long the client takes over a config file, from process start to its last byte, and how much memory.
//!
//! `cargo bench -p aurora-cli --bench config`. The baseline is `python3 -c pass`, started in turn with the client.
#![allow(clippy::unwrap_used, reason = "a benchmark")]

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};

/// Runs of each command; the first few warm the caches.
const RUNS: usize = 200;
const WARM_UP: usize = 5;

/// What many jobs share.
const LIBRARY: &str = "
class Profile(Struct):
  package = Required(String)
  version = Default(String, 'live')
  heap_mb = Default(Integer, 512)
  flags   = Default(String, '-Xmx{{heap_mb}}m -server')

fetch = Process(name='fetch', cmdline='hadoop fs -get /packages/{{profile.package}}/{{profile.version}}.tgz . && tar xzf *.tgz')
serve = Process(name='serve', cmdline='exec java {{profile.flags}} -jar app.jar -port {{thermos.ports[http]}} '
                                      '-admin {{thermos.ports[health]}} -shard {{mesos.instance}} -env {{environment}}')
logs  = Process(name='logs', cmdline='./ship-logs', daemon=True, ephemeral=True)

def service_task(cpu, ram):
  return Task(name='{{profile.package}}', processes=[fetch, serve, logs], constraints=order(fetch, serve),
              resources=Resources(cpu=cpu, ram=ram, disk=2*GB))

def service(**kw):
  return Service(
    cluster='east', role='www', contact='www@example.com', announce=Announcer(primary_port='http'),
    health_check_config=HealthCheckConfig(initial_interval_secs=30, interval_secs=5),
    update_config=UpdateConfig(batch_size=2, watch_secs=30, max_total_failures=1),
    constraints={'host': 'limit:1'}, **kw)
";

/// Two jobs, an include, a class, bind.
const MAIN: &str = "
include('library.aurora')
base = service(name='web', task=service_task(cpu=2, ram=int(1.5*GB)))
jobs = [
  base(environment='prod', instances=20, tier='preferred').bind(profile=Profile(package='web')),
  base(environment='devel', instances=2).bind(profile=Profile(package='web', version='head', heap_mb=256)),
]
";

const LOOP: &str = "
include('library.aurora')
jobs = [
  service(name='worker_%s_%03d' % (queue, n), environment='prod', instances=4, task=service_task(cpu=0.5, ram=512*MB))
    .bind(profile=Profile(package='worker'), queue=queue)
  for queue in ['mail', 'images', 'search', 'audit', 'sync'] for n in range(100)
]
";

struct Measured {
    times: Vec<Duration>,
    cpu: Duration,
    bytes: usize,
}

/// User and system time of ended children.
fn cpu_of_children() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    let span = |time: nix::sys::time::TimeVal| {
        let (seconds, micros) = (u64::try_from(time.tv_sec()), u64::try_from(time.tv_usec()));
        Duration::from_secs(seconds.unwrap()) + Duration::from_micros(micros.unwrap())
    };
    span(usage.user_time()) + span(usage.system_time())
}

fn run(program: &str, arguments: &[&str], folder: &Path) -> usize {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .env("HOME", folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout.len()
}

fn measure(commands: &[(&str, Vec<&str>)], folder: &Path) -> Vec<Measured> {
    let mut all: Vec<Measured> =
        commands.iter().map(|_| Measured { times: Vec::new(), cpu: Duration::ZERO, bytes: 0 }).collect();
    for round in 0..RUNS + WARM_UP {
        for ((program, arguments), measured) in commands.iter().zip(&mut all) {
            let (before, start) = (cpu_of_children(), Instant::now());
            let bytes = run(program, arguments, folder);
            let took = start.elapsed();
            if round >= WARM_UP {
                measured.times.push(took);
                measured.cpu += cpu_of_children() - before;
                measured.bytes = bytes;
            }
        }
    }
    for measured in &mut all {
        measured.times.sort_unstable();
    }
    all
}

/// The interpreter itself, since `python3` may be a script that looks for it.
fn interpreter() -> String {
    let output = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn main() {
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [("library.aurora", LIBRARY), ("main.aurora", MAIN), ("loop.aurora", LOOP)] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let aurora = env!("CARGO_BIN_EXE_aurora");
    let render = vec!["config", "render", "main.aurora", "east/www/prod/web", "-o", "json"];
    // The largest child so far is this one.
    run(aurora, &render, folder.path());
    let peak_kib = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss();
    let python = interpreter();
    let commands = [
        (python.as_str(), vec!["-c", "pass"]),
        (aurora, render),
        (aurora, vec!["config", "list", "loop.aurora"]),
    ];
    let measured = measure(&commands, folder.path());
    let millis = |span: Duration| span.as_secs_f64() * 1_000.0;
    let baseline = millis(measured[0].times[RUNS / 2]);
    let mut table = format!(
        "{:<44} {:>8} {:>8} {:>8} {:>8} {:>9}\n",
        "command", "min ms", "median", "CPU ms", "ratio", "bytes"
    );
    let names = [
        "python3 -c pass",
        "aurora config render -o json, one job",
        "aurora config list, 500 jobs of a loop",
    ];
    for (name, measured) in names.iter().zip(&measured) {
        let median = millis(measured.times[RUNS / 2]);
        let cpu = millis(measured.cpu) / RUNS as f64;
        let _ = writeln!(
            table,
            "{name:<44} {:>8.2} {median:>8.2} {cpu:>8.2} {:>8.2} {:>9}",
            millis(measured.times[0]),
            median / baseline,
            measured.bytes
        );
    }
    println!("{table}peak memory of the second: {:.1} MiB", peak_kib as f64 / 1024.0);
}
