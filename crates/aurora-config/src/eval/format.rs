//! Formatting: `%`, `.format()` and format specifications.

use std::rc::Rc;

use super::error::Eval;
use super::interp::Interp;
use super::value::Value;

impl Interp {
    /// `'%s' % values`
    pub fn percent_format(&mut self, format: &Rc<str>, values: &Value) -> Eval<Value> {
        let arguments = match values {
            Value::Tuple(items) => items.to_vec(),
            other => vec![other.clone()],
        };
        let single_mapping = matches!(values, Value::Dict(_));
        let mut arguments = arguments.into_iter();
        let mut used_mapping = false;
        let mut out = String::new();
        let mut rest: &str = format;
        while let Some(at) = rest.find('%') {
            out.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            let mut named = None;
            if let Some(inner) = rest.strip_prefix('(') {
                let Some(end) = inner.find(')') else {
                    return self.value_error("`%(` is not closed in the format");
                };
                named = Some(&inner[..end]);
                rest = &inner[end + 1..];
            }
            let spec_end = rest.find(|letter: char| {
                !matches!(letter, '#' | '0'..='9' | '-' | ' ' | '+' | '.' | '*' | 'l' | 'h')
            });
            let Some(spec_end) = spec_end else {
                return self.value_error("the format ends after a `%`");
            };
            let mut spec = rest[..spec_end].to_owned();
            let kind = rest[spec_end..].chars().next().unwrap_or('%');
            rest = &rest[spec_end + kind.len_utf8()..];
            if kind == '%' {
                out.push('%');
                continue;
            }
            while let Some(star) = spec.find('*') {
                let width = arguments.next().and_then(|value| value.as_int()).unwrap_or(0);
                spec.replace_range(star..=star, &width.to_string());
            }
            let value = match named {
                Some(name) => {
                    used_mapping = true;
                    self.get_item(values, &Value::str(name))?
                }
                None => match arguments.next() {
                    Some(value) => value,
                    None => return self.type_error("the format has more `%` than there are values"),
                },
            };
            let text = self.percent_value(&spec, kind, &value)?;
            self.budget.bytes(text.len())?;
            out.push_str(&text);
        }
        out.push_str(rest);
        if !used_mapping && !single_mapping && arguments.next().is_some() {
            return self.type_error("there are more values than `%` in the format");
        }
        self.text(out)
    }

    fn percent_value(&mut self, spec: &str, kind: char, value: &Value) -> Eval<String> {
        let spec = spec.trim_matches(['l', 'h']);
        let flags_end =
            spec.find(|letter: char| !matches!(letter, '#' | '0' | '-' | ' ' | '+')).unwrap_or(spec.len());
        let (flags, numbers) = spec.split_at(flags_end);
        let (width, precision) = match numbers.split_once('.') {
            Some((width, precision)) => (width, Some(precision.parse::<usize>().unwrap_or(0))),
            None => (numbers, None),
        };
        let width = width.parse::<usize>().unwrap_or(0);
        self.budget.bytes(width.saturating_add(precision.unwrap_or(0)))?;
        let mut zero = flags.contains('0');
        let body = match kind {
            's' | 'r' | 'a' => {
                zero = false;
                let text = if kind == 's' { self.str_of(value)? } else { self.repr(value)? };
                match precision {
                    Some(most) => text.chars().take(most).collect(),
                    None => text,
                }
            }
            'c' => match value.as_int() {
                Some(code) => {
                    u32::try_from(code).ok().and_then(char::from_u32).map(String::from).unwrap_or_default()
                }
                None => self.str_of(value)?,
            },
            'd' | 'i' | 'u' | 'x' | 'X' | 'o' => {
                let number = match value {
                    Value::Float(number) => float_to_int(*number),
                    other => other.as_int(),
                };
                let Some(number) = number else {
                    return self.type_error(format!("`%{kind}` needs a number, not {}", value.type_name()));
                };
                let digits = match kind {
                    'x' => format!("{:x}", number.unsigned_abs()),
                    'X' => format!("{:X}", number.unsigned_abs()),
                    'o' => format!("{:o}", number.unsigned_abs()),
                    _ => number.unsigned_abs().to_string(),
                };
                let prefix = match (flags.contains('#'), kind) {
                    (true, 'x') => "0x",
                    (true, 'X') => "0X",
                    (true, 'o') => "0o",
                    _ => "",
                };
                let digits = format!("{prefix}{:0>1$}", digits, precision.unwrap_or(0));
                signed(number < 0, &digits, flags)
            }
            'f' | 'F' | 'e' | 'E' | 'g' | 'G' => {
                let Some(number) = value.as_float() else {
                    return self.type_error(format!("`%{kind}` needs a number, not {}", value.type_name()));
                };
                signed(number.is_sign_negative(), &float_digits(number.abs(), kind, precision), flags)
            }
            other => return self.value_error(format!("`%{other}` is not a format")),
        };
        Ok(pad(&body, width, if flags.contains('-') { '<' } else { '>' }, if zero { '0' } else { ' ' }, zero))
    }

    /// A value by a format specification: `>8`, `03d`, `.2f`, `,`.
    pub fn format_value(&mut self, value: &Value, spec: &str) -> Eval<String> {
        if spec.is_empty() {
            return self.str_of(value);
        }
        let parsed = Spec::parse(spec);
        self.budget.bytes(parsed.width.saturating_add(parsed.precision.unwrap_or(0)))?;
        let sign = parsed.sign.to_string();
        let numeric = value.as_float().is_some() && !matches!(parsed.kind, 's');
        let body = match (parsed.kind, value) {
            ('d' | 'x' | 'X' | 'o' | 'b' | 'n' | '\0', Value::Int(_) | Value::Bool(_)) => {
                let number = value.as_int().unwrap_or(0);
                let digits = match parsed.kind {
                    'x' => format!("{:x}", number.unsigned_abs()),
                    'X' => format!("{:X}", number.unsigned_abs()),
                    'o' => format!("{:o}", number.unsigned_abs()),
                    'b' => format!("{:b}", number.unsigned_abs()),
                    _ => grouped(&number.unsigned_abs().to_string(), parsed.grouping),
                };
                let prefix = match (parsed.alternate, parsed.kind) {
                    (true, 'x' | 'X') => "0x",
                    (true, 'o') => "0o",
                    (true, 'b') => "0b",
                    _ => "",
                };
                signed(number < 0, &format!("{prefix}{digits}"), &sign)
            }
            ('f' | 'F' | 'e' | 'E' | 'g' | 'G' | '%' | '\0', _) if numeric => {
                let number = value.as_float().unwrap_or(0.0);
                let digits = match parsed.kind {
                    '%' => format!("{:.1$}%", number.abs() * 100.0, parsed.precision.unwrap_or(6)),
                    '\0' if parsed.precision.is_none() => aurora_model::float_text(number.abs()),
                    '\0' => float_digits(number.abs(), 'g', parsed.precision),
                    kind => float_digits(number.abs(), kind, parsed.precision),
                };
                signed(number.is_sign_negative(), &grouped(&digits, parsed.grouping), &sign)
            }
            ('s' | '\0', _) => {
                let text = self.str_of(value)?;
                match parsed.precision {
                    Some(most) => text.chars().take(most).collect(),
                    None => text,
                }
            }
            (kind, _) => {
                return self.value_error(format!("format `{kind}` has no meaning for {}", value.type_name()));
            }
        };
        let align = parsed.align.unwrap_or(if numeric { '>' } else { '<' });
        Ok(pad(&body, parsed.width, align, parsed.fill, parsed.zero && parsed.align.is_none()))
    }

    /// `'{} {name}'.format(…)`
    pub fn brace_format(&mut self, format: &str, args: &super::call::Args) -> Eval<String> {
        let mut out = String::new();
        let mut next = 0;
        self.brace_format_into(format, args, &mut next, &mut out, 0)?;
        Ok(out)
    }

    fn brace_format_into(
        &mut self,
        format: &str,
        args: &super::call::Args,
        next: &mut usize,
        out: &mut String,
        depth: usize,
    ) -> Eval<()> {
        if depth > 2 {
            return self.value_error("the format nests too deep");
        }
        let mut rest = format;
        while let Some(at) = rest.find(['{', '}']) {
            out.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(doubled) = rest.strip_prefix(brace) {
                out.push_str(brace);
                rest = doubled;
                continue;
            }
            if brace == "}" {
                return self
                    .value_error("a single `}` in the format")
                    .map_err(|stop| stop.help("write it twice: `}}`"));
            }
            let Some(end) = closing_brace(rest) else {
                return self
                    .value_error("a `{` in the format is not closed")
                    .map_err(|stop| stop.help("write it twice: `{{`"));
            };
            let (field, spec) = split_field(&rest[..end]);
            rest = &rest[end + 1..];
            let (field, conversion) = match field.rsplit_once('!') {
                Some((field, conversion)) => (field, conversion),
                None => (field, ""),
            };
            let value = self.format_field(field, args, next)?;
            let mut spec_text = String::new();
            self.brace_format_into(spec, args, next, &mut spec_text, depth + 1)?;
            let text = match conversion {
                "r" => self.repr(&value)?,
                "s" => self.str_of(&value)?,
                _ => self.format_value(&value, &spec_text)?,
            };
            self.budget.bytes(text.len())?;
            out.push_str(&text);
        }
        out.push_str(rest);
        Ok(())
    }

    fn format_field(&mut self, field: &str, args: &super::call::Args, next: &mut usize) -> Eval<Value> {
        let end = field.find(['.', '[']).unwrap_or(field.len());
        let (head, mut path) = field.split_at(end);
        let mut value = if head.is_empty() {
            *next += 1;
            args.positional.get(*next - 1).cloned()
        } else if let Ok(at) = head.parse::<usize>() {
            args.positional.get(at).cloned()
        } else {
            args.keywords.iter().find(|(name, _)| &**name == head).map(|(_, value)| value.clone())
        }
        .ok_or_else(|| {
            self.raise("KeyError", format!("'{head}'")).help(
                "format() takes every {name} of the text as a value; write {{{{name}}}} for a reference",
            )
        })?;
        while !path.is_empty() {
            if let Some(inner) = path.strip_prefix('[') {
                let end = inner.find(']').unwrap_or(inner.len());
                let index = &inner[..end];
                let key = index.parse::<i128>().map_or_else(|_| Value::str(index), Value::Int);
                value = self.get_item(&value, &key)?;
                path = inner.get(end + 1..).unwrap_or_default();
            } else {
                let inner = &path[1..];
                let end = inner.find(['.', '[']).unwrap_or(inner.len());
                value = self.attribute(&value, &inner[..end])?;
                path = &inner[end..];
            }
        }
        Ok(value)
    }
}

fn closing_brace(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, letter) in text.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => return Some(at),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

fn split_field(text: &str) -> (&str, &str) {
    let mut brackets = 0_usize;
    for (at, letter) in text.char_indices() {
        match letter {
            '[' => brackets += 1,
            ']' => brackets = brackets.saturating_sub(1),
            ':' if brackets == 0 => return (&text[..at], &text[at + 1..]),
            _ => {}
        }
    }
    (text, "")
}

/// `[[fill]align][sign][#][0][width][,][.precision][kind]`
struct Spec {
    fill: char,
    align: Option<char>,
    sign: char,
    alternate: bool,
    zero: bool,
    width: usize,
    grouping: Option<char>,
    precision: Option<usize>,
    kind: char,
}

impl Spec {
    fn parse(spec: &str) -> Self {
        let letters: Vec<char> = spec.chars().collect();
        let mut at = 0;
        let is_align = |letter: Option<&char>| matches!(letter, Some('<' | '>' | '^' | '='));
        let (mut fill, mut align) = (' ', None);
        if letters.len() > 1 && is_align(letters.get(1)) {
            (fill, align) = (letters[0], Some(letters[1]));
            at = 2;
        } else if is_align(letters.first()) {
            align = Some(letters[0]);
            at = 1;
        }
        let mut take = |wanted: &[char]| {
            let found = letters.get(at).copied().filter(|letter| wanted.contains(letter));
            at += usize::from(found.is_some());
            found
        };
        let sign = take(&['+', '-', ' ']).unwrap_or('-');
        let alternate = take(&['#']).is_some();
        let zero = take(&['0']).is_some();
        if zero && align.is_none() {
            fill = '0';
        }
        let digits = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'];
        let mut number = String::new();
        while let Some(digit) = take(&digits) {
            number.push(digit);
        }
        let width = number.parse().unwrap_or(0);
        let grouping = take(&[',', '_']);
        let mut precision = None;
        if take(&['.']).is_some() {
            let mut number = String::new();
            while let Some(digit) = take(&digits) {
                number.push(digit);
            }
            precision = Some(number.parse().unwrap_or(0));
        }
        let kind = letters.get(at).copied().unwrap_or('\0');
        Self { fill, align, sign, alternate, zero, width, grouping, precision, kind }
    }
}

fn grouped(digits: &str, separator: Option<char>) -> String {
    let Some(separator) = separator else { return digits.to_owned() };
    let whole = digits.find('.').unwrap_or(digits.len());
    let mut out = String::new();
    for (at, digit) in digits[..whole].chars().enumerate() {
        if at > 0 && (whole - at).is_multiple_of(3) {
            out.push(separator);
        }
        out.push(digit);
    }
    out + &digits[whole..]
}

fn signed(negative: bool, digits: &str, flags: &str) -> String {
    let sign = match negative {
        true => "-",
        false if flags.contains('+') => "+",
        false if flags.contains(' ') => " ",
        false => "",
    };
    format!("{sign}{digits}")
}

fn pad(text: &str, width: usize, align: char, fill: char, after_sign: bool) -> String {
    let missing = width.saturating_sub(text.chars().count());
    let filling = |count: usize| fill.to_string().repeat(count);
    match align {
        _ if after_sign || align == '=' => {
            let sign = usize::from(text.starts_with(['-', '+', ' ']));
            format!("{}{}{}", &text[..sign], filling(missing), &text[sign..])
        }
        '<' => text.to_owned() + &filling(missing),
        '^' => filling(missing / 2) + text + &filling(missing - missing / 2),
        _ => filling(missing) + text,
    }
}

fn float_digits(number: f64, kind: char, precision: Option<usize>) -> String {
    let precision = precision.unwrap_or(6).min(400);
    match kind {
        'e' | 'E' => {
            let text = format!("{number:.precision$e}");
            let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            let exponent: i32 = exponent.parse().unwrap_or(0);
            let sign = if exponent < 0 { '-' } else { '+' };
            let text = format!("{digits}e{sign}{:02}", exponent.abs());
            if kind == 'E' { text.to_uppercase() } else { text }
        }
        'g' | 'G' => {
            let precision = precision.max(1);
            let exponent: i32 = format!("{number:.*e}", precision - 1)
                .split_once('e')
                .and_then(|(_, exponent)| exponent.parse().ok())
                .unwrap_or(0);
            if exponent < -4 || exponent >= i32::try_from(precision).unwrap_or(i32::MAX) {
                let text = float_digits(number, 'e', Some(precision - 1));
                let (digits, exponent) = text.split_once('e').unwrap_or((&text, "+00"));
                return format!("{}e{exponent}", trimmed(digits));
            }
            let decimals = usize::try_from(i32::try_from(precision).unwrap_or(6) - 1 - exponent).unwrap_or(0);
            trimmed(&format!("{number:.decimals$}")).to_owned()
        }
        _ => format!("{number:.precision$}"),
    }
}

fn trimmed(digits: &str) -> &str {
    if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits }
}

/// Toward zero; `None` for what is no number or too large.
#[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
pub(crate) fn float_to_int(number: f64) -> Option<i128> {
    (number.is_finite() && number.abs() < 1e38).then(|| number.trunc() as i128)
}
