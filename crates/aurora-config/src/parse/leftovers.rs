//! Explains syntax errors. Upstream's files are Python 2; what of it does not parse gets the Python 3 form of the very line.

use crate::diagnostic::{Diagnostic, Span};

/// The diagnostic for a syntax error at `at`, whose text from the parser is `cause`.
pub(super) fn explain(text: &str, at: Span, cause: &str) -> Diagnostic {
    let (line_start, line) = line_around(text, at.start as usize);
    if let Some((what, form)) = python_2(line) {
        let indent = line.len() - line.trim_start().len();
        let start = u32::try_from(line_start + indent).unwrap_or(at.start);
        let end = u32::try_from(line_start + line.trim_end().len()).unwrap_or(at.end);
        return Diagnostic::error("python-2", format!("{what} is Python 2"))
            .at(Span { file: at.file, start, end: end.max(start) })
            .help(format!("write: {form}"));
    }
    let mut chars = cause.chars();
    let lowered: String = chars
        .next()
        .map(|first| first.to_lowercase().collect::<String>() + chars.as_str())
        .unwrap_or_default();
    let found = text.get(at.start as usize..).unwrap_or_default();
    let help = if ["<<<<<<<", "=======", ">>>>>>>"].iter().any(|marker| line.starts_with(marker)) {
        Some("this is left over from a merge: keep one of the two versions".to_owned())
    } else if found.starts_with(['\u{2018}', '\u{2019}', '\u{201c}', '\u{201d}']) {
        Some("these are typographic quotes: write ' or \"".to_owned())
    } else if lowered.contains("found end of file") || lowered.contains("unexpected eof") {
        Some("a bracket or a string that was opened is never closed".to_owned())
    } else if lowered.contains("simple statements must be separated") {
        Some("is an operator, a comma or a quote missing just before?".to_owned())
    } else if lowered.starts_with("expected `,`") {
        Some("is a comma missing just before, or a bracket not closed?".to_owned())
    } else if lowered.starts_with("expected `:`") {
        Some("a line with if, else, for, while, def or class ends with a colon".to_owned())
    } else if lowered.contains("indent") {
        Some("lines of one block begin with the same spaces; do not mix them with tabs".to_owned())
    } else {
        None
    };
    Diagnostic::error("syntax", format!("syntax error: {lowered}")).at(at).help_maybe(help)
}

/// The opening bracket that is never closed, if there is one: the mistake is there, wherever the parser stumbles.
pub(super) fn unclosed(text: &str, file: u32) -> Option<Diagnostic> {
    let mut open: Vec<(char, usize)> = Vec::new();
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '#' => {
                while letters.peek().is_some_and(|(_, next)| *next != '\n') {
                    letters.next();
                }
            }
            '\'' | '"' => {
                let quote: String = std::iter::repeat_n(letter, 3).collect();
                let is_triple = text[at..].starts_with(&quote);
                if is_triple {
                    letters.nth(1);
                }
                loop {
                    let (inside, next) = letters.next()?;
                    if next == '\\' {
                        letters.next();
                    } else if !is_triple && (next == letter || next == '\n') {
                        break;
                    } else if is_triple && text[inside..].starts_with(&quote) {
                        letters.nth(1);
                        break;
                    }
                }
            }
            '(' | '[' | '{' => open.push((letter, at)),
            ')' | ']' | '}' => {
                let (opening, _) = *open.last()?;
                if !matches!((opening, letter), ('(', ')') | ('[', ']') | ('{', '}')) {
                    break;
                }
                open.pop();
            }
            _ => {}
        }
    }
    let (bracket, at) = open.pop()?;
    let start = u32::try_from(at).ok()?;
    Some(
        Diagnostic::error("syntax", format!("syntax error: this '{bracket}' is never closed"))
            .at(Span { file, start, end: start + 1 })
            .label("opened here"),
    )
}

fn line_around(text: &str, at: usize) -> (usize, &str) {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[at..].find('\n').map_or(text.len(), |newline| at + newline);
    (start, &text[start..end])
}

/// The name of the Python 2 form a line uses, and the line in Python 3.
fn python_2(line: &str) -> Option<(&'static str, String)> {
    let code = line.trim();
    statement(code, "print")
        .map(|rest| ("the print statement", print_call(rest)))
        .or_else(|| statement(code, "exec").map(|rest| ("the exec statement", format!("exec({rest})"))))
        .or_else(|| raise_with_comma(code))
        .or_else(|| except_with_comma(code))
        .or_else(|| backticks(code))
        .or_else(|| (code.contains("<>")).then(|| ("`<>`", code.replace("<>", "!="))))
        .or_else(|| number(code))
}

/// The operand of `word operand`, unless it is a call or an assignment.
fn statement<'a>(code: &'a str, word: &str) -> Option<&'a str> {
    let rest = code.strip_prefix(word)?;
    let operand = rest.trim_start();
    let separated = rest.starts_with([' ', '\t']) || operand.starts_with(['"', '\'', '>']);
    (separated && !operand.is_empty() && !operand.starts_with(['(', '=', '.']))
        .then(|| operand.trim_end_matches(';').trim_end())
}

fn print_call(rest: &str) -> String {
    if let Some((file, values)) = rest.strip_prefix(">>").and_then(|rest| rest.split_once(',')) {
        return format!("print({}, file={})", values.trim(), file.trim());
    }
    match rest.strip_suffix(',') {
        Some(values) => format!("print({values}, end=' ')"),
        None => format!("print({rest})"),
    }
}

fn raise_with_comma(code: &str) -> Option<(&'static str, String)> {
    let (class, message) = code.strip_prefix("raise ")?.split_once(',')?;
    class
        .chars()
        .all(|letter| letter.is_alphanumeric() || letter == '_' || letter == '.')
        .then(|| ("`raise Class, message`", format!("raise {class}({})", message.trim())))
}

fn except_with_comma(code: &str) -> Option<(&'static str, String)> {
    let (classes, name) = code.strip_prefix("except")?.split_once(':')?.0.rsplit_once(',')?;
    let name = name.trim();
    let plain = !name.is_empty() && name.chars().all(|letter| letter.is_alphanumeric() || letter == '_');
    plain.then(|| ("`except Class, name:`", format!("except {} as {name}:", classes.trim())))
}

fn backticks(code: &str) -> Option<(&'static str, String)> {
    let (before, rest) = code.split_once('`')?;
    let (inner, after) = rest.split_once('`')?;
    Some(("quoting with backticks", format!("{before}repr({inner}){after}")))
}

/// `0777` and `10L`.
fn number(code: &str) -> Option<(&'static str, String)> {
    let bytes = code.as_bytes();
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.';
    let mut start = 0;
    while start < bytes.len() {
        if !is_word(bytes[start]) {
            start += 1;
            continue;
        }
        let end = (start..bytes.len()).find(|at| !is_word(bytes[*at])).unwrap_or(bytes.len());
        let word = &code[start..end];
        let octal = word.len() > 1 && word.starts_with('0') && word.bytes().all(|byte| byte.is_ascii_digit());
        if octal {
            let digits = word.trim_start_matches('0');
            let form = format!("{}0o{digits}{}", &code[..start], &code[end..]);
            return Some(("an octal number with a leading zero", form));
        }
        if let Some(digits) = word.strip_suffix(['L', 'l'])
            && !digits.is_empty()
            && digits.bytes().all(|byte| byte.is_ascii_digit())
        {
            return Some((
                "a number with the suffix L",
                format!("{}{digits}{}", &code[..start], &code[end..]),
            ));
        }
        start = end;
    }
    None
}
