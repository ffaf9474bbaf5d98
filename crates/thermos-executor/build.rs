//! Links the executor at a fixed address. One that can be moved has its tables of addresses filled in at each start, and so
//! a copy of them in every one of a task's processes: about 1 MB a task.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|given| given == value);
    if is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu") {
        // In this order: the later one of two options that contradict each other counts.
        println!("cargo::rustc-link-arg-bins=-no-pie");
        println!("cargo::rustc-link-arg-bins=-static");
    }
}
