//! The types and helpers the cases assume.

use std::sync::{Arc, LazyLock};

use aurora_model::{Error, Raw, Ref, Signature, Type, Value};

pub struct Types {
    pub mood: Type,
    pub disk: Type,
    pub host: Type,
    pub rack: Type,
    pub site: Type,
    pub int_or_str: Type,
    pub str_or_int: Type,
    pub slot: Type,
    pub ints: Type,
    pub strings: Type,
}

static TYPES: LazyLock<Types> = LazyLock::new(|| make().unwrap());

fn make() -> Result<Types, Error> {
    use Type::{Integer, String};
    let mood = Type::enumeration(Some("Mood"), vec!["calm".into(), "busy".into()])?;
    let disk = Type::structure(
        "Disk",
        [("path", Signature::required(String)), ("gb", Signature::default(Integer, &Raw::from(10))?)],
    )?;
    let host = Type::structure(
        "Host",
        [
            ("name", Signature::required(String)),
            ("disks", Signature::optional(Type::list(disk.clone())?)),
            ("tags", Signature::optional(Type::map(String, String)?)),
            ("mood", Signature::optional(mood.clone())),
            ("label", Signature::default(String, &Raw::from("h-{{name}}"))?),
            ("note", Signature::optional(String)),
        ],
    )?;
    let rack = Type::structure(
        "Rack",
        [
            ("name", Signature::optional(String)),
            ("zone", Signature::default(String, &Raw::from("z1"))?),
            ("host", Signature::optional(host.clone())),
        ],
    )?;
    let site = Type::structure(
        "Site",
        [("name", Signature::optional(String)), ("rack", Signature::optional(rack.clone()))],
    )?;
    let int_or_str = Type::choice(None, vec![Integer, String])?;
    let str_or_int = Type::choice(None, vec![String, Integer])?;
    let slot = Type::structure(
        "Slot",
        [("v", Signature::optional(int_or_str.clone())), ("t", Signature::optional(String))],
    )?;
    let (ints, strings) = (Type::list(Integer)?, Type::list(String)?);
    Ok(Types { mood, disk, host, rack, site, int_or_str, str_or_int, slot, ints, strings })
}

pub fn types() -> &'static Types {
    &TYPES
}

/// Keyword arguments.
pub fn kw<R: Into<Raw> + Clone, const N: usize>(named: [(&str, R); N]) -> Vec<(Arc<str>, Raw)> {
    named.into_iter().map(|(name, raw)| (name.into(), raw.into())).collect()
}

/// Calls a type with one argument.
pub fn one(ty: &Type, raw: impl Into<Raw>) -> Value {
    ty.call(&[raw.into()], &[]).unwrap()
}

/// Calls a struct with keywords.
pub fn with<R: Into<Raw> + Clone, const N: usize>(ty: &Type, named: [(&str, R); N]) -> Value {
    ty.call(&[], &kw(named)).unwrap()
}

pub fn string(text: &str) -> Value {
    one(&Type::String, text)
}

pub fn none() -> [(&'static str, Raw); 0] {
    []
}

pub trait Binding {
    fn with<R: Into<Raw> + Clone, const N: usize>(&self, named: [(&str, R); N]) -> Value;
    fn scoped<R: Into<Raw> + Clone, const N: usize>(&self, named: [(&str, R); N]) -> Value;
    fn get_field(&self, name: &str) -> Value;
}

impl Binding for Value {
    fn with<R: Into<Raw> + Clone, const N: usize>(&self, named: [(&str, R); N]) -> Value {
        self.bind(&[], &kw(named)).unwrap()
    }

    fn scoped<R: Into<Raw> + Clone, const N: usize>(&self, named: [(&str, R); N]) -> Value {
        self.in_scope(&[], &kw(named)).unwrap()
    }

    fn get_field(&self, name: &str) -> Value {
        self.field(name).unwrap().unwrap()
    }
}

/// Raw value of the interpolated object, as it would be written.
pub fn value(of: &Value) -> String {
    match of.interpolate() {
        Ok(interpolated) => interpolated.value.get().unwrap().to_string(),
        Err(error) => raises(&error),
    }
}

/// Addresses of the unresolved references, in order.
pub fn unbound(of: &Value) -> Vec<String> {
    of.interpolate().unwrap().unbound.iter().map(|unbound| unbound.reference.to_string()).collect()
}

/// `OK` or `FAIL <message>`, or the error that upstream's check lets through.
pub fn check(of: &Value) -> String {
    let check = of.check();
    match check.problems.first() {
        None => "OK".to_owned(),
        Some(problem) => match &problem.cause {
            aurora_model::Cause::Broken(error @ Error::InvalidReference { .. }) => raises(error),
            _ => format!("FAIL {}", check.message()),
        },
    }
}

/// `raises <class>: <message>`, with upstream's class.
pub fn raises(error: &Error) -> String {
    let class = match error {
        Error::Coercion { .. } => "CoercionError",
        Error::NotAMember { .. }
        | Error::NotAList { .. }
        | Error::NotAMap { .. }
        | Error::NotAMapping { .. } => "ValueError",
        Error::UnknownFields { .. } | Error::NoSuchField { .. } => "AttributeError",
        Error::InvalidReference { .. } => "Ref.InvalidRefError",
        Error::Uninterpolatable { .. } => "Uninterpolatable",
        Error::IndexOutOfRange { .. } => "IndexError",
        _ => "other",
    };
    format!("raises {class}: {error}")
}

pub fn reference(address: &str) -> Ref {
    Ref::parse(address).unwrap()
}
