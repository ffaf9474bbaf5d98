//! The Mesos executor of one task.

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(code) = thermos::hidden::dispatch() {
        return code;
    }
    ExitCode::SUCCESS
}
