//! The build script of programs that are started often: links them at a fixed address. A program that can be moved has its tables
//! of addresses filled in at each start, and so a copy of them in every process: 0.7 MB for the client, 1 MB for the executor.

fn main() {
    println!("cargo::rerun-if-changed=../../.cargo/fixed_address.rs");
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|given| given == value);
    if is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu") {
        // In this order: the later one of two options that contradict each other counts.
        println!("cargo::rustc-link-arg-bins=-no-pie");
        println!("cargo::rustc-link-arg-bins=-static");
    }
}
