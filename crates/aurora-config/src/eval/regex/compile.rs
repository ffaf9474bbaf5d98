//! Text to a tree of the expression.

use super::{ClassPart, DOT_ALL, IGNORE_CASE, MULTI_LINE, Node, VERBOSE};

/// Reads an expression letter by letter.
pub(super) struct Parser {
    pub letters: Vec<char>,
    pub at: usize,
    pub groups: usize,
    pub names: Vec<(String, usize)>,
    pub flags: i128,
    depth: usize,
}

impl Parser {
    pub fn new(text: &str, flags: i128) -> Self {
        Self { letters: text.chars().collect(), at: 0, groups: 0, names: Vec::new(), flags, depth: 0 }
    }

    fn peek(&self) -> Option<char> {
        self.letters.get(self.at).copied()
    }

    fn take(&mut self, wanted: &str) -> bool {
        let matches =
            wanted.chars().enumerate().all(|(i, letter)| self.letters.get(self.at + i) == Some(&letter));
        if matches {
            self.at += wanted.chars().count();
        }
        matches
    }

    pub fn either(&mut self) -> Result<Node, String> {
        self.depth += 1;
        if self.depth > 100 {
            return Err("groups nest too deep".to_owned());
        }
        let mut options = vec![self.sequence()?];
        while self.take("|") {
            options.push(self.sequence()?);
        }
        self.depth -= 1;
        Ok(if options.len() == 1 { options.remove(0) } else { Node::Either(options) })
    }

    fn sequence(&mut self) -> Result<Node, String> {
        let mut nodes = Vec::new();
        while let Some(letter) = self.peek() {
            if matches!(letter, '|' | ')') {
                break;
            }
            if self.flags & VERBOSE != 0 && (letter.is_whitespace() || letter == '#') {
                self.at += 1;
                while letter == '#' && self.peek().is_some_and(|letter| letter != '\n') {
                    self.at += 1;
                }
                continue;
            }
            let node = self.atom()?;
            nodes.push(self.repeated(node)?);
        }
        Ok(Node::Sequence(nodes))
    }

    fn repeated(&mut self, mut node: Node) -> Result<Node, String> {
        loop {
            let before = self.at;
            let (least, most) = match self.peek() {
                Some('*') => (0, usize::MAX),
                Some('+') => (1, usize::MAX),
                Some('?') => (0, 1),
                Some('{') => match self.bounds() {
                    Some(bounds) => bounds,
                    None => {
                        self.at = before;
                        return Ok(node);
                    }
                },
                _ => return Ok(node),
            };
            if self.at == before {
                self.at += 1;
            }
            if matches!(node, Node::Repeat { .. }) {
                return Err("multiple repeat".to_owned());
            }
            let greedy = !self.take("?");
            node = Node::Repeat { node: Box::new(node), least, most, greedy };
        }
    }

    /// `{m}`, `{m,}`, `{,n}`, `{m,n}`
    fn bounds(&mut self) -> Option<(usize, usize)> {
        let close = self.letters[self.at..].iter().position(|letter| *letter == '}')? + self.at;
        let inner: String = self.letters[self.at + 1..close].iter().collect();
        let (least, most) = match inner.split_once(',') {
            Some((least, most)) => (
                if least.is_empty() { 0 } else { least.parse().ok()? },
                if most.is_empty() { usize::MAX } else { most.parse().ok()? },
            ),
            None => {
                let count = inner.parse().ok()?;
                (count, count)
            }
        };
        self.at = close + 1;
        Some((least, most))
    }

    fn atom(&mut self) -> Result<Node, String> {
        let Some(letter) = self.peek() else { return Ok(Node::Empty) };
        self.at += 1;
        match letter {
            '.' => Ok(Node::Any),
            '^' => Ok(Node::Start),
            '$' => Ok(Node::End),
            '(' => self.group(),
            '[' => self.class(),
            '\\' => self.escape(),
            '*' | '+' | '?' => Err("nothing to repeat".to_owned()),
            other => Ok(Node::Letter(other)),
        }
    }

    fn group(&mut self) -> Result<Node, String> {
        let mut wrap: fn(Node) -> Node = |node| Node::Group(None, Box::new(node));
        let mut number = None;
        if self.take("?P<") || (!self.letters_ahead("?<=") && !self.letters_ahead("?<!") && self.take("?<")) {
            let mut name = String::new();
            while let Some(letter) = self.peek() {
                self.at += 1;
                if letter == '>' {
                    break;
                }
                name.push(letter);
            }
            self.groups += 1;
            number = Some(self.groups);
            self.names.push((name, self.groups));
        } else if self.take("?P=") {
            let mut name = String::new();
            while let Some(letter) = self.peek().filter(|letter| *letter != ')') {
                self.at += 1;
                name.push(letter);
            }
            self.take(")");
            let group = self.names.iter().find(|(known, _)| *known == name).map(|(_, group)| *group);
            return group.map(Node::Back).ok_or_else(|| format!("unknown group name '{name}'"));
        } else if self.take("?=") {
            wrap = |node| Node::Look { node: Box::new(node), ahead: true, negated: false };
        } else if self.take("?!") {
            wrap = |node| Node::Look { node: Box::new(node), ahead: true, negated: true };
        } else if self.take("?<=") {
            wrap = |node| Node::Look { node: Box::new(node), ahead: false, negated: false };
        } else if self.take("?<!") {
            wrap = |node| Node::Look { node: Box::new(node), ahead: false, negated: true };
        } else if self.take("?:") {
        } else if self.take("?#") {
            while self.peek().is_some_and(|letter| letter != ')') {
                self.at += 1;
            }
        } else if self.take("?") {
            while let Some(letter) = self.peek().filter(|letter| *letter != ')') {
                self.at += 1;
                self.flags |= match letter {
                    'i' => IGNORE_CASE,
                    'm' => MULTI_LINE,
                    's' => DOT_ALL,
                    'x' => VERBOSE,
                    'u' | 'a' | 'L' => 0,
                    _ => return Err(format!("unknown extension ?{letter}")),
                };
            }
        } else {
            self.groups += 1;
            number = Some(self.groups);
        }
        let inner = self.either()?;
        if !self.take(")") {
            return Err("missing ), unterminated subpattern".to_owned());
        }
        Ok(if number.is_some() { Node::Group(number, Box::new(inner)) } else { wrap(inner) })
    }

    fn letters_ahead(&self, wanted: &str) -> bool {
        wanted.chars().enumerate().all(|(i, letter)| self.letters.get(self.at + i) == Some(&letter))
    }

    fn escape(&mut self) -> Result<Node, String> {
        let Some(letter) = self.peek() else { return Err("bad escape at the end".to_owned()) };
        self.at += 1;
        Ok(match letter {
            'd' | 'D' | 'w' | 'W' | 's' | 'S' => {
                Node::Class { negated: false, parts: vec![ClassPart::Kind(letter)] }
            }
            'b' => Node::Boundary(true),
            'B' => Node::Boundary(false),
            'A' => Node::TextStart,
            'Z' => Node::TextEnd,
            '1'..='9' => {
                let group = usize::try_from(letter.to_digit(10).unwrap_or(0)).unwrap_or(0);
                if group > self.groups {
                    return Err(format!("invalid group reference {group}"));
                }
                Node::Back(group)
            }
            other => Node::Letter(plain_escape(other)),
        })
    }

    fn class(&mut self) -> Result<Node, String> {
        let negated = self.take("^");
        let mut parts = Vec::new();
        let mut first = true;
        loop {
            let Some(letter) = self.peek() else { return Err("unterminated character set".to_owned()) };
            self.at += 1;
            if letter == ']' && !first {
                return Ok(Node::Class { negated, parts });
            }
            first = false;
            let low = if letter == '\\' {
                let escaped = self.peek().ok_or("bad escape at the end")?;
                self.at += 1;
                if "dDwWsS".contains(escaped) {
                    parts.push(ClassPart::Kind(escaped));
                    continue;
                }
                plain_escape(escaped)
            } else {
                letter
            };
            let is_range =
                self.peek() == Some('-') && self.letters.get(self.at + 1).is_some_and(|next| *next != ']');
            if !is_range {
                parts.push(ClassPart::Range(low, low));
                continue;
            }
            self.at += 1;
            let mut high = self.peek().ok_or("unterminated character set")?;
            self.at += 1;
            if high == '\\' {
                high = plain_escape(self.peek().ok_or("bad escape at the end")?);
                self.at += 1;
            }
            if high < low {
                return Err(format!("bad character range {low}-{high}"));
            }
            parts.push(ClassPart::Range(low, high));
        }
    }
}

fn plain_escape(letter: char) -> char {
    match letter {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'f' => '\u{c}',
        'v' => '\u{b}',
        other => other,
    }
}
