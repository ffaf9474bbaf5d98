//! `cargo xtask tidy`: the rules that no compiler checks: which crate may use which, and how long files get.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::run;

/// The crates from bottom to top: each may use those of the rows above it, and those its own row names.
/// `ARCHITECTURE.md` says why.
const MAY_USE: &[(&str, &[&str])] = &[
    ("aurora-api", &[]),
    ("aurora-model", &[]),
    ("scheduler-core", &["aurora-api"]),
    ("sim", &["aurora-api", "scheduler-core"]),
    ("aurora-client", &["aurora-api"]),
    ("zookeeper", &[]),
    ("mesos-v1", &["aurora-api", "zookeeper"]),
    ("aurora-config", &["aurora-api", "aurora-model"]),
    ("thermos", &["aurora-api", "aurora-model"]),
    ("aurora-cli", &["aurora-api", "aurora-config", "aurora-client", "sim"]),
    ("aurora-scheduler", &["aurora-api", "scheduler-core", "mesos-v1"]),
    ("mesos-local", &["aurora-api", "mesos-v1"]),
    ("thermos-executor", &["aurora-api", "aurora-model", "thermos", "mesos-v1", "zookeeper"]),
    ("thermos-cli", &["aurora-api", "aurora-model", "aurora-config", "thermos"]),
    ("thermos-observer", &["aurora-api", "aurora-model", "thermos"]),
    ("gc-executor", &["aurora-api", "aurora-model", "thermos", "mesos-v1"]),
    ("e2e", &["aurora-api", "aurora-client", "mesos-v1"]),
    ("xtask", &[]),
    ("codegen", &[]),
];

/// Longest file, in lines. Generated code and tests in files of their own are free.
const LINES_MAX: usize = 800;

/// Runs every check and reports all that is wrong.
pub fn run() -> Result<()> {
    let mut wrong = layers()?;
    wrong.extend(sizes(&run::root())?);
    if wrong.is_empty() {
        return Ok(());
    }
    bail!("tidy found {}:\n  {}", wrong.len(), wrong.join("\n  "));
}

fn layers() -> Result<Vec<String>> {
    let metadata = run::metadata()?;
    let packages = metadata["packages"].as_array().context("cargo metadata lists no packages")?;
    let mut wrong = Vec::new();
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        let Some((_, allowed)) = MAY_USE.iter().find(|(crate_name, _)| *crate_name == name) else {
            wrong.push(format!(
                "{name}: not in the table of layers; add it to xtask/src/tidy.rs and ARCHITECTURE.md"
            ));
            continue;
        };
        let dependencies = package["dependencies"].as_array().map(Vec::as_slice).unwrap_or_default();
        for dependency in dependencies {
            let used = dependency["name"].as_str().unwrap_or_default();
            let is_ours = dependency["path"].is_string();
            if is_ours && dependency["kind"].is_null() && !allowed.contains(&used) {
                wrong.push(format!("{name} uses {used}, which its layer does not allow"));
            }
        }
    }
    Ok(wrong)
}

fn sizes(root: &Path) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    for file in rust_files(&root.join("crates"))? {
        let text =
            std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let lines = text.lines().count();
        if lines > LINES_MAX {
            let shown = file.strip_prefix(root).unwrap_or(&file);
            wrong.push(format!("{}: {lines} lines; {LINES_MAX} is the most", shown.display()));
        }
    }
    Ok(wrong)
}

fn rust_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    for entry in entries {
        let path = entry.with_context(|| format!("cannot list {}", folder.display()))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let is_free = matches!(name, "generated" | "tests" | "tests.rs") || name.ends_with("_tests.rs");
        if is_free {
            continue;
        }
        if path.is_dir() {
            files.extend(rust_files(&path)?);
        } else if name.ends_with(".rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
