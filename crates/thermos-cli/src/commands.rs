//! One file a command (`spec/thermos.md` §5.2).

pub mod gc;
pub mod help;
pub mod inspect;
pub mod kill;
pub mod launch;
pub mod read;
pub mod run;
pub mod simplerun;
pub mod status;
pub mod tail;
