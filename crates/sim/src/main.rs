//! `cargo xtask sim`: runs many seeds, or one of them again.

use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask sim [--seeds N] [--from S]   run N seeds (default: 200) from S on (default: 0)
cargo xtask sim --seed S [--trace]       run one seed again, and show what happens in it
";

struct Arguments {
    first: u64,
    count: u64,
    is_traced: bool,
}

fn main() -> ExitCode {
    let arguments = match parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(message) => {
            eprint!("{message}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let Arguments { first, count, is_traced } = arguments;
    let mut failed = 0_u64;
    let mut tally = sim::Tally::default();
    for seed in first..first.saturating_add(count) {
        match sim::run(&sim::Plan::of_seed(seed), is_traced) {
            Ok(report) if count == 1 => println!("{report}"),
            Ok(report) => tally += report.tally,
            Err(failure) => {
                failed += 1;
                eprintln!("{failure}");
            }
        }
    }
    if count > 1 {
        println!("{tally}");
    }
    println!("{count} seeds from {first} on: {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut arguments = Arguments { first: 0, count: 200, is_traced: false };
    while let Some(word) = words.next() {
        let mut number = || {
            let value = words.next().ok_or_else(|| format!("{word} needs a number"))?;
            value.parse::<u64>().map_err(|_| format!("{word} needs a number, not `{value}`"))
        };
        match word.as_str() {
            "--seeds" => arguments.count = number()?,
            "--from" => arguments.first = number()?,
            "--seed" => {
                arguments.first = number()?;
                arguments.count = 1;
            }
            "--trace" => arguments.is_traced = true,
            _ => return Err(format!("unknown argument `{word}`")),
        }
    }
    Ok(arguments)
}
