//! Texts and numbers as the scalar types have them (`spec/config.md` §1.2).

use crate::error::Error;
use crate::origin::Origin;
use crate::raw::RawData;
use crate::render::{float_text, raw_text};
use crate::types::Type;

/// Data as the scalar type has it (`spec/config.md` §1.2). Texts here have no references left.
pub(super) fn coerce(ty: &Type, raw: &RawData, origin: Option<Origin>) -> Result<RawData, Error> {
    let coerced = match ty {
        Type::String => match raw {
            RawData::Str(_) => Some(raw.clone()),
            RawData::Int(_) | RawData::Bool(_) => Some(RawData::Str(raw_text(raw))),
            RawData::Float(number) => Some(RawData::Str(float_text(*number).into())),
            _ => None,
        },
        Type::Integer => match raw {
            RawData::Int(_) => Some(raw.clone()),
            RawData::Bool(truth) => Some(RawData::Int(i64::from(*truth))),
            RawData::Str(text) => whole_number(text).map(RawData::Int),
            RawData::Float(number) => truncated(*number).map(RawData::Int),
            _ => None,
        },
        Type::Float => match raw {
            RawData::Float(_) => Some(raw.clone()),
            #[allow(clippy::cast_precision_loss)]
            RawData::Int(number) => Some(RawData::Float(*number as f64)),
            RawData::Bool(truth) => Some(RawData::Float(f64::from(u8::from(*truth)))),
            RawData::Str(text) => float_number(text).map(RawData::Float),
            _ => None,
        },
        Type::Boolean => match raw {
            RawData::Bool(_) => Some(raw.clone()),
            RawData::Int(number) => Some(RawData::Bool(*number != 0)),
            RawData::Float(number) => Some(RawData::Bool(*number != 0.0)),
            RawData::Str(text) => truth(text).map(RawData::Bool),
            _ => None,
        },
        Type::Enum(members) => match raw {
            RawData::Str(text) if members.has(text) => Some(raw.clone()),
            _ => None,
        },
        Type::List(_) | Type::Map(_) | Type::Choice(_) | Type::Struct(_) => None,
    };
    coerced.ok_or_else(|| {
        let value = raw_text(raw);
        let detail = match ty {
            Type::Enum(members) => Some(format!("{value} is not one of {}", members.listed()).into()),
            Type::Integer if is_too_long(raw) => Some("it does not fit in 64 bits".into()),
            _ => None,
        };
        Error::Coercion { value, to: ty.name(), detail, origin }
    })
}

/// A text read as Python's `int` reads it: base 10, spaces around it, a sign, single underscores between digits.
pub(crate) fn whole_number(text: &str) -> Option<i64> {
    let digits = without_underscores(text.trim())?;
    let unsigned = digits.strip_prefix(['+', '-']).unwrap_or(&digits);
    let is_number = !unsigned.is_empty() && unsigned.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().ok()).flatten()
}

fn float_number(text: &str) -> Option<f64> {
    without_underscores(text.trim())?.parse().ok()
}

/// Underscores may stand between digits only.
fn without_underscores(text: &str) -> Option<std::borrow::Cow<'_, str>> {
    if !text.contains('_') {
        return Some(text.into());
    }
    let bytes = text.as_bytes();
    let between_digits = |position: usize| {
        let before = position.checked_sub(1).and_then(|before| bytes.get(before));
        before.is_some_and(u8::is_ascii_digit) && bytes.get(position + 1).is_some_and(u8::is_ascii_digit)
    };
    let fits = bytes.iter().enumerate().all(|(position, byte)| *byte != b'_' || between_digits(position));
    fits.then(|| text.replace('_', "").into())
}

fn truth(text: &str) -> Option<bool> {
    if text == "1" || text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text == "0" || text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// Toward zero, if it is a number that 64 bits can hold.
fn truncated(number: f64) -> Option<i64> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    let whole = number.trunc();
    #[allow(clippy::cast_possible_truncation)]
    (-LIMIT..LIMIT).contains(&whole).then_some(whole as i64)
}

fn is_too_long(raw: &RawData) -> bool {
    match raw {
        RawData::Str(text) => {
            let text = text.trim();
            let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
            !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
        }
        RawData::Float(number) => number.is_finite(),
        RawData::Other(text) => text.bytes().all(|byte| byte.is_ascii_digit()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_read_like_pythons() {
        let read: Vec<_> = [" 5\n", "+7", "-0", "1_000", "007"].into_iter().map(whole_number).collect();
        assert_eq!(read, [Some(5), Some(7), Some(0), Some(1000), Some(7)]);
        for bad in ["", "5.9", "1e5", "0x10", "1__0", "_1", "1_", "--1", "+", "99999999999999999999"] {
            assert_eq!(whole_number(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn floats_truncate_toward_zero_within_64_bits() {
        assert_eq!(truncated(-5.9), Some(-5));
        assert_eq!(truncated(f64::NAN), None);
        assert_eq!(truncated(1e19), None);
        assert_eq!(truncated(-9_223_372_036_854_775_808.0), Some(i64::MIN));
    }
}
