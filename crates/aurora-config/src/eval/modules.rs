//! The modules a file may import: none of them reaches the network, starts programs or writes.

mod clock;
pub(super) mod files;
pub(super) mod hashlib;
mod itertools;
pub(super) mod json;
mod math;
mod misc;
mod os;
pub(super) mod re;
mod strings;

use std::rc::Rc;

use indexmap::IndexMap;

use super::error::{Eval, Stop};
use super::interp::Interp;
use super::value::{Module, Native, Scope, Value};
use crate::diagnostic::nearest;
use crate::syntax::Name;

/// What can be imported.
const KNOWN: &[&str] = &[
    "os",
    "os.path",
    "sys",
    "time",
    "getpass",
    "hashlib",
    "json",
    "re",
    "functools",
    "itertools",
    "collections",
    "string",
    "textwrap",
    "copy",
    "math",
    "datetime",
    "__future__",
    "pystachio",
    "operator",
    "abc",
    "types",
    "typing",
    "socket",
    "random",
    "subprocess",
];

pub(super) use misc::FUNCTOOLS;

impl Interp {
    pub fn import(&mut self, name: &str) -> Eval<Value> {
        if let Some(module) = self.modules.get(name) {
            return Ok(module.clone());
        }
        let (name, members): (&'static str, Vec<(&'static str, Value)>) = match name {
            "os" => ("os", os::os(self)),
            "os.path" => ("os.path", os::path()),
            "sys" => ("sys", misc::sys()),
            "time" => ("time", clock::time()),
            "datetime" => ("datetime", clock::datetime()),
            "getpass" => ("getpass", natives(misc::GETPASS)),
            "hashlib" | "md5" => ("hashlib", natives(hashlib::NATIVES)),
            "json" | "simplejson" => ("json", json::members(self)),
            "re" => ("re", re::members(self)),
            "functools" => ("functools", natives(misc::FUNCTOOLS)),
            "itertools" => ("itertools", natives(itertools::ITERTOOLS)),
            "collections" => ("collections", misc::collections()),
            "string" => ("string", strings::string()),
            "textwrap" => ("textwrap", natives(strings::TEXTWRAP)),
            "copy" => ("copy", natives(misc::COPY)),
            "math" => ("math", math::math()),
            "operator" => ("operator", natives(misc::OPERATOR)),
            "__future__" | "typing" | "types" | "abc" => ("__future__", Vec::new()),
            "pystachio" | "pystachio.naming" | "pystachio.composite" | "pystachio.container" => {
                let globals = Rc::clone(&self.globals);
                let attributes = globals.vars.borrow().clone();
                let module =
                    Value::Module(Rc::new(Module { name: "pystachio", attributes: attributes.into() }));
                return Ok(module);
            }
            _ if name.starts_with("apache.") || name.starts_with("twitter.") => {
                return self.import("pystachio");
            }
            _ => return Err(self.no_module(name)),
        };
        let attributes: IndexMap<Name, Value> =
            members.into_iter().map(|(name, value)| (name.into(), value)).collect();
        let module = Value::Module(Rc::new(Module { name, attributes: attributes.into() }));
        self.modules.insert(name, module.clone());
        Ok(module)
    }

    fn no_module(&self, name: &str) -> Stop {
        let help = match name {
            "subprocess" | "commands" | "popen2" => {
                "a configuration cannot run programs: run it in your script and pass the result in with --bind NAME=VALUE".to_owned()
            }
            "socket" | "urllib" | "urllib2" | "requests" | "http" => {
                "a configuration cannot use the network: fetch it in your script and pass it in with --bind NAME=VALUE".to_owned()
            }
            "random" | "uuid" => {
                "a configuration must come out the same every time: pass the value in with --bind NAME=VALUE".to_owned()
            }
            _ => {
                let folder = self.executing.last().and_then(|file| file.path.parent().map(std::path::Path::to_owned));
                let sibling = folder.map(|folder| folder.join(format!("{name}.py"))).filter(|path| path.exists());
                match (sibling, nearest(name, KNOWN.iter().copied().filter(|known| *known != name))) {
                    (Some(_), _) => format!("files beside the configuration are run with include('{name}.py')"),
                    (None, Some(close)) => format!("did you mean '{close}'?"),
                    (None, None) => {
                        "available: os, sys, time, getpass, hashlib, json, re, functools, itertools, collections, string, textwrap, copy, math, datetime, operator".to_owned()
                    }
                }
            }
        };
        self.raise("ImportError", format!("module '{name}' cannot be imported here")).help(help)
    }

    pub fn import_from(
        &mut self,
        module: &str,
        names: &[(Name, Option<Name>)],
        scope: &Rc<Scope>,
    ) -> Eval<()> {
        if module == "__future__" {
            self.true_division |= names.iter().any(|(name, _)| &**name == "division");
            return Ok(());
        }
        if matches!(module, "typing" | "types" | "abc") {
            for (name, alias) in names {
                self.assign_name(
                    alias.as_ref().unwrap_or(name),
                    Value::Builtin(super::value::BuiltinType::Object),
                    scope,
                );
            }
            return Ok(());
        }
        let value = self.import(module)?;
        let Value::Module(members) = &value else { return Ok(()) };
        for (name, alias) in names {
            if &**name == "*" {
                let all: Vec<(Name, Value)> = members
                    .attributes
                    .borrow()
                    .iter()
                    .map(|(name, value)| (name.clone(), value.clone()))
                    .collect();
                for (name, value) in all {
                    self.assign_name(&name, value, scope);
                }
                continue;
            }
            let found = match members.attributes.borrow().get(name) {
                Some(value) => Ok(value.clone()),
                None => Err(()),
            };
            let found = match found {
                Ok(value) => value,
                Err(()) => match self.import(&format!("{module}.{name}")) {
                    Ok(value) => value,
                    Err(_) => return self.no_module_member(module, name).map(drop),
                },
            };
            self.assign_name(alias.as_ref().unwrap_or(name), found, scope);
        }
        Ok(())
    }

    pub fn no_module_member(&mut self, module: &str, name: &str) -> Eval<Value> {
        let known: Vec<String> = match self.modules.get(module) {
            Some(Value::Module(members)) => {
                members.attributes.borrow().keys().map(ToString::to_string).collect()
            }
            _ => Vec::new(),
        };
        let close =
            nearest(name, known.iter().map(String::as_str)).map(|close| format!("did you mean '{close}'?"));
        let help = match (module, name) {
            ("os", "system" | "popen" | "execv" | "fork" | "spawnv") => Some(
                "a configuration cannot run programs: pass the result in with --bind NAME=VALUE".to_owned(),
            ),
            ("os", "remove" | "mkdir" | "makedirs" | "rename" | "unlink") => {
                Some("a configuration cannot change files".to_owned())
            }
            _ => close.or_else(|| (!known.is_empty()).then(|| format!("available: {}", known.join(", ")))),
        };
        Err(self.raise("AttributeError", format!("module '{module}' has no '{name}' here")).help_maybe(help))
    }
}

fn natives(all: &'static [Native]) -> Vec<(&'static str, Value)> {
    all.iter().map(|native| (native.name, Value::Native(native))).collect()
}

/// A module inside a module.
fn submodule(name: &'static str, members: Vec<(&'static str, Value)>) -> Value {
    let attributes: IndexMap<Name, Value> =
        members.into_iter().map(|(name, value)| (name.into(), value)).collect();
    Value::Module(Rc::new(Module { name, attributes: attributes.into() }))
}
