//! Linting whole files, and correcting what is safe to correct.
#![allow(clippy::unwrap_used)]

mod common;

use aurora_config::corrections;
use common::{evaluate, folder, job, load_in};

#[test]
fn a_clean_file_has_no_problems() {
    assert!(evaluate(&job("", "")).unwrap().lint().items.is_empty());
}

#[test]
fn all_jobs_are_checked_and_each_cause_is_told_once() {
    let text = job("", "")
        + "
jobs = [make(name='j%d' % n, contact='{{nope}}') for n in range(50)]
jobs.append(make(name='last', instances=0))
";
    let lines = evaluate(&text).unwrap().lint().lines().join("\n");
    assert_eq!(lines.matches("unresolved {{nope}}").count(), 1, "{lines}");
    assert!(lines.contains("instances must be at least 1"), "{lines}");
}

#[test]
fn files_without_jobs_and_jobs_of_one_key() {
    let lint = |text: &str| evaluate(text).unwrap().lint().lines().join("\n");
    assert!(lint("x = 1\n").contains("warning: No job defined in this config!"));
    let misspelt = job("", "").replace("jobs =", "Jobs =");
    assert!(lint(&misspelt).contains("there are jobs in 'Jobs': write jobs = Jobs"), "{}", lint(&misspelt));
    let twice = job("", "") + "jobs += jobs\n";
    assert!(lint(&twice).contains("error: two jobs have the key local/www/devel/j"), "{}", lint(&twice));
}

#[test]
fn tiers_are_compared_with_production() {
    let lint = |arguments: &str| evaluate(&job("", arguments)).unwrap().lint().lines().join("\n");
    assert!(lint("tier='preemptible', production=True").contains("production=True has no effect"));
    assert!(lint("tier='preffered'").contains("did you mean 'preferred'?"));
    assert_eq!(lint("tier='preferred', production=True"), "");
    assert_eq!(lint("tier='gold'"), "");
}

#[test]
fn what_makes_an_update_impossible_is_an_error() {
    let lint =
        evaluate(&job("", "update_config=UpdateConfig(batch_size=0, pulse_interval_secs=5)")).unwrap().lint();
    let lines = lint.lines().join("\n");
    assert!(lint.has_errors());
    assert!(
        lines.contains("test.aurora:8:") && lines.contains("Batch size should be greater than 0"),
        "{lines}"
    );
    assert!(lines.contains("Pulse interval seconds must be at least 60 seconds."), "{lines}");
}

#[test]
fn spaces_inside_the_braces_are_corrected_in_all_files() {
    let task = "
def task(cmdline):
  return Task(name='t', processes=[Process(name='p', cmdline=cmdline)], resources=Resources(cpu=1, ram=GB, disk=GB))
";
    let library = "greeting = 'hello {{ profile.name }}'\n";
    let main = format!(
        "include('library.aurora')
class Profile(Struct):
  name = Default(String, 'you')
{task}
jobs = [
  Job(cluster='c', role='r', environment='devel', name='a', task=task(greeting)).bind(profile=Profile()),
  Job(cluster='c', role='r', environment='devel', name='b', task=task('{{{{ profile.name}}}} {{{{ if x }}}}')).bind(profile=Profile()),
]
"
    );
    let folder = folder(&[("main.aurora", &main), ("library.aurora", library)]);
    let found = load_in(&folder, "main.aurora").unwrap().lint();
    let corrected = corrections(&found);
    assert_eq!(corrected.iter().map(|correction| correction.count).collect::<Vec<_>>(), [1, 1], "{found}");
    for correction in &corrected {
        std::fs::write(&correction.path, &correction.text).unwrap();
    }
    let library = std::fs::read_to_string(folder.path().join("library.aurora")).unwrap();
    assert_eq!(library, "greeting = 'hello {{profile.name}}'\n");
    let left = load_in(&folder, "main.aurora").unwrap().lint();
    assert!(corrections(&left).is_empty());
    assert!(left.lines().join("\n").contains("{{ if x }}"), "foreign templates are left alone: {left}");
}
