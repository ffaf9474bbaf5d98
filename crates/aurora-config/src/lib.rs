//! The `.aurora` language: parser, evaluator, loader, checks and translation to thrift.
//!
//! [`load`] evaluates a file; [`LoadedFile::jobs`] lists its jobs; [`LoadedFile::translate`] selects one, checks it and
//! gives what the scheduler is sent; [`LoadedFile::lint`] says all there is to say about a file. Everything that can be wrong with a file comes back as [`Diagnostics`]: all
//! problems at once, each with its place, its cause and a remedy.
//!
//! The rooms: `parse` (text to our own syntax tree), `eval` (the tree walker), `load` (files, bindings, selection),
//! `check`, `translate`, [`diagnostic`]. Values, types and references are `aurora-model`'s. Absent on purpose: the
//! network, other programs, and writing of any kind.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod check;
pub mod diagnostic;
mod eval;
mod explain;
mod load;
mod names;
mod origin;
mod parse;
#[allow(missing_docs)]
mod syntax;
mod translate;

pub use aurora_model::schema::{json_schema, reference as schema_reference};
pub use diagnostic::{Diagnostic, Diagnostics, Severity};
pub use load::{
    Correction, HookCall, HookEvent, HookOutcome, ImageName, JobSelector, ListedJob, ListedTask, LoadOptions,
    LoadedFile, LoadedTasks, SelectorError, check_syntax, corrections, load, load_tasks, load_text,
    run_hooks,
};
pub use translate::TranslatedJob;
