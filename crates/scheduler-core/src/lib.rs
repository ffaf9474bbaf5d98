//! Every decision the scheduler makes, and nothing else.
//!
//! Inputs go in with a timestamp; durable operations and effects come out. There is no I/O here, no clock, no
//! thread and no randomness but that of the seed: the same state, inputs, times and seed give the same batches.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod effect;
pub mod input;
pub mod operation;
