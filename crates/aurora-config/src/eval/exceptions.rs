//! The exception classes of the language.

use std::rc::Rc;

use indexmap::IndexMap;

use super::value::Class;

/// Name and parent; parents come first.
const CLASSES: &[(&str, &str)] = &[
    ("BaseException", ""),
    ("SystemExit", "BaseException"),
    ("KeyboardInterrupt", "BaseException"),
    ("GeneratorExit", "BaseException"),
    ("Exception", "BaseException"),
    ("StandardError", "Exception"),
    ("StopIteration", "Exception"),
    ("ArithmeticError", "Exception"),
    ("ZeroDivisionError", "ArithmeticError"),
    ("OverflowError", "ArithmeticError"),
    ("AssertionError", "Exception"),
    ("AttributeError", "Exception"),
    ("ImportError", "Exception"),
    ("ModuleNotFoundError", "ImportError"),
    ("LookupError", "Exception"),
    ("IndexError", "LookupError"),
    ("KeyError", "LookupError"),
    ("NameError", "Exception"),
    ("UnboundLocalError", "NameError"),
    ("OSError", "Exception"),
    ("FileNotFoundError", "OSError"),
    ("PermissionError", "OSError"),
    ("RuntimeError", "Exception"),
    ("NotImplementedError", "RuntimeError"),
    ("RecursionError", "RuntimeError"),
    ("TypeError", "Exception"),
    ("ValueError", "Exception"),
    ("UnicodeError", "ValueError"),
    ("UnicodeDecodeError", "UnicodeError"),
    ("UnicodeEncodeError", "UnicodeError"),
    ("CoercionError", "ValueError"),
    ("InvalidRefError", "Exception"),
    ("Uninterpolatable", "Exception"),
    ("NotFound", "Exception"),
    ("NamingError", "Exception"),
    ("Unnamable", "Exception"),
    ("Warning", "Exception"),
    ("DeprecationWarning", "Warning"),
];

/// Other names of the same classes.
pub(crate) const ALIASES: &[(&str, &str)] = &[("IOError", "OSError"), ("EnvironmentError", "OSError")];

/// Classes of the model, not names of the language.
pub(crate) const HIDDEN: &[&str] =
    &["CoercionError", "InvalidRefError", "Uninterpolatable", "NotFound", "NamingError", "Unnamable"];

pub(crate) struct Exceptions {
    classes: IndexMap<&'static str, Rc<Class>>,
}

impl Exceptions {
    pub fn new() -> Self {
        let mut classes: IndexMap<&'static str, Rc<Class>> = IndexMap::new();
        for (name, parent) in CLASSES {
            let mut ancestors = Vec::new();
            if let Some(parent) = classes.get(parent) {
                ancestors.push(Rc::clone(parent));
                ancestors.extend(parent.ancestors.borrow().iter().cloned());
            }
            let class = Class {
                name: (*name).into(),
                ancestors: ancestors.into(),
                attributes: IndexMap::new().into(),
                is_exception: true,
                fields: None,
            };
            classes.insert(name, Rc::new(class));
        }
        Self { classes }
    }

    /// The class of that name; an unknown one is `Exception`.
    pub fn get(&self, name: &str) -> Rc<Class> {
        Rc::clone(self.classes.get(name).unwrap_or_else(|| &self.classes["Exception"]))
    }

    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Rc<Class>)> {
        self.classes.iter().map(|(name, class)| (*name, class))
    }
}
