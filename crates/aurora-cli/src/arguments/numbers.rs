//! Numbers, data sizes and time spans.

use std::time::Duration;

/// The units of time spans, in seconds.
const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

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

/// Reads a number of CPU cores, such as 0.5.
///
/// # Errors
/// If the text is none.
pub fn cores(text: &str) -> Result<f64, String> {
    let cores = text.parse().ok().filter(|cores: &f64| cores.is_finite());
    cores.ok_or_else(|| format!("Invalid number of CPU cores: '{text}'; write it like 1 or 0.5"))
}

/// Reads a data size and answers with whole megabytes, rounded down. A number without a unit is bytes.
///
/// # Errors
/// If the text is none, or a size of less than a megabyte that is not zero: its unit was forgotten.
pub fn megabytes(text: &str) -> Result<i64, String> {
    let lower = text.to_lowercase();
    let digits = lower.trim_end_matches(|character: char| !character.is_ascii_digit());
    let exponent = match &lower[digits.len()..] {
        "" => 0,
        "k" | "kb" => 1,
        "m" | "mb" => 2,
        "g" | "gb" => 3,
        "t" | "tb" => 4,
        _ => return Err(format!("Invalid data size: '{text}'; write it like 512mb or 2g")),
    };
    let number: Option<i64> = digits.parse().ok();
    let bytes = number
        .and_then(|number| number.checked_mul(1 << (10 * exponent)))
        .ok_or_else(|| format!("Invalid data size: '{text}'; write it like 512mb or 2g"))?;
    if bytes != 0 && bytes.abs() < 1 << 20 {
        return Err(format!(
            "Invalid data size: '{text}' is less than a megabyte; write it like 512mb or 2g"
        ));
    }
    Ok(bytes >> 20)
}

/// Reads `XdYhZmWs`: any of the parts, in that order.
///
/// # Errors
/// If the text is none.
pub fn time_span(text: &str) -> Result<Duration, String> {
    let invalid = || format!("Invalid time span: {text}");
    let mut rest = text;
    let mut seconds: u64 = 0;
    for (unit, size) in UNITS {
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

/// Writes a time span, in whole seconds, as [`time_span`] reads it: 5m, 1h30m.
#[must_use]
pub fn time_span_text(span: Duration) -> String {
    let mut rest = span.as_secs();
    let mut text = String::new();
    for (unit, size) in UNITS {
        if rest >= size {
            text.push_str(&format!("{}{unit}", rest / size));
            rest %= size;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_sizes_are_whole_megabytes() {
        for (text, expected) in
            [("1g", 1024), ("2GB", 2048), ("10m", 10), ("1t", 1 << 20), ("2048k", 2), ("0", 0)]
        {
            assert_eq!(megabytes(text), Ok(expected), "{text}");
        }
        assert_eq!(megabytes("1048576"), Ok(1));
        for bad in ["", "x", "1x", "g", "1.5g", "512", "9999999999t"] {
            assert!(megabytes(bad).unwrap_err().starts_with(&format!("Invalid data size: '{bad}'")));
        }
    }

    #[test]
    fn time_spans_are_added_up() {
        assert_eq!(time_span("1d2h3m4s"), Ok(Duration::from_secs(93_784)));
        assert_eq!(time_span("90s"), Ok(Duration::from_secs(90)));
        for text in ["1d2h3m4s", "5m", "1h1s", "0s"] {
            assert_eq!(time_span_text(time_span(text).unwrap()), text);
        }
        for bad in ["", "5", "5s1h", "xs", "-1s", "1w"] {
            assert_eq!(time_span(bad), Err(format!("Invalid time span: {bad}")));
        }
    }
}
