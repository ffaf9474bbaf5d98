use aurora_api::task::TaskStatus::{Assigned, Killing, Pending};
use aurora_api::task::{Constraint, TaskConfig};

use super::*;
use crate::bench::*;
use crate::input::MesosEvent;

const NOW: Timestamp = Timestamp(1_000_000);

fn found(vetoes: &[Veto]) -> Findings {
    let mut findings = Findings::default();
    findings.add(vetoes);
    findings
}

fn short(resource: ResourceKind) -> Veto {
    Veto::Insufficient { resource, need: 1_000_000_000_000, available: 0 }
}

#[test]
fn sched_148_the_nearest_fit_is_kept() {
    use ResourceKind::{Cpus, Disk, Ports, Ram};
    let mismatch = |name: &str| Veto::Constraint { name: Arc::from(name), is_missing: false };
    let steps = [
        vec![Veto::Dedicated],
        vec![Veto::Draining],
        vec![mismatch("a")],
        vec![short(Cpus), short(Ram), short(Disk), short(Ports)],
    ];
    let mut kept: Option<Explanation> = None;
    for step in &steps {
        let before = kept.as_ref().and_then(|kept| kept.nearest_fit(NOW));
        let next = Explanation::new(found(step), before, 1, Vec::new(), NOW);
        assert_eq!(next.nearest_vetoes(NOW), step);
        kept = Some(next);
    }
    let best = kept.unwrap();
    for later in [vec![short(Ram), short(Cpus), short(Disk), short(Ports)], vec![Veto::Dedicated]] {
        let next = Explanation::new(found(&later), best.nearest_fit(NOW), 1, Vec::new(), NOW);
        assert_eq!(next.nearest_vetoes(NOW), steps[3]);
    }
}

fn waiting(config: TaskConfig) -> Bench {
    let mut bench = Bench::subscribed(quiet_config());
    bench.create(config, 1);
    bench.offer(offer("a", resources(0.5, 512, 4096), &[]));
    bench.tick(Millis(1));
    bench
}

fn reason(bench: &Bench) -> String {
    let id = bench.tasks(Pending).first().map(|task| task.id.clone());
    id.map(|id| bench.core.view().pending_reason(&id, bench.now)).unwrap_or_default()
}

#[test]
fn sched_149_a_reason_lasts_until_it_is_too_old_or_the_group_moves() {
    let mut bench = waiting(service("r/prod/j"));
    let id = bench.tasks(Pending)[0].id.clone();
    assert_eq!(reason(&bench), "Insufficient: CPU,Insufficient: RAM");
    let view = bench.core.view();
    assert_eq!(view.pending_reason(&id, bench.now + Millis(601_000)), "");
    // A task that becomes pending does not end it.
    bench.request(crate::Change::AddInstances { job: job_key("r/prod/j"), instance: 0, count: 1 });
    assert_eq!(bench.core.view().pending_reason(&id, bench.now), "Insufficient: CPU,Insufficient: RAM");

    bench.change_all(&id, &[Killing]);
    assert_eq!(reason(&bench), "");

    let mut bench = waiting(service("r/prod/j"));
    let id = bench.tasks(Pending)[0].id.clone();
    bench.change(&id, Assigned);
    assert_eq!(bench.core.view().pending_reason(&id, bench.now), "");
    assert!(bench.core.explanations.is_empty());
}

#[test]
fn what_stays_pending_keeps_its_reasons_when_a_sibling_leaves() {
    let mut bench = Bench::subscribed(quiet_config());
    bench.create(service("r/prod/j"), 2);
    bench.offer(offer("a", resources(0.5, 512, 4096), &[]));
    bench.tick(Millis(1));
    let (left, stays) = (bench.tasks(Pending)[0].id.clone(), bench.tasks(Pending)[1].id.clone());
    let before = bench.core.view().pending_lines(&stays);
    bench.change_all(&left, &[Killing]);
    let view = bench.core.view();
    assert_eq!(view.pending_lines(&stays), before);
    assert_eq!(view.pending_reason(&stays, bench.now), "", "the nearest fit has ended");
}

#[test]
fn every_reason_is_told_with_the_number_of_agents() {
    let mut bench = Bench::subscribed(quiet_config());
    let config = TaskConfig {
        constraints: [value("zone", false, &["east"]), limit("rack", 1)].into(),
        resources: resources(1.0, 8192, 1024),
        ..service("r/prod/j")
    };
    let agent = |name: &str, ram, rack: &[&str], zone: &[&str]| {
        offer(name, resources(4.0, ram, 65_536), &[("rack", rack), ("zone", zone)])
    };
    bench.mesos(MesosEvent::Offers(vec![
        agent("a", 6144, &["1"], &["east"]),
        agent("b", 1000, &["1"], &["east"]),
        agent("c", 65_536, &["1"], &["west"]),
        agent("d", 65_536, &[], &["east"]),
        offer("e", resources(4.0, 65_536, 65_536), &[("rack", &["2"])]),
        agent("f", 65_536, &["3"], &["east"]),
    ]));
    bench.create(config, 2);
    bench.tick(Millis(2));
    let id = bench.tasks(Pending)[0].id.clone();
    let view = bench.core.view();
    insta::assert_snapshot!(view.pending_lines(&id).join("\n"), @r"
    2 of 5 agents: not enough RAM (need 8 GB, best has 6 GB)
    1 of 5 agents: agents lack the attribute 'rack': start them with --attributes=rack:…, or create the job again without its limit on 'rack'
    1 of 5 agents: agents lack the attribute 'zone': start them with --attributes=zone:…
    1 of 5 agents: constraint on 'zone' not satisfied: the job asks for east
    1 more agent offers nothing: it is in use, or away
    what helps: less RAM per instance, another constraint on 'zone' or more agents that suit
    ");
    // The only agent that suits has its task; a second offer of it is at its limit.
    bench.offer(again(agent("f", 60_000, &["3"], &["east"]), "o-f2"));
    bench.tick(Millis(60_000));
    let view = bench.core.view();
    assert!(view.pending_lines(&id).contains(&"1 of 6 agents: limit rack:1 reached".to_owned()));
}

#[test]
fn without_any_agent_the_reason_says_so() {
    let mut bench = Bench::subscribed(quiet_config());
    bench.create(service("r/prod/j"), 1);
    bench.tick(Millis(1));
    let id = bench.tasks(Pending)[0].id.clone();
    assert_eq!(
        bench.core.view().pending_lines(&id),
        ["no agent has offered anything yet: check that agents are connected to the master"]
    );
}

/// What a task of this configuration is told of one agent with these attributes.
fn told_of(config: TaskConfig, attributes: &[(&str, &[&str])], has_default_limits: bool) -> Vec<String> {
    let mut settings = quiet_config();
    settings.policy.legacy_constraints = has_default_limits;
    let mut bench = Bench::subscribed(settings);
    bench.grant_quota("r");
    bench.create(config, 1);
    bench.offer(offer("a", resources(4.0, 4096, 4096), attributes));
    bench.tick(Millis(1));
    let id = bench.tasks(Pending)[0].id.clone();
    bench.core.view().pending_lines(&id)
}

#[test]
fn only_the_rule_that_the_flag_adds_goes_with_it() {
    let with = |rules: &[Constraint]| TaskConfig {
        production: true,
        constraints: rules.iter().cloned().collect(),
        ..service("r/prod/j")
    };
    let on_a_host: &[(&str, &[&str])] = &[("host", &["a"])];
    let told = |config: TaskConfig, has_default_limits| told_of(config, on_a_host, has_default_limits);
    let lacks = |name: &str| {
        format!("1 of 1 agents: agents lack the attribute '{name}': start them with --attributes={name}:…")
    };
    let flag = ", or run the scheduler with -enable_legacy_constraints=false";
    let own = ", or create the job again without its limit on 'rack'";
    let rack = lacks("rack");
    assert_eq!(told(with(&[]), true), [format!("{rack}{flag}")]);
    assert_eq!(told_of(service("r/prod/j"), &[], true), [format!("{}{flag}", lacks("host"))]);
    assert_eq!(told(with(&[limit("rack", 2)]), true), [format!("{rack}{own}")]);
    // The flag is off: what it gave the job once does not go by turning it off.
    assert_eq!(told(with(&[limit("rack", 1)]), false), [format!("{rack}{own}")]);
    // The flag gives that to services of production only.
    let other = TaskConfig { production: false, ..with(&[limit("rack", 1)]) };
    assert_eq!(told(other, true), [format!("{rack}{own}")]);
    assert_eq!(told(with(&[value("rack", false, &["r1"])]), true), [rack]);
}

#[test]
fn a_rule_on_values_is_told_with_what_the_job_asks_for() {
    let told = |negated, values: &[&str]| {
        let constraints = [value("zone", negated, values)].into();
        told_of(TaskConfig { constraints, ..service("r/prod/j") }, &[("zone", &["west"])], false)[0].clone()
    };
    let broken = "1 of 1 agents: constraint on 'zone' not satisfied: the job";
    assert_eq!(told(false, &["east", "north", "south"]), format!("{broken} asks for east, north or south"));
    assert_eq!(told(true, &["west"]), format!("{broken} refuses west"));
}

#[test]
fn the_last_line_says_what_helps() {
    use ResourceKind::{Cpus, Disk, Ram};
    let helps = |causes: &[Cause]| {
        let reasons = causes.iter().map(|cause| Reason { cause: cause.clone(), agents: 1 }).collect();
        let explanation = Explanation { agents: 1, reasons, ..Explanation::default() };
        explanation.lines(&service("r/prod/j")).pop().unwrap()
    };
    let short = |resource| Cause::Short { resource, need: 2, best: 1 };
    let limit = Cause::LimitReached { name: Arc::from("host"), limit: 1 };
    assert_eq!(
        helps(&[short(Cpus), limit, short(Ram), short(Disk)]),
        "what helps: less CPU, RAM and disk per instance, a higher limit on 'host' or more agents that suit"
    );
    assert_eq!(
        helps(&[Cause::Dedicated, Cause::InMaintenance]),
        "what helps: a constraint 'dedicated', if the role may use those agents, the end of the maintenance or more \
         agents that suit"
    );
    assert!(!helps(&[Cause::LacksAttribute(Arc::from("rack"))]).contains("what helps"), "it says so itself");
}

#[test]
fn both_amounts_have_the_unit_that_tells_them_apart() {
    let of = |need, best| amounts(ResourceKind::Ram, [need, best]).join(", ");
    assert_eq!(of(8192, 6144), "8 GB, 6 GB");
    assert_eq!(of(1040, 1024), "1040 MB, 1024 MB");
    assert_eq!(of(16, 0), "16 MB, 0 MB");
    assert_eq!(of(102_416, 4064), "100.01 GB, 3.96 GB");
    assert_eq!(of(104_857_600, 999_968), "102400 GB, 976.53 GB");
    assert_eq!(of(16_385, 16_384), "16385 MB, 16384 MB", "two decimals do not tell them apart");
    assert_eq!(of(102_400, 0), "100 GB, 0 GB");
    assert_eq!(amounts(ResourceKind::Cpus, [1000, 500]), ["1 core", "0.5 cores"]);
    assert_eq!(amounts(ResourceKind::Ports, [2, 1]), ["2", "1"]);
}

#[test]
fn a_failed_attempt_is_told_with_its_penalty() {
    let mut bench = waiting(service("r/prod/j"));
    let id = bench.tasks(Pending)[0].id.clone();
    let penalty = |bench: &Bench| bench.core.view().explanation(&id).unwrap().penalty.0;
    let first = penalty(&bench);
    assert!((1000..=2000).contains(&first));
    bench.tick(Millis(first));
    assert!((first..=2 * first).contains(&penalty(&bench)));
}

#[test]
fn a_lasting_veto_keeps_its_reason() {
    let mut config = quiet_config();
    config.hold_offers_forever = true;
    let mut bench = Bench::subscribed(config);
    bench.create(service("r/prod/j"), 1);
    bench.offer(offer("a", resources(0.5, 4096, 4096), &[]));
    bench.tick(Millis(3_600_000));
    assert_eq!(reason(&bench), "Insufficient: CPU");
}
