//! `string` and `textwrap`.

use std::rc::Rc;

use indexmap::IndexMap;

use super::misc::plain_class;
use super::natives;
use crate::eval::call::Args;
use crate::eval::error::Eval;
use crate::eval::interp::Interp;
use crate::eval::value::{Instance, Native, Value};
use crate::syntax::Name;

pub(super) fn string() -> Vec<(&'static str, Value)> {
    let lower = "abcdefghijklmnopqrstuvwxyz";
    let upper = lower.to_uppercase();
    let mut members = natives(STRING);
    members.extend([
        ("ascii_lowercase", Value::str(lower)),
        ("ascii_uppercase", Value::str(upper.as_str())),
        ("ascii_letters", Value::str(format!("{lower}{upper}"))),
        ("lowercase", Value::str(lower)),
        ("uppercase", Value::str(upper.as_str())),
        ("letters", Value::str(format!("{lower}{upper}"))),
        ("digits", Value::str("0123456789")),
        ("hexdigits", Value::str("0123456789abcdefABCDEF")),
        ("punctuation", Value::str("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")),
        ("whitespace", Value::str(" \t\n\r\u{b}\u{c}")),
    ]);
    members
}

static STRING: &[Native] = &[
    Native {
        name: "Template",
        call: |interp, mut args| {
            let text = interp.required(&mut args, "Template", 0, "template")?;
            let members = [
                ("substitute", Value::Native(&SUBSTITUTE)),
                ("safe_substitute", Value::Native(&SAFE_SUBSTITUTE)),
            ];
            let class = plain_class(
                "Template",
                members.into_iter().map(|(name, value)| (name.into(), value)).collect(),
                None,
            );
            let attributes: IndexMap<Name, Value> = IndexMap::from([("template".into(), text)]);
            Ok(Value::Instance(Rc::new(Instance { class, attributes: attributes.into() })))
        },
    },
    Native {
        name: "join",
        call: |interp, mut args| {
            let items = interp.required(&mut args, "join", 0, "words")?;
            let separator = args.get(1, "sep").unwrap_or_else(|| Value::str(" "));
            let args = Args::of(vec![items], args.span);
            interp.call_method(&separator, "join", args)
        },
    },
];

static SUBSTITUTE: Native =
    Native { name: "substitute", call: |interp, args| substitute(interp, args, true) };
static SAFE_SUBSTITUTE: Native =
    Native { name: "safe_substitute", call: |interp, args| substitute(interp, args, false) };

/// `$name` and `${name}`
fn substitute(interp: &mut Interp, mut args: Args, strict: bool) -> Eval<Value> {
    let this = interp.required(&mut args, "substitute", 0, "self")?;
    let template = interp.attribute(&this, "template")?.as_text().unwrap_or_default();
    let mut values: IndexMap<Name, Value> = IndexMap::new();
    if let Some(mapping) = args.positional.get(1) {
        let pairs = interp.pairs_of(mapping)?;
        values.extend(pairs.into_iter().filter_map(|(key, value)| Some((key.0.as_text()?, value))));
    }
    values.extend(args.keywords);
    let mut out = String::new();
    let mut rest: &str = &template;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        let braced = rest.starts_with('{');
        let inner = if braced { &rest[1..] } else { rest };
        let end = inner
            .find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
            .unwrap_or(inner.len());
        let name = &inner[..end];
        match values.get(name) {
            Some(value) => out.push_str(&interp.str_of(value)?),
            None if strict => return Err(interp.raise("KeyError", format!("'{name}'"))),
            None => {
                out.push('$');
                out.push_str(&rest[..usize::from(braced) * 2 + end]);
            }
        }
        interp.budget.bytes(out.len() / 8)?;
        rest = &rest[(usize::from(braced) * 2 + end).min(rest.len())..];
    }
    out.push_str(rest);
    interp.text(out)
}

pub(super) static TEXTWRAP: &[Native] = &[
    Native {
        name: "dedent",
        call: |interp, mut args| {
            let text = interp.required_text(&mut args, "dedent", 0, "text")?;
            let indent = |line: &&str| line.len() - line.trim_start_matches([' ', '\t']).len();
            let common = text
                .lines()
                .filter(|line| !line.trim().is_empty())
                .map(|line| indent(&line))
                .min()
                .unwrap_or(0);
            let lines: Vec<&str> = text
                .split('\n')
                .map(|line| if line.trim().is_empty() { "" } else { &line[common..] })
                .collect();
            interp.text(lines.join("\n"))
        },
    },
    Native {
        name: "indent",
        call: |interp, mut args| {
            let text = interp.required_text(&mut args, "indent", 0, "text")?;
            let prefix = interp.required_text(&mut args, "indent", 1, "prefix")?;
            interp.budget.bytes(text.matches('\n').count().saturating_mul(prefix.len()))?;
            let lines: Vec<String> = text
                .split_inclusive('\n')
                .map(|line| if line.trim().is_empty() { line.to_owned() } else { format!("{prefix}{line}") })
                .collect();
            interp.text(lines.concat())
        },
    },
];
