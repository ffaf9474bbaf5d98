//! Links the clients at a fixed address. One that can be moved has its tables of addresses filled in at each start, which costs
//! half a megabyte and a good part of the time that a short command takes.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|given| given == value);
    if is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu") {
        // In this order: the later one of two options that contradict each other counts.
        println!("cargo::rustc-link-arg-bins=-no-pie");
        println!("cargo::rustc-link-arg-bins=-static");
    }
}
