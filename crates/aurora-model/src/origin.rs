//! Where a value came from.

use std::num::NonZeroU64;

/// A place given by whoever builds values, opaque to the model: it is kept with every leaf and handed back in errors
/// and problems, so that a diagnostic can point at the expression that caused it.
///
/// ```
/// use aurora_model::Origin;
/// assert_eq!(Origin::new(7).map(Origin::id), Some(7));
/// assert_eq!(Origin::new(0), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin(NonZeroU64);

impl Origin {
    /// Wraps the caller's number; 0 stands for "unknown" and gives `None`.
    #[must_use]
    pub fn new(id: u64) -> Option<Self> {
        NonZeroU64::new(id).map(Self)
    }

    /// The caller's number.
    #[must_use]
    pub fn id(self) -> u64 {
        self.0.get()
    }
}
