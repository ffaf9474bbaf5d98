//! Checkpoint files: the append-only record of what happened to a task (`spec/thermos.md` §2).

mod file;
mod frame;
mod paths;

pub use file::{AppendError, Appender, LoadError, Loaded, Tail, load, load_tail};
pub use frame::{DecodeRecordError, decode_record, encode_record};
pub use paths::{DEFAULT_CHECKPOINT_ROOT, TaskPaths};
