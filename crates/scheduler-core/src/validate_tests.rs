use aurora_api::ids::is_good_identifier;
use aurora_api::thrift;
use proptest::prelude::*;

use super::*;
use crate::bench::{Bench, ad_hoc, job_key, limit, offer, quiet_config, resources, service, value};
use crate::config::{Tier, Tiers};

fn minimal() -> thrift::JobConfiguration {
    let key = thrift::JobKey::from(&job_key("www/prod/hello"));
    thrift::JobConfiguration {
        key: Some(key.clone()),
        instance_count: Some(1),
        task_config: Some(thrift::TaskConfig {
            job: Some(key),
            resources: Some(vec![
                thrift::Resource::NumCpus(1.0),
                thrift::Resource::RamMb(64),
                thrift::Resource::DiskMb(64),
            ]),
            executor_config: Some(thrift::ExecutorConfig {
                name: Some("AuroraExecutor".to_owned()),
                data: Some("{}".to_owned()),
            }),
            ..thrift::TaskConfig::default()
        }),
        ..thrift::JobConfiguration::default()
    }
}

fn task(change: impl FnOnce(&mut thrift::TaskConfig)) -> thrift::JobConfiguration {
    let mut job = minimal();
    change(job.task_config.as_mut().unwrap());
    job
}

fn policy() -> JobPolicy {
    JobPolicy { legacy_constraints: false, ..JobPolicy::default() }
}

fn faults_with(job: &thrift::JobConfiguration, policy: &JobPolicy) -> Vec<String> {
    match validate_job(job, policy, &Tiers::default()) {
        Ok(_) => Vec::new(),
        Err(Invalid(faults)) => faults,
    }
}

fn faults(job: &thrift::JobConfiguration) -> Vec<String> {
    faults_with(job, &policy())
}

#[test]
fn a_minimal_job_is_accepted_with_its_defaults() {
    let job = validate_job(&minimal(), &policy(), &Tiers::default()).unwrap();
    assert_eq!((&*job.task.tier, job.task.production, job.instance_count), ("preemptible", false, 1));
    let preferred = task(|task| task.tier = Some("preferred".to_owned()));
    assert!(validate_job(&preferred, &policy(), &Tiers::default()).unwrap().task.production);
}

#[test]
fn what_a_job_must_have_is_asked_for_in_turn() {
    assert_eq!(faults(&thrift::JobConfiguration::default()), ["Job configuration must have taskConfig set."]);
    let job = thrift::JobConfiguration {
        instance_count: Some(0),
        key: Some(thrift::JobKey { role: Some("a b".to_owned()), ..thrift::JobKey::default() }),
        owner: Some(thrift::Identity { user: Some("x y".to_owned()) }),
        ..task(|task| {
            task.tier = Some("gold".to_owned());
            task.resources = None;
        })
    };
    assert_eq!(
        faults(&job),
        [
            "Instance count must be positive.",
            "Job key IJobKey{role=a b, environment=null, name=null} is invalid.",
            "Job user contains illegal characters: x y",
            "Invalid tier 'gold' in TaskConfig.",
            "The tiers of this cluster are: preemptible, preferred, revocable.",
            "num_cpus must be greater than 0.0",
            "ram_mb must be greater than 0.0",
            "disk_mb must be greater than 0.0",
        ]
    );
}

#[test]
fn a_task_of_another_job_is_refused() {
    let other = thrift::JobKey::from(&job_key("www/prod/other"));
    let found = faults(&task(|task| task.job = Some(other)));
    assert_eq!(found, ["The task's job key www/prod/other must be that of the job, www/prod/hello."]);
}

#[test]
fn sched_139_identifiers_are_letters_digits_and_a_few_signs() {
    for good in ["devel", "dev-prod", "Dev_prod-", "deV.prod", ".devprod.."] {
        assert!(is_good_identifier(good), "{good}");
    }
    let long = "x".repeat(256);
    for bad in ["dev/prod", "dev prod", "/dev/prod", "///", "new\nline", " devel", "", long.as_str()] {
        assert!(!is_good_identifier(bad), "{bad}");
    }
}

#[test]
fn sched_140_a_tier_is_an_identifier() {
    let found = faults(&task(|task| task.tier = Some("pr/d".to_owned())));
    assert_eq!(found, ["Tier contains illegal characters: pr/d"]);
}

#[test]
fn sched_141_dedicated_agents_belong_to_a_role() {
    let with = |rule: thrift::TaskConstraint| {
        faults(&task(|task| {
            task.job.as_mut().unwrap().role = Some("owner-role".to_owned());
            task.constraints =
                Some(vec![thrift::Constraint { name: Some("dedicated".to_owned()), constraint: Some(rule) }]);
        }))
        .into_iter()
        .filter(|fault| !fault.starts_with("The task's job key"))
        .collect::<Vec<_>>()
    };
    let values = |values: &[&str]| {
        thrift::TaskConstraint::Value(thrift::ValueConstraint {
            negated: Some(false),
            values: Some(values.iter().map(ToString::to_string).collect()),
        })
    };
    for good in ["owner-role/f", "*/f", "owner-role"] {
        assert!(with(values(&[good])).is_empty(), "{good}");
    }
    assert_eq!(with(values(&["r/f"])), ["Only r may use hosts dedicated for that role."]);
    let limit = thrift::TaskConstraint::Limit(thrift::LimitConstraint { limit: Some(1) });
    assert_eq!(with(limit), ["A dedicated constraint must be of value type."]);
    assert_eq!(with(values(&["a", "b"])), ["A dedicated constraint must have exactly one value"]);
}

fn docker(image: Option<&str>, parameters: &[(&str, &str)]) -> Option<thrift::Container> {
    let parameter = |(name, value): &(&str, &str)| thrift::DockerParameter {
        name: Some((*name).to_owned()),
        value: Some((*value).to_owned()),
    };
    Some(thrift::Container::Docker(thrift::DockerContainer {
        image: image.map(ToOwned::to_owned),
        parameters: Some(parameters.iter().map(parameter).collect()),
    }))
}

#[test]
fn sched_142_docker_needs_what_the_operator_allows() {
    let allowed = JobPolicy { docker_containers: true, ..policy() };
    let with = |policy: &JobPolicy, container, has_executor: bool| {
        faults_with(
            &task(|task| {
                task.container = container;
                if !has_executor {
                    task.executor_config = None;
                }
            }),
            policy,
        )
    };
    assert_eq!(with(&allowed, docker(None, &[]), true), ["A container must specify an image."]);
    assert_eq!(
        with(&allowed, docker(Some("image"), &[("foo", "bar")]), true),
        ["This scheduler is configured to disallow Docker parameters."]
    );
    assert_eq!(
        with(&allowed, docker(Some("image"), &[]), false),
        ["This scheduler is configured to require an executor for Docker-based tasks."]
    );
    let without_executor = JobPolicy { docker_needs_executor: false, ..allowed.clone() };
    assert!(with(&without_executor, docker(Some("image"), &[]), false).is_empty());
    assert_eq!(with(&policy(), None, false), ["Configuration may not be null."]);
    assert_eq!(
        with(&policy(), docker(Some("image"), &[]), true),
        ["This scheduler is not configured to allow the container type DOCKER"]
    );

    let defaults = JobPolicy {
        docker_parameters: true,
        default_docker_parameters: vec![(Arc::from("foo"), Arc::from("bar"))],
        ..allowed
    };
    let parameters = |given: &[(&str, &str)]| {
        let job = task(|task| task.container = docker(Some("image"), given));
        match &validate_job(&job, &defaults, &Tiers::default()).unwrap().task.container {
            aurora_api::task::Container::Docker { parameters, .. } => parameters.clone(),
            aurora_api::task::Container::Mesos { .. } => panic!("docker"),
        }
    };
    assert_eq!(parameters(&[]), defaults.default_docker_parameters);
    assert_eq!(parameters(&[("a", "b")]), [(Arc::from("a"), Arc::from("b"))]);
}

#[test]
fn sched_143_resources_and_features_are_checked() {
    let with = |change: &dyn Fn(&mut thrift::TaskConfig)| faults(&task(change));
    let add = |task: &mut thrift::TaskConfig, resource| task.resources.as_mut().unwrap().push(resource);
    assert_eq!(
        with(&|task| {
            add(task, thrift::Resource::RamMb(1));
            add(task, thrift::Resource::NumCpus(1.0));
        }),
        ["Multiple resource values are not supported for CPU, RAM"]
    );
    let two_ports = |task: &mut thrift::TaskConfig| {
        add(task, thrift::Resource::NamedPort("a".to_owned()));
        add(task, thrift::Resource::NamedPort("b".to_owned()));
    };
    assert!(with(&two_ports).is_empty());
    assert_eq!(
        with(&|task| add(task, thrift::Resource::NumGpus(2))),
        ["GPU resource support is disabled in this cluster."]
    );
    assert_eq!(
        with(&|task| task.mesos_fetcher_uris = Some(vec![thrift::MesosFetcherURI::default()])),
        ["Mesos Fetcher for individual jobs is disabled in this cluster."]
    );
    assert_eq!(
        with(&|task| {
            let volumes = Some(vec![thrift::Volume::default()]);
            task.container = Some(thrift::Container::Mesos(thrift::MesosContainer { image: None, volumes }));
        }),
        ["This scheduler is configured to disallow container volumes."]
    );
}

#[test]
fn sched_144_well_known_ports_get_links() {
    let with_ports = |links: Option<BTreeMap<String, String>>| {
        let job = task(|task| {
            for port in ["health", "http", "other"] {
                task.resources.as_mut().unwrap().push(thrift::Resource::NamedPort(port.to_owned()));
            }
            task.task_links = links;
        });
        let job = validate_job(&job, &policy(), &Tiers::default()).unwrap();
        job.task.task_links.iter().map(|(name, link)| format!("{name} {link}")).collect::<Vec<_>>()
    };
    assert_eq!(with_ports(None), ["health http://%host%:%port:health%", "http http://%host%:%port:http%"]);
    assert_eq!(with_ports(Some(BTreeMap::from([("a".to_owned(), "b".to_owned())]))), ["a b"]);
}

#[test]
fn sched_145_only_known_environments_are_allowed() {
    let in_environment = |environment: &str, policy: &JobPolicy| {
        let key = thrift::JobKey::from(&job_key(&format!("www/{environment}/hello")));
        let mut job = task(|task| task.job = Some(key.clone()));
        job.key = Some(key);
        faults_with(&job, policy)
    };
    let rule = EnvironmentRule {
        pattern: Arc::from("b.r"),
        allows: Arc::new(|name| name.len() == 3 && name.starts_with('b')),
    };
    let own = JobPolicy { environments: rule, ..policy() };
    assert_eq!(in_environment("foo", &own), ["Job environment foo doesn't match: b.r"]);
    for good in ["prod", "devel", "test", "staging", "staging7"] {
        assert!(in_environment(good, &policy()).is_empty(), "{good}");
    }
    assert_eq!(
        in_environment("production", &policy()),
        [r"Job environment production doesn't match: ^(prod|devel|test|staging\d*)$"]
    );
}

fn count(count: i64, duration_secs: i64) -> thrift::SlaPolicy {
    thrift::SlaPolicy::CountSlaPolicy(thrift::CountSlaPolicy {
        count: Some(count),
        duration_secs: Some(duration_secs),
    })
}

fn percentage(percentage: f64, duration_secs: i64) -> thrift::SlaPolicy {
    thrift::SlaPolicy::PercentageSlaPolicy(thrift::PercentageSlaPolicy {
        percentage: Some(percentage),
        duration_secs: Some(duration_secs),
    })
}

fn sla_faults(sla: thrift::SlaPolicy, instances: i32, tier: &str, policy: &JobPolicy) -> Vec<String> {
    let mut tiers = Tiers::default();
    tiers.tiers.insert(Arc::from("tier-dev"), Tier { preemptible: true, revocable: false });
    let mut job = task(|task| {
        task.tier = Some(tier.to_owned());
        task.sla_policy = Some(sla);
    });
    job.instance_count = Some(instances);
    validate_job(&job, policy, &tiers).err().map(|invalid| invalid.0).unwrap_or_default()
}

#[test]
fn sched_146_an_sla_must_leave_room() {
    let of = |sla, instances| sla_faults(sla, instances, "preferred", &policy());
    assert_eq!(
        of(count(18, 7200), 19),
        ["Job with fewer than 20 instances cannot have Percentage/Count SlaPolicy."]
    );
    assert_eq!(
        of(count(20, 7200), 19)[0],
        "Job with fewer than 20 instances cannot have Percentage/Count SlaPolicy."
    );
    assert_eq!(
        of(count(20, 7200), 20),
        [
            "Current CountSlaPolicy: count=20 will not allow any instances to be killed. Must be less than instanceCount=20."
        ]
    );
    assert_eq!(
        of(count(1, 7201), 20),
        ["CountSlaPolicy: durationSecs=7201 must be less than cluster-wide maximum of 7200 secs."]
    );
    assert_eq!(
        of(percentage(100.0, 1), 20),
        [
            "Current PercentageSlaPolicy: percentage=100.000000 will not allow any instances to be killed. Must be less than 95.000000."
        ]
    );
    assert!(of(percentage(95.0, 1), 20).is_empty());
    assert_eq!(
        of(percentage(50.0, 7201), 20),
        ["PercentageSlaPolicy: durationSecs=7201 must be less than cluster-wide maximum of 7200 secs."]
    );
}

#[test]
fn sched_147_an_sla_is_for_production() {
    let found = sla_faults(count(19, 1), 20, "tier-dev", &policy());
    assert_eq!(found, ["Tier 'tier-dev' does not support SlaPolicy."]);
    let for_all = JobPolicy { sla_for_non_production: true, ..policy() };
    assert!(sla_faults(count(19, 1), 20, "tier-dev", &for_all).is_empty());
    let coordinator = thrift::SlaPolicy::CoordinatorSlaPolicy(thrift::CoordinatorSlaPolicy {
        coordinator_url: Some("http://x".to_owned()),
        status_key: None,
    });
    assert!(sla_faults(coordinator, 19, "preferred", &policy()).is_empty());
}

proptest! {
    /// Whatever numbers a client sends: it is answered, and what is accepted takes something of everything, and less than
    /// nothing of nothing.
    #[test]
    fn no_numbers_break_the_checks(
        instances in prop_oneof![Just(i32::MIN), Just(i32::MAX), -2..30_i32],
        resources in prop::collection::vec((0..4_usize, prop_oneof![any::<i64>(), -1..3_i64]), 0..6),
        sla in prop::option::of((any::<bool>(), any::<i64>(), any::<i64>(), any::<f64>())),
    ) {
        #[expect(clippy::cast_precision_loss, reason = "any number will do")]
        let resource = |(kind, amount): (usize, i64)| match kind {
            0 => thrift::Resource::NumCpus(amount as f64 / 100.0),
            1 => thrift::Resource::RamMb(amount),
            2 => thrift::Resource::DiskMb(amount),
            _ => thrift::Resource::NumGpus(amount),
        };
        let mut job = task(|task| {
            task.tier = Some("preferred".to_owned());
            task.resources = Some(resources.into_iter().map(resource).collect());
            task.sla_policy = sla.map(|(is_count, duration, number, fraction)| {
                if is_count { count(number, duration) } else { percentage(fraction, duration) }
            });
        });
        job.instance_count = Some(instances);
        let policy = JobPolicy { gpus: true, ..policy() };
        if let Ok(job) = validate_job(&job, &policy, &Tiers::default()) {
            let taken = job.task.resources;
            prop_assert!(taken.cpus.0 >= 0 && taken.ram.0 > 0 && taken.disk.0 > 0 && taken.gpus >= 0);
            let mut bench = Bench::subscribed(quiet_config());
            bench.grant_quota("www");
            bench.request(crate::Change::CreateJob(job));
            bench.offer(offer("a", resources_of_a_machine(), &[]));
            bench.tick(Millis(10_000));
        }
    }
}

fn resources_of_a_machine() -> aurora_api::amounts::Resources {
    aurora_api::amounts::Resources { gpus: 2, ..resources(64.0, 65_536, 65_536) }
}

fn diverse(config: &TaskConfig) -> Vec<String> {
    let config = with_default_diversity(config).unwrap_or_else(|| config.clone());
    let text = |constraint: &Constraint| match &constraint.rule {
        ConstraintRule::Limit(limit) => format!("{}:{limit}", constraint.name),
        ConstraintRule::Value { .. } => constraint.name.to_string(),
    };
    config.constraints.iter().map(text).collect()
}

fn production(config: TaskConfig) -> TaskConfig {
    TaskConfig { production: true, ..config }
}

fn with(constraints: &[Constraint], config: TaskConfig) -> TaskConfig {
    TaskConfig { constraints: constraints.iter().cloned().collect(), ..config }
}

#[test]
fn sched_170_production_services_are_spread_over_hosts_and_racks() {
    assert_eq!(diverse(&production(service("r/prod/j"))), ["host:1", "rack:1"]);
    let job = task(|task| {
        task.is_service = Some(true);
        task.tier = Some("preferred".to_owned());
    });
    assert!(validate_job(&job, &policy(), &Tiers::default()).unwrap().task.constraints.is_empty());
}

#[test]
fn sched_171_everything_else_only_over_hosts() {
    let dedicated = [value("dedicated", false, &["r"])];
    assert_eq!(diverse(&production(ad_hoc("r/prod/j"))), ["host:1"]);
    assert_eq!(diverse(&service("r/prod/j")), ["host:1"]);
    assert_eq!(diverse(&ad_hoc("r/prod/j")), ["host:1"]);
    assert_eq!(diverse(&production(with(&dedicated, service("r/prod/j")))), ["dedicated", "host:1"]);
}

#[test]
fn sched_172_own_constraints_are_kept() {
    let config = |constraint| production(with(&[constraint], service("r/prod/j")));
    assert_eq!(diverse(&config(limit("host", 1000))), ["host:1000", "rack:1"]);
    assert_eq!(diverse(&config(value("host", false, &["a"]))), ["host", "rack:1"]);
    assert_eq!(diverse(&config(limit("rack", 7))), ["host:1", "rack:7"]);
    assert_eq!(diverse(&config(value("rack", true, &["a"]))), ["host:1", "rack"]);
}

#[test]
fn sched_175_agents_without_the_attributes_say_so() {
    let mut config = quiet_config();
    config.policy.legacy_constraints = true;
    let reason = |attributes: &[(&str, &[&str])]| {
        let mut bench = Bench::subscribed(config.clone());
        bench.grant_quota("r");
        bench.create(production(service("r/prod/j")), 1);
        bench.offer(offer("a", resources(4.0, 4096, 4096), attributes));
        bench.tick(Millis(10));
        let id = bench.active(&job_key("r/prod/j"), 0).unwrap().id.clone();
        bench.core.view().pending_reason(&id, bench.now)
    };
    assert_eq!(reason(&[]), "Constraint not satisfied: host");
    assert_eq!(reason(&[("host", &["a"])]), "Constraint not satisfied: rack");
}
