//! What fuzzing found worth keeping (`fuzz/corpus`), given again to what it was found with.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use aurora_config::{check_syntax, load_text};
use common::options;

fn corpus(target: &str) -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter_map(|path| Some((path.clone(), String::from_utf8(std::fs::read(path).unwrap()).ok()?)))
        .collect();
    assert!(files.len() >= 20, "{} files for {target}", files.len());
    files
}

#[test]
fn texts_are_parsed_or_refused() {
    for (path, text) in corpus("parse") {
        if let Err(problems) = check_syntax(&path, &text) {
            assert!(!problems.items.is_empty(), "{}", path.display());
            assert!(!problems.render(false).is_empty());
        }
    }
}

#[test]
fn files_are_evaluated_or_refused_in_time() {
    for (path, text) in corpus("evaluate") {
        let started = Instant::now();
        match load_text(&path, text, &options()) {
            Ok(file) => {
                let lint = file.lint();
                assert!(!lint.items.iter().any(|problem| problem.code == "internal"), "{}", path.display());
                assert_eq!(lint.render(false).is_empty(), lint.items.is_empty());
                for index in 0..file.jobs().len().min(4) {
                    let translated = file.translate_at(index);
                    assert!(translated.is_ok() || lint.has_errors(), "{}", path.display());
                }
            }
            Err(problems) => {
                assert!(
                    !problems.items.iter().any(|problem| problem.code == "internal"),
                    "{}",
                    path.display()
                );
                assert!(!problems.render(false).is_empty());
            }
        }
        assert!(started.elapsed() < Duration::from_secs(300), "{}", path.display());
    }
}
