//! Files, bindings, JSON and the choice of a job (`spec/config.md` §2.5, §2.6).
#![allow(clippy::unwrap_used)]

mod common;

use aurora_config::{JobSelector, LoadOptions, load_text};
use common::{evaluate, job, options, translate};

fn bound(text: &str, bindings: &[(&str, &str)]) -> aurora_config::LoadedFile {
    let bindings = bindings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    load_text("t.aurora".as_ref(), text.to_owned(), &LoadOptions { bindings, ..options() }).unwrap()
}

#[test]
fn bindings_reach_the_job_and_later_ones_win() {
    let file = bound(&job("", "contact='{{profile.who}}'"), &[("profile.who", "a"), ("profile.who", "b")]);
    let translated = file.translate_at(0).unwrap();
    assert_eq!(translated.configuration.task_config.unwrap().contact_email.as_deref(), Some("b"));
    assert!(translated.warnings.items.is_empty(), "{}", translated.warnings);
}

#[test]
fn role_and_cluster_are_bound_by_the_client() {
    let text = job("", "contact='{{mesos.role}}@{{mesos.cluster}}.{{thermos.user}}'");
    let translated = translate(&text).unwrap();
    assert_eq!(translated.configuration.task_config.unwrap().contact_email.as_deref(), Some("www@local.www"));
    assert_eq!(translated.cluster, "local");
}

#[test]
fn a_binding_that_is_no_address_is_refused() {
    let options = LoadOptions { bindings: vec![("a b".to_owned(), "1".to_owned())], ..options() };
    let problem = load_text("t.aurora".as_ref(), job("", ""), &options).err().unwrap();
    assert!(problem.lines()[0].contains("Could not parse binding parameter a b=1"), "{problem}");
}

#[test]
fn json_is_strict_and_may_hold_templates() {
    let json = r#"{"jobs": [{"cluster": "c", "role": "r", "environment": "devel", "name": "{{n}}",
        "task": {"name": "t", "processes": [{"name": "p", "cmdline": "x"}], "resources": {"cpu": 1, "ram": 1048576, "disk": 1048576}}}]}"#;
    let options =
        LoadOptions { read_json: true, bindings: vec![("n".to_owned(), "web".to_owned())], ..options() };
    let file = load_text("t.json".as_ref(), json.to_owned(), &options).unwrap();
    assert_eq!(file.jobs()[0].to_string(), "c/r/devel/web");
    let selector: JobSelector = "c/r/devel/web".parse().unwrap();
    assert_eq!(file.translate(&selector).unwrap().configuration.key.unwrap().name.as_deref(), Some("web"));
    let unknown = json.replace("\"cmdline\"", "\"cmdlin\"");
    let problem = load_text("t.json".as_ref(), unknown, &options).err().unwrap();
    assert!(problem.lines()[0].contains("Process has no field 'cmdlin'"), "{problem}");
    let broken = load_text("t.json".as_ref(), "{\n  oops".to_owned(), &options).err().unwrap();
    assert!(broken.lines()[0].starts_with("t.json:2:"), "{broken}");
}

#[test]
fn jobs_are_found_by_key() {
    let text = job("", "") + "jobs += [make(name='app-{{cluster}}', cluster=c) for c in ['east', 'west']]\n";
    let file = evaluate(&text).unwrap();
    let keys: Vec<String> = file.jobs().iter().map(ToString::to_string).collect();
    assert_eq!(keys, ["local/www/devel/j", "east/www/devel/app-east", "west/www/devel/app-west"]);
    for key in keys {
        assert_eq!(file.translate(&key.parse().unwrap()).unwrap().cluster, key.split('/').next().unwrap());
    }
    let by_name = JobSelector { name: Some("app-west".to_owned()), ..JobSelector::default() };
    assert!(file.translate(&by_name).is_ok());
    let nothing = file.translate(&"local/www/devel/jj".parse().unwrap()).unwrap_err().to_string();
    assert!(nothing.contains("Could not find job local/www/devel/jj"), "{nothing}");
    assert!(
        nothing.contains("Candidates are:") && nothing.contains("did you mean local/www/devel/j?"),
        "{nothing}"
    );
    let several = file.translate(&JobSelector::default()).unwrap_err().to_string();
    assert!(several.contains("multiple jobs but no job name"), "{several}");
}

#[test]
fn files_without_jobs_and_with_other_things() {
    let none = evaluate("x = 1\n").unwrap();
    assert!(none.jobs().is_empty());
    assert!(
        none.translate(&JobSelector::default())
            .unwrap_err()
            .to_string()
            .contains("No job defined in this config!")
    );
    let wrong = evaluate("x = 1\njobs = [Process(name='p', cmdline='x'), Job]\n").err().unwrap();
    assert_eq!(wrong.items.len(), 2);
    assert!(
        wrong.lines()[0].starts_with("test.aurora:2:1: error: jobs[0] is no job but a Process"),
        "{wrong}"
    );
}

#[test]
fn helpers_make_tasks() {
    let setup = "
a = SimpleTask('a', 'echo a')
b = Task(name='b', processes=[Process(name='b1', cmdline='x'), Process(name='b2', cmdline='y')], constraints=order('b1', 'b2'), resources=Resources(cpu=0.5, ram=2*GB, disk=GB), finalization_wait=10)
both = Tasks.combine(a, b, name='both')
after = Tasks.concat(a, b)
";
    let task = |name: &str| {
        let translated =
            translate(&job(setup, &format!("task={name}"))).unwrap_or_else(|problems| panic!("{problems}"));
        let json: serde_json::Value = serde_json::from_str(&translated.json).unwrap();
        json["task"].clone()
    };
    let both = task("both");
    assert_eq!(both["name"], "both");
    assert_eq!(both["processes"].as_array().unwrap().len(), 3);
    assert_eq!(both["resources"].to_string(), r#"{"cpu":1.5,"disk":2147483648,"gpu":0,"ram":3221225472}"#);
    assert_eq!(both["finalization_wait"], 30);
    assert_eq!(both["constraints"].to_string(), r#"[{"order":["b1","b2"]}]"#);
    let after = task("after");
    assert_eq!(after["name"], "b");
    assert_eq!(after["resources"]["ram"], 2_147_483_648_i64);
    assert_eq!(after["finalization_wait"], 40);
    assert_eq!(
        after["constraints"].to_string(),
        r#"[{"order":["b1","b2"]},{"order":["a","b1"]},{"order":["a","b2"]}]"#
    );
    assert_eq!(
        common::value("", "java_options('server', Xmx='1g', d=None) + ' ' + python_options('v', verbose=1)"),
        "-server -Xmx 1g -d -v --verbose 1"
    );
}

#[test]
fn ports_come_from_processes_and_the_portmap() {
    let ports = |command: &str, arguments: &str| {
        let setup = format!(
            "t = Task(name='t', processes=[Process(name='p', cmdline='{command}')], resources=Resources(cpu=1, ram=GB, disk=GB))"
        );
        let translated = translate(&job(&setup, &format!("task=t{arguments}")))
            .unwrap_or_else(|problems| panic!("{problems}"));
        let json = aurora_api::thrift::to_named_json(&translated.configuration);
        let resources = json["taskConfig"]["resources"].as_array().unwrap().clone();
        resources
            .iter()
            .filter_map(|one| one["namedPort"].as_str().map(str::to_owned))
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(ports("x {{thermos.ports[http]}} {{thermos.ports[admin]}}", ""), "admin http");
    assert_eq!(ports("x", ", announce=Announcer()"), "http");
    assert_eq!(
        ports(
            "x {{thermos.ports[http]}}",
            ", announce=Announcer(portmap={'http': 80}), constraints={'dedicated': 'www'}"
        ),
        ""
    );
    assert_eq!(ports("x", ", announce=Announcer(portmap={'alias': 'http'})"), "http");
}

#[test]
fn a_representative_file() {
    let file = evaluate(
        "
import os
class Profile(Struct):
  version = Default(String, 'live')
  mem     = Default(Integer, 256*MB)
fetch = Process(name='fetch', cmdline='curl -sO https://repo/{{profile.version}}/app.tgz', max_failures=3)
serve = Process(name='serve', cmdline='./app --port {{thermos.ports[http]}} --id {{mesos.instance}}')
app = SequentialTask(name='app', processes=[fetch, serve],
                     resources=Resources(cpu=0.5, ram='{{profile.mem}}', disk=1*GB))
base = Service(name='app', role=os.getenv('SURELY_NOT_SET', 'nobody'), task=app, instances=2,
               constraints={'host': 'limit:1'}, announce=Announcer())
jobs = [base(cluster=c, environment=e).bind(profile=Profile(version=v))
        for c, e, v in [('east', 'prod', 'live'), ('west', 'devel', 'head')]]
",
    )
    .unwrap();
    for (index, version) in ["live", "head"].into_iter().enumerate() {
        let translated = file.translate_at(index).unwrap_or_else(|problems| panic!("{problems}"));
        assert!(translated.warnings.items.is_empty(), "{}", translated.warnings);
        assert!(translated.json.contains(&format!("https://repo/{version}/app.tgz")));
        assert!(translated.json.contains("\"ram\": 268435456"));
        assert!(translated.json.contains("--id {{mesos.instance}}"));
    }
}

#[test]
fn tasks_are_exported_or_those_of_the_jobs() {
    let folder = tempfile::tempdir().unwrap();
    let tasks = |text: &str| {
        let path = folder.path().join("t.thermos");
        std::fs::write(&path, text).unwrap();
        aurora_config::load_tasks(&path, &options())
    };
    let exported = "
p = Process(name='p', cmdline='{{greeting}} {{thermos.ports[http]}} {{&literal}}')
export(Task(processes=[p]).bind(greeting='hello'))
export({'name': 'second', 'processes': [p]})
";
    let loaded = tasks(exported).unwrap();
    let names: Vec<_> = loaded.tasks.iter().map(|task| (task.name.as_str(), task.job.clone())).collect();
    assert_eq!(names, [("p", None), ("second", None)]);
    let command = loaded.tasks[0].json["processes"][0]["cmdline"].as_str();
    assert_eq!(command, Some("hello {{thermos.ports[http]}} {{&literal}}"));
    let jobs = tasks(&job("", "")).unwrap();
    assert_eq!(jobs.tasks.len(), 1);
    assert!(jobs.tasks[0].job.is_some());
    let wrong = tasks("export(Process(name='p', cmdline='x'))").unwrap_err();
    assert!(wrong.lines()[0].contains("export() takes a Task"), "{wrong}");
    // In a job's file there is no such function.
    assert!(load_text("t.aurora".as_ref(), exported.to_owned(), &options()).is_err());
}

#[test]
fn json_problems_have_their_places() {
    let json = "{\"jobs\": [\n  {\"cluster\": \"c\", \"rol\": \"r\", \"environment\": \"devel\", \"name\": \"n\",\n   \"task\": {\"name\": \"t\",\n     \"processes\": [{\"name\": \"p\",\n       \"cmdlin\": \"x\"}],\n     \"resources\": {\"cpu\": 1, \"ram\": 1048576, \"disk\": 1048576}},\n   \"announce\": true}]}";
    let options = LoadOptions { read_json: true, ..options() };
    let lines = |text: &str| match load_text("t.json".as_ref(), text.to_owned(), &options) {
        Ok(file) => file.lint().lines().join("\n"),
        Err(problems) => problems.lines().join("\n"),
    };
    let found = lines(json);
    for wanted in [
        "t.json:2:21: error: Job has no field 'rol' (did you mean 'role'?)",
        "t.json:5:9: error: Process has no field 'cmdlin'",
        "t.json:7:16: error: an Announcer is needed here, got True",
    ] {
        assert!(found.contains(wanted), "no {wanted:?} in {found}");
    }
    let resolved = json.replace("rol\"", "role\"").replace("cmdlin\"", "cmdline\"").replace("true", "null");
    let resolved = resolved.replace("\"x\"", "\"{{ a }} \\u00e9\\n{{b}}\"");
    let found = lines(&resolved);
    assert!(found.contains("t.json:5:20: error: invalid template reference \"{{ a }}\""), "{found}");
    assert!(found.contains("t.json:5:36: error: unresolved {{b}}"), "{found}");
    assert!(found.contains("t.json:7:16: error: the value is None"), "{found}");
    let deep = "[".repeat(100_000);
    assert!(lines(&deep).contains("not valid JSON: recursion limit exceeded"), "{}", lines(&deep));
}

#[test]
fn what_is_written_for_a_job_can_be_read_back() {
    let text = job(
        "",
        "container=Docker(image='debian:12', parameters=[Parameter(name='a', value='b')]), announce=Announcer(), update_config=UpdateConfig(update_strategy=VariableBatchUpdateStrategy(batch_sizes=[1, 2])), sla_policy=CountSlaPolicy(count=1, duration_secs=5)",
    );
    let written = translate(&text).unwrap();
    let options = LoadOptions { read_json: true, ..options() };
    let read = load_text("t.json".as_ref(), written.json.clone(), &options).unwrap();
    let again = read.translate_at(0).unwrap();
    assert_eq!(again.json, written.json);
    assert_eq!(again.configuration, written.configuration);
}

#[test]
fn images_are_named_and_bound() {
    let text = job(
        "",
        "container=Docker(image='{{docker.image[library/{{distribution}}][12]}}')).bind(distribution='debian'",
    );
    let mut file = evaluate(&text).unwrap();
    assert!(file.lint().items.is_empty(), "{}", file.lint());
    let selector: JobSelector = "local/www/devel/j".parse().unwrap();
    let images = file.images(&selector).unwrap();
    assert_eq!(images.iter().map(ToString::to_string).collect::<Vec<_>>(), ["library/debian:12"]);
    assert_eq!(file.translate(&selector).unwrap().images, images);
    file.bind_image(&selector, &images[0], "library/debian@sha256:1").unwrap();
    let translated = file.translate(&selector).unwrap();
    assert!(translated.images.is_empty());
    assert!(translated.json.contains("\"image\": \"library/debian@sha256:1\""), "{}", translated.json);
    let half = evaluate(&job("", "contact='{{docker.image[debian]}}'")).unwrap().lint().lines().join("\n");
    assert!(half.contains("named with two indexes"), "{half}");
}

#[test]
fn hooks_see_the_job_and_may_refuse() {
    use aurora_config::{HookCall, HookEvent, run_hooks};
    let text = "
class Limits(object):
  def pre_create_job(self, api, config):
    print('creating %s with %d instances' % (config.job_key(), config.instances()))
    return config.instances() < 5
  def post_create_job(self, api, result, config):
    print('created: %s' % result)
  def err_create_job(self, api, error, config):
    print('failed: %s' % error)
class Generic(object):
  def generic_hook(self, hook_config, event, method, result, args, kw):
    print('%s %s %s %s' % (event, method, hook_config.job_key, len(args)))
    return True
class Broken(object):
  def pre_restart(self, api, job_key, instances, settings):
    return api.check_status(job_key)
hooks = [Limits(), Generic(), Broken()]
print('loaded')
";
    let text = job(
        text,
        "enable_hooks=True, instances=3)] + [make(name='many', enable_hooks=True, instances=9)] + [make(name='plain'",
    );
    let folder = common::folder(&[("h.aurora", &text)]);
    let path = folder.path().join("h.aurora");
    let run = |name: &str, call: HookCall, event: HookEvent| {
        let selector = format!("local/www/devel/{name}").parse().unwrap();
        run_hooks(&path, &options(), &selector, &call, &event).unwrap()
    };
    let before = run("j", HookCall::CreateJob, HookEvent::Before);
    assert!(!before.is_stopped && before.problems.is_none());
    assert_eq!(
        before.printed,
        "creating local/www/devel/j with 3 instances\npre create_job local/www/devel/j 1\n"
    );
    let refused = run("many", HookCall::CreateJob, HookEvent::Before);
    assert!(refused.is_stopped);
    assert_eq!(refused.printed, "creating local/www/devel/many with 9 instances\n");
    assert_eq!(run("plain", HookCall::CreateJob, HookEvent::Before).printed, "");
    let after = run("j", HookCall::CreateJob, HookEvent::After("OK".to_owned()));
    assert!(after.printed.starts_with("created: OK\npost create_job"), "{}", after.printed);
    let failed = run("j", HookCall::CreateJob, HookEvent::Failed("no quota".to_owned()));
    assert!(failed.printed.starts_with("failed: no quota\nerr create_job"), "{}", failed.printed);
    let killed = run("j", HookCall::KillJob(Some(vec![0, 2])), HookEvent::Before);
    assert_eq!(killed.printed, "pre kill_job local/www/devel/j 2\n");
    let broken = run("j", HookCall::Restart(None), HookEvent::Before);
    assert!(broken.is_stopped);
    let shown = broken.problems.unwrap().lines().join("\n");
    assert!(
        shown.contains("h.aurora:16:16") && shown.contains("AuroraClientAPI has no attribute"),
        "{shown}"
    );
}

#[test]
fn hooks_without_effect_are_told() {
    let lint = |text: &str| evaluate(text).unwrap().lint().lines().join("\n");
    let none = lint(&job("", "enable_hooks=True"));
    assert!(none.contains("enable_hooks has no effect: the file has no `hooks`"), "{none}");
    let unused = lint(&job("class H(object):\n  pass\nhooks = [H()]", ""));
    assert!(unused.contains("`hooks` has no effect: no job has enable_hooks=True"), "{unused}");
}

#[test]
fn json_without_its_flag_says_so() {
    let problems = evaluate("{\n  \"jobs\": [{\"name\": \"a\", \"service\": true}]\n}\n").err().unwrap();
    assert_eq!(
        problems.lines(),
        ["error: test.aurora is JSON, not a configuration (read it with --read-json)"]
    );
    assert!(!evaluate("{'a': zzz}\n").err().unwrap().to_string().contains("--read-json"));
}
