//! The runner of the built program against the conformance cases of `spec/thermos.md` §9.2 and §9.3.

#![allow(clippy::unwrap_used, missing_docs)]

mod environment;
mod identity;
mod image;
mod outcomes;
mod rig;
mod takeover;
