//! `os`, `os.path`.

use std::path::Path;
use std::rc::Rc;

use indexmap::IndexMap;

use super::{files, natives, submodule};
use crate::eval::call::Args;
use crate::eval::error::Eval;
use crate::eval::interp::Interp;
use crate::eval::value::{Dict, Key, Native, Value};

pub(super) fn os(interp: &Interp) -> Vec<(&'static str, Value)> {
    let environment: IndexMap<Key, Value> = interp
        .surroundings
        .environment
        .iter()
        .map(|(name, value)| (Key::text(name), Value::str(value.as_str())))
        .collect();
    let mut members = natives(OS);
    members.push(("environ", Value::dict(environment)));
    members.push(("path", submodule("os.path", path())));
    members.push(("sep", Value::str("/")));
    members.push(("linesep", Value::str("\n")));
    members.push(("name", Value::str("posix")));
    members
}

pub(super) fn path() -> Vec<(&'static str, Value)> {
    natives(PATH)
}

impl Interp {
    /// Whether it is `os.environ`.
    pub fn is_environ(&self, dict: &Rc<Dict>) -> bool {
        let Some(Value::Module(os)) = self.modules.get("os") else { return false };
        matches!(os.attributes.borrow().get("environ"), Some(Value::Dict(environ)) if Rc::ptr_eq(environ, dict))
    }
}

static OS: &[Native] = &[
    Native {
        name: "getenv",
        call: |interp, mut args| {
            let name = interp.required_text(&mut args, "getenv", 0, "name")?;
            let default = args.get(1, "default").unwrap_or(Value::None);
            let found = interp.surroundings.environment.iter().find(|(known, _)| **known == *name);
            Ok(found.map_or(default, |(_, value)| Value::str(value.as_str())))
        },
    },
    Native {
        name: "getcwd",
        call: |interp, _| {
            let folder =
                std::env::current_dir().map(|folder| folder.display().to_string()).unwrap_or_default();
            interp.text(folder)
        },
    },
    Native {
        name: "listdir",
        call: |interp, mut args| {
            let wanted = interp.required_text(&mut args, "listdir", 0, "path")?;
            let path = files::readable(interp, &wanted)?;
            let entries = match std::fs::read_dir(path) {
                Ok(entries) => entries,
                Err(error) => return Err(interp.raise("OSError", format!("cannot list {wanted}: {error}"))),
            };
            let mut names = Vec::new();
            for entry in entries.flatten() {
                interp.budget.bytes(64)?;
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
            names.sort();
            interp.list(names.into_iter().map(Value::str).collect())
        },
    },
];

fn text(interp: &mut Interp, args: &mut Args, name: &str) -> Eval<String> {
    interp.required_text(args, name, 0, "path").map(|path| path.to_string())
}

fn test(interp: &mut Interp, mut args: Args, name: &str, is: fn(&Path) -> bool) -> Eval<Value> {
    let path = text(interp, &mut args, name)?;
    let path = files::readable(interp, &path)?;
    Ok(Value::Bool(is(&path)))
}

static PATH: &[Native] = &[
    Native {
        name: "join",
        call: |interp, mut args| {
            let mut path = text(interp, &mut args, "join")?;
            for part in &args.positional[1..] {
                let Some(part) = part.as_text() else {
                    return interp
                        .type_error(format!("os.path.join() needs texts, not {}", part.type_name()));
                };
                if part.starts_with('/') {
                    path = part.to_string();
                } else {
                    if !path.is_empty() && !path.ends_with('/') {
                        path.push('/');
                    }
                    path.push_str(&part);
                }
            }
            interp.text(path)
        },
    },
    Native {
        name: "basename",
        call: |interp, mut args| {
            let path = text(interp, &mut args, "basename")?;
            interp.text(path.rsplit('/').next().unwrap_or_default())
        },
    },
    Native {
        name: "dirname",
        call: |interp, mut args| {
            let path = text(interp, &mut args, "dirname")?;
            interp.text(match path.rfind('/') {
                Some(0) => "/",
                Some(at) => path[..at].trim_end_matches('/'),
                None => "",
            })
        },
    },
    Native {
        name: "splitext",
        call: |interp, mut args| {
            let path = text(interp, &mut args, "splitext")?;
            let name_start = path.rfind('/').map_or(0, |at| at + 1);
            let at =
                path[name_start..].rfind('.').filter(|at| *at > 0).map_or(path.len(), |at| name_start + at);
            interp.tuple(vec![Value::str(&path[..at]), Value::str(&path[at..])])
        },
    },
    Native {
        name: "split",
        call: |interp, mut args| {
            let path = text(interp, &mut args, "split")?;
            let (head, tail) = path.rsplit_once('/').unwrap_or(("", &path));
            interp.tuple(vec![Value::str(head), Value::str(tail)])
        },
    },
    Native { name: "abspath", call: absolute },
    Native { name: "realpath", call: absolute },
    Native { name: "normpath", call: absolute_or_same },
    Native {
        name: "expanduser",
        call: |interp, mut args| {
            let path = text(interp, &mut args, "expanduser")?;
            let home = interp
                .surroundings
                .environment
                .iter()
                .find(|(name, _)| name == "HOME")
                .map(|(_, home)| home.clone());
            match (path.strip_prefix('~'), home) {
                (Some(rest), Some(home)) if rest.is_empty() || rest.starts_with('/') => {
                    interp.text(home + rest)
                }
                _ => interp.text(path),
            }
        },
    },
    Native {
        name: "isabs",
        call: |interp, mut args| Ok(Value::Bool(text(interp, &mut args, "isabs")?.starts_with('/'))),
    },
    Native { name: "exists", call: |interp, args| test(interp, args, "exists", Path::exists) },
    Native { name: "isfile", call: |interp, args| test(interp, args, "isfile", Path::is_file) },
    Native { name: "isdir", call: |interp, args| test(interp, args, "isdir", Path::is_dir) },
];

fn absolute(interp: &mut Interp, mut args: Args) -> Eval<Value> {
    let path = text(interp, &mut args, "abspath")?;
    let path = std::path::absolute(&path).map_or(path, |path| path.display().to_string());
    let normal = normal(&path);
    interp.text(normal)
}

fn absolute_or_same(interp: &mut Interp, mut args: Args) -> Eval<Value> {
    let path = text(interp, &mut args, "normpath")?;
    let normal = normal(&path);
    interp.text(normal)
}

fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            ".." if path.starts_with('/') => {}
            other => parts.push(other),
        }
    }
    let joined = parts.join("/");
    match (path.starts_with('/'), joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}
