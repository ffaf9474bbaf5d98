//! The evaluator: walks the syntax tree. It has no way to reach the network, start programs or write; what it reads is
//! bounded by `LoadOptions`, and what it spends by [`budget`].

mod assign;
mod attributes;
mod budget;
mod builtins;
mod call;
mod combinators;
mod conversions;
mod error;
mod exceptions;
mod expr;
mod format;
mod hash;
mod interp;
mod items;
mod iter;
mod methods;
mod modules;
mod objects;
mod ops;
mod recover;
mod regex;
mod schema_names;
mod stmt;
mod text;
mod value;

pub(crate) use call::Args;
pub(crate) use interp::{Interp, Surroundings};
pub(crate) use recover::{Mistakes, add_undefined};
pub(crate) use value::Value;

/// What is shown of an error that no `except` caught.
pub(crate) fn diagnostics_of(stop: error::Stop) -> Vec<crate::diagnostic::Diagnostic> {
    stop.into_diagnostics()
}
