//! Copies what a process writes to where it belongs, when the process cannot write there itself.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::process::{Child, Stdio};

use crate::logs::{CHUNK_BYTES, RotatingFile, open_standard};
use crate::task::{Destination, LogMode, Logger};

/// Which of the two streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stream {
    Out,
    Err,
}

enum Copy {
    Plain(File),
    Rotated(RotatingFile),
}

struct Pipe {
    source: File,
    stream: Stream,
    to_console: bool,
    to_file: Option<Copy>,
}

/// The pipes of a process that are still open.
pub struct Output {
    pipes: Vec<Option<Pipe>>,
}

/// How the two streams of a shell are set up: what it is given, and what becomes of the pipes among that.
pub struct Wiring {
    pub stdout: Stdio,
    pub stderr: Stdio,
    files: [Option<Copy>; 2],
    to_console: bool,
    is_piped: bool,
}

impl Wiring {
    /// Opens the files in `log_dir` that the logger asks for.
    pub fn new(logger: &Logger, log_dir: &Path) -> io::Result<Self> {
        let names = ["stdout", "stderr"];
        let unpiped =
            |stdout, stderr| Self { stdout, stderr, files: [None, None], to_console: false, is_piped: false };
        let piped = |files, to_console| Self {
            stdout: Stdio::piped(),
            stderr: Stdio::piped(),
            files,
            to_console,
            is_piped: true,
        };
        let open = |name: &str| {
            let path = log_dir.join(name);
            match logger.mode {
                LogMode::Standard => open_standard(&path).map(Copy::Plain),
                LogMode::Rotate => RotatingFile::create(&path, logger.rotation).map(Copy::Rotated),
            }
        };
        let [out, err] = names;
        Ok(match (logger.destination, logger.mode) {
            (Destination::File, LogMode::Standard) => unpiped(
                Stdio::from(open_standard(&log_dir.join(out))?),
                Stdio::from(open_standard(&log_dir.join(err))?),
            ),
            (Destination::Console, _) => unpiped(Stdio::inherit(), Stdio::inherit()),
            (Destination::File, LogMode::Rotate) => piped([Some(open(out)?), Some(open(err)?)], false),
            (Destination::Both, _) => piped([Some(open(out)?), Some(open(err)?)], true),
            (Destination::None, _) => piped([None, None], false),
        })
    }

    /// The pipes of the shell that was started with this.
    pub fn connect(files: Files, child: &mut Child) -> Output {
        let Files { files: [out_file, err_file], to_console, is_piped } = files;
        if !is_piped {
            return Output { pipes: Vec::new() };
        }
        let stdout = child.stdout.take().map(|pipe| Pipe {
            source: File::from(std::os::fd::OwnedFd::from(pipe)),
            stream: Stream::Out,
            to_console,
            to_file: out_file,
        });
        let stderr = child.stderr.take().map(|pipe| Pipe {
            source: File::from(std::os::fd::OwnedFd::from(pipe)),
            stream: Stream::Err,
            to_console,
            to_file: err_file,
        });
        Output { pipes: vec![stdout, stderr] }
    }

    /// Splits off what the shell is given.
    pub fn split(self) -> (Stdio, Stdio, Files) {
        let files = Files { files: self.files, to_console: self.to_console, is_piped: self.is_piped };
        (self.stdout, self.stderr, files)
    }
}

/// Where the content of pipes goes.
pub struct Files {
    files: [Option<Copy>; 2],
    to_console: bool,
    is_piped: bool,
}

impl Output {
    /// Whether every pipe came to its end.
    pub fn is_done(&self) -> bool {
        self.pipes.iter().all(Option::is_none)
    }

    /// The open pipes, in the order that [`Output::copy`] expects.
    pub fn pipes(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.pipes.iter().flatten().map(|pipe| pipe.source.as_fd())
    }

    /// Copies a chunk of each pipe that is readable.
    pub fn copy(&mut self, readable: &[bool]) {
        let open = self.pipes.iter_mut().filter(|pipe| pipe.is_some());
        for (slot, _) in open.zip(readable).filter(|(_, readable)| **readable) {
            let is_over = slot.as_mut().is_none_or(|pipe| !pipe.copy_chunk());
            if is_over {
                *slot = None;
            }
        }
    }
}

impl Pipe {
    /// Whether more may come.
    fn copy_chunk(&mut self) -> bool {
        let mut chunk = vec![0; CHUNK_BYTES];
        let count = match self.source.read(&mut chunk) {
            Ok(0) => return false,
            Ok(count) => count,
            Err(error) => return error.kind() == io::ErrorKind::Interrupted,
        };
        let chunk = &chunk[..count];
        // Output that cannot be stored (a full disk, a closed terminal) is dropped: the process must not stand still for it.
        let _ = match &mut self.to_file {
            Some(Copy::Plain(file)) => file.write_all(chunk),
            Some(Copy::Rotated(file)) => file.write(chunk),
            None => Ok(()),
        };
        if self.to_console {
            let _ = match self.stream {
                Stream::Out => io::stdout().write_all(chunk).and_then(|()| io::stdout().flush()),
                Stream::Err => io::stderr().write_all(chunk),
            };
        }
        true
    }
}
