//! `docs/reference/configuration.md`: its tables are those of the schema, and its examples work.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::PathBuf;

use common::evaluate;

const BEGIN: &str =
    "<!-- The rest is made from the schema: run the test `reference` with AURORA_WRITE_REFERENCE=1. -->\n";

fn page() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/configuration.md")
}

#[test]
fn the_tables_are_up_to_date() {
    let written = std::fs::read_to_string(page()).unwrap();
    let (prose, _) = written.split_once(BEGIN).unwrap();
    let wanted = format!("{prose}{BEGIN}\n{}", aurora_config::schema_reference());
    if std::env::var_os("AURORA_WRITE_REFERENCE").is_some() {
        std::fs::write(page(), &wanted).unwrap();
    } else {
        assert!(
            written == wanted,
            "configuration.md is out of date: run this test with AURORA_WRITE_REFERENCE=1"
        );
    }
}

#[test]
fn every_example_works() {
    let written = std::fs::read_to_string(page()).unwrap();
    let examples: Vec<&str> =
        written.split("```python\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(examples.len() >= 6);
    for example in examples {
        let file = evaluate(example).unwrap_or_else(|problems| panic!("{example}\n{problems}"));
        let lint = file.lint();
        assert!(lint.items.is_empty(), "{example}\n{lint}");
        assert!(!file.jobs().is_empty() || !example.contains("jobs ="), "{example}");
    }
}
