//! Waiting for a state, never for an amount of time.

use std::time::{Duration, Instant};

/// How long anything may take that a test waits for: long enough for a machine with two slow cores that does many other
/// things at once, since only a test that fails waits so long.
pub const PATIENCE: Duration = Duration::from_secs(240);

/// How often a condition is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// Looks until there is something, and gives it.
///
/// # Panics
/// If there is nothing before the deadline; `what` says what was waited for.
pub fn wait_for<T>(what: &str, deadline: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    wait_until(what, deadline, || look().ok_or_else(|| "nothing so far".to_owned()))
}

/// Looks until it is well. What was there instead is an error's text, which is shown if it stays so.
///
/// # Panics
/// If it is not well before the deadline.
pub fn wait_until<T>(what: &str, deadline: Duration, mut look: impl FnMut() -> Result<T, String>) -> T {
    let start = Instant::now();
    loop {
        match look() {
            Ok(seen) => return seen,
            Err(instead) => assert!(
                start.elapsed() < deadline,
                "waited {} s for {what}; lastly: {instead}",
                deadline.as_secs()
            ),
        }
        std::thread::sleep(LOOK_INTERVAL);
    }
}
