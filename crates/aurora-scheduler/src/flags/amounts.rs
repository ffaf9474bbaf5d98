//! Lengths of time and amounts of data as flags write them (`spec/scheduler.md` §10.1).

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use aurora_api::amounts::{Megabytes, Millis};

/// A length of time: digits and a unit, `5mins`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeAmount(Duration);

/// An amount of data: digits and a unit, `128MB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DataAmount {
    bytes: u64,
}

/// A text that is no amount.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a number with one of the units {units}, as in `{example}`")]
pub struct AmountError {
    text: String,
    units: &'static str,
    example: &'static str,
}

impl TimeAmount {
    /// For what counts in milliseconds; longer times than it can hold become the longest.
    pub fn millis(self) -> Millis {
        Millis(i64::try_from(self.0.as_millis()).unwrap_or(i64::MAX))
    }

    /// For waiting.
    pub fn duration(self) -> Duration {
        self.0
    }
}

impl DataAmount {
    /// In whole megabytes, rounded down.
    pub fn megabytes(self) -> Megabytes {
        Megabytes(i64::try_from(self.bytes >> 20).unwrap_or(i64::MAX))
    }
}

/// The number and the unit of an amount, which a blank may separate.
fn split(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    Some((text[..end].parse().ok()?, text[end..].trim_start_matches([' ', '_'])))
}

impl FromStr for TimeAmount {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, AmountError> {
        let amount = split(text.trim()).and_then(|(count, unit)| {
            let seconds = |unit: u64| count.checked_mul(unit).map(Duration::from_secs);
            match unit {
                "ns" => Some(Duration::from_nanos(count)),
                "us" => Some(Duration::from_micros(count)),
                "ms" => Some(Duration::from_millis(count)),
                "secs" => seconds(1),
                "mins" => seconds(60),
                "hrs" => seconds(60 * 60),
                "days" => seconds(24 * 60 * 60),
                _ => None,
            }
        });
        amount.map(Self).ok_or_else(|| AmountError {
            text: text.to_owned(),
            units: "ns, us, ms, secs, mins, hrs, days",
            example: "5mins",
        })
    }
}

impl FromStr for DataAmount {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, AmountError> {
        let amount = split(text.trim()).and_then(|(count, unit)| match unit {
            "KB" => count.checked_mul(1 << 10),
            "MB" => count.checked_mul(1 << 20),
            "GB" => count.checked_mul(1 << 30),
            _ => None,
        });
        amount.map(|bytes| Self { bytes }).ok_or_else(|| AmountError {
            text: text.to_owned(),
            units: "KB, MB, GB",
            example: "128MB",
        })
    }
}

impl fmt::Display for TimeAmount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_read() {
        let millis = |text: &str| text.parse::<TimeAmount>().map(|amount| amount.millis().0);
        assert_eq!(millis("1ms"), Ok(1));
        assert_eq!(millis("15secs"), Ok(15_000));
        assert_eq!(millis("5mins"), Ok(300_000));
        assert_eq!(millis("1 hrs"), Ok(3_600_000));
        assert_eq!(millis("21days"), Ok(21 * 86_400_000));
        assert_eq!("2000us".parse::<TimeAmount>().unwrap().duration(), Duration::from_millis(2));
        let megabytes = |text: &str| text.parse::<DataAmount>().map(|amount| amount.megabytes().0);
        assert_eq!(megabytes("128MB"), Ok(128));
        assert_eq!(megabytes("2GB"), Ok(2048));
        assert_eq!(megabytes("1023KB"), Ok(0));
    }

    #[test]
    fn what_is_no_amount_is_refused_with_an_example() {
        for text in ["", "5", "mins", "5m", "-5mins", "5minutes", "99999999999999999999secs"] {
            let error = text.parse::<TimeAmount>().unwrap_err();
            assert!(error.to_string().contains("as in `5mins`"), "{error}");
        }
        assert!("128".parse::<DataAmount>().is_err());
    }
}
