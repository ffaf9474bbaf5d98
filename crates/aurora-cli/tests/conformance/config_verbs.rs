use serde_json::Value;

use crate::stub::{K, SERVICE, Stub};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn render_prints_jobs_with_everything_bound() {
    let stub = Stub::start();
    stub.file("f.aurora", &SERVICE.replace("sleep 1000", "sleep {{time}} {{mesos.instance}}"));
    let bound = ["config", "render", "f.aurora", K, "-o", "json", "--bind", "time=5"];
    let outcome = stub.aurora(&bound).exits(0);
    let job = json(&outcome.out);
    assert_eq!(job["task"]["processes"][0]["cmdline"], "sleep 5 {{mesos.instance}}");
    assert_eq!(job["max_task_failures"], 1, "defaults are there");
    stub.aurora(&["config", "render", "f.aurora"]).exits(3).err_has("unresolved {{time}}");
    stub.file("two.aurora", &format!("{SERVICE}\njobs.append(jobs[0](name='other'))\n"));
    let outcome = stub.aurora(&["config", "render", "two.aurora"]).exits(0);
    assert_eq!(json(&outcome.out)["jobs"][1]["name"], "other");
    stub.file("two.json", &outcome.out);
    let listed = stub.aurora(&["config", "list", "two.json", "--read-json"]).exits(0);
    assert_eq!(listed.out, format!("jobs=[{K}, west/bozo/test/other]\n"));
    assert!(stub.methods().is_empty());
}

#[test]
fn pain_38_lint_has_one_exit_code_for_one_kind_of_problem() {
    let stub = Stub::start();
    stub.file("clean.aurora", SERVICE);
    stub.aurora(&["config", "lint", "--fail-on-warn", "clean.aurora"]).exits(0).out_has("no problems");
    stub.file("doubtful.aurora", &SERVICE.replace("instances = 3", "task_links = {'a': 'b'}"));
    stub.aurora(&["config", "lint", "doubtful.aurora"]).exits(0).out_has("1 warning");
    stub.aurora(&["config", "lint", "doubtful.aurora", "--fail-on-warn"]).exits(4);
    stub.file("broken.aurora", &SERVICE.replace("'sleep 1000'", "'sleep {{ x }}'"));
    let outcome = stub.aurora(&["config", "lint", "broken.aurora", "-o", "json"]).exits(3);
    let problem = json(&outcome.out)["problems"][0].clone();
    assert_eq!((problem["severity"].as_str(), problem["line"].as_u64()), (Some("error"), Some(6)));
    assert!(problem["help"].as_str().unwrap().contains("{{x}}"), "{problem}");
    stub.file("syntax.aurora", "jobs = [\n");
    stub.aurora(&["config", "lint", "syntax.aurora"]).exits(3).out_has("1 error");
    stub.aurora(&["config", "lint", "absent.aurora"]).exits(3).out_has("no such file");
    assert!(stub.methods().is_empty());
}

#[test]
fn lint_corrects_spaces_inside_the_braces() {
    let stub = Stub::start();
    let path = stub.file("f.aurora", &SERVICE.replace("sleep 1000", "sleep {{ mesos.instance }}"));
    stub.aurora(&["config", "lint", "f.aurora", "--fix"]).exits(0).err_has("corrected 1 reference");
    assert!(std::fs::read_to_string(path).unwrap().contains("'sleep {{mesos.instance}}'"));
}

#[test]
fn schema_is_a_json_schema() {
    let stub = Stub::start();
    let outcome = stub.aurora(&["config", "schema"]).exits(0);
    assert!(json(&outcome.out)["$defs"]["MesosJob"]["properties"]["cluster"].is_object());
}
