//! Open files that one of our processes hands to the next.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};

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

/// Keeps every file but the standard streams from the programs this one starts (`spec/thermos.md` §1.7).
#[expect(unsafe_code, reason = "flags of files that this program does not otherwise know")]
pub fn make_all_private() {
    let Ok(entries) = std::fs::read_dir("/proc/self/fd") else { return };
    let numbers: Vec<RawFd> = entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|number| *number > 2)
        .collect();
    for number in numbers {
        // SAFETY: the borrow ends with the call. A number that was closed meanwhile makes it fail, which is harmless.
        let _ = fcntl(unsafe { BorrowedFd::borrow_raw(number) }, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC));
    }
}
