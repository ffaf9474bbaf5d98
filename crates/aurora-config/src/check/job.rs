//! The rules for the job as a whole (`spec/config.md` §4.1, §4.2, §4.5).

use std::collections::{BTreeMap, BTreeSet};

use aurora_model::{UnboundRef, Value};

use super::{Context, cron, plan, ports, view};
use crate::diagnostic::{Diagnostic, nearest};
use crate::load::is_identifier;

const MB: i64 = 1 << 20;

/// What the schema leaves open but no job can do without.
pub(super) fn require(job: &Value, context: &Context<'_>, problems: &mut Vec<Diagnostic>) {
    let Some(task) = job.raw_field("task") else { return };
    let at = task.origin().map(crate::origin::unpack);
    let field = format!("{} > task", context.root());
    if task.raw_field("processes").is_none() {
        problems.push(
            Diagnostic::error(
                "missing-field",
                format!("Processes required for task on job \"{}\"", context.name),
            )
            .at_maybe(at)
            .field(format!("{field} > processes"))
            .help("write processes=[...]"),
        );
    }
    if task.raw_field("resources").is_none() {
        problems.push(
            Diagnostic::error("missing-field", "Task must specify resources!")
                .at_maybe(at)
                .field(format!("{field} > resources"))
                .help("write resources=Resources(cpu=0.1, ram=16*MB, disk=16*MB)"),
        );
    }
}

struct Checker<'a> {
    job: &'a Value,
    context: &'a Context<'a>,
    found: &'a mut Vec<Diagnostic>,
}

/// Finds problems and warnings; returns the ports the job needs.
pub(super) fn check(
    job: &Value,
    unbound: &[UnboundRef],
    refs: &BTreeSet<String>,
    context: &Context<'_>,
    found: &mut Vec<Diagnostic>,
) -> BTreeSet<String> {
    let mut checker = Checker { job, context, found };
    checker.identifiers();
    checker.cron();
    checker.update();
    checker.constraints();
    checker.health();
    checker.container();
    checker.without_effect();
    if let Some(task) = job.raw_field("task") {
        checker.processes(task);
        checker.resources(task);
        plan::check(task, context, checker.found);
    }
    checker.ports(refs, unbound)
}

impl Checker<'_> {
    fn report(&mut self, problem: Diagnostic, object: &Value, path: &str, field: &str) {
        let full = if path.is_empty() { field.to_owned() } else { format!("{path} > {field}") };
        let problem =
            problem.at_maybe(view::place(object, field)).field(format!("{} > {full}", self.context.root()));
        self.found.push(problem);
    }

    fn error(&mut self, message: impl Into<String>, field: &str, help: Option<&str>) {
        let job = self.job;
        let problem = Diagnostic::error("job", message).help_maybe(help.map(str::to_owned));
        self.report(problem, job, "", field);
    }

    fn identifiers(&mut self) {
        for field in ["role", "environment", "name"] {
            let Some(text) = view::text(self.job, field) else { continue };
            if !is_identifier(&text) {
                self.error(
                    format!("Invalid {field} '{text}'"),
                    field,
                    Some("use letters, digits, '_', '-' and '.' only"),
                );
            }
        }
        let Some(environment) = view::text(self.job, "environment") else { return };
        let staging = environment
            .strip_prefix("staging")
            .is_some_and(|rest| rest.chars().all(|digit| digit.is_ascii_digit()));
        if !matches!(environment.as_str(), "prod" | "devel" | "test")
            && !staging
            && is_identifier(&environment)
        {
            let help = if environment == "production" {
                "write 'prod'"
            } else {
                "by default a scheduler takes prod, devel, test and staging<number>"
            };
            let warning = Diagnostic::warning(
                "environment",
                format!("most schedulers refuse the environment '{environment}'"),
            )
            .help(help);
            let job = self.job;
            self.report(warning, job, "", "environment");
        }
        if let Some(instances) = view::int(self.job, "instances")
            && instances <= 0
        {
            self.error(format!("instances must be at least 1, not {instances}"), "instances", None);
        }
    }

    fn cron(&mut self) {
        let policy = view::text(self.job, "cron_collision_policy").unwrap_or_default().to_uppercase();
        match policy.as_str() {
            "KILL_EXISTING" | "CANCEL_NEW" => {}
            "RUN_OVERLAP" => self.error(
                "The RUN_OVERLAP collision policy has been removed (AURORA-38).",
                "cron_collision_policy",
                Some("write KILL_EXISTING or CANCEL_NEW"),
            ),
            other => self.error(
                format!("Invalid CronCollisionPolicy '{other}'"),
                "cron_collision_policy",
                Some("write KILL_EXISTING or CANCEL_NEW"),
            ),
        }
        let Some(schedule) = view::text(self.job, "cron_schedule") else { return };
        if let Err((cause, help)) = cron::check(&schedule) {
            self.error(format!("Invalid cron schedule '{schedule}': {cause}"), "cron_schedule", help);
        }
        if view::flag(self.job, "service") == Some(true) {
            self.error(
                "A service task may not be run on a cron schedule",
                "service",
                Some("use Job(...) instead of Service(...), or leave cron_schedule out"),
            );
        }
    }

    fn update(&mut self) {
        let Some(update) = self.job.raw_field("update_config").cloned() else { return };
        let instances = view::int(self.job, "instances").unwrap_or(1);
        if let Some(most) = view::int(&update, "max_total_failures")
            && instances > 0
            && most >= instances
        {
            let problem = Diagnostic::error(
                "update",
                "max_total_failures in update_config must be lesser than the job size.",
            )
            .help(format!(
                "Based on your job size ({instances}) you should use max_total_failures <= {}.",
                instances - 1
            ));
            self.report(problem, &update, "update_config", "max_total_failures");
        }
        let dedicated = view::map(self.job, "constraints").iter().any(|(name, ..)| name == "dedicated");
        let least = instances / 50;
        if dedicated && view::int(&update, "max_total_failures").is_some_and(|most| most < least) {
            let problem =
                Diagnostic::error("update", "a dedicated job must allow for failures of 2% of its instances")
                    .help(format!(
                        "Based on your job size ({instances}) you should use max_total_failures >= {least}."
                    ));
            self.report(problem, &update, "update_config", "max_total_failures");
        }
        let mut timings = vec![(update, "update_config", vec!["watch_secs"])];
        if let Some(health) = self.job.raw_field("health_check_config") {
            let fields = vec![
                "max_consecutive_failures",
                "min_consecutive_successes",
                "initial_interval_secs",
                "interval_secs",
            ];
            timings.push((health.clone(), "health_check_config", fields));
        }
        for (object, path, fields) in timings {
            for field in fields {
                if let Some(value) = view::float(&object, field)
                    && value < 0.0
                {
                    let message = format!(
                        "Invalid value ({value}) specified for {field}. Value cannot be less than 0."
                    );
                    self.report(Diagnostic::error("timing", message), &object, path, field);
                }
            }
        }
    }

    fn constraints(&mut self) {
        for (name, value, place) in view::map(self.job, "constraints") {
            let Some(limit) = value.strip_prefix("limit:") else { continue };
            if limit.trim().parse::<i32>().is_err() {
                let problem = Diagnostic::error(
                    "constraint",
                    format!("{limit} is not a valid limit value, must be integer"),
                )
                .at_maybe(place)
                .field(format!("{} > constraints['{name}']", self.context.root()))
                .help("write 'limit:1'");
                self.found.push(problem);
            }
        }
    }

    fn processes(&mut self, task: &Value) {
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for (index, process) in view::list(task, "processes").iter().enumerate() {
            let Some(name) = view::text(process, "name") else { continue };
            let path = format!("task > processes[{index}] '{name}'");
            if name.is_empty() || name.starts_with('.') || name.contains('/') {
                let problem = Diagnostic::error("process-name", format!("Invalid process name: '{name}'"))
                    .help("the name becomes a file name: no '/', no '.' in front");
                self.report(problem, process, &path, "name");
            }
            if let Some(first) = seen.insert(name.clone(), index) {
                let warning = Diagnostic::warning(
                    "duplicate-process",
                    format!("two processes are called '{name}': only the last one runs"),
                )
                .help(format!("processes[{first}] has the same name: give it another one"));
                self.report(warning, process, &path, "name");
            }
            if process.raw_field("resources").is_some() {
                self.report(
                    Diagnostic::warning("no-effect", "resources of a process have no effect"),
                    process,
                    &path,
                    "resources",
                );
            }
        }
    }

    fn resources(&mut self, task: &Value) {
        let Some(resources) = task.raw_field("resources").cloned() else { return };
        let path = "task > resources";
        if let Some(cpu) = view::float(&resources, "cpu")
            && (cpu <= 0.0 || !cpu.is_finite())
        {
            self.report(
                Diagnostic::error("resources", format!("cpu must be positive, not {cpu}"))
                    .help("write cpu=0.1, say"),
                &resources,
                path,
                "cpu",
            );
        }
        for field in ["ram", "disk"] {
            let Some(bytes) = view::int(&resources, field) else { continue };
            if bytes < MB {
                let problem =
                    Diagnostic::error("resources", format!("{field} is {bytes} bytes, less than 1 MB"))
                        .help(format!("{field} is in bytes: write {}*MB", bytes.clamp(16, 1 << 20)));
                self.report(problem, &resources, path, field);
            }
        }
    }

    fn health(&mut self) {
        let Some(announce) = self.job.raw_field("announce").cloned() else { return };
        if let Err(cycle) = ports::portmap(self.job) {
            let problem =
                Diagnostic::error("portmap", format!("Found cycle in portmap! {}", cycle.join(" -> "))).help(
                    "by default 'aurora' is an alias of the primary port: give portmap={} to leave it out",
                );
            self.report(problem, &announce, "announce", "portmap");
        }
        let dedicated = view::map(self.job, "constraints").iter().any(|(name, ..)| name == "dedicated");
        let is_static = ports::portmap(self.job)
            .is_ok_and(|map| map.values().any(|target| matches!(target, ports::Target::Number(_))));
        if is_static && !dedicated {
            let problem =
                Diagnostic::error("portmap", "Job must be dedicated in order to specify static ports!")
                    .help("let Mesos choose the port: use names in the portmap, not numbers");
            self.report(problem, &announce, "announce", "portmap");
        }
    }

    fn container(&mut self) {
        let Some(container) = view::object(self.job, "container") else { return };
        if view::kind(&container) == "Container" && container.raw_field("docker").is_none() {
            self.error("Container needs docker=", "container", Some("write container=Docker(image='...')"));
        }
    }

    fn without_effect(&mut self) {
        let job = self.job;
        if job.raw_field("task_links").is_some() {
            let warning = Diagnostic::warning("no-effect", "task_links has no effect");
            self.report(warning, job, "", "task_links");
        }
        if view::flag(job, "production") == Some(true) && job.raw_field("tier").is_none() {
            let warning =
                Diagnostic::warning("deprecated", "production is deprecated").help("write tier='preferred'");
            self.report(warning, job, "", "production");
        }
        if let Some(task) = job.raw_field("task")
            && task.raw_field("user").is_some()
        {
            let warning = Diagnostic::warning("no-effect", "user of a task has no effect")
                .help("tasks run as the job's role");
            self.report(warning, task, "task", "user");
        }
    }

    /// Health settings of a task that nothing checks (`spec/config.md` §6 row 24).
    fn unchecked_health(&mut self) {
        let Some(given) = self.job.raw_field("health_check_config").cloned() else { return };
        let has_shell =
            given.raw_field("health_checker").is_some_and(|checker| checker.raw_field("shell").is_some());
        let default = aurora_model::schema::job().call(&[], &[]).ok();
        let is_default = default
            .as_ref()
            .and_then(|job| job.raw_field("health_check_config"))
            .is_none_or(|default| default.equals(&given).unwrap_or(true));
        if !has_shell && !is_default {
            let job = self.job;
            let warning = Diagnostic::warning(
                "health",
                "the health settings have no effect: the task has no port 'health'",
            )
            .help("use {{thermos.ports[health]}} in a command line, or check with a ShellHealthChecker");
            self.report(warning, job, "", "health_check_config");
        }
    }

    fn ports(&mut self, refs: &BTreeSet<String>, unbound: &[UnboundRef]) -> BTreeSet<String> {
        let portmap = ports::portmap(self.job).unwrap_or_default();
        let requested = ports::requested(refs, &portmap);
        if !requested.contains("health") && !portmap.contains_key("health") {
            self.unchecked_health();
        }
        if let Some(announce) = self.job.raw_field("announce").cloned()
            && let Some(primary) = view::text(&announce, "primary_port")
            && !refs.contains(&primary)
            && !portmap.iter().any(|(name, target)| {
                *name == primary || *target == ports::Target::Name(primary.clone()) && refs.contains(name)
            })
        {
            let known: Vec<&str> = refs.iter().map(String::as_str).collect();
            let help = nearest(&primary, known.iter().copied()).map_or_else(
                || format!("write {{{{thermos.ports[{primary}]}}}} in a command line"),
                |close| format!("did you mean '{close}'?"),
            );
            let message = format!(
                "Announcer specified primary port as '{primary}' but no processes have bound that port."
            );
            self.report(
                Diagnostic::warning("primary-port", message).help(help),
                &announce,
                "announce",
                "primary_port",
            );
        }
        for reference in unbound {
            let Some(port) = reference.reference.index_below(&["thermos", "ports"]) else { continue };
            if !requested.contains(port) && !portmap.contains_key(port) {
                let path = reference.path.to_string();
                let root = path.split(" > ").next().unwrap_or_default();
                let known = requested.iter().chain(portmap.keys()).map(String::as_str);
                let help = match nearest(port, known) {
                    Some(close) => format!("did you mean {{{{thermos.ports[{close}]}}}}?"),
                    None => format!(
                        "a process gets it by naming it: {{{{thermos.ports[{port}]}}}} in its cmdline"
                    ),
                };
                self.found.push(
                    Diagnostic::warning(
                        "port",
                        format!(
                            "port '{port}' is referenced in {root} but by no process: it is not allocated"
                        ),
                    )
                    .at_maybe(reference.origin.map(crate::origin::unpack))
                    .field(format!("{} > {path}", self.context.root()))
                    .help(help),
                );
            }
        }
        requested
    }
}
