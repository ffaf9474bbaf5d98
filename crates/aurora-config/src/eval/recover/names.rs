//! Undefined names: all of those in the files read, also where evaluation did not come to them.

use crate::diagnostic::{Diagnostic, Related, nearest};
use crate::eval::interp::Interp;
use crate::names;
use crate::syntax::Name;

pub(in crate::eval) const NOT_DEFINED: &str = "not defined";
/// Places shown of one name.
const PLACES_MAX: usize = 6;
/// Names that one is compared with to find the nearest.
const COMPARED_MAX: usize = 2_000;

pub(in crate::eval) fn undefined(name: &str) -> String {
    format!("name '{name}' is not defined")
}

impl Interp {
    /// The names that nothing in the files read can define. None when it cannot be told: an `include()` was not reached, say.
    pub fn undefined_names(&self) -> Vec<Diagnostic> {
        if self.lacks_names {
            return Vec::new();
        }
        let globals = self.globals.vars.borrow();
        let is_known = |name: &str| globals.contains_key(name) || self.builtins.contains_key(name);
        let found = names::undefined(&self.trees, &is_known, &self.included);
        let problem = |name: &names::Undefined| {
            let known: Vec<Name> = name.in_scope.iter().chain(globals.keys()).cloned().collect();
            let mut problem = Diagnostic::error("unknown-name", undefined(&name.name))
                .at_maybe(name.places.first().copied())
                .label(NOT_DEFINED)
                .help_maybe(self.meant_by(&name.name, &known));
            for place in name.places.iter().skip(1) {
                also_here(&mut problem, *place);
            }
            problem
        };
        found.iter().take(super::PROBLEMS_MAX).map(problem).collect()
    }

    /// What a person who wrote an undefined name probably meant.
    pub fn meant_by(&self, name: &str, known: &[Name]) -> Option<String> {
        match name {
            "ConcurrentTask" => {
                Some("write Task(processes=[...]): without constraints its processes run at once".to_owned())
            }
            "CombinedTask" => Some("write Tasks.combine(first, second)".to_owned()),
            "Namable" | "MustacheParser" | "Type" | "TypeCheck" | "TypeFactory" | "base" | "basic"
            | "choice" | "compatibility" | "composite" | "config" | "container" | "naming" | "parsing"
            | "typing" => Some(
                "parts of Pystachio's own code are not there: files describe jobs with types and objects"
                    .to_owned(),
            ),
            "raw_input" | "input" => Some("pass values in with --bind NAME=VALUE".to_owned()),
            "os" | "re" | "json" | "time" | "getpass" | "hashlib" | "math" | "string" | "itertools"
            | "functools" | "collections" | "copy" | "datetime" | "textwrap" => {
                Some(format!("add `import {name}` at the top"))
            }
            "true" => Some("write True".to_owned()),
            "false" => Some("write False".to_owned()),
            "null" | "none" => Some("write None".to_owned()),
            _ => {
                let all = known.iter().map(|known| &**known).chain(self.builtins.keys().copied());
                nearest(name, all.take(COMPARED_MAX)).map(|close| format!("did you mean '{close}'?"))
            }
        }
    }
}

/// Adds problems with undefined names to those that are known; a name is told once, with its places.
pub(crate) fn add_undefined(known: &mut Vec<Diagnostic>, found: Vec<Diagnostic>) {
    for problem in found {
        let same = |other: &&mut Diagnostic| other.message == problem.message;
        let Some(other) = known.iter_mut().find(same) else {
            known.push(problem);
            continue;
        };
        // What is defined further down was not known yet.
        other.help = other.help.take().or(problem.help);
        let places = problem.span.into_iter().chain(problem.related.into_iter().map(|other| other.span));
        for place in places {
            also_here(other, place);
        }
    }
}

/// Adds a further place of the same problem.
pub(super) fn also_here(problem: &mut Diagnostic, place: crate::diagnostic::Span) {
    const NOTE: &str = "also here";
    let others = problem.related.iter().filter(|related| related.note == NOTE);
    if problem.span != Some(place)
        && !problem.related.iter().any(|related| related.span == place)
        && others.count() + 1 < PLACES_MAX
    {
        problem.related.push(Related { note: NOTE.to_owned(), span: place });
    }
}
