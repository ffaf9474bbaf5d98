//! Reads and plays a script.

use std::fmt::Write;
use std::sync::Arc;

use aurora_api::amounts::{Megabytes, MilliCpus, Millis, Resources};
use aurora_api::ids::TaskId;
use aurora_api::task::{Constraint, ConstraintRule, TaskConfig, TaskStatus};
use scheduler_core::effect::Reply;
use scheduler_core::{Change, CoreConfig};

use super::bench::{START, ad_hoc, job, job_key, quiet_config};
use super::cluster::Cluster;

/// Plays a script; every command is followed by what it shows.
pub fn run(script: &str) -> String {
    let mut stage = Stage { cluster: Cluster::new(settings(), 1), output: String::new() };
    for line in script.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
        writeln!(stage.output, "{}{line}", if line.starts_with('#') { "" } else { "> " }).unwrap();
        if !line.starts_with('#') {
            stage.play(line.split('#').next().unwrap_or_default().trim());
            stage.cluster.check();
        }
    }
    stage.cluster.check_recovery();
    stage.output
}

fn settings() -> CoreConfig {
    CoreConfig {
        flapping_delay_min: Millis::from_secs(30),
        flapping_delay_max: Millis::from_secs(30),
        ..quiet_config()
    }
}

struct Stage {
    cluster: Cluster,
    output: String,
}

impl Stage {
    fn play(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["cluster", ref settings @ ..] => self.build(settings),
            ["job", "create", key, ref settings @ ..] => self.create(key, settings),
            ["job", "kill", key] => {
                let (reply, effects) = self.cluster.bench.kill_job(&job_key(key));
                self.cluster.absorb(effects);
                self.reply(&reply);
            }
            ["tick", time] => self.cluster.tick(duration(time)),
            ["agent", "lose", agent] => self.cluster.lose_agent(agent),
            ["agent", "return", agent] => self.cluster.return_agent(agent),
            ["task", key, instance, status] => self.report(key, instance, status),
            ["scheduler", "restart"] => self.cluster.restart(),
            ["show", "tasks"] => self.show(),
            _ => panic!("unknown command: {line}"),
        }
    }

    fn build(&mut self, settings: &[&str]) {
        let count: usize = setting(settings, "agents").expect("agents=N").parse().unwrap();
        let total = Resources { ports: 10, ..amounts(settings) };
        let racks: Vec<&str> =
            setting(settings, "rack").map(|racks| racks.split(',').collect()).unwrap_or_default();
        for number in 0..count {
            let name = format!("agent-{}", number + 1);
            let rack = racks.get(number % racks.len().max(1)).map(|rack| ("rack", *rack));
            let attributes: Vec<(&str, &str)> = [("host", name.as_str())].into_iter().chain(rack).collect();
            self.cluster.add_agent(&name, total, &attributes);
        }
    }

    fn create(&mut self, key: &str, settings: &[&str]) {
        let instances = setting(settings, "instances").unwrap_or("1").parse().unwrap();
        let limits = settings.iter().filter_map(|word| word.strip_prefix("limit=")?.split_once(':'));
        let config = TaskConfig {
            is_service: settings.contains(&"service"),
            resources: amounts(settings),
            max_task_failures: setting(settings, "failures").unwrap_or("1").parse().unwrap(),
            constraints: limits
                .map(|(name, limit)| Constraint {
                    name: Arc::from(name),
                    rule: ConstraintRule::Limit(limit.parse().unwrap()),
                })
                .collect(),
            ..ad_hoc(key)
        };
        let (reply, effects) = self.cluster.bench.request(Change::CreateJob(job(config, instances)));
        self.cluster.absorb(effects);
        self.reply(&reply);
    }

    fn reply(&mut self, reply: &Reply) {
        if *reply != Reply::Done(Vec::new()) {
            writeln!(self.output, "{reply:?}").unwrap();
        }
    }

    /// A task ends by itself.
    fn report(&mut self, key: &str, instance: &str, status: &str) {
        let status = TaskStatus::ALL.into_iter().find(|known| known.as_str() == status).expect("a status");
        let task =
            self.cluster.bench.active(&job_key(key), instance.parse().unwrap()).expect("an active task");
        let id: TaskId = task.id.clone();
        if status.is_terminal() {
            self.cluster.end(&id);
        }
        self.cluster.report(&id, status);
    }

    /// Tasks by job: the active ones by instance, then those that ended, latest first.
    fn show(&mut self) {
        let view = self.cluster.bench.core.view();
        let now = self.cluster.bench.now;
        writeln!(self.output, "  at {}s", now.since(START).0 / 1000).unwrap();
        for (key, _) in view.jobs() {
            for task in view.job_tasks(key) {
                let place = task.assignment.as_ref().map_or("-", |place| place.host.as_str());
                let message = task.last_event().and_then(|event| event.message.clone());
                let line = format!(
                    "  {key}/{} {} {place} {}",
                    task.instance,
                    task.status,
                    message.unwrap_or_default()
                );
                writeln!(self.output, "{}", line.trim_end()).unwrap();
                for reason in view.pending_lines(&task.id) {
                    writeln!(self.output, "      {reason}").unwrap();
                }
            }
        }
    }
}

fn setting<'a>(settings: &[&'a str], name: &str) -> Option<&'a str> {
    settings.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
}

fn amounts(settings: &[&str]) -> Resources {
    let memory = |text: &str| match text.strip_suffix("GB") {
        Some(number) => Megabytes(number.parse::<i64>().unwrap() * 1024),
        None => Megabytes(text.trim_end_matches("MB").parse().unwrap()),
    };
    Resources {
        cpus: MilliCpus::from_cores(setting(settings, "cpus").unwrap_or("1").parse().unwrap()),
        ram: memory(setting(settings, "ram").unwrap_or("1GB")),
        disk: memory(setting(settings, "disk").unwrap_or("1GB")),
        ..Resources::default()
    }
}

fn duration(text: &str) -> Millis {
    match text.strip_suffix("mins") {
        Some(number) => Millis::from_secs(number.parse::<i64>().unwrap() * 60),
        None => Millis::from_secs(text.trim_end_matches('s').parse().unwrap()),
    }
}
