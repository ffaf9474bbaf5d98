//! `re`.

use std::rc::Rc;
use std::time::Duration;

use indexmap::IndexMap;
use nix::time::{ClockId, clock_gettime};

use super::natives;
use crate::eval::call::Args;
use crate::eval::error::Eval;
use crate::eval::interp::Interp;
use crate::eval::regex::{DOT_ALL, Extent, IGNORE_CASE, MULTI_LINE, Match, Pattern, VERBOSE};
use crate::eval::value::{Key, Native, Value};

pub(super) fn members(interp: &Interp) -> Vec<(&'static str, Value)> {
    let mut members = natives(NATIVES);
    for (name, short, flag) in [
        ("IGNORECASE", "I", IGNORE_CASE),
        ("MULTILINE", "M", MULTI_LINE),
        ("DOTALL", "S", DOT_ALL),
        ("VERBOSE", "X", VERBOSE),
        ("UNICODE", "U", 0),
    ] {
        members.push((name, Value::Int(flag)));
        members.push((short, Value::Int(flag)));
    }
    members.push(("error", Value::Class(interp.exceptions.get("ValueError"))));
    members
}

static NATIVES: &[Native] = &[
    Native {
        name: "compile",
        call: |interp, mut args| {
            let pattern = interp.required(&mut args, "compile", 0, "pattern")?;
            let flags = args.get(1, "flags").and_then(|flags| flags.as_int()).unwrap_or(0);
            compiled(interp, &pattern, flags).map(Value::Pattern)
        },
    },
    Native {
        name: "escape",
        call: |interp, mut args| {
            let text = interp.required_text(&mut args, "escape", 0, "text")?;
            let mut out = String::new();
            for letter in text.chars() {
                if !letter.is_alphanumeric() && letter != '_' {
                    out.push('\\');
                }
                out.push(letter);
            }
            interp.text(out)
        },
    },
    Native { name: "match", call: |interp, args| with_pattern(interp, "match", args) },
    Native { name: "search", call: |interp, args| with_pattern(interp, "search", args) },
    Native { name: "fullmatch", call: |interp, args| with_pattern(interp, "fullmatch", args) },
    Native { name: "findall", call: |interp, args| with_pattern(interp, "findall", args) },
    Native { name: "finditer", call: |interp, args| with_pattern(interp, "finditer", args) },
    Native { name: "split", call: |interp, args| with_pattern(interp, "split", args) },
    Native { name: "sub", call: |interp, args| with_pattern(interp, "sub", args) },
];

/// Steps that each atom of a pattern costs to compile: what compiling takes, measured in the time of a step.
const STEPS_PER_ATOM: usize = 50;
/// Time of the processor that all searches of a load may take together, whatever else the machine does meanwhile. Each one is
/// bounded by its own limits.
const SEARCH_TIME_MAX: Duration = Duration::from_secs(1);

/// Time of the processor that this thread has used. A kernel without such a clock counts nothing.
fn used_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

fn compiled(interp: &mut Interp, pattern: &Value, flags: i128) -> Eval<Rc<Pattern>> {
    if let Value::Pattern(pattern) = pattern {
        return Ok(Rc::clone(pattern));
    }
    let Some(text) = pattern.as_text() else {
        return interp.type_error(format!("a pattern is a text, not {}", pattern.type_name()));
    };
    let key = (text.to_string(), flags);
    if let Some(pattern) = interp.patterns.get(&key) {
        return Ok(Rc::clone(pattern));
    }
    interp.budget.bytes(text.len().saturating_mul(64))?;
    match Pattern::compile(&text, flags) {
        Ok(pattern) => {
            interp.budget.steps(pattern.size().saturating_mul(STEPS_PER_ATOM))?;
            let pattern = Rc::new(pattern);
            interp.patterns.insert(key, Rc::clone(&pattern));
            Ok(pattern)
        }
        Err(cause) => interp.value_error(format!("the pattern is not valid: {cause}")),
    }
}

fn with_pattern(interp: &mut Interp, method: &str, mut args: Args) -> Eval<Value> {
    let pattern = interp.required(&mut args, method, 0, "pattern")?;
    let flags = args.take_keyword("flags");
    let position = if method == "sub" { 4 } else { 2 };
    let positional = args.positional.get(position).filter(|_| !matches!(method, "split")).cloned();
    let flags = flags.or(positional).and_then(|flags| flags.as_int()).unwrap_or(0);
    let pattern = compiled(interp, &pattern, flags)?;
    args.positional.remove(0);
    args.positional_spans.remove(0);
    pattern_method(interp, &pattern, method, args)
}

fn find(
    interp: &mut Interp,
    pattern: &Pattern,
    text: &Rc<str>,
    from: usize,
    extent: Extent,
) -> Eval<Option<Match>> {
    interp.budget.steps(1)?;
    let started = used_time();
    let found = pattern.find(text, from, extent);
    interp.search_time += used_time().saturating_sub(started);
    if interp.search_time > SEARCH_TIME_MAX {
        return interp.value_error("searching with patterns takes too long".to_owned());
    }
    found.or_else(|cause| interp.value_error(cause))
}

fn all_matches(interp: &mut Interp, pattern: &Pattern, text: &Rc<str>, most: usize) -> Eval<Vec<Match>> {
    let mut matches = Vec::new();
    let mut from = 0;
    while from <= text.len() && matches.len() < most {
        let Some(found) = find(interp, pattern, text, from, Extent::Anywhere)? else { break };
        let (start, end) = found.groups[0].unwrap_or((from, from));
        // After an empty match the search goes on behind the next letter.
        let step = if end == start { text[end..].chars().next().map_or(1, char::len_utf8) } else { 0 };
        from = end + step;
        interp.budget.bytes(128)?;
        matches.push(found);
    }
    Ok(matches)
}

pub(in crate::eval) fn pattern_method(
    interp: &mut Interp,
    pattern: &Rc<Pattern>,
    name: &str,
    mut args: Args,
) -> Eval<Value> {
    let text_at = usize::from(name == "sub");
    let text = interp.required_text(&mut args, name, text_at, "string")?;
    interp.budget.bytes(text.len())?;
    let text: Rc<str> = text.as_ref().into();
    match name {
        "match" | "search" | "fullmatch" => {
            let extent = match name {
                "match" => Extent::Start,
                "fullmatch" => Extent::Whole,
                _ => Extent::Anywhere,
            };
            let found = find(interp, pattern, &text, 0, extent)?;
            Ok(found.map_or(Value::None, |found| Value::Match(Rc::new(found))))
        }
        "findall" => {
            let mut out = Vec::new();
            for found in all_matches(interp, pattern, &text, usize::MAX)? {
                out.push(match pattern.groups {
                    0 => Value::str(found.group(0).unwrap_or_default()),
                    1 => Value::str(found.group(1).unwrap_or_default()),
                    count => Value::tuple(
                        (1..=count).map(|group| Value::str(found.group(group).unwrap_or_default())).collect(),
                    ),
                });
            }
            interp.list(out)
        }
        "finditer" => {
            let matches = all_matches(interp, pattern, &text, usize::MAX)?;
            Ok(Value::queue(matches.into_iter().map(|found| Value::Match(Rc::new(found))).collect()))
        }
        "split" => {
            let most = args
                .get(1, "maxsplit")
                .and_then(|most| usize::try_from(most.as_int()?).ok())
                .filter(|most| *most > 0);
            let mut out = Vec::new();
            let mut last = 0;
            for found in all_matches(interp, pattern, &text, most.unwrap_or(usize::MAX))? {
                let (start, end) = found.groups[0].unwrap_or((last, last));
                if start == end {
                    continue;
                }
                out.push(Value::str(&text[last..start]));
                out.extend(
                    (1..=pattern.groups).map(|group| found.group(group).map_or(Value::None, Value::str)),
                );
                last = end;
            }
            out.push(Value::str(&text[last..]));
            interp.list(out)
        }
        _ => substitute(interp, pattern, &text, &mut args),
    }
}

fn substitute(interp: &mut Interp, pattern: &Rc<Pattern>, text: &Rc<str>, args: &mut Args) -> Eval<Value> {
    let replacement = interp.required(args, "sub", 0, "repl")?;
    let most =
        args.get(2, "count").and_then(|most| usize::try_from(most.as_int()?).ok()).filter(|most| *most > 0);
    let mut out = String::new();
    let mut last = 0;
    for found in all_matches(interp, pattern, text, most.unwrap_or(usize::MAX))? {
        let (start, end) = found.groups[0].unwrap_or((last, last));
        out.push_str(&text[last..start]);
        let piece = match replacement.as_text() {
            Some(template) => expanded(&template, &found),
            None => {
                let made = interp.apply(&replacement, Value::Match(Rc::new(found)))?;
                interp.str_of(&made)?
            }
        };
        interp.budget.bytes(piece.len())?;
        out.push_str(&piece);
        last = end;
    }
    out.push_str(&text[last..]);
    interp.text(out)
}

/// `\1`, `\g<name>`, `\n` in a replacement.
fn expanded(template: &str, found: &Match) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(named) = rest.strip_prefix("g<")
            && let Some(end) = named.find('>')
        {
            let name = &named[..end];
            let group = name.parse().ok().or_else(|| group_named(found, name));
            out.push_str(group.and_then(|group| found.group(group)).unwrap_or_default());
            rest = &named[end + 1..];
            continue;
        }
        let Some(letter) = rest.chars().next() else { break };
        rest = &rest[letter.len_utf8()..];
        match letter {
            'n' => out.push('\n'),
            't' => out.push('\t'),
            '0'..='9' => {
                let group = letter.to_digit(10).and_then(|digit| usize::try_from(digit).ok()).unwrap_or(0);
                out.push_str(found.group(group).unwrap_or_default());
            }
            other => out.push(other),
        }
    }
    out + rest
}

fn group_named(found: &Match, name: &str) -> Option<usize> {
    found.names.iter().find(|(known, _)| known == name).map(|(_, group)| *group)
}

pub(in crate::eval) fn match_method(
    interp: &mut Interp,
    found: &Rc<Match>,
    name: &str,
    args: &Args,
) -> Eval<Value> {
    let group_of = |value: &Value| match value {
        Value::Str(name) => group_named(found, name),
        other => other.as_int().and_then(|number| usize::try_from(number).ok()),
    };
    let text_of =
        |group: Option<usize>| group.and_then(|group| found.group(group)).map_or(Value::None, Value::str);
    match name {
        "group" => match args.positional.as_slice() {
            [] => Ok(text_of(Some(0))),
            [group] => {
                let group = group_of(group).filter(|group| *group < found.groups.len());
                match group {
                    Some(group) => Ok(text_of(Some(group))),
                    None => Err(interp.raise("IndexError", "there is no such group")),
                }
            }
            several => interp.tuple(several.iter().map(|group| text_of(group_of(group))).collect()),
        },
        "groups" => interp.tuple((1..found.groups.len()).map(|group| text_of(Some(group))).collect()),
        "groupdict" => {
            let map: IndexMap<Key, Value> =
                found.names.iter().map(|(name, group)| (Key::text(name), text_of(Some(*group)))).collect();
            Ok(Value::dict(map))
        }
        _ => {
            let group = args.positional.first().map_or(Some(0), group_of).unwrap_or(0);
            let (start, end) = found.letters(group).unwrap_or((0, 0));
            match name {
                "start" => Ok(Value::int(start)),
                "end" => Ok(Value::int(end)),
                _ => interp.tuple(vec![Value::int(start), Value::int(end)]),
            }
        }
    }
}
