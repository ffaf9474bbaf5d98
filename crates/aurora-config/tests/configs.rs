//! Files such as users write (`configs/*.aurora`), and what becomes of each: what linting says, then the jobs as JSON
//! (`configs/*.golden`). `AURORA_WRITE_GOLDEN=1` writes the latter anew.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::{Path, PathBuf};

use common::options;

/// Jobs of a file that are shown over many lines.
const IN_FULL: usize = 2;

fn outcome(path: &Path) -> String {
    let file = match aurora_config::load(path, &options()) {
        Ok(file) => file,
        Err(problems) => return problems.lines().join("\n"),
    };
    let mut out = file.lint().lines().join("\n");
    for (index, key) in file.jobs().iter().enumerate() {
        let shown = match file.translate_at(index) {
            Ok(job) if index < IN_FULL => {
                let json: serde_json::Value = serde_json::from_str(&job.json).unwrap();
                serde_json::to_string_pretty(&json).unwrap()
            }
            Ok(job) => job.json,
            Err(_) => "cannot be submitted".to_owned(),
        };
        out.push_str(&format!("\n{key}\n{shown}"));
    }
    out
}

#[test]
fn every_config_becomes_what_it_should() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/configs");
    // As a person runs the client: what the files open stands beside them.
    std::env::set_current_dir(&folder).unwrap();
    let writes = std::env::var_os("AURORA_WRITE_GOLDEN").is_some();
    let mut count = 0;
    for entry in std::fs::read_dir(".").unwrap() {
        let path = PathBuf::from(entry.unwrap().file_name());
        if path.extension().is_none_or(|extension| extension != "aurora") {
            continue;
        }
        count += 1;
        let golden = path.with_extension("golden");
        let shown = outcome(&path) + "\n";
        if writes {
            std::fs::write(&golden, &shown).unwrap();
        } else {
            assert_eq!(std::fs::read_to_string(&golden).unwrap(), shown, "{}", path.display());
        }
    }
    assert!(count >= 60, "only {count} configs");
}
