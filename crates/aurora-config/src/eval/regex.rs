//! Regular expressions as Python's `re` has them, matched by backtracking within the budget.

mod compile;

use std::rc::Rc;

use compile::Parser;

pub(crate) const PATTERN_METHODS: &[&str] =
    &["match", "search", "fullmatch", "findall", "finditer", "sub", "split"];
pub(crate) const MATCH_METHODS: &[&str] = &["group", "groups", "groupdict", "start", "end", "span"];

/// A compiled expression.
pub(crate) struct Pattern {
    node: Node,
    pub groups: usize,
    pub names: Vec<(String, usize)>,
    ignore_case: bool,
    multi_line: bool,
    dot_all: bool,
}

/// Where a match was found: letters, not bytes. Group 0 is the whole.
pub(crate) struct Match {
    pub letters: Rc<[char]>,
    pub groups: Vec<Option<(usize, usize)>>,
    pub names: Vec<(String, usize)>,
}

impl Match {
    pub fn text(&self, group: usize) -> Option<String> {
        let (start, end) = (*self.groups.get(group)?)?;
        Some(self.letters[start..end].iter().collect())
    }
}

#[derive(Debug)]
enum Node {
    Empty,
    Letter(char),
    Any,
    Class { negated: bool, parts: Vec<ClassPart> },
    Start,
    End,
    TextStart,
    TextEnd,
    Boundary(bool),
    Group(Option<usize>, Box<Node>),
    Back(usize),
    Sequence(Vec<Node>),
    Either(Vec<Node>),
    Repeat { node: Box<Node>, least: usize, most: usize, greedy: bool },
    Look { node: Box<Node>, ahead: bool, negated: bool },
}

#[derive(Debug, Clone)]
enum ClassPart {
    Range(char, char),
    Kind(char),
}

/// Why a match attempt ended early.
pub(crate) struct TooMuchWork;

/// Steps one call may take.
const STEPS_MAX: usize = 400_000;
/// Nested groups and repetitions while matching.
const DEPTH_MAX: usize = 4_000;

pub(crate) const IGNORE_CASE: i128 = 2;
pub(crate) const MULTI_LINE: i128 = 8;
pub(crate) const DOT_ALL: i128 = 16;
pub(crate) const VERBOSE: i128 = 64;

impl Pattern {
    pub fn compile(text: &str, flags: i128) -> Result<Self, String> {
        let mut parser = Parser::new(text, flags);
        let node = parser.either()?;
        if parser.at < parser.letters.len() {
            return Err("unbalanced parenthesis".to_owned());
        }
        Ok(Self {
            node,
            groups: parser.groups,
            names: parser.names,
            ignore_case: parser.flags & IGNORE_CASE != 0,
            multi_line: parser.flags & MULTI_LINE != 0,
            dot_all: parser.flags & DOT_ALL != 0,
        })
    }

    /// The first match that starts at `from` or, unless `anchored`, later.
    pub fn find(
        &self,
        letters: &Rc<[char]>,
        from: usize,
        anchored: bool,
        whole: bool,
        spent: &mut usize,
    ) -> Result<Option<Match>, TooMuchWork> {
        let last = if anchored { from } else { letters.len() };
        for start in from..=last {
            let mut matcher = Matcher {
                pattern: self,
                letters,
                groups: vec![None; self.groups + 1],
                steps: spent,
                depth: 0,
            };
            let end = matcher
                .node(&self.node, start, &mut |_, end| Ok((!whole || end == letters.len()).then_some(end)))?;
            if let Some(end) = end {
                let mut groups = matcher.groups;
                groups[0] = Some((start, end));
                return Ok(Some(Match { letters: Rc::clone(letters), groups, names: self.names.clone() }));
            }
        }
        Ok(None)
    }
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

type Continue<'c> = &'c mut dyn FnMut(&mut Matcher<'_>, usize) -> Result<Option<usize>, TooMuchWork>;

struct Matcher<'p> {
    pattern: &'p Pattern,
    letters: &'p [char],
    groups: Vec<Option<(usize, usize)>>,
    steps: &'p mut usize,
    depth: usize,
}

impl Matcher<'_> {
    fn node(&mut self, node: &Node, at: usize, then: Continue<'_>) -> Result<Option<usize>, TooMuchWork> {
        *self.steps += 1;
        self.depth += 1;
        if *self.steps > STEPS_MAX || self.depth > DEPTH_MAX {
            return Err(TooMuchWork);
        }
        let result = self.node_inner(node, at, then);
        self.depth -= 1;
        result
    }

    fn node_inner(
        &mut self,
        node: &Node,
        at: usize,
        then: Continue<'_>,
    ) -> Result<Option<usize>, TooMuchWork> {
        match node {
            Node::Empty => then(self, at),
            Node::Letter(_) | Node::Any | Node::Class { .. } => {
                let matches = self.letters.get(at).is_some_and(|letter| self.one(node, *letter));
                if matches { then(self, at + 1) } else { Ok(None) }
            }
            Node::Start if at == 0 || (self.pattern.multi_line && self.letters[at - 1] == '\n') => {
                then(self, at)
            }
            Node::TextStart if at == 0 => then(self, at),
            Node::TextEnd if at == self.letters.len() => then(self, at),
            Node::End
                if at == self.letters.len()
                    || (at + 1 == self.letters.len() && self.letters[at] == '\n')
                    || (self.pattern.multi_line && self.letters[at] == '\n') =>
            {
                then(self, at)
            }
            Node::Boundary(wanted) => {
                let before = at > 0 && is_word(self.letters[at - 1]);
                let after = self.letters.get(at).is_some_and(|letter| is_word(*letter));
                if (before != after) == *wanted { then(self, at) } else { Ok(None) }
            }
            Node::Start | Node::TextStart | Node::TextEnd | Node::End => Ok(None),
            Node::Group(None, inner) => self.node(inner, at, then),
            Node::Group(Some(number), inner) => {
                let old = self.groups[*number];
                let result = self.node(inner, at, &mut |this, end| {
                    let inside = this.groups[*number];
                    this.groups[*number] = Some((at, end));
                    let result = then(this, end)?;
                    if result.is_none() {
                        this.groups[*number] = inside;
                    }
                    Ok(result)
                })?;
                if result.is_none() {
                    self.groups[*number] = old;
                }
                Ok(result)
            }
            Node::Back(number) => {
                let Some((start, end)) = self.groups.get(*number).copied().flatten() else { return Ok(None) };
                let length = end - start;
                let same = at + length <= self.letters.len()
                    && self.letters[start..end] == self.letters[at..at + length];
                if same { then(self, at + length) } else { Ok(None) }
            }
            Node::Sequence(nodes) => self.sequence(nodes, at, then),
            Node::Either(options) => {
                for option in options {
                    if let Some(end) = self.node(option, at, then)? {
                        return Ok(Some(end));
                    }
                }
                Ok(None)
            }
            Node::Repeat { node, least, most, greedy } => self.repeat(node, *least, *most, *greedy, at, then),
            Node::Look { node, ahead, negated } => {
                let found = if *ahead {
                    self.node(node, at, &mut |_, end| Ok(Some(end)))?.is_some()
                } else {
                    let mut found = false;
                    for start in 0..=at {
                        if self.node(node, start, &mut |_, end| Ok((end == at).then_some(end)))?.is_some() {
                            found = true;
                            break;
                        }
                    }
                    found
                };
                if found == *negated { Ok(None) } else { then(self, at) }
            }
        }
    }

    fn sequence(
        &mut self,
        nodes: &[Node],
        at: usize,
        then: Continue<'_>,
    ) -> Result<Option<usize>, TooMuchWork> {
        match nodes.split_first() {
            None => then(self, at),
            Some((first, rest)) => self.node(first, at, &mut |this, end| this.sequence(rest, end, then)),
        }
    }

    fn repeat(
        &mut self,
        node: &Node,
        least: usize,
        most: usize,
        greedy: bool,
        at: usize,
        then: Continue<'_>,
    ) -> Result<Option<usize>, TooMuchWork> {
        if matches!(node, Node::Letter(_) | Node::Any | Node::Class { .. }) {
            return self.repeat_letters(node, least, most, greedy, at, then);
        }
        *self.steps += 1;
        if *self.steps > STEPS_MAX || self.depth > DEPTH_MAX {
            return Err(TooMuchWork);
        }
        if !greedy
            && least == 0
            && let Some(end) = then(self, at)?
        {
            return Ok(Some(end));
        }
        if most > 0 {
            let again = self.node(node, at, &mut |this, end| {
                // A repetition of nothing would never end.
                if end == at && least == 0 {
                    return Ok(None);
                }
                this.depth += 1;
                let more = if most == usize::MAX { most } else { most - 1 };
                let result = this.repeat(node, least.saturating_sub(1), more, greedy, end, then);
                this.depth -= 1;
                result
            })?;
            if again.is_some() {
                return Ok(again);
            }
        }
        if greedy && least == 0 { then(self, at) } else { Ok(None) }
    }

    /// Repeated single letters need no nesting.
    fn repeat_letters(
        &mut self,
        node: &Node,
        least: usize,
        most: usize,
        greedy: bool,
        at: usize,
        then: Continue<'_>,
    ) -> Result<Option<usize>, TooMuchWork> {
        let room = self.letters.len() - at;
        let fitting = self.letters[at..]
            .iter()
            .take(most.min(room))
            .take_while(|letter| self.one(node, **letter))
            .count();
        *self.steps += fitting / 8;
        if fitting < least {
            return Ok(None);
        }
        let mut counts: Box<dyn Iterator<Item = usize>> =
            if greedy { Box::new((least..=fitting).rev()) } else { Box::new(least..=fitting) };
        counts.find_map(|count| then(self, at + count).transpose()).transpose()
    }

    fn one(&self, node: &Node, letter: char) -> bool {
        let fold = |letter: char| {
            if self.pattern.ignore_case { letter.to_lowercase().next().unwrap_or(letter) } else { letter }
        };
        match node {
            Node::Letter(wanted) => fold(*wanted) == fold(letter),
            Node::Any => self.pattern.dot_all || letter != '\n',
            Node::Class { negated, parts } => {
                let within = |letter: char| {
                    parts.iter().any(|part| match part {
                        ClassPart::Range(low, high) => (*low..=*high).contains(&letter),
                        ClassPart::Kind('d') => letter.is_ascii_digit(),
                        ClassPart::Kind('D') => !letter.is_ascii_digit(),
                        ClassPart::Kind('w') => is_word(letter),
                        ClassPart::Kind('W') => !is_word(letter),
                        ClassPart::Kind('s') => letter.is_whitespace(),
                        ClassPart::Kind(_) => !letter.is_whitespace(),
                    })
                };
                let mut found = within(letter);
                if self.pattern.ignore_case {
                    found = found || letter.to_lowercase().any(within) || letter.to_uppercase().any(within);
                }
                found != *negated
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::Pattern;

    fn found(pattern: &str, text: &str) -> Option<Vec<Option<String>>> {
        let pattern = Pattern::compile(pattern, 0).unwrap();
        let letters: Rc<[char]> = text.chars().collect();
        let matched = pattern.find(&letters, 0, false, false, &mut 0).ok().unwrap()?;
        Some((0..matched.groups.len()).map(|group| matched.text(group)).collect())
    }

    #[test]
    fn matches_as_python_does() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(found(r"(\d+)-(\d+)", "v 12-34"), Some(vec![some("12-34"), some("12"), some("34")]));
        assert_eq!(found(r"^a|b$", "xb"), Some(vec![some("b")]));
        assert_eq!(found(r"(?P<x>a*?)b", "aab"), Some(vec![some("aab"), some("aa")]));
        assert_eq!(
            found(r"(a|ab)(c|bcd)(d*)", "abcd"),
            Some(vec![some("abcd"), some("a"), some("bcd"), some("")])
        );
        assert_eq!(found(r"[^\s,]{2,3}", "a bcde"), Some(vec![some("bcd")]));
        assert_eq!(found(r"(?i)FOO(?=bar)", "xfoobar"), Some(vec![some("foo")]));
        assert_eq!(found(r"(\w)\1", "abccd"), Some(vec![some("cc"), some("c")]));
        assert_eq!(found(r"x", "abc"), None);
        assert!(Pattern::compile("(", 0).is_err());
        assert!(Pattern::compile("a**", 0).is_err());
    }

    #[test]
    fn hopeless_backtracking_ends() {
        let pattern = Pattern::compile("(a*)*b", 0).unwrap();
        let letters: Rc<[char]> = "a".repeat(40).chars().collect();
        assert!(pattern.find(&letters, 0, false, false, &mut 0).is_err());
    }
}
