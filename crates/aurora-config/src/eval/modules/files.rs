//! Reading files: only below the allowed folders, never writing.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::eval::call::Args;
use crate::eval::error::Eval;
use crate::eval::interp::Interp;
use crate::eval::value::{File, Value};

/// Largest file `open` reads, in bytes.
const FILE_SIZE_MAX: u64 = 32 << 20;
/// What asking the machine for a file costs.
const STEPS_OF_A_FILE: usize = 200;

pub(in crate::eval) fn open(interp: &mut Interp, mut args: Args) -> Eval<Value> {
    let wanted = interp.required_text(&mut args, "open", 0, "file")?;
    let mode = args.get(1, "mode").and_then(|mode| mode.as_text()).unwrap_or_else(|| "r".into());
    if mode.contains(['w', 'a', '+', 'x']) {
        return Err(interp
            .raise("OSError", format!("cannot open {wanted} for writing"))
            .help("a configuration only reads; write the file in a script of your own"));
    }
    let path = readable(interp, &wanted)?;
    let cannot = |interp: &Interp, cause: String| {
        let class = if cause == "no such file" { "FileNotFoundError" } else { "OSError" };
        interp.raise(class, format!("cannot read {wanted}: {cause}")).code("file")
    };
    let size = match std::fs::metadata(&path) {
        Ok(metadata) if metadata.is_file() => metadata.len(),
        Ok(_) => return Err(cannot(interp, "it is not a file".to_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(cannot(interp, "no such file".to_owned())
                .help(format!("it was looked for at {}", path.display())));
        }
        Err(error) => return Err(cannot(interp, error.to_string())),
    };
    if size > FILE_SIZE_MAX {
        return Err(cannot(interp, format!("it is larger than {} MiB", FILE_SIZE_MAX >> 20)));
    }
    interp.budget.steps(STEPS_OF_A_FILE)?;
    interp.budget.bytes(usize::try_from(size).unwrap_or(usize::MAX))?;
    match std::fs::read(&path) {
        Ok(content) => Ok(Value::File(Rc::new(File {
            path: wanted.to_string(),
            content,
            binary: mode.contains('b'),
            at: Cell::new(0),
        }))),
        Err(error) => Err(cannot(interp, error.to_string())),
    }
}

/// The real path of a file that may be read. Relative paths start at the current folder, as in Python.
pub(super) fn readable(interp: &Interp, wanted: &str) -> Eval<PathBuf> {
    let path = PathBuf::from(wanted);
    let real = path.canonicalize().or_else(|_| std::path::absolute(&path)).unwrap_or(path);
    let real = without_parents(&real);
    let allowed = interp.surroundings.read_roots.iter().any(|root| {
        let root = root.canonicalize().unwrap_or_else(|_| root.clone());
        real.starts_with(&root)
    });
    if allowed {
        return Ok(real);
    }
    let folder = real.parent().unwrap_or(&real).display().to_string();
    Err(interp
        .raise("PermissionError", format!("{wanted} is outside the folders a configuration may read"))
        .code("file")
        .help(format!("allow it with --read {folder}")))
}

/// `a/../b` as `b`, for paths that do not exist yet.
fn without_parents(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => drop(out.pop()),
            std::path::Component::CurDir => {}
            other => out.push(other),
        }
    }
    out
}

/// How an included file is called in messages: relative to the current folder where that is shorter.
pub(in crate::eval) fn shown_name(interp: &Interp, folder: &Path, wanted: &str) -> String {
    if Path::new(wanted).is_absolute() {
        return wanted.to_owned();
    }
    let includer = interp.executing.last().map(|file| PathBuf::from(&file.name)).unwrap_or_default();
    let base = includer.parent().unwrap_or(folder);
    without_parents_unless_leading(&base.join(wanted)).display().to_string()
}

fn without_parents_unless_leading(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir if out.file_name().is_some() => drop(out.pop()),
            std::path::Component::CurDir => {}
            other => out.push(other),
        }
    }
    out
}
