//! Gives back memory that is not needed while nothing happens.

use std::ffi::c_void;
use std::fs;

use nix::libc::{MADV_DONTNEED, madvise};

use super::pseudo;

/// Takes the program's own text and constants out of this process's memory: what is used again is mapped again from the file.
/// Starting a task touches far more of the program than waiting for its end.
#[expect(unsafe_code, reason = "mappings of the program's file that nobody can have written to")]
pub fn release_program() {
    let (Ok(maps), Ok(program)) = (pseudo::read("/proc/self/maps"), fs::read_link("/proc/self/exe")) else {
        return;
    };
    let program = program.display().to_string();
    for line in maps.lines().filter(|line| line.ends_with(&program)) {
        let Some((begin, length)) = unwritten(line) else { continue };
        let begin = std::ptr::without_provenance_mut::<c_void>(begin);
        // SAFETY: the pages are those of the file, since the mapping cannot be written to and never could: the next access finds
        // the same content again. What fails leaves things as they are.
        unsafe { madvise(begin, length, MADV_DONTNEED) };
    }
}

/// Has all threads of this process allocate from the same pool. The C library would make one for each, which costs a thread that does
/// little more than its work.
#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "a setting of the C library's allocator")]
pub fn share_pool() {
    // SAFETY: it sets a number, under the allocator's own lock. Refused, things stay as they are.
    unsafe { nix::libc::mallopt(nix::libc::M_ARENA_MAX, 1) };
}

/// Start and length of a mapping that is text, or that begins with the file, if the line of `/proc/self/maps` is of one. Other
/// parts that cannot be written to may have been filled in at the start of the program.
fn unwritten(line: &str) -> Option<(usize, usize)> {
    let mut fields = line.split_ascii_whitespace();
    let (begin, end) = fields.next()?.split_once('-')?;
    let (rights, offset) = (fields.next()?, fields.next()?);
    let number = |text| usize::from_str_radix(text, 16).ok();
    let is_text = rights == "r-xp";
    let is_head = rights == "r--p" && number(offset)? == 0;
    let (begin, end) = (number(begin)?, number(end)?);
    (is_text || is_head).then_some((begin, end.checked_sub(begin)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_never_written_to_is_given_back() {
        let line = |rights, offset| format!("00400000-00402000 {rights} {offset} fe:01 77 /bin/x");
        assert_eq!(unwritten(&line("r-xp", "00200000")), Some((0x0040_0000, 0x2000)));
        assert_eq!(unwritten(&line("r--p", "00000000")), Some((0x0040_0000, 0x2000)));
        // Filled in by the loader, and then protected.
        assert_eq!(unwritten(&line("r--p", "00200000")), None);
        assert_eq!(unwritten(&line("rw-p", "00000000")), None);
        release_program();
    }
}
