//! All problems at once, not the first; and none that only follows from another.
#![allow(clippy::unwrap_used)]

mod common;

use common::{evaluate, folder, job, load_in};

/// `line: message` of all problems, in their order.
fn found(text: &str) -> Vec<String> {
    match evaluate(text) {
        Ok(file) => listed(&file.lint()),
        Err(problems) => listed(&problems),
    }
}

fn listed(problems: &aurora_config::Diagnostics) -> Vec<String> {
    let place = |item: &aurora_config::Diagnostic| {
        let place = item.span.map(|span| problems.sources().place(span)).unwrap_or_default();
        place.split(':').nth(1).unwrap_or("-").to_owned()
    };
    problems.items.iter().map(|item| format!("{}: {}", place(item), item.message)).collect()
}

#[test]
fn all_undefined_names_are_told() {
    let text = "
import os
cpu = CPUS * 2
def make(name, **kw):
  return Job(name=name, role=ROLE, cluster='c', environment='devel', **kw)
p = Process(name=pname, cmdline='run ' + sufix)
suffix = 'x'
never = lambda x: x + y
jobs = [make(n, task=Task(processes=[p], resources=Resources(cpu=cpu, ram=GiB, disk=1*GB))) for n in names]
";
    assert_eq!(
        found(text),
        [
            "3: name 'CPUS' is not defined",
            "6: name 'pname' is not defined",
            "6: name 'sufix' is not defined",
            "9: name 'names' is not defined",
            "5: name 'ROLE' is not defined",
            "8: name 'y' is not defined",
            "9: name 'GiB' is not defined",
        ]
    );
    let shown = evaluate(text).err().unwrap().to_string();
    assert!(shown.contains("did you mean 'suffix'?"), "{shown}");
}

#[test]
fn a_name_is_told_once_with_its_places() {
    let shown = evaluate("a = GiB\nb = GiB\ndef f(): return GiB\n").err().unwrap();
    assert_eq!(shown.items.len(), 1);
    assert_eq!(shown.items[0].related.len(), 2);
}

#[test]
fn what_follows_from_a_problem_is_not_told() {
    let text = "
import os
home = os.environ['SURELY_NOT_SET']
path = home + '/bin'
numbers = {}
numbers['a'] = int('x')
total = numbers['a'] + 1
parts = [1, 2]
third = parts[2]
def f(): return path
third += 1
p = Process(name=f(), cmdline=total)
name = p.name() + 'x'
";
    let found = found(text);
    assert_eq!(found.len(), 3, "{found:#?}");
    assert!(found[0].starts_with("3: key 'SURELY_NOT_SET'"), "{found:#?}");
    assert!(found[1].starts_with("6: "), "{found:#?}");
    assert!(found[2].starts_with("9: "), "{found:#?}");
}

#[test]
fn every_job_is_looked_at_though_others_fail() {
    let text = job(
        "regions = {'east': 2}
def named(region):
  return make(name=region, instances=regions[region])
",
        "name='first'",
    ) + "
jobs = [named('east'), named('west'), make(name='ok', nam='x'), make(name=1 + 'a')] + [make(instances=int(n)) for n in ['1', 'two', 'x3']]
jobs.append(named('south'))
jobs.append(make(name='last', tier='{{nothing}}'))
";
    let found = found(&text);
    for wanted in [
        "key 'west' does not exist",
        "key 'south' does not exist",
        "no field 'nam'",
        "'two'",
        "'x3'",
        "{{nothing}}",
    ] {
        assert_eq!(found.iter().filter(|line| line.contains(wanted)).count(), 1, "{wanted}: {found:#?}");
    }
    assert_eq!(found.len(), 7, "{found:#?}");
}

#[test]
fn what_the_file_handles_or_raises_itself_is_left_to_it() {
    assert_eq!(found("try:\n  x = unicode2\nexcept NameError:\n  x = 1\njobs = []\n").len(), 1);
    assert_eq!(
        found("x = nope\nif True:\n  raise ValueError('set it')\ny = neither\n"),
        ["1: name 'nope' is not defined", "3: ValueError: set it", "4: name 'neither' is not defined"]
    );
    assert_eq!(
        found("def need(x):\n  if not x: raise ValueError('set it')\na = need(0)\nb = int('x')\nc = a + 1\n")
            .len(),
        2
    );
    assert_eq!(found("assert 1 == 2, 'no'\nx = int('a')\n"), ["1: AssertionError: no"]);
    assert_eq!(found("n = 3\nwhile n: n = int('x')\n").len(), 1);
}

#[test]
fn names_of_includes_that_failed_are_not_missed() {
    let files = folder(&[
        ("broken.aurora", "x = (\n"),
        ("names.aurora", "a = zzz\nb = 2\n"),
        ("first.aurora", "include('names.aurora')\nc = a + b\nd = yyy + b\njobs = []\n"),
        ("second.aurora", "include('broken.aurora')\ny = x + 1\ny.z\nn = int('q')\n"),
        ("third.aurora", "include('nowhere.aurora')\ninclude('neither.aurora')\ny = x + 1\n"),
    ]);
    let found = |name: &str| listed(&load_in(&files, name).err().unwrap());
    assert_eq!(found("first.aurora"), ["1: name 'zzz' is not defined", "3: name 'yyy' is not defined"]);
    let second = found("second.aurora");
    assert_eq!(second.len(), 2, "{second:#?}");
    assert!(second[1].starts_with("4: "), "{second:#?}");
    assert_eq!(found("third.aurora").len(), 2);
}

#[test]
fn the_other_fields_of_an_object_are_looked_at_too() {
    let text = "
import os
def scaled(n): return n * FACTOR
procs = [Process(name=nme, cmdlne='y'), Process(name='b', cmdline=os.environ['SURELY_NOT_SET'], max_failures='x')]
t = Task(processes=procs, resources=Resources(cpu=scaled(1), ram='1GB', disc=1*GB), constraints=order(*[p.nam() for p in procs]))
template = Job(cluster='c', role='r', environment='devel', task=t, update_config=UpdateConfig(batch_size='x', watch_sec=3))
name = t.constraints()[0].order()[0]
jobs = [
  template(name='one', instances='two'),
  template(name=name, production='yes', announce=Announcer(primry_port='http')),
  template(instances=int('three')),
]
";
    let found = found(text);
    for wanted in [
        "'nme' is not",
        "no field 'cmdlne'",
        "'SURELY_NOT_SET'",
        "'x' is not an Integer",
        "'FACTOR' is not",
        "'1GB'",
        "no field 'disc'",
        "no attribute nam",
        "no field 'watch_sec'",
        "'two'",
        "'yes'",
        "no field 'primry_port'",
        "'three'",
    ] {
        assert!(found.iter().any(|line| line.contains(wanted)), "{wanted}: {found:#?}");
    }
    // 'x' is told of both fields.
    assert_eq!(found.len(), 14, "{found:#?}");
}

#[test]
fn what_evaluation_and_checks_find_is_told_once() {
    let text = job("", "")
        + "
q = p(cmdline='{{a b}}')
jobs = [jobs[0](task=Task(name='t', processes=[q], resources=small))]
q.cmdline()
";
    let found = found(&text);
    assert_eq!(found.len(), 1, "{found:#?}");
}

#[test]
fn undefined_names_where_evaluation_did_not_come_by_are_warned_of() {
    assert_eq!(
        found(&job("def never(): return zzz", "")),
        ["1: name 'zzz' is not defined; this part did not run"]
    );
}

#[test]
fn broken_references_are_told_together_wherever_they_come_from() {
    let text = job(
        "p = Process(name='p', cmdline='{{ mine }} {{a}} {{missing}}').bind(a='x {{ inner.b }} {{c}}', c='{{c d}}')",
        "",
    )
    .replace("\np = Process(name='p', cmdline='true')", "");
    let shown = evaluate(&text).unwrap().lint();
    for wanted in ["{{ mine }}", "{{ inner.b }}", "{{c d}}", "{{missing}}"] {
        let about = |item: &&aurora_config::Diagnostic| item.message.contains(wanted);
        let places: Vec<&str> =
            shown.items.iter().filter(about).map(|item| shown.sources().text(item.span.unwrap())).collect();
        assert_eq!(places, [wanted], "{shown}");
    }
}
