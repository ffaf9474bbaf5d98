//! Open files that one of our processes hands to the next.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};

/// Where open files cannot be listed, numbers below this are taken for open.
const UNLISTED_FILES: RawFd = 256;

/// Lets the next started program have this file. The caller must be the only thread that starts programs.
///
/// # Errors
/// What the system says.
pub fn make_inheritable(file: &impl AsFd) -> io::Result<()> {
    fcntl(file, FcntlArg::F_SETFD(FdFlag::empty()))?;
    Ok(())
}

/// Takes back what [`make_inheritable`] gave.
///
/// # Errors
/// What the system says.
pub fn make_private(file: &impl AsFd) -> io::Result<()> {
    fcntl(file, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    Ok(())
}

/// Owns a file that the starter of this program left open under a number it named on the command line.
///
/// # Errors
/// When no file is open under that number.
#[expect(unsafe_code, reason = "a number from the command line becomes an open file exactly once, at start")]
pub fn adopt(number: RawFd) -> io::Result<OwnedFd> {
    if number < 3 {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "numbers below 3 belong to the standard streams",
        ));
    }
    // SAFETY: the borrow ends with the call, which fails harmlessly when the number is not open.
    fcntl(unsafe { BorrowedFd::borrow_raw(number) }, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    // SAFETY: it was just found open, and our own starter passed it for us to own; nothing else in this program, which
    // has only begun, refers to it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Closes every file but the standard streams and these. For a copy of a process, which has all files of the original
/// (`spec/thermos.md` §1.7: none of them reaches a task).
pub fn close_others(kept: &[BorrowedFd<'_>]) {
    let mut kept: Vec<RawFd> = kept.iter().map(AsRawFd::as_raw_fd).filter(|number| *number > 2).collect();
    kept.sort_unstable();
    let mut first: RawFd = 3;
    for end in kept.into_iter().map(Some).chain([None]) {
        // What is before the next one that is kept.
        let last = end.map_or(RawFd::MAX, |end| end - 1);
        if first <= last {
            close_range(first, last);
        }
        first = end.map_or(RawFd::MAX, |end| end + 1);
    }
}

/// Closes all files with these numbers.
#[expect(
    unsafe_code,
    reason = "files whose owners are in the memory of the original, which the copy does not use"
)]
fn close_range(first: RawFd, last: RawFd) {
    // SAFETY: the caller is a copy that uses none of the values that own these files, and ends without dropping them.
    let closed =
        unsafe { nix::libc::syscall(nix::libc::SYS_close_range, i64::from(first), i64::from(last), 0_i64) };
    if closed == 0 {
        return;
    }
    // Linux before 5.9, or a filter of system calls that is older.
    let numbers: Vec<RawFd> = match std::fs::read_dir("/proc/self/fd") {
        Ok(entries) => entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect(),
        // The /proc of another pid namespace.
        Err(_) => (0..UNLISTED_FILES).collect(),
    };
    for number in numbers.into_iter().filter(|number| (first..=last).contains(number)) {
        // SAFETY: as above. The number of the folder that was just read is closed already: closing it once more fails harmlessly,
        // since nothing is opened meanwhile.
        unsafe { nix::libc::close(number) };
    }
}
