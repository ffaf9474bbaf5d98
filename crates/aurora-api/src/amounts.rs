//! Amounts with their units: processor shares, memory, points in time.

use std::fmt;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};

macro_rules! amount {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub i64);

        impl $name {
            /// None of it.
            pub const ZERO: Self = Self(0);
        }

        impl Add for $name {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self(self.0.saturating_add(other.0))
            }
        }

        impl Sub for $name {
            type Output = Self;
            fn sub(self, other: Self) -> Self {
                Self(self.0.saturating_sub(other.0))
            }
        }

        impl AddAssign for $name {
            fn add_assign(&mut self, other: Self) {
                *self = *self + other;
            }
        }

        impl SubAssign for $name {
            fn sub_assign(&mut self, other: Self) {
                *self = *self - other;
            }
        }

        impl std::iter::Sum for $name {
            fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
                amounts.fold(Self::ZERO, Add::add)
            }
        }
    };
}

amount! {
    /// Thousandths of a processor core: the precision Mesos itself computes with (`spec/mesos.md` §3.7).
    MilliCpus
}
amount! {
    /// Mebibytes of memory or disk; Mesos and Aurora call them MB.
    Megabytes
}
amount! {
    /// A length of time in milliseconds.
    Millis
}
amount! {
    /// A point in time: milliseconds since the epoch, UTC.
    Timestamp
}

impl MilliCpus {
    /// From the wire's fraction of cores, rounded to thousandths. Values that are no number become zero.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "`as` saturates, and turns NaN into 0: both are wanted here"
    )]
    pub fn from_cores(cores: f64) -> Self {
        Self((cores * 1000.0).round() as i64)
    }

    /// The wire's fraction of cores.
    #[expect(clippy::cast_precision_loss, reason = "no machine has 2^53 thousandths of a core")]
    pub fn cores(self) -> f64 {
        self.0 as f64 / 1000.0
    }
}

impl fmt::Display for MilliCpus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.cores())
    }
}

impl fmt::Display for Megabytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 != 0 && self.0 % 1024 == 0 {
            write!(formatter, "{} GB", self.0 / 1024)
        } else {
            write!(formatter, "{} MB", self.0)
        }
    }
}

impl Millis {
    /// From whole seconds.
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }
}

impl Add<Millis> for Timestamp {
    type Output = Self;
    fn add(self, delay: Millis) -> Self {
        Self(self.0.saturating_add(delay.0))
    }
}

impl Timestamp {
    /// For people who compare logs: `2023-11-14 22:13:20 UTC`.
    pub fn utc(self) -> String {
        jiff::Timestamp::from_millisecond(self.0).map_or_else(
            |_| format!("{} ms since 1970", self.0),
            |at| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        )
    }

    /// How long after `earlier` this is; negative if it is before.
    pub fn since(self, earlier: Self) -> Millis {
        Millis(self.0.saturating_sub(earlier.0))
    }
}

/// What a task asks for, or an offer still has, apart from which ports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Resources {
    /// Processor share.
    pub cpus: MilliCpus,
    /// Memory.
    pub ram: Megabytes,
    /// Disk.
    pub disk: Megabytes,
    /// Whole graphics processors.
    pub gpus: i64,
    /// How many ports.
    pub ports: i64,
}

impl Resources {
    /// Whether every amount of `other` is there.
    pub fn holds(&self, other: &Self) -> bool {
        self.cpus >= other.cpus
            && self.ram >= other.ram
            && self.disk >= other.disk
            && self.gpus >= other.gpus
            && self.ports >= other.ports
    }

    /// The larger of both, amount by amount.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self {
            cpus: self.cpus.max(other.cpus),
            ram: self.ram.max(other.ram),
            disk: self.disk.max(other.disk),
            gpus: self.gpus.max(other.gpus),
            ports: self.ports.max(other.ports),
        }
    }

    /// How many times `size` fits. What `size` asks nothing of does not limit it; `i64::MAX` if that is everything.
    pub fn slots(&self, size: &Self) -> i64 {
        let pairs = [
            (self.cpus.0, size.cpus.0),
            (self.ram.0, size.ram.0),
            (self.disk.0, size.disk.0),
            (self.gpus, size.gpus),
            (self.ports, size.ports),
        ];
        let limits = pairs.into_iter().filter(|(_, needs)| *needs > 0).map(|(has, needs)| has.max(0) / needs);
        limits.min().unwrap_or(i64::MAX)
    }
}

impl Neg for Resources {
    type Output = Self;
    fn neg(self) -> Self {
        Self::default() - self
    }
}

impl Add for Resources {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            cpus: self.cpus + other.cpus,
            ram: self.ram + other.ram,
            disk: self.disk + other.disk,
            gpus: self.gpus + other.gpus,
            ports: self.ports + other.ports,
        }
    }
}

impl Sub for Resources {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self {
            cpus: self.cpus - other.cpus,
            ram: self.ram - other.ram,
            disk: self.disk - other.disk,
            gpus: self.gpus - other.gpus,
            ports: self.ports - other.ports,
        }
    }
}

impl AddAssign for Resources {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl std::iter::Sum for Resources {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::default(), Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_keep_three_decimals() {
        assert_eq!(MilliCpus::from_cores(0.1 + 0.2), MilliCpus(300));
        assert!((MilliCpus(1250).cores() - 1.25).abs() < f64::EPSILON);
        assert_eq!(MilliCpus::from_cores(f64::NAN), MilliCpus::ZERO);
    }

    #[test]
    fn sched_130_bags_of_resources() {
        let bag = |cores: i64, ram, disk| Resources {
            cpus: MilliCpus(cores * 1000),
            ram: Megabytes(ram),
            disk: Megabytes(disk),
            ..Resources::default()
        };
        assert_eq!(bag(1, 32, 128).max(bag(2, 16, 256)), bag(2, 32, 256));
        assert_eq!(bag(1, 0, 0) + bag(8, 16_384, 32_768), bag(9, 16_384, 32_768));
        assert_eq!(bag(8, 16_384, 32_768).slots(&bag(8, 0, 0)), 1, "memory and disk do not limit");
        assert_eq!(bag(8, 16_384, 32_768).slots(&bag(0, 4096, 0)), 4);
        assert_eq!(bag(0, 0, 0).slots(&bag(0, 0, 0)), i64::MAX);
        assert_eq!(bag(-1, 5, 5).slots(&bag(1, 1, 1)), 0);
        let negative = -bag(-1, 128, 1024);
        assert_eq!(negative, bag(1, -128, -1024));
        let only_negative = |bag: Resources| bag.cpus < MilliCpus::ZERO;
        assert!(only_negative(bag(-1, 128, 1024)) && !only_negative(negative));
        assert!(!bag(1, 0, 0).holds(&bag(1, 5, 0)));
    }

    #[test]
    fn resources_hold_each_other_only_if_every_amount_does() {
        let small = Resources { cpus: MilliCpus(100), ram: Megabytes(64), ports: 1, ..Resources::default() };
        let large = Resources { cpus: MilliCpus(200), ram: Megabytes(64), ports: 2, ..Resources::default() };
        assert!(large.holds(&small));
        assert!(!small.holds(&large));
        assert_eq!((large - small).cpus, MilliCpus(100));
    }
}
