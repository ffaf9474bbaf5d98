//! Methods of texts and bytes.

use std::rc::Rc;

use crate::eval::call::Args;
use crate::eval::error::Eval;
use crate::eval::interp::Interp;
use crate::eval::value::Value;

pub(super) const NAMES: &[&str] = &[
    "join",
    "format",
    "replace",
    "split",
    "rsplit",
    "splitlines",
    "strip",
    "lstrip",
    "rstrip",
    "upper",
    "lower",
    "title",
    "capitalize",
    "swapcase",
    "casefold",
    "startswith",
    "endswith",
    "find",
    "rfind",
    "index",
    "rindex",
    "count",
    "partition",
    "rpartition",
    "isdigit",
    "isalpha",
    "isalnum",
    "isspace",
    "isupper",
    "islower",
    "zfill",
    "ljust",
    "rjust",
    "center",
    "encode",
    "decode",
    "format_map",
    "translate",
    "expandtabs",
    "removeprefix",
    "removesuffix",
    "isdecimal",
    "isnumeric",
    "hex",
];

pub(super) fn call_bytes(interp: &mut Interp, bytes: &Rc<[u8]>, name: &str, args: Args) -> Eval<Value> {
    match name {
        "decode" => interp.text(String::from_utf8_lossy(bytes).into_owned()),
        "hex" => {
            let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            interp.text(text)
        }
        _ => {
            interp.budget.bytes(bytes.len())?;
            let text: Rc<str> = String::from_utf8_lossy(bytes).into();
            call(interp, &text, name, args)
        }
    }
}

pub(super) fn call(interp: &mut Interp, text: &Rc<str>, name: &str, mut args: Args) -> Eval<Value> {
    interp.budget.steps(text.len() / 32)?;
    match name {
        "join" => join(interp, text, &mut args),
        "format" => {
            let out = interp.brace_format(text, &args)?;
            interp.warn_of_collapsed_braces(text, &out);
            interp.text(out)
        }
        "format_map" => {
            let mapping = interp.required(&mut args, "format_map", 0, "mapping")?;
            let pairs = interp.pairs_of(&mapping)?;
            let keywords =
                pairs.into_iter().filter_map(|(key, value)| Some((key.0.as_text()?, value))).collect();
            let out = interp.brace_format(text, &Args { keywords, ..Args::default() })?;
            interp.text(out)
        }
        "replace" => replace(interp, text, &mut args),
        "split" | "rsplit" => split(interp, text, name == "rsplit", &mut args),
        "splitlines" => {
            let keep = args.get(0, "keepends").is_some_and(|keep| !matches!(keep, Value::Bool(false)));
            let lines = text.split_inclusive('\n');
            texts(
                interp,
                lines
                    .map(|line| if keep { line } else { line.trim_end_matches('\n').trim_end_matches('\r') }),
            )
        }
        "strip" | "lstrip" | "rstrip" => {
            let letters = args.get(0, "chars").and_then(|chars| chars.as_text());
            let drop = |letter: char| {
                letters.as_ref().map_or_else(|| letter.is_whitespace(), |set| set.contains(letter))
            };
            let stripped = match name {
                "strip" => text.trim_matches(drop),
                "lstrip" => text.trim_start_matches(drop),
                _ => text.trim_end_matches(drop),
            };
            interp.text(stripped)
        }
        "upper" => interp.text(text.to_uppercase()),
        "lower" | "casefold" => interp.text(text.to_lowercase()),
        "swapcase" => {
            let swapped: String = text
                .chars()
                .map(|letter| {
                    if letter.is_uppercase() {
                        letter.to_ascii_lowercase()
                    } else {
                        letter.to_ascii_uppercase()
                    }
                })
                .collect();
            interp.text(swapped)
        }
        "title" | "capitalize" => interp.text(capitalized(text, name == "title")),
        "startswith" | "endswith" => affix(interp, text, name, &mut args),
        "find" | "rfind" | "index" | "rindex" | "count" => search(interp, text, name, &mut args),
        "partition" | "rpartition" => {
            let separator = interp.required_text(&mut args, name, 0, "sep")?;
            if separator.is_empty() {
                return interp.value_error("the separator is empty");
            }
            let found = if name == "partition" {
                text.split_once(&*separator)
            } else {
                text.rsplit_once(&*separator)
            };
            let parts = match found {
                Some((before, after)) => [before, &*separator, after],
                None if name == "partition" => [&**text, "", ""],
                None => ["", "", &**text],
            };
            interp.budget.bytes(text.len())?;
            interp.tuple(parts.into_iter().map(Value::str).collect())
        }
        "isdigit" | "isdecimal" | "isnumeric" => Ok(all(text, |letter| letter.is_numeric())),
        "isalpha" => Ok(all(text, char::is_alphabetic)),
        "isalnum" => Ok(all(text, char::is_alphanumeric)),
        "isspace" => Ok(all(text, char::is_whitespace)),
        "isupper" => {
            Ok(Value::Bool(text.chars().any(char::is_uppercase) && !text.chars().any(char::is_lowercase)))
        }
        "islower" => {
            Ok(Value::Bool(text.chars().any(char::is_lowercase) && !text.chars().any(char::is_uppercase)))
        }
        "zfill" | "ljust" | "rjust" | "center" => justify(interp, text, name, &mut args),
        "encode" => {
            interp.budget.bytes(text.len())?;
            Ok(Value::Bytes(text.as_bytes().into()))
        }
        // Python 2's texts were bytes: decoding one gives the same text.
        "decode" => Ok(Value::Str(text.clone())),
        "expandtabs" => {
            let width = args.get(0, "tabsize").and_then(|width| width.as_int()).unwrap_or(8);
            expand_tabs(interp, text, usize::try_from(width).unwrap_or(0))
        }
        "removeprefix" | "removesuffix" => {
            let part = interp.required_text(&mut args, name, 0, "part")?;
            let rest =
                if name == "removeprefix" { text.strip_prefix(&*part) } else { text.strip_suffix(&*part) };
            interp.text(rest.unwrap_or(text))
        }
        "translate" => translate(interp, text, &mut args),
        _ => interp.type_error(format!("texts have no method '{name}'")),
    }
}

fn all(text: &str, test: impl Fn(char) -> bool) -> Value {
    Value::Bool(!text.is_empty() && text.chars().all(test))
}

fn capitalized(text: &str, every_word: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at_start = true;
    for letter in text.chars() {
        if at_start {
            out.extend(letter.to_uppercase());
        } else {
            out.extend(letter.to_lowercase());
        }
        at_start = every_word && !letter.is_alphabetic();
    }
    out
}

fn join(interp: &mut Interp, separator: &str, args: &mut Args) -> Eval<Value> {
    let source = interp.required(args, "join", 0, "items")?;
    let items = interp.collect(&source)?;
    let mut out = String::new();
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push_str(separator);
        }
        let length = item.as_text().map_or(0, |text| text.len());
        interp.budget.bytes(separator.len() + length)?;
        match item {
            Value::Object(object) => out.push_str(&interp.object_text(object)?),
            other => match other.as_text() {
                Some(text) => out.push_str(&text),
                None => {
                    let name = other.type_name();
                    return interp
                        .type_error(format!("join() needs texts, but element {index} is {name}"))
                        .map_err(|stop| {
                            stop.help("make texts of them first: sep.join(str(x) for x in items)")
                        });
                }
            },
        }
    }
    interp.text(out)
}

fn replace(interp: &mut Interp, text: &Rc<str>, args: &mut Args) -> Eval<Value> {
    let from = interp.required_text(args, "replace", 0, "old")?;
    let to = interp.required_text(args, "replace", 1, "new")?;
    let most =
        args.get(2, "count").and_then(|count| usize::try_from(count.as_int()?).ok()).unwrap_or(usize::MAX);
    let found = if from.is_empty() { text.chars().count() + 1 } else { text.matches(&*from).count() };
    // Paid for before it is made: a short text can grow without bound.
    interp.budget.bytes(found.min(most).saturating_mul(to.len()).saturating_add(text.len()))?;
    interp.text(text.replacen(&*from, &to, most))
}

fn split(interp: &mut Interp, text: &str, from_end: bool, args: &mut Args) -> Eval<Value> {
    let separator = args.get(0, "sep").filter(|separator| !matches!(separator, Value::None));
    let most = args.get(1, "maxsplit").and_then(|most| usize::try_from(most.as_int()?).ok());
    let Some(separator) = separator else {
        return match most {
            None => texts(interp, text.split_whitespace()),
            Some(most) => split_words(interp, text, most, from_end),
        };
    };
    let Some(separator) = separator.as_text().filter(|separator| !separator.is_empty()) else {
        return interp.value_error("the separator must be a text that is not empty");
    };
    match (most.map(|most| most.saturating_add(1)), from_end) {
        (None, _) => texts(interp, text.split(&*separator)),
        (Some(most), false) => texts(interp, text.splitn(most, &*separator)),
        (Some(most), true) => {
            let parts = texts(interp, text.rsplitn(most, &*separator))?;
            if let Value::List(list) = &parts {
                list.items.borrow_mut().0.reverse();
            }
            Ok(parts)
        }
    }
}

/// What a short text takes beside its letters.
const TEXT_BYTES: usize = 24;

/// A list of texts, each paid for before the next is made.
fn texts<'t>(interp: &mut Interp, parts: impl Iterator<Item = &'t str>) -> Eval<Value> {
    let mut made = Vec::new();
    for part in parts {
        interp.budget.step()?;
        interp.budget.bytes(TEXT_BYTES)?;
        made.push(interp.text(part)?);
    }
    interp.list(made)
}

/// Words, and after `most` of them the rest as it is.
fn split_words(interp: &mut Interp, text: &str, most: usize, from_end: bool) -> Eval<Value> {
    let mut parts = Vec::new();
    let mut rest = if from_end { text.trim_end() } else { text.trim_start() };
    while !rest.is_empty() {
        interp.budget.step()?;
        let at = if from_end { rest.rfind(char::is_whitespace) } else { rest.find(char::is_whitespace) };
        let (word, left) = match at {
            Some(at) if parts.len() < most && from_end => (rest[at..].trim_start(), rest[..at].trim_end()),
            Some(at) if parts.len() < most => (&rest[..at], rest[at..].trim_start()),
            _ => (rest, ""),
        };
        parts.push(interp.text(word)?);
        rest = left;
    }
    if from_end {
        parts.reverse();
    }
    interp.list(parts)
}

fn affix(interp: &mut Interp, text: &str, name: &str, args: &mut Args) -> Eval<Value> {
    let wanted = interp.required(args, name, 0, "prefix")?;
    let options = match &wanted {
        Value::Tuple(options) => options.to_vec(),
        other => vec![other.clone()],
    };
    for option in options {
        let Some(option) = option.as_text() else {
            return interp.type_error(format!("{name}() needs a text or a tuple of texts"));
        };
        if if name == "startswith" { text.starts_with(&*option) } else { text.ends_with(&*option) } {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

fn search(interp: &mut Interp, text: &str, name: &str, args: &mut Args) -> Eval<Value> {
    let wanted = interp.required_text(args, name, 0, "sub")?;
    if name == "count" {
        return Ok(Value::int(text.matches(&*wanted).count()));
    }
    let start = args.get(1, "start").and_then(|start| usize::try_from(start.as_int()?).ok()).unwrap_or(0);
    let offset = text.char_indices().nth(start).map_or(text.len(), |(at, _)| at);
    let rest = &text[offset..];
    let found = if name.starts_with('r') { rest.rfind(&*wanted) } else { rest.find(&*wanted) };
    match found {
        Some(at) => Ok(Value::int(text[..offset + at].chars().count())),
        None if name.ends_with("find") => Ok(Value::Int(-1)),
        None => interp.value_error(format!("'{wanted}' is not in the text")),
    }
}

fn justify(interp: &mut Interp, text: &str, name: &str, args: &mut Args) -> Eval<Value> {
    let width = interp.required(args, name, 0, "width")?.as_int().unwrap_or(0);
    let width = usize::try_from(width).unwrap_or(0);
    interp.budget.bytes(width)?;
    let fill = args.get(1, "fillchar").and_then(|fill| fill.as_text()).unwrap_or_else(|| " ".into());
    let missing = width.saturating_sub(text.chars().count());
    let out = match name {
        "zfill" => {
            let sign = usize::from(text.starts_with(['-', '+']));
            format!("{}{}{}", &text[..sign], "0".repeat(missing), &text[sign..])
        }
        "ljust" => format!("{text}{}", fill.repeat(missing)),
        "rjust" => format!("{}{text}", fill.repeat(missing)),
        _ => format!("{}{text}{}", fill.repeat(missing / 2), fill.repeat(missing - missing / 2)),
    };
    interp.text(out)
}

/// Each tab becomes spaces up to the next column that is a multiple of `width`.
fn expand_tabs(interp: &mut Interp, text: &str, width: usize) -> Eval<Value> {
    let tabs = text.bytes().filter(|byte| *byte == b'\t').count();
    interp.budget.bytes(text.len().saturating_add(tabs.saturating_mul(width)))?;
    let (mut out, mut column) = (String::new(), 0);
    for character in text.chars() {
        match character {
            '\t' if width > 0 => {
                let spaces = width - column % width;
                out.extend(std::iter::repeat_n(' ', spaces));
                column += spaces;
            }
            '\t' => {}
            _ => {
                column = if matches!(character, '\n' | '\r') { 0 } else { column + 1 };
                out.push(character);
            }
        }
    }
    interp.text(out)
}

/// With a table from letters (or their numbers) to texts, as `str.maketrans` makes.
fn translate(interp: &mut Interp, text: &str, args: &mut Args) -> Eval<Value> {
    let table = interp.required(args, "translate", 0, "table")?;
    let mut out = String::new();
    for letter in text.chars() {
        let code = Value::Int(i128::from(u32::from(letter)));
        let replacement = match &table {
            Value::Dict(dict) => dict.map.borrow().get(&crate::eval::value::Key(code)).cloned(),
            _ => None,
        };
        match replacement {
            Some(Value::None) => {}
            Some(other) => {
                let other = other.as_text().unwrap_or_default();
                interp.budget.bytes(other.len())?;
                out.push_str(&other);
            }
            None => out.push(letter),
        }
    }
    interp.text(out)
}

impl Interp {
    /// `'{{x}}'.format()` gives `{x}`, which no stage replaces (`spec/config.md` §6 row 29).
    fn warn_of_collapsed_braces(&mut self, before: &str, after: &str) {
        let Some(at) = before.find("{{") else { return };
        let Some(end) = before[at..].find("}}") else { return };
        let inner = &before[at + 2..at + end];
        if inner.is_empty()
            || aurora_model::Ref::parse(inner).is_err()
            || !after.contains(&format!("{{{inner}}}"))
        {
            return;
        }
        self.warn(
            crate::diagnostic::Diagnostic::warning(
                "collapsed-reference",
                format!("format() turns {{{{{inner}}}}} into {{{inner}}}, which stays as it is"),
            )
            .at(self.here)
            .help(format!(
                "write {{{{{{{{{inner}}}}}}}}} in a text that is formatted, or use % instead of format()"
            )),
        );
    }
}
