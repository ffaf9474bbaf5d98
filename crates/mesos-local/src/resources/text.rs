//! Text grammars of resources, attributes and values (`spec/mesos.md` §3.8).

use super::{Quantity, Resources, UNRESERVED};

/// A text that does not follow the grammar.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{piece:?} is no {what}: {problem}")]
pub struct TextError {
    /// The offending part of the text.
    pub piece: String,
    /// What was wanted, with an example.
    pub what: &'static str,
    /// What is wrong with it.
    pub problem: &'static str,
}

/// A value of an attribute or resource.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A number.
    Scalar(f64),
    /// Inclusive ranges.
    Ranges(Vec<(u64, u64)>),
    /// Items.
    Set(Vec<String>),
    /// Anything else.
    Text(String),
}

/// Reads a value.
///
/// # Errors
/// It is empty, its brackets do not match, or what is in them is malformed.
pub fn parse_value(text: &str) -> Result<Value, TextError> {
    let squeezed: String = text.chars().filter(|c| *c != ' ').collect();
    let error = |problem| TextError { piece: text.to_owned(), what: "value", problem };
    if squeezed.is_empty() {
        return Err(error("it is empty"));
    }
    if !is_balanced(&squeezed) {
        return Err(error("its brackets do not match"));
    }
    match squeezed.find(['[', '{']) {
        Some(0) if squeezed.starts_with('[') => {
            let numbers: Vec<u64> = tokens(&squeezed, "[]-,\n")
                .map(|token| token.parse().map_err(|_| error("a range consists of two whole numbers")))
                .collect::<Result<_, _>>()?;
            if !numbers.len().is_multiple_of(2) {
                return Err(error("a range consists of two whole numbers"));
            }
            let ranges: Vec<(u64, u64)> = numbers.chunks(2).map(|pair| (pair[0], pair[1])).collect();
            if ranges.iter().any(|(begin, end)| begin > end) {
                return Err(error("a range ends before it begins"));
            }
            match Quantity::ranges(ranges) {
                Quantity::Ranges(ranges) => Ok(Value::Ranges(ranges)),
                Quantity::Scalar(_) | Quantity::Set(_) => Ok(Value::Ranges(Vec::new())),
            }
        }
        Some(0) => Ok(Value::Set(tokens(&squeezed, "{},\n").map(str::to_owned).collect())),
        Some(_) => Err(error("a bracket may only begin it")),
        None => match squeezed.parse::<f64>() {
            Ok(number) if number.is_subnormal() => Err(error("the number is too close to zero")),
            // "1_0", "inf" and "nan" are text; so are negative numbers.
            Ok(number) if number.is_finite() && !number.is_sign_negative() => Ok(Value::Scalar(number)),
            _ => Ok(Value::Text(squeezed)),
        },
    }
}

fn tokens<'a>(text: &'a str, separators: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(|c| separators.contains(c)).filter(|token| !token.is_empty())
}

fn is_balanced(text: &str) -> bool {
    let mut open = Vec::new();
    for c in text.chars() {
        match c {
            '[' | '{' | '(' => open.push(c),
            ']' if open.pop() != Some('[') => return false,
            '}' if open.pop() != Some('{') => return false,
            ')' if open.pop() != Some('(') => return false,
            _ => {}
        }
    }
    open.is_empty()
}

const RESOURCE: &str = "resource, as in cpus:4;mem(role):1024;ports:[31000-32000]";
const ATTRIBUTE: &str = "attribute, as in host:node7;rack:r12";

/// Reads `name(role):value;name:value…`; repeated entries are summed.
///
/// # Errors
/// The text does not follow the grammar, a value is text, or one name has values of two kinds.
pub fn parse_resources(text: &str, default_role: &str) -> Result<Resources, TextError> {
    let mut resources = Resources::default();
    let mut kinds: Vec<(String, std::mem::Discriminant<Quantity>)> = Vec::new();
    for piece in text.split(';').filter(|piece| !piece.trim().is_empty()) {
        let error = |problem| TextError { piece: piece.to_owned(), what: RESOURCE, problem };
        let (name, value) = piece.split_once(':').ok_or_else(|| error("a colon is missing"))?;
        if value.contains(':') {
            return Err(error("there is more than one colon"));
        }
        let (name, role) =
            parse_name(name.trim(), default_role).ok_or_else(|| error("the name is malformed"))?;
        let quantity = match parse_value(value)? {
            Value::Scalar(number) => Quantity::scalar(number),
            Value::Ranges(ranges) => Quantity::ranges(ranges),
            Value::Set(items) => Quantity::set(items),
            Value::Text(_) => return Err(error("the value must be a number, ranges or a set")),
        };
        let kind = std::mem::discriminant(&quantity);
        if kinds.iter().any(|(other, of)| *other == name && *of != kind) {
            return Err(error("the same name has a value of another kind before"));
        }
        kinds.push((name.clone(), kind));
        resources.add_entry(&name, &role, &quantity);
    }
    Ok(resources)
}

fn parse_name(text: &str, default_role: &str) -> Option<(String, String)> {
    let (name, role) = match text.split_once('(') {
        None => (text, default_role),
        Some((name, rest)) => (name.trim(), rest.trim_end().strip_suffix(')')?.trim()),
    };
    let is_role = role == UNRESERVED || is_valid_role(role);
    (!name.is_empty() && !name.contains(')') && is_role).then(|| (name.to_owned(), role.to_owned()))
}

/// The grammar of roles (`spec/mesos.md` §1.15), the unreserved one left out.
pub(crate) fn is_valid_role(role: &str) -> bool {
    role.split('/').all(|part| {
        !part.is_empty()
            && part != "."
            && part != ".."
            && part != "*"
            && !part.starts_with('-')
            && !part.chars().any(|c| c.is_whitespace() || c == '\u{7f}')
    })
}

/// Reads `name:value;name:value…`. Duplicate names and their order are kept, and a value may contain a colon.
///
/// # Errors
/// A name or value is missing, or a value is a set or malformed.
pub fn parse_attributes(text: &str) -> Result<Vec<(String, Value)>, TextError> {
    let mut attributes = Vec::new();
    for piece in text.split([';', '\n']).filter(|piece| !piece.trim().is_empty()) {
        let error = |problem| TextError { piece: piece.to_owned(), what: ATTRIBUTE, problem };
        let (name, value) = piece.split_once(':').ok_or_else(|| error("a colon is missing"))?;
        if name.trim().is_empty() || value.trim().is_empty() {
            return Err(error("the name or the value is missing"));
        }
        match parse_value(value)? {
            Value::Set(_) => return Err(error("a set cannot be an attribute")),
            value => attributes.push((name.trim().to_owned(), value)),
        }
    }
    Ok(attributes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mesos_a6_resource_and_attribute_grammar() {
        let text = "cpus:4;mem(aurora):1024;ports:[31000-31999,40000-40010];zones:{a,b}";
        let resources = parse_resources(text, "*").unwrap();
        assert_eq!(
            resources.to_string(),
            "cpus:4; mem(reservations: [(STATIC,aurora)]):1024; ports:[31000-31999, 40000-40010]; zones:{a, b}"
        );
        assert_eq!(parse_resources("cpus:2;cpus:2", "*"), parse_resources(" cpus : 4 ", "*"));
        assert_eq!(parse_resources("cpus:2", "ops").unwrap().entries()[0].role, "ops");
        assert!(parse_resources("cpus:0", "*").unwrap().is_empty());
        for bad in [
            "cpus",
            "cpus:4:5",
            "cpus:x",
            "cpus:",
            "cpus:1;cpus:[1-2]",
            "ports:[1-2",
            "ports:[1-2-3]",
            "ports:[a-b]",
            "ports:[5-1]",
            "ports:1[2-3]",
            "(r):1",
            "cpus(-x):1",
            "cpus:-1",
            "cpus:{a}x}",
        ] {
            assert!(parse_resources(bad, "*").is_err(), "{bad}");
        }

        let attributes =
            parse_attributes("rack:r12;host:node7;level:10;ports:[1-5]\nurl:http://x:1;rack:r13").unwrap();
        assert_eq!(
            attributes,
            [
                ("rack".to_owned(), Value::Text("r12".to_owned())),
                ("host".to_owned(), Value::Text("node7".to_owned())),
                ("level".to_owned(), Value::Scalar(10.0)),
                ("ports".to_owned(), Value::Ranges(vec![(1, 5)])),
                ("url".to_owned(), Value::Text("http://x:1".to_owned())),
                ("rack".to_owned(), Value::Text("r13".to_owned())),
            ]
        );
        for bad in ["rack", "rack:", ":a", "rack:{a,b}", "rack:a]", "rack:a[1-2]"] {
            assert!(parse_attributes(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn values_follow_the_table() {
        assert_eq!(parse_value("[]"), Ok(Value::Ranges(vec![])));
        assert_eq!(parse_value("[1-3, 4-5]"), Ok(Value::Ranges(vec![(1, 5)])));
        assert_eq!(parse_value("{a, b}"), Ok(Value::Set(vec!["a".into(), "b".into()])));
        assert_eq!(parse_value("1.5"), Ok(Value::Scalar(1.5)));
        assert_eq!(parse_value("-1"), Ok(Value::Text("-1".into())));
        assert_eq!(parse_value("inf"), Ok(Value::Text("inf".into())));
        assert!(parse_value(" ").is_err());
        assert!(parse_value("1e-310").is_err());
    }
}
