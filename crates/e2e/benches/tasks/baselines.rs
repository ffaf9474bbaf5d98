//! The same number of `sleep` programs under others, and of programs that do next to nothing.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use e2e::{PortBlock, wait_for, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::parts;

const PATIENCE: Duration = Duration::from_secs(120);

/// Between two looks.
const POLL: Duration = Duration::from_millis(20);

/// Installs what is missing, without having it started.
pub fn install(programs: &[&str], packages: &[&str]) {
    let is_there =
        |name: &&str| ["/usr/bin", "/usr/sbin"].iter().any(|folder| Path::new(folder).join(name).exists());
    if programs.iter().all(is_there) {
        return;
    }
    let run = |arguments: &[&str]| {
        let status = Command::new("apt-get")
            .args(["-qq", "-o", "Dpkg::Use-Pty=0"])
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive")
            // Nothing is started in this runlevel, which is that of a machine under maintenance.
            .env("RUNLEVEL", "1")
            .stdout(Stdio::null())
            .status();
        assert!(status.unwrap().success(), "apt-get {arguments:?} failed");
    };
    run(&["update"]);
    run(&[&["install", "-y", "--no-install-recommends"], packages].concat());
}

/// Shells that do nothing but wake once a minute. Dropping them ends them.
pub struct Shells(Vec<Child>);

pub fn minute_shells(count: usize) -> Shells {
    install(&["bash-static"], &["bash-static"]);
    let start = |_| {
        // Nothing ever comes from the pipe, which is open as long as the child is kept.
        Command::new("bash-static")
            .args(["-c", "while :; do read -t 60; done"])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap()
    };
    Shells((0..count).map(start).collect())
}

impl Shells {
    /// User and system time of all.
    pub fn cpu(&self) -> Duration {
        self.0.iter().map(|shell| parts::cpu(i32::try_from(shell.id()).unwrap())).sum()
    }
}

impl Drop for Shells {
    fn drop(&mut self) {
        for shell in &mut self.0 {
            let _ = shell.kill();
            let _ = shell.wait();
        }
    }
}

/// A daemon in the foreground. Dropping it asks it to end, and waits.
struct Daemon(Child);

impl Daemon {
    fn start(program: &str, arguments: &[String], folder: &Path) -> Daemon {
        let log = fs::File::create(folder.join(format!("{program}.out"))).unwrap();
        let child = Command::new(program)
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn();
        Daemon(child.unwrap_or_else(|error| panic!("{program}: {error}")))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = kill(Pid::from_raw(i32::try_from(self.0.id()).unwrap()), Signal::SIGTERM);
        let _ = self.0.wait();
    }
}

/// From its own first line to the last program that runs, as its log says.
pub fn supervisord(instances: usize) -> Duration {
    install(&["supervisord"], &["supervisor"]);
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let config = format!(
        "[supervisord]\nnodaemon=true\nuser=root\nlogfile={}\npidfile={}\nchildlogdir={}\n\
         [program:sleep]\ncommand=/bin/sleep 86400\nnumprocs={instances}\nprocess_name=%(process_num)03d\n\
         startsecs=0\nautostart=true\n",
        path("log"),
        path("pid"),
        folder.path().display()
    );
    fs::write(folder.path().join("conf"), config).unwrap();
    let _daemon = Daemon::start("supervisord", &["-c".to_owned(), path("conf")], folder.path());
    wait_for("supervisord to have started all", PATIENCE, || {
        std::thread::sleep(POLL);
        let log = fs::read_to_string(path("log")).ok()?;
        let begin =
            log.lines().find(|line| line.contains("supervisord started with pid")).and_then(time_of_day)?;
        let running: Vec<Duration> = log
            .lines()
            .filter(|line| line.contains("entered RUNNING state"))
            .filter_map(time_of_day)
            .collect();
        (running.len() == instances).then(|| *running.last().unwrap() - begin)
    })
}

/// Of a line that begins like `2026-11-28 05:24:21,123`.
fn time_of_day(line: &str) -> Option<Duration> {
    let clock = line.split_whitespace().nth(1)?;
    let (clock, millis) = clock.split_once(',')?;
    let mut seconds = 0;
    for part in clock.split(':') {
        seconds = seconds * 60 + part.parse::<u64>().ok()?;
    }
    Some(Duration::from_secs(seconds) + Duration::from_millis(millis.parse().ok()?))
}

/// From the call of `sbatch` to the first answer of `squeue` in which all run.
pub fn slurm(instances: usize) -> Duration {
    install(&["slurmctld", "slurmd", "sbatch", "munged"], &["slurm-wlm", "munge"]);
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    for name in ["state", "spool"] {
        fs::create_dir(folder.path().join(name)).unwrap();
    }
    let key: Vec<u8> = (0..1024).map(|_| rand::random()).collect();
    fs::write(folder.path().join("key"), key).unwrap();
    Command::new("chmod").args(["600", &path("key")]).status().unwrap();
    let ports = PortBlock::take();
    let host = nix::unistd::gethostname().unwrap().into_string().unwrap();
    let config = format!(
        "ClusterName=bench\nSlurmctldHost={host}(127.0.0.1)\nSlurmUser=root\nSlurmdUser=root\n\
         AuthType=auth/munge\nAuthInfo=socket={socket}\nCredType=cred/munge\nSlurmctldPort={}\nSlurmdPort={}\n\
         StateSaveLocation={}\nSlurmdSpoolDir={}\nSlurmctldPidFile={}\nSlurmdPidFile={}\n\
         SlurmctldLogFile={}\nSlurmdLogFile={}\n\
         ProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\nMpiDefault=none\nReturnToService=2\n\
         SelectType=select/cons_tres\nSelectTypeParameters=CR_CPU\nSlurmdParameters=config_overrides\n\
         NodeName={host} NodeAddr=127.0.0.1 CPUs=1000 RealMemory=1000000 State=UNKNOWN\n\
         PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP\n",
        ports.master(),
        ports.master() + 1,
        path("state"),
        path("spool"),
        path("slurmctld.pid"),
        path("slurmd.pid"),
        path("slurmctld.log"),
        path("slurmd.log"),
        socket = path("munge"),
    );
    fs::write(folder.path().join("slurm.conf"), config).unwrap();
    let munge: Vec<String> = [
        "--foreground".to_owned(),
        "--force".to_owned(),
        format!("--key-file={}", path("key")),
        format!("--socket={}", path("munge")),
        format!("--pid-file={}", path("munge.pid")),
        format!("--log-file={}", path("munge.log")),
        format!("--seed-file={}", path("munge.seed")),
    ]
    .into();
    let _munge = Daemon::start("munged", &munge, folder.path());
    wait_for("munged", PATIENCE, || folder.path().join("munge").exists().then_some(()));
    let own = |flags: &str| vec![flags.to_owned(), "-f".to_owned(), path("slurm.conf")];
    let _controller = Daemon::start("slurmctld", &own("-D"), folder.path());
    let _node = Daemon::start("slurmd", &own("-D"), folder.path());
    let ask = |program: &str, arguments: &[&str]| {
        let output = Command::new(program)
            .args(arguments)
            .env("SLURM_CONF", path("slurm.conf"))
            .current_dir(folder.path())
            .output()
            .unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    wait_until("the node of Slurm to be idle", PATIENCE, || {
        std::thread::sleep(POLL);
        let (_, said) = ask("sinfo", &["-h", "-o", "%t"]);
        if said.trim() == "idle" { Ok(()) } else { Err(said) }
    });
    let begin = Instant::now();
    let array = format!("--array=0-{}", instances - 1);
    let (is_taken, said) =
        ask("sbatch", &[&array, "--output=/dev/null", "--cpus-per-task=1", "--wrap=exec sleep 86400"]);
    assert!(is_taken, "sbatch: {said}");
    wait_until("Slurm to run all", PATIENCE, || {
        std::thread::sleep(POLL);
        let (_, running) = ask("squeue", &["-h", "-r", "-t", "RUNNING", "-o", "%A"]);
        let count = running.lines().count();
        if count == instances { Ok(()) } else { Err(format!("{count} run")) }
    });
    let took = begin.elapsed();
    ask("scancel", &["--user=root"]);
    wait_until("Slurm to have ended all", PATIENCE, || {
        std::thread::sleep(Duration::from_millis(200));
        let (_, left) = ask("squeue", &["-h", "-r", "-o", "%A"]);
        if left.trim().is_empty() { Ok(()) } else { Err(format!("{} are left", left.lines().count())) }
    });
    took
}
