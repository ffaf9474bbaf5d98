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
fn syntax_errors_point_at_the_mistake() {
    let first = |text: &str| evaluate(text).err().unwrap().lines().join("\n");
    assert!(
        first("p = Process(name='p',\n  cmdline='x # ('\n\njobs = []\n")
            .starts_with("test.aurora:1:12: error: syntax error: this '(' is never closed")
    );
    assert!(first("p = Process(name='p' cmdline='x')\n").contains("is a comma missing just before"));
    assert!(first("<<<<<<< HEAD\nx = 1\n").contains("left over from a merge"));
    assert!(first("x = \u{2018}a\u{2019}\n").contains("typographic quotes"));
    assert!(first("def f():\n  x = 1\n\ty = 2\n").contains("do not mix them with tabs"));
    assert!(first("if True\n  x = 1\n").contains("ends with a colon"));
}

#[test]
fn environment_variables_are_not_listed() {
    let found = evaluate("import os\nx = os.environ['SURELY_NOT_SET']\n").err().unwrap().lines().join("\n");
    assert!(found.contains("write os.environ.get('SURELY_NOT_SET', 'default')"), "{found}");
    assert!(!found.contains("PATH"), "{found}");
}

#[test]
fn colours_are_for_terminals() {
    let problems = evaluate("x = zzz\n").err().unwrap();
    assert!(problems.render(true).contains("\u{1b}["));
    assert!(!problems.render(false).contains("\u{1b}["));
}
