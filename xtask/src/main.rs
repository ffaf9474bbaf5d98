//! Every command a developer needs: `cargo xtask <command>`.

mod demo;
mod run;
mod setup;
mod sim;
mod test;
mod tidy;

use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask <command>

  demo [FILE…]   build the programs and run `aurora local up` (default: examples/hello_world.aurora)
  test           install what the tests need, then run all of them, real Mesos included
  ci             what a change must pass: format, lints, docs, tidy, then `test`
  sim            run seeds of the simulated cluster (--seeds N [--from S], --seed S [--trace])
  tidy           check the layers between crates and the sizes of files
  codegen        write the code of the Mesos messages anew (--check: only compare)
  setup          only install what the tests need
";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next();
    let rest: Vec<String> = arguments.collect();
    let outcome = match command.as_deref() {
        Some("demo") => demo::run(&rest),
        Some("test") => test::run(&rest),
        Some("ci") => test::ci(),
        Some("tidy") => tidy::run(),
        Some("codegen") => test::codegen(&rest),
        Some("sim") => sim::run(&rest),
        Some("setup") => setup::run(),
        Some("help" | "--help" | "-h") => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Some(other) => {
            eprint!("cargo xtask: there is no command `{other}`\n\n{USAGE}");
            return ExitCode::from(2);
        }
        None => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cargo xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
