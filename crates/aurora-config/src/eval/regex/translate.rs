//! A pattern in Python's syntax to one in `fancy-regex`'s: the same letters mean other things in some places.

use std::fmt::Write as _;

use super::{DOT_ALL, Extent, IGNORE_CASE, MULTI_LINE, VERBOSE};

/// Groups inside one another.
const DEPTH_MAX: usize = 100;
/// Atoms of the pattern with its repetitions written out.
const SIZE_MAX: usize = 20_000;
/// What a class such as `\w` counts as, and one of any other kind at least: it is many ranges.
const CLASS_SIZE: usize = 10;
/// Stands for `$` until it is known what is searched; patterns cannot hold it, since it is written as an escape there.
const END: char = '\0';

/// A translated pattern.
#[derive(Debug)]
pub(super) struct Translated {
    body: String,
    flags: i128,
    /// Whether it has a `$` that also matches before a last newline.
    pub has_end: bool,
    /// Whether it has look-arounds, back references or conditions.
    pub steps_back: bool,
    pub size: usize,
}

impl Translated {
    /// What `fancy-regex` is given. A `$` costs a look-ahead where the text ends with a newline, and only there.
    pub fn expression(&self, extent: Extent, before_newline: bool) -> String {
        let mut out = String::new();
        for (flag, letter) in [(IGNORE_CASE, 'i'), (MULTI_LINE, 'm'), (DOT_ALL, 's')] {
            if self.flags & flag != 0 {
                let _ = write!(out, "(?{letter})");
            }
        }
        let body = self.body.replace(END, if before_newline { r"(?=\n?\z)" } else { r"\z" });
        match extent {
            Extent::Anywhere => out.push_str(&body),
            Extent::Start => out.extend([r"\A(?:", &body, ")"]),
            Extent::Whole => out.extend([r"\A(?:", &body, r")\z"]),
        }
        out
    }
}

/// What has been read of one group.
#[derive(Default)]
struct Frame {
    size: usize,
    /// Size of the last atom; nothing can be repeated without one.
    atom: Option<usize>,
    repeated: bool,
    is_look_around: bool,
}

struct Translator<'t> {
    letters: std::iter::Peekable<std::str::Chars<'t>>,
    rest_of: &'t str,
    out: String,
    flags: i128,
    frames: Vec<Frame>,
    groups: usize,
    has_end: bool,
    steps_back: bool,
}

pub(super) fn translate(text: &str, flags: i128) -> Result<Translated, String> {
    let mut translator = Translator {
        letters: text.chars().peekable(),
        rest_of: text,
        out: String::new(),
        flags,
        frames: vec![Frame::default()],
        groups: 0,
        has_end: false,
        steps_back: false,
    };
    while let Some(letter) = translator.letters.next() {
        translator.letter(letter)?;
    }
    let Translator { out, flags, frames, has_end, steps_back, .. } = translator;
    let [frame] = frames.as_slice() else {
        return Err("missing ), unterminated subpattern".to_owned());
    };
    let size = frame.size.saturating_add(frame.atom.unwrap_or(0));
    if size > SIZE_MAX {
        return Err("the pattern is too large".to_owned());
    }
    Ok(Translated { body: out, flags, has_end, steps_back, size })
}

impl<'t> Translator<'t> {
    fn rest(&self) -> &'t str {
        let left: usize = self.letters.clone().map(char::len_utf8).sum();
        &self.rest_of[self.rest_of.len() - left..]
    }

    fn take(&mut self, wanted: &str) -> bool {
        let found = self.rest().starts_with(wanted);
        if found {
            self.letters = self.rest()[wanted.len()..].chars().peekable();
        }
        found
    }

    /// All up to the letter, which is taken too.
    fn until(&mut self, end: char) -> Option<&'t str> {
        let (text, rest) = self.rest().split_once(end)?;
        self.letters = rest.chars().peekable();
        Some(text)
    }

    fn atom(&mut self, size: usize) {
        if let Some(frame) = self.frames.last_mut() {
            frame.size = frame.size.saturating_add(frame.atom.unwrap_or(0));
            frame.atom = Some(size);
            frame.repeated = false;
        }
    }

    fn letter(&mut self, letter: char) -> Result<(), String> {
        match letter {
            _ if self.flags & VERBOSE != 0 && letter.is_whitespace() => {}
            '#' if self.flags & VERBOSE != 0 => {
                self.letters.by_ref().find(|letter| *letter == '\n');
            }
            '*' | '+' | '?' => {
                self.out.push(letter);
                self.repeat(if letter == '?' { 1 } else { 2 })?;
            }
            '{' => match bounds(self.rest()) {
                Some((least, most, length)) => {
                    self.letters = self.rest()[length..].chars().peekable();
                    let _ = match most {
                        Some(most) => write!(self.out, "{{{least},{most}}}"),
                        None => write!(self.out, "{{{least},}}"),
                    };
                    self.repeat(most.unwrap_or(least + 1).max(1))?;
                }
                None => self.literal(letter),
            },
            '.' => {
                self.out.push('.');
                self.atom(CLASS_SIZE);
            }
            '^' => {
                self.out.push('^');
                self.atom(1);
            }
            '$' => {
                if self.flags & MULTI_LINE == 0 {
                    self.has_end = true;
                    self.out.push(END);
                } else {
                    self.out.push('$');
                }
                self.atom(1);
            }
            '|' => {
                self.out.push('|');
                self.atom(0);
                if let Some(frame) = self.frames.last_mut() {
                    frame.atom = None;
                }
            }
            '(' => self.open()?,
            ')' => self.close()?,
            '[' => self.class()?,
            '\\' => self.escape()?,
            other => self.literal(other),
        }
        Ok(())
    }

    fn literal(&mut self, letter: char) {
        push_literal(&mut self.out, letter);
        self.atom(1);
    }

    fn repeat(&mut self, times: usize) -> Result<(), String> {
        let is_lazy = self.letters.next_if_eq(&'?').is_some();
        if is_lazy {
            self.out.push('?');
        }
        let Some(frame) = self.frames.last_mut() else { return Ok(()) };
        let Some(atom) = &mut frame.atom else { return Err("nothing to repeat".to_owned()) };
        if frame.repeated {
            return Err("multiple repeat".to_owned());
        }
        *atom = atom.saturating_mul(times);
        frame.repeated = true;
        Ok(())
    }

    fn open(&mut self) -> Result<(), String> {
        if self.frames.len() >= DEPTH_MAX {
            return Err("groups nest too deep".to_owned());
        }
        let mut frame = Frame::default();
        if self.take("?P=") {
            let name = self.until(')').ok_or("missing ), unterminated name")?;
            self.steps_back = true;
            let _ = write!(self.out, r"(?:\k<{name}>)");
            self.atom(1);
            return Ok(());
        } else if self.take("?#") {
            self.until(')').ok_or("missing ), unterminated comment")?;
            return Ok(());
        } else if self.take("?:") {
            self.out.push_str("(?:");
        } else if let Some(look) =
            ["?=", "?!", "?<=", "?<!"].into_iter().find(|look| self.rest().starts_with(*look))
        {
            self.take(look);
            self.steps_back = true;
            frame.is_look_around = true;
            self.out.extend(["(", look]);
        } else if self.take("?P<") || self.take("?<") {
            let name = self.until('>').ok_or("missing >, unterminated name")?;
            self.groups += 1;
            self.out.extend(["(?P<", name, ">"]);
        } else if self.take("?(") {
            let group = self.until(')').ok_or("missing ), unterminated name")?;
            self.steps_back = true;
            self.out.extend(["(?(", group, ")"]);
        } else if self.take("?") {
            if !self.flags_of_group()? {
                return Ok(());
            }
        } else {
            self.groups += 1;
            self.out.push('(');
        }
        self.frames.push(frame);
        Ok(())
    }

    /// `(?i)`, which holds for the whole pattern, or `(?i:`, which opens a group.
    fn flags_of_group(&mut self) -> Result<bool, String> {
        let mut flags = String::new();
        loop {
            match self.letters.next() {
                Some(')') => break,
                Some(':') => {
                    self.out.extend(["(?", &flags, ":"]);
                    return Ok(true);
                }
                Some('u' | 'a' | 'L') => {}
                Some(letter @ ('i' | 'm' | 's' | 'x' | '-')) => flags.push(letter),
                Some(other) => return Err(format!("unknown extension ?{other}")),
                None => return Err("missing ), unterminated subpattern".to_owned()),
            }
        }
        for letter in flags.chars() {
            self.flags |= match letter {
                'i' => IGNORE_CASE,
                'm' => MULTI_LINE,
                's' => DOT_ALL,
                'x' => VERBOSE,
                _ => return Err("flags that hold everywhere cannot be turned off".to_owned()),
            };
        }
        Ok(false)
    }

    fn close(&mut self) -> Result<(), String> {
        if self.frames.len() < 2 {
            return Err("unbalanced parenthesis".to_owned());
        }
        let frame = self.frames.pop().unwrap_or_default();
        self.out.push(')');
        self.atom(frame.size.saturating_add(frame.atom.unwrap_or(0)).saturating_add(1));
        if frame.is_look_around && matches!(self.letters.peek(), Some('*' | '+')) {
            return Err("nothing to repeat".to_owned());
        }
        Ok(())
    }

    fn escape(&mut self) -> Result<(), String> {
        let letter = self.letters.next().ok_or("bad escape at the end")?;
        match letter {
            'd' | 'D' | 'w' | 'W' | 's' | 'S' => {
                self.out.extend(['\\', letter]);
                self.atom(CLASS_SIZE);
            }
            'b' | 'B' | 'A' => {
                self.out.extend(['\\', letter]);
                self.atom(1);
            }
            'Z' => {
                self.out.push_str(r"\z");
                self.atom(1);
            }
            '1'..='9' => {
                let mut digits = String::from(letter);
                digits.extend(self.letters.next_if(char::is_ascii_digit));
                let group: usize = digits.parse().unwrap_or(usize::MAX);
                if group > self.groups {
                    return Err(format!("invalid group reference {group}"));
                }
                self.steps_back = true;
                let _ = write!(self.out, r"(?:\{group})");
                self.atom(1);
            }
            _ => {
                let letter = self.escaped(letter)?;
                self.literal(letter);
            }
        }
        Ok(())
    }

    /// The letter that an escape stands for. Compat: unknown ones stand for themselves, as in Python 2.
    fn escaped(&mut self, letter: char) -> Result<char, String> {
        let digits = match letter {
            'n' => return Ok('\n'),
            't' => return Ok('\t'),
            'r' => return Ok('\r'),
            'f' => return Ok('\u{c}'),
            'v' => return Ok('\u{b}'),
            'a' => return Ok('\u{7}'),
            '0' => return Ok('\0'),
            'x' => 2,
            'u' => 4,
            other => return Ok(other),
        };
        let code: String = self.rest().chars().take(digits).collect();
        let found = u32::from_str_radix(&code, 16).ok().filter(|_| code.len() == digits);
        let made =
            found.and_then(char::from_u32).ok_or_else(|| format!("incomplete escape \\{letter}{code}"))?;
        self.take(&code);
        Ok(made)
    }

    fn class(&mut self) -> Result<(), String> {
        const UNTERMINATED: &str = "unterminated character set";
        self.out.push('[');
        if self.letters.next_if_eq(&'^').is_some() {
            self.out.push('^');
        }
        let mut is_first = true;
        let mut items = 0;
        loop {
            items += 1;
            let letter = self.letters.next().ok_or(UNTERMINATED)?;
            if letter == ']' && !is_first {
                break;
            }
            is_first = false;
            let Some(low) = self.class_letter(letter)? else { continue };
            let mut ahead = self.letters.clone();
            let is_range = ahead.next() == Some('-') && ahead.next().is_some_and(|next| next != ']');
            if !is_range {
                push_literal(&mut self.out, low);
                continue;
            }
            self.letters.next();
            let letter = self.letters.next().ok_or(UNTERMINATED)?;
            let high = self.class_letter(letter)?.ok_or("bad character range")?;
            if high < low {
                return Err(format!("bad character range {low}-{high}"));
            }
            push_literal(&mut self.out, low);
            self.out.push('-');
            push_literal(&mut self.out, high);
        }
        self.out.push(']');
        self.atom(items.max(CLASS_SIZE));
        Ok(())
    }

    /// A letter of a class; a kind such as `\d` is written at once.
    fn class_letter(&mut self, letter: char) -> Result<Option<char>, String> {
        if letter != '\\' {
            return Ok(Some(letter));
        }
        let escaped = self.letters.next().ok_or("bad escape at the end")?;
        if "dDwWsS".contains(escaped) {
            self.out.extend(['\\', escaped]);
            return Ok(None);
        }
        if escaped == 'b' {
            return Ok(Some('\u{8}'));
        }
        self.escaped(escaped).map(Some)
    }
}

/// Letters and digits mean themselves; all else is written by its number, since it may mean more than itself.
fn push_literal(out: &mut String, letter: char) {
    if letter.is_alphanumeric() {
        out.push(letter);
    } else {
        let _ = write!(out, "\\x{{{:x}}}", u32::from(letter));
    }
}

/// `m}`, `m,}`, `,n}` or `m,n}` after a brace: the bounds, and how many bytes they take. Other braces are letters.
fn bounds(text: &str) -> Option<(usize, Option<usize>, usize)> {
    let (inner, _) = text.split_once('}')?;
    let length = inner.len() + 1;
    if !inner.bytes().all(|byte| byte.is_ascii_digit() || byte == b',') {
        return None;
    }
    match inner.split_once(',') {
        Some((least, most)) => {
            let least = if least.is_empty() { 0 } else { least.parse().ok()? };
            let most = if most.is_empty() { None } else { Some(most.parse().ok()?) };
            Some((least, most, length))
        }
        None => {
            let count = inner.parse().ok()?;
            Some((count, Some(count), length))
        }
    }
}
