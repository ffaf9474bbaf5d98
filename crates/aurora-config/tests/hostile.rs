//! Files that mean harm, or nothing at all, end in a clear error.
#![allow(clippy::unwrap_used)]

mod common;

use common::evaluate;
use proptest::prelude::*;

#[test]
fn budgets_end_what_would_not_end() {
    for text in [
        "while True: pass",
        "x = 'a'\nwhile True: x += x",
        "x = 'ab' * 10**12",
        "x = [0] * 10**12",
        "x = 'a'.replace('', 'b' * 10**6).replace('a', 'c' * 10**6)\nfor i in range(100): x = x.replace('b', 'bbbbbbbb')",
        "x = []\nfor i in range(10**9): x.append(i)",
        "def f(): return f()\nf()",
        "f = lambda: f()\nf()",
        "x = 2 ** 10**9",
        "x = '%*d' % (10**12, 1)",
        "x = '{:>1000000000000}'.format(1)",
        "x = []\nfor i in range(10**7): x = [x]",
        "x = {}\nfor i in range(10**7): x = {'k': x}",
        "x = ()\nfor i in range(10**7): x = (x,)",
        "x = String('{{a}}')\nfor i in range(10**7): x = x.bind(a=x)",
        "x = String\nwhile True: x = List(x)",
        "import re\nre.match(r'(a|aa)+\\1\\1c', 'a' * 5000)",
        "import re\nre.match('((a{1000}){1000}){1000}', 'a' * 5000)",
        "import re\nfor i in range(10**6): re.compile('(a{100}){20}%d' % i)",
        "import re\nre.findall('a.*b|a', 'a' * 10**6)",
        "import re\nre.findall('(?=a)a', 'a' * 10**5)",
        "import itertools\nlist(itertools.count())",
        "def g():\n  while True: yield 1\nlist(g())",
        "x = String('{{a}}{{a}}').bind({'a': '{{b}}{{b}}', 'b': '{{c}}{{c}}', 'c': '{{d}}' * 1000, 'd': '{{e}}' * 1000, 'e': 'x' * 1000})\nprint(str(x))",
        "x = []\nx.append(x)\nprint(x, x == [x])",
        "import json\nx = []\nfor i in range(1000): x = [x]\njson.dumps(x)",
        "x = []\nfor i in range(100000): x = [x]\nprint(repr(x) == repr([x]))\ny = []\nfor i in range(100000): y = [y]\nx == y",
        "try:\n  while True: pass\nexcept:\n  pass\nwhile True: pass",
        "x = 'a'.join(['b' * 10**6] * 10**5)",
        "import json\nx = json.dumps(['a' * 10**6] * 10**4)",
        "x = repr(['a' * 10**6] * 10**4)",
        "x = '%s' % (['a' * 10**6] * 10**4)",
        "jobs = [Job()] * 100000",
        "x = Tasks.concat(*[SimpleTask('t%d' % i, 'x') for i in range(2000)])",
        "class A:\n  def __getattr__(self, n): return self.x\nA().y",
        "class A:\n  def __str__(self): return str(self)\nstr(A())",
    ] {
        let started = std::time::Instant::now();
        let result = evaluate(text);
        assert!(started.elapsed().as_secs() < 60, "{text}");
        if !text.contains("x.append(x)") {
            assert!(result.is_err(), "{text}");
        }
    }
}

#[test]
fn deep_values_are_taken_apart_without_recursion() {
    assert!(
        evaluate("x = []\nfor i in range(50000): x = [x]\ny = {}\nfor i in range(50000): y = {'k': (y,)}\n")
            .is_ok()
    );
}

const WORDS: &[&str] = &[
    "x",
    "jobs",
    "=",
    "==",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "\n",
    "\n  ",
    "if ",
    "else",
    "for ",
    " in ",
    "def ",
    "class ",
    "lambda",
    "1",
    "2.5",
    "'a{{b}}'",
    "\"",
    "'''",
    "Process",
    "Job",
    "Struct",
    ".bind",
    ".",
    "%",
    "*",
    "**",
    "-",
    "not ",
    "return ",
    "yield ",
    "try:",
    "except",
    "with ",
    "import os",
    "include",
    "f'{x}'",
    "print ",
    "0777",
    "`",
    "\\",
    "#",
    "@",
    "~",
    ";",
    "é",
    "Task",
    "order",
    "None",
    "raise ",
    "String",
    "List",
    "Map",
    "range",
    "str",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_text_never_panics(text in "\\PC{0,200}") {
        if let Err(problems) = evaluate(&text) {
            prop_assert!(!problems.items.iter().any(|item| item.code == "internal"), "{}", problems);
        }
    }

    #[test]
    fn arbitrary_python_never_panics(words in proptest::collection::vec(proptest::sample::select(WORDS), 0..60)) {
        if let Err(problems) = evaluate(&words.concat()) {
            prop_assert!(!problems.items.iter().any(|item| item.code == "internal"), "{}", problems);
        }
    }
}
