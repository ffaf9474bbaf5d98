//! Refuses text whose nesting alone would exhaust the parser's stack, before the parser sees it.

use crate::diagnostic::{Diagnostic, Span};

/// Largest file, in bytes. Real configurations are below 200 kB.
pub(crate) const FILE_SIZE_MAX: usize = 2 << 20;
/// Deepest nesting of brackets. CPython allows 200.
const BRACKETS_MAX: usize = 200;
/// Most operators of one logical line that each nest the rest of it (`not`, `-`, `**`, `lambda`, `else`).
const NESTING_OPERATORS_MAX: usize = 1000;
/// Deepest indentation, in columns. CPython allows 100 levels.
const INDENT_MAX: usize = 800;

pub(super) fn check(text: &str, file: u32) -> Result<(), Box<Diagnostic>> {
    if text.len() > FILE_SIZE_MAX {
        return Err(Diagnostic::error(
            "too-large",
            format!("file is larger than {} MiB", FILE_SIZE_MAX >> 20),
        )
        .at(Span { file, start: 0, end: 0 })
        .help("keep data out of the configuration: read it with open() where it is needed")
        .into());
    }
    let mut scanner = Scanner { text: text.as_bytes(), at: 0, brackets: 0, operators: 0, chained: false };
    scanner.run().map_err(|(at, what)| {
        let start = u32::try_from(at).unwrap_or(u32::MAX);
        Diagnostic::error("nested-too-deep", format!("{what} nested too deep"))
            .at(Span { file, start, end: start + 1 })
            .help("split the expression: give its parts names")
            .into()
    })
}

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
    brackets: usize,
    operators: usize,
    /// The last character was an operator that takes what follows as its operand.
    chained: bool,
}

impl Scanner<'_> {
    fn run(&mut self) -> Result<(), (usize, &'static str)> {
        while let Some(byte) = self.text.get(self.at).copied() {
            match byte {
                b'#' => self.skip_line(),
                b'\'' | b'"' => self.skip_string(byte),
                b'(' | b'[' | b'{' => {
                    self.brackets += 1;
                    if self.brackets > BRACKETS_MAX {
                        return Err((self.at, "brackets are"));
                    }
                    self.at += 1;
                    self.chained = true;
                }
                b')' | b']' | b'}' => {
                    self.brackets = self.brackets.saturating_sub(1);
                    self.at += 1;
                    self.chained = false;
                }
                b'\n' => self.newline()?,
                b'-' | b'+' | b'~' => {
                    if self.chained {
                        self.nest()?;
                    }
                    self.chained = true;
                    self.at += 1;
                }
                b'*' if self.text.get(self.at + 1) == Some(&b'*') => {
                    self.nest()?;
                    self.chained = true;
                    self.at += 2;
                }
                b'a'..=b'z' | b'A'..=b'Z' | b'_' => self.word()?,
                b' ' | b'\t' | b'\r' | b'\\' => self.at += 1,
                _ => {
                    self.chained = !byte.is_ascii_alphanumeric() && byte != b'.';
                    self.at += 1;
                }
            }
        }
        Ok(())
    }

    fn nest(&mut self) -> Result<(), (usize, &'static str)> {
        self.operators += 1;
        if self.operators > NESTING_OPERATORS_MAX { Err((self.at, "operators are")) } else { Ok(()) }
    }

    fn newline(&mut self) -> Result<(), (usize, &'static str)> {
        self.at += 1;
        if self.brackets == 0 {
            self.operators = 0;
            self.chained = true;
        }
        let start = self.at;
        while matches!(self.text.get(self.at), Some(b' ' | b'\t')) {
            self.at += 1;
        }
        let blank = matches!(self.text.get(self.at), None | Some(b'\n' | b'\r' | b'#'));
        if self.brackets == 0 && !blank && self.at - start > INDENT_MAX {
            return Err((self.at, "blocks are"));
        }
        Ok(())
    }

    fn word(&mut self) -> Result<(), (usize, &'static str)> {
        let start = self.at;
        while self
            .text
            .get(self.at)
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte >= 128)
        {
            self.at += 1;
        }
        let word = &self.text[start..self.at];
        self.chained =
            matches!(word, b"not" | b"and" | b"or" | b"in" | b"is" | b"if" | b"else" | b"lambda" | b"return");
        if matches!(word, b"not" | b"lambda" | b"else" | b"await" | b"yield") {
            self.nest()?;
        }
        Ok(())
    }

    fn skip_line(&mut self) {
        while self.text.get(self.at).is_some_and(|byte| *byte != b'\n') {
            self.at += 1;
        }
    }

    fn skip_string(&mut self, quote: u8) {
        let triple = self.text.get(self.at + 1) == Some(&quote) && self.text.get(self.at + 2) == Some(&quote);
        self.at += if triple { 3 } else { 1 };
        while let Some(byte) = self.text.get(self.at).copied() {
            match byte {
                b'\\' => self.at += 2,
                b'\n' if !triple => break,
                _ if byte == quote && !triple => {
                    self.at += 1;
                    break;
                }
                _ if byte == quote && self.text[self.at..].starts_with(&[quote; 3]) => {
                    self.at += 3;
                    break;
                }
                _ => self.at += 1,
            }
        }
        self.at = self.at.min(self.text.len());
        self.chained = false;
    }
}
