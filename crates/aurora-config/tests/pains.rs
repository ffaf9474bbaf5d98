//! What cost upstream's users days, and what happens here instead: rows of `spec/config.md` §6.
#![allow(clippy::unwrap_used)]

mod common;

use common::{errors, evaluate, folder, job, load_in, options, problems, translate};

#[track_caller]
fn assert_says(text: &str, wanted: &[&str]) {
    for wanted in wanted {
        assert!(text.contains(wanted), "no {wanted:?} in:\n{text}");
    }
}

#[test]
fn pain_1_spaces_inside_the_braces() {
    let text = job("", "contact='{{ profile.v }}'");
    assert_says(
        &errors(&text),
        &[
            "test.aurora:8:",
            "invalid template reference \"{{ profile.v }}\"",
            "remove the spaces inside the braces: {{profile.v}}",
        ],
    );
}

#[test]
fn pain_2_an_escape_reaches_the_task_once() {
    let text = job(
        "t = Task(name='t', processes=[Process(name='p', cmdline=\"docker inspect -f '{{&.Name}}'\")], resources=Resources(cpu=1, ram=GB, disk=GB))",
        "task=t",
    );
    let translated = translate(&text).unwrap();
    assert!(translated.json.contains("{{&.Name}}"), "the runner strips it: {}", translated.json);
    let foreign = job(
        "t = Task(name='t', processes=[Process(name='p', cmdline='echo {{#if}}')], resources=Resources(cpu=1, ram=GB, disk=GB))",
        "task=t",
    );
    assert_says(&errors(&foreign), &["{{#if}}", "{{&#if}}"]);
    let go = foreign.replace("{{#if}}", "{{.Name}}");
    assert_says(&errors(&go), &["unresolved {{.Name}}", "write {{&.Name}}"]);
}

#[test]
fn pain_3_an_unbound_name_lists_what_there_is() {
    let text = job(
        "class Profile(Struct):\n  v = Default(String, 'live')\nt = Task(name='t', processes=[Process(name='serve',\n  cmdline='run {{profle.v}}')], resources=Resources(cpu=1, ram=GB, disk=GB))",
        "task=t).bind(profile=Profile()",
    );
    assert_says(
        &errors(&text),
        &["test.aurora:4:16", "unresolved {{profle.v}}", "did you mean {{profile.v}}?", "mesos.instance"],
    );
    let problem = translate(&text).unwrap_err();
    assert_says(&problem.to_string(), &["Job[j] > task > processes[0] 'serve' > cmdline"]);
}

#[test]
fn pain_4_the_instance_cannot_select() {
    let text = job(
        "t = Task(name='t', processes=[Process(name='p', cmdline='{{arr[{{mesos.instance}}]}}')], resources=Resources(cpu=1, ram=GB, disk=GB))",
        "task=t",
    );
    assert_says(
        &errors(&text),
        &["mesos.instance is only known at run time and cannot select an element of 'arr'"],
    );
}

#[test]
fn pain_5_a_field_bound_by_its_own_name() {
    assert_says(&errors(&job("", "contact='{{contact}}'")), &["circle: contact -> contact", "another name"]);
}

#[test]
fn pain_6_a_binding_hidden_by_a_field() {
    assert_says(&problems(&job("", ").bind(name='x'")), &["binding 'name' is hidden by the field Job.name"]);
    let bound = |name: &str, text: String| {
        let mut options = options();
        options.bindings.push((name.to_owned(), "2".to_owned()));
        aurora_config::load_text("t.aurora".as_ref(), text, &options).unwrap().lint().lines().join("\n")
    };
    assert_says(&bound("profile.cpuu", job("", "")), &["--bind profile.cpuu is not used"]);
    assert_says(&bound("name", job("", "")), &["--bind name has no effect: the field Job.name is set"]);
    assert_eq!(bound("who", job("", "contact='{{who}}'")), "");
}

#[test]
fn pain_7_a_binding_changes_what_it_names_only() {
    let text = job(
        "class Profile(Struct):\n  x = Default(String, '0')\n  y = Default(String, 'y{{x}}')",
        "contact='{{profile.x}} {{profile.y}}').bind(profile=Profile()",
    );
    let mut options = options();
    options.bindings.push(("profile.x".to_owned(), "1".to_owned()));
    let file = aurora_config::load_text("test.aurora".as_ref(), text, &options).unwrap();
    let translated = file.translate_at(0).unwrap();
    assert_says(
        &translated.warnings.lines().join("\n"),
        &["test.aurora:3:23", "--bind profile.x does not change {{profile.y}}, which mentions {{x}}"],
    );
    assert_eq!(translated.configuration.task_config.unwrap().contact_email.as_deref(), Some("1 y0"));
}

#[test]
fn pain_8_a_dict_is_addressed_with_dots() {
    assert_says(
        &errors(&job("", "contact='{{m[k]}}').bind(m={'k': 'v'}")),
        &["{{m.k}}", "Map(String, String)"],
    );
}

#[test]
fn pain_9_super_is_the_outermost_struct() {
    let text = job(
        "t = Task(name='t', processes=[Process(name='p', cmdline='{{super.name}} {{super.instances}}')], resources=Resources(cpu=1, ram=GB, disk=GB))",
        "task=t",
    );
    let said = problems(&text);
    assert_says(&said, &["test.aurora:1:", "{{super.name}} is the Job's name, not the Task's"]);
    assert!(!said.contains("super.instances}} is"), "only the Job has that field: {said}");
    assert!(translate(&text).unwrap().json.contains("\"cmdline\": \"j 1\""));
}

#[test]
fn pain_10_a_misspelt_field() {
    let problem = evaluate("p = Process(name='x',\n  cmdlin='y')\n").err().unwrap();
    assert_says(
        &problem.lines().join("\n"),
        &["test.aurora:2:3", "Process has no field 'cmdlin'", "did you mean 'cmdline'?"],
    );
    // All of them, as if each had been written right.
    let several = evaluate(
        "def make(n):\n  return Process(nam=n, cmdlin='x', max_failures=[])\njobs = [Job(task=Task(processes=[make('a')]), rol='r')]\n",
    )
    .err()
    .unwrap();
    assert_says(
        &several.to_string(),
        &[
            "Process has no field 'nam'",
            "Process has no field 'cmdlin'",
            "'[]' is not an Integer",
            "Job has no field 'rol'",
            "Job needs the field 'cluster'",
            "Task must specify resources!",
            "called as make() at test.aurora:3:34",
        ],
    );
    assert!(!several.to_string().contains("needs the field 'role'"), "{several}");
    let caught = evaluate("try:\n  Process(cmdlin='y')\nexcept AttributeError as e:\n  print(e)\n").unwrap();
    assert_eq!(caught.printed(), "Unknown schema attribute cmdlin\n");
    let removed = evaluate("j = Job(health_check_interval_secs=5)\n").err().unwrap();
    assert_says(&removed.lines().join("\n"), &["health_check_config"]);
}

#[test]
fn pain_11_every_error_has_its_place_and_its_callers() {
    let folder = folder(&[
        ("main.aurora", "\ninclude('lib.aurora')\nmake()\n"),
        ("lib.aurora", "def make():\n  return zzz\n"),
    ]);
    let problem = load_in(&folder, "main.aurora").err().unwrap();
    let shown = problem.to_string();
    assert_says(
        &shown,
        &[
            "name 'zzz' is not defined",
            "lib.aurora:2:10",
            "return zzz",
            "called as make() at",
            "main.aurora:3:1",
        ],
    );
    let problem = evaluate("d = {'rol': 1}\nx = d['role']\n").err().unwrap();
    assert_says(
        &problem.lines()[0],
        &["test.aurora:2:5", "key 'role' does not exist", "did you mean 'rol'?"],
    );
}

#[test]
fn pain_12_none_in_a_field() {
    assert_says(
        &errors(&job("import os", "contact=os.getenv('SURELY_NOT_SET')")),
        &["None", "give a default"],
    );
}

#[test]
fn pain_13_a_missing_environment() {
    let text = "jobs = [Job(cluster='c', role='r', name='n', task=SimpleTask('t', 'true'))]\n";
    let file = evaluate(text).unwrap();
    let problem = file.translate(&"c/r/devel/n".parse().unwrap()).unwrap_err();
    assert_says(
        &problem.lines().join("\n"),
        &["Job needs the field 'environment'", "test.aurora:1:9", "c/r/{MISSING}/n"],
    );
}

#[test]
fn pain_14_another_job_that_is_broken() {
    let text = job("", "") + "jobs.append(make(name='{{ x }}'))\n";
    let file = evaluate(&text).unwrap();
    let translated = file.translate(&"local/www/devel/j".parse().unwrap()).unwrap();
    assert_says(&translated.warnings.lines().join("\n"), &["warning: invalid template reference"]);
}

#[test]
fn pain_15_every_alternative_is_tried() {
    let text = job("", "container={'image': 'debian'}");
    assert!(errors(&text).is_empty(), "{}", errors(&text));
    assert_says(&errors(&job("", "container=Docker()")), &["Docker needs the field 'image'"]);
    let neither = errors(&job("", "container={'imag': 'debian'}"));
    assert_says(
        &neither,
        &["container matches none of: Container (unknown field imag), Docker (unknown field imag"],
    );
}

#[test]
fn pain_16_empty_constraints_and_containers() {
    let task = "t = Task(name='t', processes=[Process(name='p', cmdline='x')], constraints=[Constraint()], resources=Resources(cpu=1, ram=GB, disk=GB))";
    assert_says(&errors(&job(task, "task=t")), &["order is required"]);
    assert_says(&errors(&job("", "container=Container()")), &["Container needs docker="]);
}

const ORDERED: &str = "
def ordered(*orders, **kw):
  ps = [Process(name=n, cmdline='x', final=(n == 'z')) for n in ['install', 'run', 'z']]
  return Task(name='t', processes=ps, constraints=sum(orders, []), resources=Resources(cpu=1, ram=GB, disk=GB))
";

#[test]
fn pain_17_explicit_update_strategies() {
    use aurora_api::thrift::{JobUpdateSettings, JobUpdateStrategy};
    let settings = |arguments: &str| -> Result<JobUpdateSettings, String> {
        let file = evaluate(&job("", &format!("update_config=UpdateConfig({arguments})"))).unwrap();
        file.update_settings(&"local/www/devel/j".parse().unwrap())
            .map_err(|problems| problems.lines().join("\n"))
    };
    let plain = settings("").unwrap();
    assert_eq!(plain.update_group_size, Some(1));
    assert_eq!(plain.min_wait_in_instance_running_ms, Some(45_000));
    assert_eq!(plain.block_if_no_pulses_after_ms, None);
    assert!(matches!(plain.update_strategy, Some(JobUpdateStrategy::QueueStrategy(_))));
    let batch =
        settings("update_strategy=BatchUpdateStrategy(batch_size=3, autopause_after_batch=True)").unwrap();
    assert_eq!((batch.update_group_size, batch.wait_for_batch_completion), (Some(3), Some(true)));
    let Some(JobUpdateStrategy::BatchStrategy(strategy)) = batch.update_strategy else {
        panic!("no batches")
    };
    assert_eq!((strategy.group_size, strategy.autopause_after_batch), (Some(3), Some(true)));
    let queue =
        settings("update_strategy=QueueUpdateStrategy(batch_size=7), pulse_interval_secs=60").unwrap();
    assert_eq!((queue.update_group_size, queue.wait_for_batch_completion), (Some(7), Some(false)));
    assert_eq!(queue.block_if_no_pulses_after_ms, Some(60_000));
    let sizes = settings("update_strategy=VariableBatchUpdateStrategy(batch_sizes=[1, 5])").unwrap();
    assert_eq!(sizes.update_group_size, Some(1));
    let Some(JobUpdateStrategy::VarBatchStrategy(strategy)) = sizes.update_strategy else {
        panic!("no sizes")
    };
    assert_eq!(strategy.group_sizes, Some(vec![1, 5]));
    for (arguments, message) in [
        ("batch_size=0", "Batch size should be greater than 0"),
        ("watch_secs=-1", "less than 0"),
        ("pulse_interval_secs=59", "Pulse interval seconds must be at least 60 seconds."),
        (
            "update_strategy=BatchUpdateStrategy(), wait_for_batch_completion=True",
            "Ambiguous update configuration.",
        ),
        ("update_strategy=BatchUpdateStrategy(), batch_size=2", "Ambiguous update configuration."),
        ("update_strategy=VariableBatchUpdateStrategy(batch_sizes=[1, 0])", "must be positive"),
    ] {
        assert_says(&settings(arguments).unwrap_err(), &[message]);
    }
}

#[test]
fn pain_18_an_order_of_unknown_processes() {
    assert_says(
        &errors(&job(ORDERED, "task=ordered(order('instal', 'run'))")),
        &["'instal', which is no process", "did you mean 'install'?"],
    );
    let all = problems(&job(ORDERED, "task=ordered(order('a', 'b'))"));
    assert_says(&all, &["warning: this order names only processes that are not in the task"]);
    assert_says(
        &errors(&job(ORDERED, "task=ordered(order('run', 'z'))")),
        &["mixes the finalizing process 'z'"],
    );
}

#[test]
fn pain_19_a_derived_sequential_task() {
    let text = "s = SequentialTask(name='s', processes=[Process(name='old', cmdline='x')], resources=Resources(cpu=1, ram=GB, disk=GB))\nt = s(processes=[Process(name='new', cmdline='y')])";
    assert_says(&problems(&job(text, "task=t")), &["make it again with SequentialTask"]);
}

#[test]
fn pain_20_two_processes_of_one_name() {
    let text = "a = Process(name='a', cmdline='x')\nt = Task(name='t', processes=[a, a(cmdline='y')], resources=Resources(cpu=1, ram=GB, disk=GB))";
    assert_says(&problems(&job(text, "task=t")), &["warning: two processes are called 'a'"]);
}

#[test]
fn pain_21_a_cycle_is_shown() {
    let text = job(ORDERED, "task=ordered(order('install', 'run'), order('run', 'install'))");
    assert_says(&errors(&text), &["install -> run -> install"]);
}

#[test]
fn pain_22_a_port_of_no_process() {
    let health = "health_check_config=HealthCheckConfig(health_checker=HealthCheckerConfig(shell=ShellHealthChecker(shell_command='curl localhost:{{thermos.ports[admin]}}')))";
    assert_says(
        &problems(&job("", health)),
        &["port 'admin' is referenced in health_check_config but by no process"],
    );
}

#[test]
fn pain_23_a_primary_port_that_is_not_bound() {
    assert_says(
        &problems(&job("", "announce=Announcer(primary_port='htp')")),
        &["Announcer specified primary port as 'htp'"],
    );
}

#[test]
fn pain_24_health_settings_without_a_check() {
    let text = job("", "health_check_config=HealthCheckConfig(interval_secs=3)");
    assert_says(&problems(&text), &["the health settings have no effect", "ShellHealthChecker"]);
    assert!(problems(&job("", "")).is_empty(), "{}", problems(&job("", "")));
}

#[test]
fn pain_25_a_port_with_a_dot() {
    let text = "t = Task(name='t', processes=[Process(name='p', cmdline='serve {{thermos.ports.http}}')], resources=Resources(cpu=1, ram=GB, disk=GB))";
    assert_says(&errors(&job(text, "task=t")), &["{{thermos.ports[http]}}"]);
}

#[test]
fn pain_26_a_cycle_in_the_portmap() {
    assert_says(
        &errors(&job("", "announce=Announcer(portmap={'a': 'b', 'b': 'a'})")),
        &["Found cycle in portmap!", "a -> b -> a"],
    );
    let own = job("", "announce=Announcer(primary_port='aurora')");
    assert!(errors(&own).is_empty(), "{}", errors(&own));
}

#[test]
fn pain_27_environments() {
    assert_says(&problems(&job("", "environment='production'")), &["'production'", "write 'prod'"]);
}

#[test]
fn pain_28_sizes_as_texts() {
    assert_says(
        &errors(&job(
            "t = Task(name='t', processes=[Process(name='p', cmdline='x')], resources=Resources(cpu=1, ram='64MB', disk=64))",
            "task=t",
        )),
        &["write 64*MB"],
    );
    let number = "t = Task(name='t', processes=[Process(name='p', cmdline='x')], resources=Resources(cpu=1, ram=64, disk=64))";
    assert_says(&errors(&job(number, "task=t")), &["ram is 64 bytes, less than 1 MB", "write 64*MB"]);
}

#[test]
fn pain_29_format_collapses_braces() {
    let file = evaluate("x = 'run {{mesos.instance}} {0}'.format(1)\n").unwrap();
    assert_says(&file.warnings().lines().join("\n"), &["{mesos.instance}", "{{{{mesos.instance}}}}"]);
    let text = job("n = 1\nwho = f'{n} {{mesos.instance}} {{{{mesos.hostname}}}}'", "contact=who");
    assert_says(
        &problems(&text),
        &[
            "test.aurora:2:14",
            "{mesos.instance} is no reference and stays as it is",
            "{{{{mesos.instance}}}}",
        ],
    );
}

#[test]
fn pain_30_struct_inheritance() {
    let problem = evaluate("class A(Struct):\n  x = String\nclass B(A):\n  y = String\n").err().unwrap();
    assert_says(&problem.lines()[0], &["test.aurora:3:9", "struct inheritance is not supported"]);
    let methods = evaluate("class A(Struct):\n  x = String\n  def f(self): pass\n").unwrap();
    assert_says(&methods.warnings().lines()[0], &["method 'f' of struct A is dropped"]);
}

#[test]
fn pain_31_cron_is_checked_at_load() {
    assert_says(&errors(&job("", "cron_schedule='*/5 * * *'")), &["has 4 fields, not 5"]);
    assert_says(
        &errors(&job("", "cron_schedule='* * * * *', service=True")),
        &["may not be run on a cron schedule"],
    );
}

#[test]
fn pain_32_run_overlap() {
    assert_says(&errors(&job("", "cron_collision_policy='RUN_OVERLAP'")), &["AURORA-38"]);
}

#[test]
fn pain_33_members_of_enumerations() {
    let problem = evaluate("v = Volume(container_path='/a', host_path='/b', mode='rw')\n").err().unwrap();
    assert_says(
        &problem.lines()[0],
        &["'rw' is not one of RO, RW", "did you mean 'RW'?", "test.aurora:1:54"],
    );
    assert_eq!(problem.items[0].field.as_deref(), Some("Volume > mode"));
}

#[test]
fn pain_34_includes() {
    let folder = folder(&[
        ("main.aurora", "include('base.aurrora')\n"),
        ("base.aurora", "include('loop.aurora')\n"),
        ("loop.aurora", "include('base.aurora')\n"),
    ]);
    let problem = load_in(&folder, "main.aurora").err().unwrap();
    assert_says(&problem.lines()[0], &["main.aurora:1:1", "no such file", "did you mean base.aurora?"]);
    let problem = load_in(&folder, "loop.aurora").err().unwrap();
    assert_says(&problem.to_string(), &["includes itself", "loop.aurora"]);
}

#[test]
fn pain_35_data_of_a_newer_client() {
    use aurora_model::{UnknownKeys, schema};
    let translated = translate(&job("", "")).unwrap();
    let mut data: serde_json::Value = serde_json::from_str(&translated.json).unwrap();
    data["newer"] = serde_json::json!(1);
    data["task"]["processes"][0]["newer"] = serde_json::json!({"a": 1});
    assert!(schema::job().from_json(&data, UnknownKeys::Ignore).is_ok());
    assert!(schema::job().from_json(&data, UnknownKeys::Reject).is_err());
}

#[test]
fn pain_36_canonical_data() {
    let one = translate(&job("", "constraints={'a': '1', 'b': '2'}")).unwrap();
    let two = translate(&job("", "constraints={'b': '2', 'a': '1'}")).unwrap();
    let data = |job: &aurora_config::TranslatedJob| {
        job.configuration.task_config.as_ref().unwrap().executor_config.as_ref().unwrap().data.clone()
    };
    assert_eq!(data(&one), data(&two));
}

#[test]
fn pain_37_instances_come_first() {
    let text = errors(&job("", "instances=0"));
    assert_says(&text, &["instances must be at least 1"]);
    assert!(!text.contains("<= -1"), "{text}");
}

#[test]
fn pain_39_fields_without_effect() {
    let text = job(
        "t = Task(name='t', user='x', processes=[Process(name='p', cmdline='x')], resources=Resources(cpu=1, ram=GB, disk=GB))",
        "task=t, task_links={'a': 'b'}",
    );
    assert_says(&problems(&text), &["task_links has no effect", "user of a task has no effect"]);
}

#[test]
fn what_is_bound_is_blamed_where_it_was_written() {
    let folder = folder(&[
        (
            "main.aurora",
            &format!(
                "include('profile.aurora')\n{}",
                job("", "contact='{{p.a}} {{p.b}}', instances='{{p.c}}').bind(p=Profile()")
            ),
        ),
        (
            "profile.aurora",
            "class Profile(Struct):\n  a = Default(String, 'x{{ y }}')\n  b = Default(String, '{{zzz}}')\n  c = Default(String, 'three')\n",
        ),
    ]);
    let file = load_in(&folder, "main.aurora").unwrap();
    let shown =
        file.translate_at(0).unwrap_err().to_string().replace(&format!("{}/", folder.path().display()), "");
    assert_says(
        &shown,
        &[
            "invalid template reference \"{{ y }}\"",
            "profile.aurora:2:25",
            "unresolved {{zzz}}",
            "profile.aurora:3:24",
            "'three' is not an Integer",
            "profile.aurora:4:23",
            "used at main.aurora:9:",
            "in Job[j] > contact",
            "in Job[j] > instances",
        ],
    );
}

#[test]
fn an_unresolvable_mustache_hides_nothing() {
    let text = job(
        "t = Task(name='t', processes=[Process(name='p', cmdline='{{ a }} {{ b }} {{c}}')], constraints=order('p', 'q'), resources=Resources(cpu=0, ram='{{mem}}', disk=GB))",
        "task=t, contact='{{d}}', instances=0, cron_schedule='x', constraints={'host': 'limit:x'}",
    );
    assert_says(
        &errors(&text),
        &[
            "\"{{ a }}\"",
            "\"{{ b }}\"",
            "unresolved {{c}}",
            "unresolved {{d}}",
            "unresolved {{mem}}",
            "cpu must be positive",
            "instances must be at least 1",
            "the order names 'q'",
            "Invalid cron schedule",
            "not a valid limit value",
        ],
    );
}

#[test]
fn all_problems_are_reported_at_once() {
    let text = "jobs = [Job(cluster='c', name='n', task=Task(processes=[Process(name='a/b'), Process(name='q', cmdline='{{nope}}')]))]\n";
    let found = errors(text);
    assert_says(
        &found,
        &[
            "'role'",
            "'environment'",
            "'cmdline'",
            "Task must specify resources!",
            "{{nope}}",
            "Invalid process name",
        ],
    );
}

#[test]
fn containers_translate() {
    use aurora_api::thrift::{Container, Image};
    let container = |arguments: &str| {
        let translated = translate(&job("", arguments)).unwrap_or_else(|problems| panic!("{problems}"));
        translated.configuration.task_config.unwrap().container.unwrap()
    };
    let docker = "Docker(image='debian', parameters=[Parameter(name='a', value='b')])";
    for form in [
        format!("container={docker}"),
        format!("container=Container(docker={docker})"),
        "container={'image': 'debian', 'parameters': [{'name': 'a', 'value': 'b'}]}".to_owned(),
    ] {
        let Container::Docker(docker) = container(&form) else { panic!("{form}") };
        assert_eq!(docker.image.as_deref(), Some("debian"));
        assert_eq!(docker.parameters.unwrap()[0].name.as_deref(), Some("a"));
    }
    let mesos = container(
        "container=Mesos(image=DockerImage(name='n', tag='t'), volumes=[Volume(container_path='/a', host_path='/b', mode='RO')])",
    );
    let Container::Mesos(mesos) = mesos else { panic!("no mesos") };
    assert!(matches!(mesos.image, Some(Image::Docker(_))));
    assert_eq!(mesos.volumes.unwrap()[0].host_path.as_deref(), Some("/b"));
}

#[test]
fn policies_translate() {
    let text = job(
        "",
        "sla_policy=CountSlaPolicy(count=1, duration_secs=2), partition_policy=PartitionPolicy(delay_secs=5), constraints={'host': 'limit:1', 'rack': '!b,a'}, tier='preferred', metadata=[Metadata(key='k', value='v')], executor_config=ExecutorConfig(name='mine', data='x')",
    );
    let translated = translate(&text).unwrap_or_else(|problems| panic!("{problems}"));
    let json = aurora_api::thrift::to_named_json(&translated.configuration);
    let task = &json["taskConfig"];
    assert_eq!(task["slaPolicy"].to_string(), r#"{"countSlaPolicy":{"count":1,"durationSecs":2}}"#);
    assert_eq!(task["partitionPolicy"].to_string(), r#"{"reschedule":true,"delaySecs":5}"#);
    assert_eq!(task["executorConfig"].to_string(), r#"{"name":"mine","data":"x"}"#);
    assert_eq!(task["constraints"][0].to_string(), r#"{"name":"host","constraint":{"limit":{"limit":1}}}"#);
    assert_eq!(
        task["constraints"][1].to_string(),
        r#"{"name":"rack","constraint":{"value":{"negated":true,"values":["a","b"]}}}"#
    );
    assert_eq!(task["tier"], "preferred");
    assert_eq!(task["metadata"].to_string(), r#"[{"key":"k","value":"v"}]"#);
}
