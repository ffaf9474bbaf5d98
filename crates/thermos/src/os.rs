//! The operating system, as the runner and its coordinators use it. The only place with `unsafe` code.

pub mod beneath;
pub mod fd;
pub mod fork;
pub mod identity;
pub mod kernel;
pub mod memory;
pub mod pseudo;
pub mod signals;
pub mod users;
