//! Ports for a cluster: consecutive ones, since agent `i` listens on the master's port plus `i`.

use std::net::TcpListener;

/// How many ports a block has.
const BLOCK_SIZE: u16 = 16;
/// Blocks lie below the range from which the system takes the ports of outgoing connections (32768 on Linux), and
/// above what services commonly use.
const FIRST_PORT: u16 = 17_000;
const BLOCK_COUNT: u16 = 600;

/// A block of free ports that no other test takes while this lives.
#[derive(Debug)]
pub struct PortBlock {
    base: u16,
    /// Holds the block: whoever wants it must bind its last port first.
    _lock: TcpListener,
}

impl PortBlock {
    /// Takes a free block.
    ///
    /// # Panics
    /// If there is none.
    pub fn take() -> PortBlock {
        // Tests that run at once begin at different places.
        let start = std::process::id().wrapping_mul(31).wrapping_add(thread_number());
        for attempt in 0..u32::from(BLOCK_COUNT) {
            let block = start.wrapping_add(attempt) % u32::from(BLOCK_COUNT);
            let base = FIRST_PORT + u16::try_from(block).unwrap() * BLOCK_SIZE;
            let Ok(lock) = TcpListener::bind(("127.0.0.1", base + BLOCK_SIZE - 1)) else { continue };
            let is_free =
                (base..base + BLOCK_SIZE - 1).all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok());
            if is_free {
                return PortBlock { base, _lock: lock };
            }
        }
        panic!("no block of {BLOCK_SIZE} free ports from {FIRST_PORT} on");
    }

    /// The master's port; agents follow, and further masters from 12 above it on.
    pub fn master(&self) -> u16 {
        self.base
    }

    /// A port that neither masters nor the first seven agents take, one of four.
    ///
    /// # Panics
    /// If it is not one of them.
    pub fn free(&self, number: u16) -> u16 {
        assert!(number < 4, "a block has four free ports");
        self.base + 8 + number
    }

    /// The scheduler's port.
    pub fn scheduler(&self) -> u16 {
        self.base + BLOCK_SIZE - 2
    }
}

fn thread_number() -> u32 {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
