//! From how many offers on it is worth while not to look at each by itself.

/// Sizes from which on offers are put together in other ways. Only simulations and tests want other than the default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SearchSizes {
    /// Most values of an attribute that tell kinds of offers apart. With one more, the attribute is individual for ever.
    pub shared_values_max: usize,
    /// Most classes of a kind that are looked at one by one.
    pub small_kind_max: usize,
    /// With fewer offers than this, and a share of the domains, at their limits they are looked at one by one.
    pub at_limits_max: usize,
    /// Most offers at their limits that are looked at before one asks how many there are.
    pub patience_min: usize,
    /// Agents with a value, on average, from which on it is worth while to put them together.
    pub agents_per_value: usize,
    /// Most offers at their limits that a search for the nearest fit passes over before it goes from domain to domain.
    pub passed_over_max: usize,
    /// How many of the first offers that hold enough are kept for those who ask for the same again.
    pub front: usize,
}

impl SearchSizes {
    /// Sizes that a handful of agents exceeds.
    pub const SMALL: Self = Self {
        shared_values_max: 3,
        small_kind_max: 3,
        at_limits_max: 2,
        patience_min: 2,
        agents_per_value: 2,
        passed_over_max: 2,
        front: 2,
    };
}

impl Default for SearchSizes {
    /// Those with which attempts are quickest.
    fn default() -> Self {
        if cfg!(test) {
            Self::SMALL
        } else {
            Self {
                shared_values_max: 32,
                small_kind_max: 8,
                at_limits_max: 64,
                patience_min: 16,
                agents_per_value: 4,
                passed_over_max: 256,
                front: 256,
            }
        }
    }
}
