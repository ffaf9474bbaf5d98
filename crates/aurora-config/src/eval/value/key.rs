//! What dicts and sets find their elements by.

use std::hash::{Hash, Hasher};
use std::rc::Rc;

use super::Value;

/// A hashable value. Containers compare by content, everything else by identity.
#[derive(Clone)]
pub(crate) struct Key(pub Value);

impl Key {
    pub fn text(text: &str) -> Self {
        Self(Value::str(text))
    }

    /// The number both `1`, `1.0` and `True` are as keys.
    fn number(&self) -> Option<f64> {
        self.0.as_float()
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Value::Str(a), Value::Str(b)) => a == b,
            (Value::Tuple(a), Value::Tuple(b)) => {
                a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| Key(a.clone()) == Key(b.clone()))
            }
            (Value::Set(a), Value::Set(b)) => {
                let (a, b) = (a.map.borrow(), b.map.borrow());
                a.len() == b.len() && a.keys().all(|key| b.contains_key(key))
            }
            (Value::Int(a), Value::Int(b)) => a == b,
            (Value::Object(a), Value::Object(b)) => a.equals(b).unwrap_or(false),
            (a, b) => match (self.number(), other.number()) {
                (Some(a), Some(b)) => a.to_bits() == b.to_bits(),
                _ => a.is_same(b),
            },
        }
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match &self.0 {
            Value::Str(text) => text.hash(state),
            Value::Bytes(bytes) => bytes.hash(state),
            Value::Tuple(items) => {
                for item in items.iter() {
                    Key(item.clone()).hash(state);
                }
            }
            Value::Set(set) => set.map.borrow().len().hash(state),
            Value::Instance(instance) => (Rc::as_ptr(instance).cast::<()>() as usize).hash(state),
            Value::Class(class) => (Rc::as_ptr(class).cast::<()>() as usize).hash(state),
            other => {
                if let Some(number) = other.as_float() {
                    number.to_bits().hash(state);
                }
            }
        }
    }
}
