//! Mesos's text form of durations (`spec/mesos.md` §2.6).

use std::time::Duration;

const UNITS: [(&str, u128); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("secs", 1_000_000_000),
    ("mins", 60 * 1_000_000_000),
    ("hrs", 3_600 * 1_000_000_000),
    ("days", 86_400 * 1_000_000_000),
    ("weeks", 604_800 * 1_000_000_000),
];

/// A text that is no duration.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "{text:?} is not a duration: write a decimal number and one of ns, us, ms, secs, mins, hrs, days, weeks, as in 15secs"
)]
pub struct DurationError {
    /// The text as it was given.
    pub text: String,
}

/// Reads `15mins`, `1.5secs` or `100ms`.
///
/// # Errors
/// The text is not a non-negative decimal number directly followed by a unit.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let error = || DurationError { text: text.to_owned() };
    let split = text.find(|c: char| c.is_ascii_alphabetic()).ok_or_else(error)?;
    let (number, unit) = text.split_at(split);
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return Err(error());
    }
    let (_, nanos) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(error)?;
    let value: f64 = number.parse().map_err(|_| error())?;
    #[expect(clippy::cast_precision_loss, reason = "the units are exact in a double")]
    Duration::try_from_secs_f64(value * (*nanos as f64) / 1e9).map_err(|_| error())
}

/// Writes the duration with the largest unit that does not exceed it, one unit smaller where that makes it whole.
#[must_use]
pub fn format_duration(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    let mut index = UNITS.iter().rposition(|(_, unit)| nanos >= *unit).unwrap_or(0);
    if !nanos.is_multiple_of(UNITS[index].1) && index > 0 {
        index -= 1;
    }
    let (name, unit) = UNITS[index];
    if nanos.is_multiple_of(unit) {
        return format!("{}{name}", nanos / unit);
    }
    let decimals = format!("{:09}", (nanos % unit) * 1_000_000_000 / unit);
    format!("{}.{}{name}", nanos / unit, decimals.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_writer_prefers_whole_numbers() {
        for (seconds, text) in [
            (5.0, "5secs"),
            (60.0, "1mins"),
            (90.0, "90secs"),
            (900.0, "15mins"),
            (1.5, "1500ms"),
            (604_800.0, "1weeks"),
            (864_000.0, "10days"),
        ] {
            let duration = Duration::from_secs_f64(seconds);
            assert_eq!(format_duration(duration), text);
            assert_eq!(parse_duration(text), Ok(duration));
        }
    }

    #[test]
    fn parsers_accept_decimals_and_refuse_other_spellings() {
        assert_eq!(parse_duration("1.5secs"), Ok(Duration::from_millis(1500)));
        for text in ["", "5", "secs", "5 secs", "-5secs", "5s", "5secs ", "1e3ms", "1.2.3ms"] {
            assert!(parse_duration(text).is_err(), "{text:?}");
        }
    }
}
