//! `aurora local`: what a newcomer does first, with the built programs.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use e2e::{PATIENCE, PortBlock, processes, program, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

/// A state directory with its ports. Dropping it stops the cluster.
struct Local {
    home: TempDir,
    ports: PortBlock,
}

/// What a command printed, both streams after one another, and how it ended.
#[derive(Debug)]
struct Outcome {
    code: Option<i32>,
    text: String,
}

impl Outcome {
    fn exits(self, code: i32) -> Outcome {
        assert_eq!(self.code, Some(code), "{}", self.text);
        self
    }

    fn says(self, part: &str) -> Outcome {
        assert!(self.text.contains(part), "no {part:?} in:\n{}", self.text);
        self
    }

    /// `up` tells of an instance that it runs. Where that takes more than the half minute for which `up` waits, it says so, and
    /// the instance runs later.
    fn runs(self, local: &Local, instance: &str) -> Outcome {
        let is_running = format!("{instance} RUNNING");
        if self.text.contains(&is_running) {
            return self;
        }
        let late = self
            .text
            .lines()
            .find(|line| line.ends_with("not all instances run yet; what follows is told here"));
        let seconds =
            late.and_then(|line| line.strip_prefix('[')?.split('s').next()?.trim().parse::<f64>().ok());
        assert!(seconds.is_some_and(|seconds| seconds > 30.0), "no {is_running:?} in:\n{}", self.text);
        wait_until(&is_running, PATIENCE, || {
            let status = local.aurora(&["local", "status"]).text;
            if status.contains(&is_running) { Ok(()) } else { Err(status) }
        });
        self
    }
}

impl Local {
    fn new() -> Local {
        let home = tempfile::Builder::new().prefix("aurora-local-").tempdir().unwrap();
        Local { home, ports: PortBlock::take() }
    }

    fn dir(&self) -> PathBuf {
        self.home.path().join("state")
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.home.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        self.command_of("aurora", arguments)
    }

    fn command_of(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program(name));
        command
            .args(arguments)
            .current_dir(self.home.path())
            .env("HOME", self.home.path())
            .env("AURORA_CONFIG_ROOT", self.home.path())
            .env("AURORA_LOCAL_DIR", self.dir())
            // A machine that has just been set up has no certificates.
            .env("SSL_CERT_FILE", "/nonexistent")
            .env("SSL_CERT_DIR", "/nonexistent")
            .stdin(Stdio::null());
        command
    }

    fn aurora(&self, arguments: &[&str]) -> Outcome {
        Self::outcome(&mut self.command(arguments))
    }

    fn admin(&self, arguments: &[&str]) -> Outcome {
        Self::outcome(&mut self.command_of("aurora_admin", arguments))
    }

    fn outcome(command: &mut Command) -> Outcome {
        let output = command.output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        Outcome { code: output.status.code(), text: String::from_utf8_lossy(&text).into_owned() }
    }

    fn up_arguments(&self, further: &[&str]) -> Vec<String> {
        let mut arguments = vec!["local".to_owned(), "up".to_owned()];
        arguments.push(format!("--dir={}", self.dir().display()));
        arguments.push(format!("--http-port={}", self.ports.scheduler()));
        arguments.push(format!("--mesos-port={}", self.ports.master()));
        arguments.push("--observer-port=0".to_owned());
        arguments.extend(further.iter().map(|&argument| argument.to_owned()));
        arguments
    }

    /// `aurora local up` with this cluster's directory and ports.
    fn up(&self, further: &[&str]) -> Outcome {
        let arguments = self.up_arguments(further);
        self.aurora(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn wait_for_status(&self, job: &str, what: &str, is_well: impl Fn(&str) -> bool) -> String {
        wait_until(what, PATIENCE, || {
            let status = self.aurora(&["job", "status", job]).text;
            if is_well(&status) { Ok(status) } else { Err(status) }
        })
    }

    /// The processes of this cluster: its programs name the directory in their arguments, its tasks work in it.
    fn processes(&self) -> Vec<String> {
        let dir = self.dir().display().to_string();
        let mut found: Vec<String> =
            commands().into_iter().filter(|command| command.contains(&dir)).collect();
        found.extend(processes::below(&self.dir()).into_iter().map(|process| process.command));
        found
    }

    fn assert_nothing_runs(&self) {
        wait_until("every process of the cluster to end", PATIENCE, || {
            let left = self.processes();
            if left.is_empty() { Ok(()) } else { Err(format!("{left:#?}")) }
        });
        for port in [self.ports.scheduler(), self.ports.master()] {
            TcpListener::bind(("127.0.0.1", port)).unwrap();
        }
        let mut left: Vec<_> = std::fs::read_dir(self.home.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !name.ends_with(".aurora"))
            .collect();
        left.sort();
        assert_eq!(left, ["state"], "something was left outside of the state directory");
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        // A test that has stopped its cluster finds none here.
        let _ = self.command(&["local", "down"]).output();
    }
}

fn commands() -> Vec<String> {
    let pids = std::fs::read_dir("/proc").unwrap().flatten();
    pids.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok())
        .map(|arguments| String::from_utf8_lossy(&arguments).replace('\0', " "))
        .collect()
}

fn example(name: &str) -> String {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_folder.ancestors().nth(2).unwrap().join("examples").join(name).display().to_string()
}

/// A service of `local/www/devel`.
fn service(name: &str, instances: usize) -> String {
    format!(
        "jobs = [Service(cluster = 'local', role = 'www', environment = 'devel', name = '{name}',
  instances = {instances}, task = Task(
    name = '{name}',
    processes = [Process(name = 'sleep', cmdline = 'exec sleep 86397')],
    resources = Resources(cpu = 0.1, ram = 16*MB, disk = 16*MB)))]
"
    )
}

#[test]
fn all_examples_run_in_the_background_until_they_are_stopped() {
    let local = Local::new();
    local.aurora(&["local", "status"]).exits(4).says("no local cluster is running in ");
    let names =
        ["hello_world.aurora", "web_service.aurora", "ordered.aurora", "profile.aurora", "cron.aurora"];
    let files = names.map(example);
    let mut arguments = vec!["--detach"];
    arguments.extend(files.iter().map(String::as_str));
    local
        .up(&arguments)
        .exits(0)
        .says("local/www/devel/hello_world created")
        .says("local/www/devel/report is ")
        .runs(&local, "www/devel/hello_world/0")
        .says("aurora local down");
    for (job, instances) in [("hello_world", 1), ("web_service", 3), ("greet_small", 1), ("greet_large", 2)] {
        local.wait_for_status(&format!("local/www/devel/{job}"), "all instances to run", |status| {
            status.matches("status: RUNNING on").count() == instances
        });
    }
    local.wait_for_status("local/www/devel/ordered", "the batch job to finish", |status| {
        status.contains("status: FINISHED on")
    });
    local.aurora(&["local", "status"]).exits(0).says("cluster    up").says("web_service/2 RUNNING");
    local.up(&[]).exits(4).says("is running in").says("already");

    local.aurora(&["local", "down"]).exits(0).says("stopped");
    local.assert_nothing_runs();
    local.aurora(&["local", "down"]).exits(0).says("no local cluster is running in ");
}

#[test]
fn a_second_start_runs_the_jobs_again_without_news_of_the_first() {
    let local = Local::new();
    let file = local.file("again.aurora", &service("again", 2));
    local.up(&["--detach", &file]).exits(0).runs(&local, "again/1");
    local.aurora(&["local", "down"]).exits(0);
    local.assert_nothing_runs();

    let second = local.up(&["--detach", &file]).exits(0);
    let second = second.says("exists already: left as it is").runs(&local, "again/0").runs(&local, "again/1");
    for noise in ["KILLED", "LOST", "KILLING"] {
        assert!(!second.text.contains(noise), "{}", second.text);
    }
    local.aurora(&["local", "down"]).exits(0);
    local.assert_nothing_runs();
}

#[test]
fn a_production_service_runs_within_a_quota_of_its_own() {
    let local = Local::new();
    let tier = "environment = 'devel', tier = 'preferred'";
    let file = local.file("prod.aurora", &service("prod", 1).replace("environment = 'devel'", tier));
    let quota = "role www given a quota for its production jobs";
    local.up(&["--detach", &file]).exits(0).says(quota).runs(&local, "prod/0");
    local.aurora(&["quota", "get", "local/www"]).exits(0).says("CPU: 10000 core(s)");
    local.aurora(&["local", "down"]).exits(0);

    let second = local.up(&["--detach", &file]).exits(0).runs(&local, "prod/0");
    assert!(!second.text.contains(quota), "{}", second.text);
    local.aurora(&["local", "down"]).exits(0);
    local.assert_nothing_runs();
}

/// A running `aurora local up`, ended when dropped: a test that fails must not leave it.
struct Foreground(Child);

impl Drop for Foreground {
    fn drop(&mut self) {
        if self.0.try_wait().is_ok_and(|status| status.is_none()) {
            let _ = kill(Pid::from_raw(i32::try_from(self.0.id()).unwrap()), Signal::SIGTERM);
            let _ = self.0.wait();
        }
    }
}

#[test]
fn an_interrupt_stops_all_that_was_started() {
    let local = Local::new();
    let file = local.file("one.aurora", &service("one", 1));
    let log = local.home.path().join("state.log.aurora");
    let mut up = Foreground(
        local
            .command(&local.up_arguments(&[&file]).iter().map(String::as_str).collect::<Vec<_>>())
            .stdout(std::fs::File::create(&log).unwrap())
            .spawn()
            .unwrap(),
    );
    wait_until("the cluster to be up", PATIENCE, || {
        let text = std::fs::read_to_string(&log).unwrap();
        if text.contains("Where to look next") { Ok(()) } else { Err(text) }
    });
    // It is RUNNING a moment before its command runs.
    wait_until("the task's process", PATIENCE, || {
        let processes = local.processes();
        let is_there = processes.iter().any(|command| command.starts_with("sleep 86397"));
        if is_there { Ok(()) } else { Err(format!("{processes:#?}")) }
    });
    kill(Pid::from_raw(i32::try_from(up.0.id()).unwrap()), Signal::SIGINT).unwrap();
    let status = up.0.wait().unwrap();
    let text = std::fs::read_to_string(&log).unwrap();
    assert!(status.success(), "{status}: {text}");
    assert!(text.contains("stopped; "), "{text}");
    local.assert_nothing_runs();
}

#[test]
fn an_instance_without_a_host_of_its_own_says_why_it_waits() {
    let local = Local::new();
    let file = local.file("wide.aurora", &service("wide", 4));
    local.up(&["--detach", "--agents=3", "--legacy-constraints"]).exits(0);
    local.aurora(&["job", "create", "local/www/devel/wide", &file]).exits(0).says("Job create succeeded");
    let reason = "Limit not satisfied: host";
    local.wait_for_status("local/www/devel/wide", "three to run and one to say why not", |status| {
        status.matches("status: RUNNING on").count() == 3 && status.contains(reason)
    });
    let page = format!("http://127.0.0.1:{}/scheduler/www/devel/wide", local.ports.scheduler());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // The err of a second installation is that there is a provider already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let get = || runtime.block_on(async { reqwest::get(&page).await.unwrap().text().await.unwrap() });
    // The page counts the agents whose offers were looked at, which come again one by one.
    wait_until("the reason on the page", PATIENCE, || {
        let html = get();
        if html.contains("3 of 3 agents: limit host:1 reached") { Ok(()) } else { Err(html) }
    });
    // The links of the three that run lead to the one observer, which shows the tasks of all agents.
    let html = get();
    let links: Vec<&str> = html
        .split('"')
        .filter(|part| part.starts_with("http://127.0.0.1:") && part.contains("/task/www-devel-wide-"))
        .collect();
    assert_eq!(links.len(), 3, "{html}");
    for link in links {
        let id = link.rsplit('/').next().unwrap();
        wait_until("the observer to show the task", PATIENCE, || {
            let shown = runtime.block_on(async { reqwest::get(link).await.unwrap().text().await.unwrap() });
            if shown.contains(id) && shown.contains("RUNNING") { Ok(()) } else { Err(shown) }
        });
    }
    local.aurora(&["local", "down"]).exits(0);
}

#[test]
fn what_would_happen_is_simulated_from_a_backup() {
    let local = Local::new();
    let spread =
        service("web", 2).replace("instances = 2", "instances = 2, constraints = {'host': 'limit:1'}");
    assert!(spread.contains("limit:1"), "{spread}");
    let file = local.file("web.aurora", &spread);
    local.up(&["--detach", "--agents=2", &file]).exits(0).runs(&local, "web/1");
    local.admin(&["scheduler_backup_now", "local"]).exits(0).says("Backup scheduler-backup-");
    let listed = local.admin(&["scheduler_list_backups", "local"]).exits(0).says("1 available backups:");
    let name = listed.text.lines().find(|line| line.starts_with("scheduler-backup-")).unwrap();
    let backup = local.dir().join("backups").join(name).display().to_string();

    let fits = local.file("fits.aurora", &service("fits", 3));
    let huge = local.file("huge.aurora", &service("huge", 1).replace("cpu = 0.1", "cpu = 5000"));
    let arguments = ["simulate", "--snapshot", &backup, "--add-job", &fits, "--add-job", &huge];
    local
        .admin(&arguments)
        .exits(0)
        .says("2 hosts, 2 active tasks (0 pending)")
        .says("www/devel/fits, added: 3 fit")
        .says("www/devel/huge, added: 1 stays pending")
        .says("2 of 2 agents: not enough CPU (need 5000.01 cores, best has ")
        .says("1 task stays pending");

    let all = local.admin(&["simulate", "--snapshot", &backup, "--remove-hosts=none"]).exits(1);
    let hosts = all.text.split("the snapshot has ").nth(1).unwrap().trim().replace(", ", ",");
    let first = hosts.split(',').next().unwrap();
    let without = format!("--remove-hosts={first}");
    local
        .admin(&["simulate", "--snapshot", &backup, &without])
        .exits(0)
        .says(&format!("without {first}"))
        .says("www/devel/web, from removed hosts: 1 stays pending")
        .says("limit host:1 reached");
    local.aurora(&["local", "down"]).exits(0);
}

#[test]
fn a_port_that_is_taken_is_named_and_nothing_is_left() {
    let local = Local::new();
    let taken = TcpListener::bind(("127.0.0.1", local.ports.scheduler())).unwrap();
    local
        .up(&["--detach"])
        .exits(4)
        .says(&format!("port {} of 127.0.0.1", local.ports.scheduler()))
        .says("--http-port");
    drop(taken);
    local.assert_nothing_runs();
}

#[test]
fn an_error_in_a_file_starts_nothing() {
    let local = Local::new();
    let file = local.file("bad.aurora", &service("bad", 1).replace("cmdline", "cmdlin"));
    for arguments in [vec![file.as_str()], vec!["--detach", file.as_str()]] {
        let outcome =
            local.up(&arguments).exits(3).says("Process has no field 'cmdlin'").says("bad.aurora:4:");
        assert_eq!(outcome.text.matches("has no field").count(), 1, "{}", outcome.text);
        local.assert_nothing_runs();
    }
}
