//! Texts in quotes, with JSON's escapes.

use crate::thrift::error::Malformed;

/// Writes a text as upstream does: short escapes where JSON has them, `\u00xx` for other control characters, all else raw.
pub(super) fn write_quoted(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for &byte in text.as_bytes() {
        match byte {
            b'"' => out.extend(b"\\\""),
            b'\\' => out.extend(b"\\\\"),
            0x08 => out.extend(b"\\b"),
            b'\t' => out.extend(b"\\t"),
            b'\n' => out.extend(b"\\n"),
            0x0c => out.extend(b"\\f"),
            b'\r' => out.extend(b"\\r"),
            0..0x20 => out.extend(format!("\\u{byte:04x}").bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

/// Reads a text whose opening quote ends before `start`: the text, and where its closing quote ends; or what is wrong and
/// where.
pub(super) fn read_quoted(bytes: &[u8], start: usize) -> Result<(String, usize), (Malformed, usize)> {
    let mut text = Vec::new();
    let mut at = start;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let plain = rest
            .iter()
            .position(|byte| matches!(byte, b'"' | b'\\'))
            .ok_or((Malformed::Truncated, bytes.len()))?;
        text.extend_from_slice(&rest[..plain]);
        at += plain;
        if rest[plain] == b'"' {
            let text = String::from_utf8(text).map_err(|_| (Malformed::NotUtf8, start))?;
            return Ok((text, at + 1));
        }
        let (character, after) = read_escape(bytes, at)?;
        let mut utf8 = [0; 4];
        text.extend_from_slice(character.encode_utf8(&mut utf8).as_bytes());
        at = after;
    }
}

/// Reads the escape that begins at `at`.
fn read_escape(bytes: &[u8], at: usize) -> Result<(char, usize), (Malformed, usize)> {
    let letter = *bytes.get(at + 1).ok_or((Malformed::Truncated, at))?;
    let character = match letter {
        b'"' | b'\\' | b'/' => char::from(letter),
        b'b' => '\u{8}',
        b't' => '\t',
        b'n' => '\n',
        b'f' => '\u{c}',
        b'r' => '\r',
        b'u' => return read_unicode_escape(bytes, at),
        _ => {
            let expected = "one of the escapes of JSON";
            return Err((Malformed::Unexpected { expected }, at));
        }
    };
    Ok((character, at + 2))
}

fn read_unicode_escape(bytes: &[u8], at: usize) -> Result<(char, usize), (Malformed, usize)> {
    let lone = || {
        let expected = "a pair of surrogates";
        (Malformed::Unexpected { expected }, at)
    };
    let first = unit(bytes, at)?;
    if let Some(character) = char::from_u32(u32::from(first)) {
        return Ok((character, at + 6));
    }
    let second = unit(bytes, at + 6).map_err(|_| lone())?;
    let pair = char::decode_utf16([first, second]).next();
    match pair {
        Some(Ok(character)) => Ok((character, at + 12)),
        _ => Err(lone()),
    }
}

/// The UTF-16 unit of the escape `\uXXXX` at `at`.
fn unit(bytes: &[u8], at: usize) -> Result<u16, (Malformed, usize)> {
    let expected = "an escape of four hexadecimal digits";
    let bad = (Malformed::Unexpected { expected }, at);
    let escape = bytes.get(at..at + 6).ok_or((Malformed::Truncated, at))?;
    let Some(digits) = escape.strip_prefix(b"\\u") else {
        return Err(bad);
    };
    let digits = std::str::from_utf8(digits).ok();
    digits
        .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .and_then(|digits| u16::from_str_radix(digits, 16).ok())
        .ok_or(bad)
}
