//! `mesos-local`: see the library and `README.md`.
fn main() {}
