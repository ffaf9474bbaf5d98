//! What a run did: a hash of all of it, and the lines for those who replay it.

use aurora_api::amounts::Timestamp;

/// The run so far.
#[derive(Debug)]
pub(crate) struct Trace {
    hash: u64,
    is_shown: bool,
}

impl Trace {
    pub(crate) fn new(is_shown: bool) -> Self {
        Self { hash: 0xcbf2_9ce4_8422_2325, is_shown }
    }

    /// Adds to the hash (FNV-1a).
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.hash = (self.hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    /// Adds a line: to the hash, and to stderr if the run is shown.
    pub(crate) fn line(&mut self, now: Timestamp, line: &str) {
        self.bytes(&now.0.to_le_bytes());
        self.bytes(line.as_bytes());
        if self.is_shown {
            eprintln!("{:>12} {line}", now.0);
        }
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }
}
