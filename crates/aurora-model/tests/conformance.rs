//! The conformance cases of `spec/config.md` §1.14, by id.
#![allow(clippy::unwrap_used)]

#[path = "conformance/cases_mustache.rs"]
mod cases_mustache;
#[path = "conformance/cases_scope.rs"]
mod cases_scope;
#[path = "conformance/cases_value.rs"]
mod cases_value;
#[path = "conformance/fixture.rs"]
mod fixture;
