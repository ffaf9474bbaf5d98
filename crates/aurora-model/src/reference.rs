//! References: addresses such as `profile.version` or `thermos.ports[http]` (`spec/config.md` §1.6).

use std::fmt;
use std::sync::Arc;

/// One step of a reference.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Component {
    /// `.name`
    Name(Arc<str>),
    /// `[index]`, its text uninterpreted.
    Index(Arc<str>),
}

impl Component {
    /// The name or index without its punctuation.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Name(text) | Self::Index(text) => text,
        }
    }
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, ".{name}"),
            Self::Index(index) => write!(f, "[{index}]"),
        }
    }
}

/// An address: one or more components. Shows as the canonical address, without a leading dot.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ref {
    components: Arc<[Component]>,
}

impl Ref {
    /// Parses an address.
    ///
    /// # Errors
    /// [`InvalidAddress`] with what is wrong, worded as upstream words it.
    pub fn parse(address: &str) -> Result<Self, InvalidAddress> {
        let implicit_dot = address.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !implicit_dot && !address.starts_with(['.', '[']) {
            return Err(InvalidAddress::new(address, AddressForm::BadStart));
        }
        let mut components = Vec::new();
        let mut rest = address;
        let mut expects_name = implicit_dot;
        while expects_name || !rest.is_empty() {
            let component;
            (component, rest) = next_component(rest, expects_name)
                .ok_or_else(|| InvalidAddress::new(address, AddressForm::Malformed { implicit_dot }))?;
            components.push(component);
            expects_name = false;
        }
        Ok(Self { components: components.into() })
    }

    /// A reference made of these components; `None` if there are none.
    #[must_use]
    pub fn from_components(components: Vec<Component>) -> Option<Self> {
        (!components.is_empty()).then(|| Self { components: components.into() })
    }

    /// All components, at least one.
    #[must_use]
    pub fn components(&self) -> &[Component] {
        &self.components
    }

    /// This address followed by another.
    #[must_use]
    pub fn join(&self, other: &Ref) -> Ref {
        Self { components: self.components.iter().chain(other.components.iter()).cloned().collect() }
    }

    /// The index right below this prefix: `thermos.ports` of `thermos.ports[http]` gives `http`. Further components
    /// are ignored (`spec/config.md` §5.5).
    #[must_use]
    pub fn index_below(&self, prefix: &[&str]) -> Option<&str> {
        let (head, tail) = self.components.split_at_checked(prefix.len())?;
        let matches = head.iter().zip(prefix).all(|(c, p)| matches!(c, Component::Name(n) if &**n == *p));
        match tail.first() {
            Some(Component::Index(index)) if matches => Some(index),
            _ => None,
        }
    }
}

impl fmt::Display for Ref {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_address(f, &self.components)
    }
}

/// Writes components as a canonical address.
pub(crate) fn write_address(f: &mut impl fmt::Write, components: &[Component]) -> fmt::Result {
    for (position, component) in components.iter().enumerate() {
        match component {
            Component::Name(name) if position == 0 => f.write_str(name)?,
            other => write!(f, "{other}")?,
        }
    }
    Ok(())
}

/// Takes one component off the front. With `bare` it is a name whose dot was left out.
fn next_component(text: &str, bare: bool) -> Option<(Component, &str)> {
    if !bare && let Some(indexed) = text.strip_prefix('[') {
        let end = indexed.find(|c: char| !is_index_char(c))?;
        let rest = indexed[end..].strip_prefix(']')?;
        return (end > 0).then(|| (Component::Index(indexed[..end].into()), rest));
    }
    let named = if bare { text } else { text.strip_prefix('.')? };
    if !named.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        return None;
    }
    let end = named.find(|c: char| !is_word_char(c)).unwrap_or(named.len());
    Some((Component::Name(named[..end].into()), &named[end..]))
}

fn is_word_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn is_index_char(c: char) -> bool {
    is_word_char(c) || matches!(c, '-' | '.' | '/')
}

/// A text that is not an address. Shows as upstream's message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidAddress {
    /// The text as written between the braces.
    pub address: String,
    /// What a person most likely did.
    pub finding: AddressFinding,
    form: AddressForm,
}

/// Which of upstream's three messages applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AddressForm {
    BadStart,
    Malformed { implicit_dot: bool },
}

/// Why a text between braces is not an address, as far as can be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddressFinding {
    /// Only spaces around an address: it would be this without them. The advice is `{{profile.x}}` instead of
    /// `{{ profile.x }}`; it is never trimmed silently, since other template languages allow spaces.
    SurroundingSpaces {
        /// The address without the spaces.
        trimmed: Ref,
    },
    /// Looks like a section, partial or comment of another template language (`{{#each x}}`, `{{!x}}`); the advice is
    /// the escape `{{&…}}`.
    OtherTemplateLanguage,
    /// An index with a quote, space or other character that is not allowed between the brackets.
    BadIndex,
    /// Anything else.
    Malformed,
}

impl InvalidAddress {
    fn new(address: &str, form: AddressForm) -> Self {
        let trimmed = address.trim();
        let finding = if trimmed.len() != address.len()
            && let Ok(trimmed) = Ref::parse(trimmed)
        {
            AddressFinding::SurroundingSpaces { trimmed }
        } else if trimmed.starts_with(['#', '/', '>', '!', '^', '=', '%', '-', '$'])
            || trimmed.contains(['|', '"', '('])
            || [
                "if ",
                "else ",
                "for ",
                "end ",
                "range ",
                "with ",
                "template ",
                "define ",
                "block ",
                "include ",
            ]
            .iter()
            .any(|word| trimmed.starts_with(word))
        {
            AddressFinding::OtherTemplateLanguage
        } else if address.contains('[') {
            AddressFinding::BadIndex
        } else {
            AddressFinding::Malformed
        };
        Self { address: address.to_owned(), finding, form }
    }
}

impl fmt::Display for InvalidAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = &self.address;
        match self.form {
            AddressForm::BadStart if address.is_empty() => f.write_str("Invalid address: ''"),
            AddressForm::BadStart => f.write_str(address),
            AddressForm::Malformed { implicit_dot } => {
                write!(f, "Badly formed address {}{address}", if implicit_dot { "." } else { "" })
            }
        }
    }
}

impl std::error::Error for InvalidAddress {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn config_28_a_leading_dot_means_nothing() {
        assert_eq!(Ref::parse(".a"), Ref::parse("a"));
        assert_eq!(Ref::parse("[0].a[b]").unwrap().to_string(), "[0].a[b]");
    }

    #[test]
    fn spaces_around_an_address_are_their_own_finding() {
        let error = Ref::parse(" profile.x ").unwrap_err();
        assert_eq!(error.to_string(), " profile.x ");
        assert_eq!(
            error.finding,
            AddressFinding::SurroundingSpaces { trimmed: Ref::parse("profile.x").unwrap() }
        );
        assert_eq!(Ref::parse("#each k").unwrap_err().finding, AddressFinding::OtherTemplateLanguage);
        assert_eq!(Ref::parse("a['b']").unwrap_err().finding, AddressFinding::BadIndex);
        assert_eq!(Ref::parse("a-b").unwrap_err().finding, AddressFinding::Malformed);
    }

    #[test]
    fn malformed_addresses_are_refused() {
        for bad in ["", ".", "[", "[]", "a.", "a..b", "a[", "a[]", "a]", "a.9", "a[x", "a[x]b", "é", "a\n"] {
            assert!(Ref::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_port_of_a_reference_is_the_index_below_its_prefix() {
        let port = |address: &str| {
            Ref::parse(address).unwrap().index_below(&["thermos", "ports"]).map(str::to_owned)
        };
        assert_eq!(port("thermos.ports[http]").as_deref(), Some("http"));
        assert_eq!(port("thermos.ports[http].y").as_deref(), Some("http"));
        assert_eq!(port("thermos.ports.http"), None);
        assert_eq!(port("thermos.ports"), None);
        assert_eq!(port("thermos.task_id"), None);
    }
}
