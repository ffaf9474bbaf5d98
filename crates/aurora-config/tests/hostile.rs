//! Texts that mean nothing at all end in a clear error. Files that mean harm are run by the client: `aurora-cli/tests/hostile`.
#![allow(clippy::unwrap_used)]

mod common;

use common::evaluate;
use proptest::prelude::*;

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
