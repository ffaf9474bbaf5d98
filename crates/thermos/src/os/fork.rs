//! Copies of this process that go on as another part of the program. A copy shares all memory that neither changes, and needs no
//! start of its own: as a runner or a coordinator it costs a fraction of what a program costs that is executed.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::unistd::{ForkResult, fork};

use super::pseudo;

/// Exit status of a copy that panicked, as Rust's own is.
const PANICKED: u8 = 101;

/// The longest name of a process that the kernel keeps.
const NAME_BYTES: usize = 15;

/// Where the field `arg_start` of `/proc/self/stat` is (`proc(5)`), counted from the first after the name. `arg_end` follows.
const ARGUMENTS_BEGIN: usize = 45;

/// Starts a copy of this process, which carries out `work` and ends with the status that it returns. Answers with the copy's
/// number. Open files are the copy's as well, and so are locks on them: see [`super::fd::close_others`].
///
/// # Errors
/// What the system says; and when this process has other threads, whose locks a copy would have, but not the threads.
#[expect(
    unsafe_code,
    reason = "a copy of a process with one thread, which never returns to what the original did"
)]
pub fn fork_into(work: impl FnOnce() -> u8) -> io::Result<i32> {
    // It changes nothing, and is an error for a process with several threads. A container may forbid it; callers are asked for one
    // thread all the same.
    if unshare(CloneFlags::CLONE_THREAD) == Err(Errno::EINVAL) {
        return Err(io::Error::other("a process with several threads cannot be copied"));
    }
    // SAFETY: there is one thread, so nobody holds a lock or is in the middle of a change.
    match unsafe { fork() }? {
        ForkResult::Parent { child } => Ok(child.as_raw()),
        ForkResult::Child => {
            let status = catch_unwind(AssertUnwindSafe(work)).unwrap_or(PANICKED);
            std::process::exit(i32::from(status))
        }
    }
}

/// Names this process for people who look at the process table: its own name, and the text in place of its command line, as
/// far as there is room. To be called when nothing looks at the command line any more.
pub fn set_title(name: &str, text: &str) {
    let short: Vec<u8> = name.bytes().filter(|byte| *byte != 0).take(NAME_BYTES).collect();
    if let Ok(short) = std::ffi::CString::new(short) {
        // It is for people only.
        let _ = prctl::set_name(&short);
    }
    let _ = overwrite_arguments(&format!("{name} {text}"));
}

/// Where the kernel looks for the command line: begin and length. A copy of this process has it at the same place.
fn arguments() -> Option<(usize, usize)> {
    static ARGUMENTS: OnceLock<Option<(usize, usize)>> = OnceLock::new();
    *ARGUMENTS.get_or_init(|| {
        let stat = pseudo::read("/proc/self/stat").ok()?;
        // The name is in parentheses and may hold any character.
        let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(ARGUMENTS_BEGIN);
        let begin: usize = fields.next()?.parse().ok()?;
        let end: usize = fields.next()?.parse().ok()?;
        Some((begin, end.checked_sub(begin)?))
    })
}

#[expect(unsafe_code, reason = "memory that the kernel filled in, of which nothing has a reference")]
fn overwrite_arguments(title: &str) -> Option<()> {
    let (begin, room) = arguments()?;
    // A zero at the end tells the kernel that the environment is not meant.
    let mut bytes: Vec<u8> = title.bytes().take(room.checked_sub(1)?).collect();
    bytes.resize(room, 0);
    // SAFETY: the kernel says that this is where the arguments of this process are, which are its own to write to, and nobody looks at
    // them any more.
    unsafe {
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), std::ptr::with_exposed_provenance_mut(begin), room)
    };
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_other_threads_is_not_copied() {
        // The test harness runs this in a thread of its own.
        let error = fork_into(|| 0).unwrap_err();
        assert!(error.to_string().contains("several threads"), "{error}");
    }
}
