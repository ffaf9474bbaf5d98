//! How often things happened that a run is about.

use std::fmt;
use std::ops::AddAssign;

macro_rules! tally {
    ($($(#[$doc:meta])* $name:ident: $shown:literal,)*) => {
        /// How often things happened that a run is about.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Tally {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Tally {
            /// What happened, in words for a plural, and how often.
            pub fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$(($shown, self.$name)),*].into_iter()
            }
        }

        impl AddAssign for Tally {
            fn add_assign(&mut self, other: Self) {
                $(self.$name += other.$name;)*
            }
        }
    };
}

tally! {
    /// The scheduler crashed.
    crashes: "crashes",
    /// A task was launched.
    launches: "launches",
    /// A task was killed for another.
    preempted: "tasks preempted",
    /// A task was moved off its host.
    drained: "tasks drained",
    /// A host became DRAINED.
    emptied: "hosts emptied",
    /// A task was forgotten.
    forgotten: "tasks forgotten",
    /// A request was refused for want of quota.
    over_quota: "requests over quota",
    /// An offer that tells of maintenance was used.
    before_window: "offers used before a window",
    /// A task had to leave because Mesos wanted its agent back.
    left: "tasks sent away for a window",
    /// A task was killed that Mesos knew and we did not want.
    rogues: "rogue tasks killed",
    /// An updated instance got the agent it kept.
    kept: "tasks updated in their places",
    /// A task was delayed because those before it flapped.
    throttled: "tasks throttled",
    /// Offers were split by values that had reached limits.
    splits: "splits of the offers",
    /// Another master took over.
    failovers: "masters failed",
    /// A message was lost.
    lost: "messages lost",
    /// A message came twice.
    repeated: "messages repeated",
    /// A machine died with all on it.
    died: "machines died",
    /// A machine came back.
    returned: "machines back",
    /// An agent could not be reached for a while.
    cut_off: "agents cut off",
    /// An offer was taken back.
    rescinded: "offers taken back",
    /// The session with the master broke.
    disconnected: "sessions broken",
    /// An executor took minutes to start or stop.
    slow: "slow executors",
    /// A task was to end too early.
    failing: "tasks failing",
    /// An agent could not do a launch.
    impossible: "launches impossible",
    /// The master refused a call.
    refused: "calls refused",
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (what, count)) in self.counts().enumerate() {
            let separator = if number == 0 { "" } else { ", " };
            write!(formatter, "{separator}{count} {what}")?;
        }
        Ok(())
    }
}
