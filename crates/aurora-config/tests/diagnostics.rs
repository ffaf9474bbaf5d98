//! How problems look to a person.
#![allow(clippy::unwrap_used)]

mod common;

use common::{evaluate, translate};

fn shown(text: &str) -> String {
    match translate(text) {
        Ok(job) => job.warnings.to_string(),
        Err(problems) => problems.to_string(),
    }
}

#[test]
fn several_problems_of_one_job() {
    insta::assert_snapshot!(shown(
        "class Profile(Struct):
  version = Default(String, 'live')
  ram     = Default(Integer, 64*MB)

install = Process(name = 'install', cmdline = 'curl -sO repo/{{ profile.version }}.tgz')
serve   = Process(name = 'serve', cmdline = './serve --version {{profle.version}} --port {{thermos.ports.http}}')

jobs = [
  Service(
    cluster = 'local',
    role = 'www',
    name = 'web',
    contact = None,
    task = Task(processes = [install, serve], constraints = order(serve, 'instal'),
                resources = Resources(cpu = 1, ram = '{{profile.ram}}', disk = '1GB'))).bind(profile = Profile())
]
"
    ));
}

#[test]
fn python_2() {
    insta::assert_snapshot!(
        evaluate("import os\nprint 'role is %s' % os.environ['USER']\nmode = 0755\n").err().unwrap()
    );
}

#[test]
fn a_misspelt_field_in_a_function() {
    insta::assert_snapshot!(
        evaluate("def make(name):\n  return Process(name=name, cmdlin='run ' + name)\n\nps = [make(n) for n in ['a', 'b']]\n")
            .err()
            .unwrap()
    );
}

#[test]
fn colours_are_for_terminals() {
    let problems = evaluate("x = zzz\n").err().unwrap();
    assert!(problems.render(true).contains("\u{1b}["));
    assert!(!problems.render(false).contains("\u{1b}["));
}
