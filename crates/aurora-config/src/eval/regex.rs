//! Regular expressions as Python's `re` has them, on top of `fancy-regex`: the pattern is translated, and what a match
//! may cost is bounded.

mod translate;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use fancy_regex::{Regex, RegexBuilder};

use translate::Translated;

pub(crate) const PATTERN_METHODS: &[&str] =
    &["match", "search", "fullmatch", "findall", "finditer", "sub", "split"];
pub(crate) const MATCH_METHODS: &[&str] = &["group", "groups", "groupdict", "start", "end", "span"];

pub(crate) const IGNORE_CASE: i128 = 2;
pub(crate) const MULTI_LINE: i128 = 8;
pub(crate) const DOT_ALL: i128 = 16;
pub(crate) const VERBOSE: i128 = 64;

/// Steps back that one search may take. Only patterns with look-arounds or back references take any.
const BACKTRACKS_MAX: usize = 100_000;
/// Bytes of text that a pattern with look-arounds or back references may be searched in: it may look at all of it from
/// every position.
const BACKTRACKED_BYTES_MAX: usize = 16 << 10;
/// Bytes of text times the size of the pattern: what a search without stepping back may cost.
const SEARCH_COST_MAX: usize = 50_000_000;

/// Where in the text a match may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Extent {
    /// Anywhere.
    Anywhere,
    /// At its start.
    Start,
    /// All of it.
    Whole,
}

/// A pattern, and the expressions that were made from it so far.
pub(crate) struct Pattern {
    translated: Translated,
    pub groups: usize,
    pub names: Vec<(String, usize)>,
    made: RefCell<HashMap<(Extent, bool), Rc<Regex>>>,
}

/// Where a match was found, in bytes. Group 0 is the whole.
pub(crate) struct Match {
    pub text: Rc<str>,
    pub groups: Vec<Option<(usize, usize)>>,
    pub names: Vec<(String, usize)>,
}

impl Match {
    pub fn group(&self, group: usize) -> Option<&str> {
        let (start, end) = (*self.groups.get(group)?)?;
        self.text.get(start..end)
    }

    /// Where a group starts and ends, counted in letters as Python does.
    pub fn letters(&self, group: usize) -> Option<(usize, usize)> {
        let (start, end) = (*self.groups.get(group)?)?;
        let count = |to: usize| self.text.get(..to).map_or(0, |before| before.chars().count());
        Some((count(start), count(end)))
    }
}

impl Pattern {
    pub fn compile(text: &str, flags: i128) -> Result<Self, String> {
        let translated = translate::translate(text, flags)?;
        let mut pattern =
            Self { translated, groups: 0, names: Vec::new(), made: RefCell::new(HashMap::new()) };
        let regex = pattern.regex(Extent::Anywhere, false)?;
        pattern.groups = regex.captures_len() - 1;
        let names = regex.capture_names().enumerate();
        pattern.names = names.filter_map(|(group, name)| Some((name?.to_owned(), group))).collect();
        Ok(pattern)
    }

    /// How large the pattern is with its repetitions written out, which is what compiling and searching cost.
    pub fn size(&self) -> usize {
        self.translated.size
    }

    fn regex(&self, extent: Extent, before_newline: bool) -> Result<Rc<Regex>, String> {
        let key = (extent, before_newline && self.translated.has_end);
        if let Some(regex) = self.made.borrow().get(&key) {
            return Ok(Rc::clone(regex));
        }
        let made = RegexBuilder::new(&self.translated.expression(extent, key.1))
            .backtrack_limit(BACKTRACKS_MAX)
            .build()
            .map_err(|error| error.to_string())?;
        let made = Rc::new(made);
        self.made.borrow_mut().insert(key, Rc::clone(&made));
        Ok(made)
    }

    /// The first match that starts at the byte `from` or later.
    pub fn find(&self, text: &Rc<str>, from: usize, extent: Extent) -> Result<Option<Match>, String> {
        let before_newline = text.ends_with('\n');
        let steps_back = self.translated.steps_back || (self.translated.has_end && before_newline);
        if steps_back && text.len() > BACKTRACKED_BYTES_MAX {
            return Err(format!(
                "the pattern looks around or back, which is possible in texts of up to {BACKTRACKED_BYTES_MAX} bytes"
            ));
        }
        if text.len().saturating_mul(self.translated.size) > SEARCH_COST_MAX {
            return Err("the pattern is too large for so long a text".to_owned());
        }
        let regex = self.regex(extent, before_newline)?;
        let found = regex
            .captures_from_pos(&**text, from)
            .map_err(|_| "the pattern needs too much work on this text".to_owned())?;
        Ok(found.map(|captures| Match {
            text: Rc::clone(text),
            groups: (0..=self.groups)
                .map(|group| captures.get(group).map(|group| (group.start(), group.end())))
                .collect(),
            names: self.names.clone(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::{Extent, Pattern};

    fn found(pattern: &str, text: &str) -> Option<Vec<Option<String>>> {
        found_in(pattern, text, Extent::Anywhere)
    }

    fn found_in(pattern: &str, text: &str, extent: Extent) -> Option<Vec<Option<String>>> {
        let pattern = Pattern::compile(pattern, 0).unwrap();
        let matched = pattern.find(&Rc::from(text), 0, extent).unwrap()?;
        Some((0..matched.groups.len()).map(|group| matched.group(group).map(str::to_owned)).collect())
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn matches_as_python_does() {
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
        assert_eq!(found(r"(?P<q>['\x22]).*?(?P=q)", "a 'b' c"), Some(vec![some("'b'"), some("'")]));
        assert_eq!(found(r"(a)|b", "b"), Some(vec![some("b"), None]));
        assert_eq!(found(r"x", "abc"), None);
    }

    #[test]
    fn the_syntax_that_only_python_has() {
        assert_eq!(found(r"b$", "ab\n"), Some(vec![some("b")]), "$ is also before the last newline");
        assert_eq!(found(r"b\Z", "ab\n"), None, "and \\Z is not");
        assert_eq!(found(r"(?m)^b$", "a\nb\nc"), Some(vec![some("b")]));
        assert_eq!(found(r"{{(\w+)}}", "x {{mesos}} y"), Some(vec![some("{{mesos}}"), some("mesos")]));
        assert_eq!(found(r"a{,2}b", "aaab"), Some(vec![some("aab")]));
        assert_eq!(found(r"[[a&&b]+", "x[&a"), Some(vec![some("[&a")]), "classes hold no operators");
        assert_eq!(found(r"[]a]+", "x]a"), Some(vec![some("]a")]));
        assert_eq!(found(r"\<\/a\>", "</a>"), Some(vec![some("</a>")]));
        assert_eq!(found(r"\h\.", "oh."), Some(vec![some("h.")]));
        assert_eq!(found("(?x) a  b # letters\n [ ]c", "ab c"), Some(vec![some("ab c")]));
        assert_eq!(found(r"(?i:A)b(?#comment)", "ab"), Some(vec![some("ab")]));
        assert_eq!(found(r"é+\u00e9", "ééé"), Some(vec![some("ééé")]));
    }

    #[test]
    fn anchored_matches() {
        assert_eq!(found_in("a|ab", "abc", Extent::Start), Some(vec![some("a")]));
        assert_eq!(found_in("b", "abc", Extent::Start), None);
        assert_eq!(found_in("a|ab", "ab", Extent::Whole), Some(vec![some("ab")]));
        assert_eq!(found_in("(?m)a|^ab", "ab\n", Extent::Whole), None);
    }

    #[test]
    fn mistakes_are_named() {
        for (pattern, cause) in [
            ("(", "missing )"),
            (")", "unbalanced parenthesis"),
            ("a**", "multiple repeat"),
            ("*a", "nothing to repeat"),
            ("[a", "unterminated character set"),
            ("[z-a]", "bad character range z-a"),
            (r"\2(a)", "invalid group reference 2"),
            ("a\\", "bad escape"),
            ("(?q)", "unknown extension ?q"),
        ] {
            let found = Pattern::compile(pattern, 0).err().unwrap_or_default();
            assert!(found.contains(cause), "{pattern}: {found}");
        }
    }

    #[test]
    fn hopeless_searches_end() {
        let stuck = Pattern::compile(r"(a|aa)+\1\1c", 0).unwrap();
        assert!(stuck.find(&Rc::from("a".repeat(60)), 0, Extent::Anywhere).is_err());
        let linear = Pattern::compile("(a*)*b", 0).unwrap();
        assert!(linear.find(&Rc::from("a".repeat(10_000)), 0, Extent::Anywhere).unwrap().is_none());
        assert!(Pattern::compile("((a{1000}){1000}){1000}", 0).is_err());
        let long = Pattern::compile("(?=a)a", 0).unwrap();
        assert!(long.find(&Rc::from("b".repeat(20_000)), 0, Extent::Anywhere).is_err());
    }
}
