//! Numbers and time spans.

use std::time::Duration;

/// Reads an integer.
///
/// # Errors
/// If the text is none.
pub fn int(text: &str) -> Result<i32, String> {
    text.parse().map_err(|_| format!("invalid int value: '{text}'"))
}

/// Reads a TCP port; 0 is any that is free.
///
/// # Errors
/// If the text is none.
pub fn port(text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| format!("invalid port: '{text}' is not a number from 0 to 65535"))
}

/// Reads `XdYhZmWs`: any of the parts, in that order.
///
/// # Errors
/// If the text is none.
pub fn time_span(text: &str) -> Result<Duration, String> {
    let invalid = || format!("Invalid time span: {text}");
    let mut rest = text;
    let mut seconds: u64 = 0;
    for (unit, size) in [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)] {
        let Some((digits, after)) = rest.split_once(unit) else {
            continue;
        };
        let number: u64 = digits.parse().map_err(|_| invalid())?;
        seconds = number.checked_mul(size).and_then(|part| seconds.checked_add(part)).ok_or_else(invalid)?;
        rest = after;
    }
    if text.is_empty() || !rest.is_empty() {
        return Err(invalid());
    }
    Ok(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_spans_are_added_up() {
        assert_eq!(time_span("1d2h3m4s"), Ok(Duration::from_secs(93_784)));
        assert_eq!(time_span("90s"), Ok(Duration::from_secs(90)));
        for bad in ["", "5", "5s1h", "xs", "-1s", "1w"] {
            assert_eq!(time_span(bad), Err(format!("Invalid time span: {bad}")));
        }
    }
}
