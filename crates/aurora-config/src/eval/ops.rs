//! Operators and comparisons.

use std::cmp::Ordering;
use std::rc::Rc;

use indexmap::IndexMap;

use super::error::Eval;
use super::interp::Interp;
use super::value::{Instance, Value};
use crate::diagnostic::Diagnostic;
use crate::syntax::{BinaryOp, CompareOp};

impl Interp {
    pub fn truthy(&mut self, value: &Value) -> Eval<bool> {
        Ok(match value {
            Value::None => false,
            Value::Bool(value) => *value,
            Value::Int(value) => *value != 0,
            Value::Float(value) => *value != 0.0,
            Value::Str(text) => !text.is_empty(),
            Value::Bytes(bytes) => !bytes.is_empty(),
            Value::List(list) => !list.items.borrow().is_empty(),
            Value::Tuple(items) => !items.is_empty(),
            Value::Dict(dict) => !dict.map.borrow().is_empty(),
            Value::Set(set) => !set.map.borrow().is_empty(),
            Value::Range(range) => range.len() != 0,
            Value::Instance(instance) => {
                for name in ["__bool__", "__nonzero__", "__len__"] {
                    if let Some(method) = instance.class.find(name) {
                        let result = self.call_with(&method, vec![value.clone()])?;
                        return Ok(!matches!(result, Value::Bool(false) | Value::Int(0)));
                    }
                }
                true
            }
            _ => true,
        })
    }

    pub fn binary(&mut self, op: BinaryOp, left: &Value, right: &Value) -> Eval<Value> {
        if let (Some(a), Some(b)) = (left.as_int(), right.as_int()) {
            if let (Value::Bool(a), Value::Bool(b)) = (left, right) {
                match op {
                    BinaryOp::BitAnd => return Ok(Value::Bool(a & b)),
                    BinaryOp::BitOr => return Ok(Value::Bool(a | b)),
                    BinaryOp::BitXor => return Ok(Value::Bool(a ^ b)),
                    _ => {}
                }
            }
            return self.integers(op, a, b);
        }
        if let (Some(a), Some(b)) = (left.as_float(), right.as_float()) {
            return self.floats(op, a, b);
        }
        match (op, left, right) {
            (BinaryOp::Mod, Value::Str(format), _) => self.percent_format(&format.clone(), right),
            (BinaryOp::Mod, Value::Object(object), _) => self.object_percent(object, right),
            (BinaryOp::Add, Value::List(a), Value::List(b)) => {
                let joined: Vec<Value> =
                    a.items.borrow().iter().chain(b.items.borrow().iter()).cloned().collect();
                self.list(joined)
            }
            (BinaryOp::Add, Value::Tuple(a), Value::Tuple(b)) => {
                let joined = a.iter().chain(b.iter()).cloned().collect();
                self.tuple(joined)
            }
            (BinaryOp::Add, Value::Bytes(a), Value::Bytes(b)) => {
                self.budget.bytes(a.len() + b.len())?;
                Ok(Value::Bytes(a.iter().chain(b.iter()).copied().collect()))
            }
            (BinaryOp::Add, Value::Str(_) | Value::Bytes(_), Value::Str(_) | Value::Bytes(_)) => {
                match (left.as_text(), right.as_text()) {
                    (Some(a), Some(b)) => {
                        self.budget.bytes(a.len() + b.len())?;
                        self.text(format!("{a}{b}"))
                    }
                    _ => self.type_error("bytes that are no text cannot be added to a text"),
                }
            }
            (BinaryOp::Mul, _, _) => self.repeat(left, right),
            (
                BinaryOp::BitOr | BinaryOp::BitAnd | BinaryOp::Sub | BinaryOp::BitXor,
                Value::Set(_),
                Value::Set(_),
            ) => self.set_operation(op, left, right),
            (BinaryOp::BitOr, Value::Dict(a), Value::Dict(b)) => {
                let mut map = a.map.borrow().clone();
                map.extend(b.map.borrow().iter().map(|(key, value)| (key.clone(), value.clone())));
                self.budget.values(map.len() * 2)?;
                Ok(Value::dict(map))
            }
            _ => match self.operator_method(op, left, right)? {
                Some(value) => Ok(value),
                None => Err(self.mismatch(op, left, right)),
            },
        }
    }

    fn mismatch(&mut self, op: BinaryOp, left: &Value, right: &Value) -> super::error::Stop {
        let (a, b) = (left.type_name(), right.type_name());
        let help = match (op, left, right) {
            (BinaryOp::Add, Value::Str(_), Value::Int(_) | Value::Float(_)) => {
                Some("make it a text first: str(...), or use %".to_owned())
            }
            (BinaryOp::Add, Value::List(_), Value::Object(_)) => {
                Some("put it into a list: + [...]".to_owned())
            }
            (_, Value::None, _) | (_, _, Value::None) => {
                Some("a value is None: where does it come from?".to_owned())
            }
            _ => None,
        };
        self.raise("TypeError", format!("`{}` has no meaning for {a} and {b}", op.symbol())).help_maybe(help)
    }

    fn integers(&mut self, op: BinaryOp, a: i128, b: i128) -> Eval<Value> {
        if b == 0 && matches!(op, BinaryOp::Div | BinaryOp::FloorDiv | BinaryOp::Mod) {
            return Err(self.raise("ZeroDivisionError", "division by zero"));
        }
        let result = match op {
            BinaryOp::Add => a.checked_add(b),
            BinaryOp::Sub => a.checked_sub(b),
            BinaryOp::Mul => a.checked_mul(b),
            BinaryOp::Div if self.true_division => return self.floats(op, lossy(a), lossy(b)),
            BinaryOp::Div => {
                // Compat: upstream's files are Python 2, where `/` of integers rounds down.
                if a.checked_rem(b) != Some(0) {
                    self.warn(
                        Diagnostic::warning(
                            "integer-division",
                            format!(
                                "{a} / {b} is {}: `/` of integers rounds down",
                                floor_div(a, b).unwrap_or(0)
                            ),
                        )
                        .at(self.here)
                        .help("write `//` if that is meant, or make one of them a float, such as 2.0"),
                    );
                }
                floor_div(a, b)
            }
            BinaryOp::FloorDiv => floor_div(a, b),
            BinaryOp::Mod => {
                a.checked_rem_euclid(b).map(|rest| if b < 0 && rest != 0 { rest + b } else { rest })
            }
            BinaryOp::Pow if b < 0 => return self.floats(op, lossy(a), lossy(b)),
            BinaryOp::Pow => u32::try_from(b).ok().and_then(|b| a.checked_pow(b)),
            BinaryOp::LeftShift => u32::try_from(b)
                .ok()
                .filter(|shift| *shift < 126)
                .and_then(|shift| a.checked_mul(1_i128.checked_shl(shift)?)),
            BinaryOp::RightShift => Some(a >> b.clamp(0, 127)),
            BinaryOp::BitOr => Some(a | b),
            BinaryOp::BitXor => Some(a ^ b),
            BinaryOp::BitAnd => Some(a & b),
        };
        result
            .map(Value::Int)
            .ok_or_else(|| self.raise("OverflowError", "the number gets larger than 38 digits"))
    }

    fn floats(&mut self, op: BinaryOp, a: f64, b: f64) -> Eval<Value> {
        if b == 0.0 && matches!(op, BinaryOp::Div | BinaryOp::FloorDiv | BinaryOp::Mod) {
            return Err(self.raise("ZeroDivisionError", "division by zero"));
        }
        Ok(Value::Float(match op {
            BinaryOp::Add => a + b,
            BinaryOp::Sub => a - b,
            BinaryOp::Mul => a * b,
            BinaryOp::Div => a / b,
            BinaryOp::FloorDiv => (a / b).floor(),
            BinaryOp::Mod => a - b * (a / b).floor(),
            BinaryOp::Pow => a.powf(b),
            _ => return self.type_error(format!("`{}` needs integers", op.symbol())),
        }))
    }

    fn repeat(&mut self, left: &Value, right: &Value) -> Eval<Value> {
        let (sequence, count) = match (left.as_int(), right.as_int()) {
            (None, Some(count)) => (left, count),
            (Some(count), None) => (right, count),
            _ => return Err(self.mismatch(BinaryOp::Mul, left, right)),
        };
        let count = usize::try_from(count.max(0)).unwrap_or(usize::MAX);
        match sequence {
            Value::Str(text) => {
                self.budget.bytes(text.len().saturating_mul(count))?;
                self.text(text.repeat(count))
            }
            Value::Bytes(bytes) => {
                self.budget.bytes(bytes.len().saturating_mul(count))?;
                Ok(Value::Bytes(bytes.repeat(count).into()))
            }
            Value::List(_) | Value::Tuple(_) => {
                let items = self.collect(sequence)?;
                self.budget.values(items.len().saturating_mul(count))?;
                let mut out = Vec::with_capacity(items.len() * count);
                for _ in 0..if items.is_empty() { 0 } else { count } {
                    out.extend(items.iter().cloned());
                }
                Ok(if matches!(sequence, Value::List(_)) { Value::list(out) } else { Value::tuple(out) })
            }
            _ => Err(self.mismatch(BinaryOp::Mul, left, right)),
        }
    }

    pub fn set_operation(&mut self, op: BinaryOp, left: &Value, right: &Value) -> Eval<Value> {
        let (a, b) = (self.collect(left)?, self.collect(right)?);
        let (a, b) = (self.keys_of(a)?, self.keys_of(b)?);
        let result: IndexMap<_, ()> = match op {
            BinaryOp::BitOr => a.into_iter().chain(b).collect(),
            BinaryOp::BitAnd => a.into_iter().filter(|(key, ())| b.contains_key(key)).collect(),
            BinaryOp::Sub => a.into_iter().filter(|(key, ())| !b.contains_key(key)).collect(),
            _ => {
                let rest: Vec<_> = b
                    .iter()
                    .filter(|(key, ())| !a.contains_key(*key))
                    .map(|(key, ())| (key.clone(), ()))
                    .collect();
                a.into_iter().filter(|(key, ())| !b.contains_key(key)).chain(rest).collect()
            }
        };
        Ok(Value::set(result))
    }

    /// `__add__` and its kind, of the file's own classes.
    fn operator_method(&mut self, op: BinaryOp, left: &Value, right: &Value) -> Eval<Option<Value>> {
        let (name, reflected) = match op {
            BinaryOp::Add => ("__add__", "__radd__"),
            BinaryOp::Sub => ("__sub__", "__rsub__"),
            BinaryOp::Mul => ("__mul__", "__rmul__"),
            BinaryOp::Mod => ("__mod__", "__rmod__"),
            BinaryOp::BitOr => ("__or__", "__ror__"),
            BinaryOp::Div => ("__truediv__", "__rtruediv__"),
            _ => return Ok(None),
        };
        for (object, other, name) in [(left, right, name), (right, left, reflected)] {
            if let Value::Instance(instance) = object
                && let Some(method) = instance.class.find(name)
            {
                return self.call_with(&method, vec![object.clone(), other.clone()]).map(Some);
            }
        }
        Ok(None)
    }

    pub fn compare(&mut self, op: CompareOp, left: &Value, right: &Value) -> Eval<bool> {
        match op {
            CompareOp::Eq => self.equal(left, right, 0),
            CompareOp::NotEq => Ok(!self.equal(left, right, 0)?),
            CompareOp::Is => Ok(left.is_same(right)),
            CompareOp::IsNot => Ok(!left.is_same(right)),
            CompareOp::In => self.contains(right, left),
            CompareOp::NotIn => Ok(!self.contains(right, left)?),
            CompareOp::Less => Ok(self.order(left, right, 0)? == Some(Ordering::Less)),
            CompareOp::LessEq => {
                Ok(matches!(self.order(left, right, 0)?, Some(Ordering::Less | Ordering::Equal)))
            }
            CompareOp::Greater => Ok(self.order(left, right, 0)? == Some(Ordering::Greater)),
            CompareOp::GreaterEq => {
                Ok(matches!(self.order(left, right, 0)?, Some(Ordering::Greater | Ordering::Equal)))
            }
        }
    }

    fn too_deep<T>(&self) -> Eval<T> {
        Err(self.raise("RecursionError", "a value nests too deep to be compared"))
    }

    pub fn equal(&mut self, left: &Value, right: &Value, depth: usize) -> Eval<bool> {
        self.budget.step()?;
        if depth > 150 {
            return self.too_deep();
        }
        match (left, right) {
            (Value::Str(a), Value::Str(b)) => {
                self.budget.steps(a.len() / 64)?;
                Ok(a == b)
            }
            (Value::Str(_) | Value::Bytes(_), Value::Str(_) | Value::Bytes(_)) => {
                let (left, right) = (left.as_text(), right.as_text());
                self.budget.steps(left.iter().chain(&right).map(|text| text.len() / 32).sum())?;
                Ok(left == right)
            }
            (Value::List(_), Value::List(_)) | (Value::Tuple(_), Value::Tuple(_)) => {
                if left.is_same(right) {
                    return Ok(true);
                }
                let (a, b) = (self.collect(left)?, self.collect(right)?);
                if a.len() != b.len() {
                    return Ok(false);
                }
                for (a, b) in a.iter().zip(&b) {
                    if !self.equal(a, b, depth + 1)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            (Value::Dict(a), Value::Dict(b)) => {
                if Rc::ptr_eq(a, b) {
                    return Ok(true);
                }
                let (a, b) = (a.map.borrow().clone(), b.map.borrow().clone());
                self.budget.values(a.len() + b.len())?;
                if a.len() != b.len() {
                    return Ok(false);
                }
                for (key, value) in &a {
                    match b.get(key) {
                        Some(other) if self.equal(value, other, depth + 1)? => {}
                        _ => return Ok(false),
                    }
                }
                Ok(true)
            }
            (Value::Set(a), Value::Set(b)) => {
                let (a, b) = (a.map.borrow(), b.map.borrow());
                self.budget.steps(a.len())?;
                Ok(a.len() == b.len() && a.keys().all(|key| b.contains_key(key)))
            }
            (Value::Object(a), Value::Object(b)) => {
                self.walk(a)?;
                self.walk(b)?;
                let result = a.equals(b);
                self.model(result)
            }
            (Value::Reference(a), Value::Reference(b)) => Ok(a == b),
            (Value::Instance(a), _) => match a.class.find("__eq__") {
                Some(method) => {
                    let result = self.call_with(&method, vec![left.clone(), right.clone()])?;
                    self.truthy(&result)
                }
                None => self.equal_instances(a, right, depth),
            },
            (_, Value::Instance(b)) if b.class.fields.is_some() => self.equal_instances(b, left, depth),
            _ => match (left.as_int(), right.as_int(), left.as_float(), right.as_float()) {
                (Some(a), Some(b), _, _) => Ok(a == b),
                (_, _, Some(a), Some(b)) => Ok(a == b),
                _ => Ok(left.is_same(right)),
            },
        }
    }

    /// Named tuples equal tuples of the same values; other instances only themselves.
    fn equal_instances(&mut self, instance: &Rc<Instance>, other: &Value, depth: usize) -> Eval<bool> {
        let value = Value::Instance(Rc::clone(instance));
        if instance.class.fields.is_none() || !matches!(other, Value::Instance(_) | Value::Tuple(_)) {
            return Ok(value.is_same(other));
        }
        if matches!(other, Value::Instance(other) if other.class.fields.is_none()) {
            return Ok(false);
        }
        let (a, b) = (self.collect(&value)?, self.collect(other)?);
        self.equal(&Value::tuple(a), &Value::tuple(b), depth + 1)
    }

    /// The order of two values; `None` if neither is before the other (NaN, sets that overlap).
    pub fn order(&mut self, left: &Value, right: &Value, depth: usize) -> Eval<Option<Ordering>> {
        self.budget.step()?;
        if depth > 150 {
            return self.too_deep();
        }
        match (left, right) {
            (Value::Str(a), Value::Str(b)) => {
                self.budget.steps(a.len().min(b.len()) / 64)?;
                Ok(Some(a.cmp(b)))
            }
            (Value::Bytes(a), Value::Bytes(b)) => {
                self.budget.steps(a.len().min(b.len()) / 64)?;
                Ok(Some(a.cmp(b)))
            }
            (Value::List(_), Value::List(_)) | (Value::Tuple(_), Value::Tuple(_)) => {
                let (a, b) = (self.collect(left)?, self.collect(right)?);
                for (a, b) in a.iter().zip(&b) {
                    if !self.equal(a, b, depth + 1)? {
                        return self.order(a, b, depth + 1);
                    }
                }
                Ok(Some(a.len().cmp(&b.len())))
            }
            (Value::Set(a), Value::Set(b)) => {
                let (a, b) = (a.map.borrow(), b.map.borrow());
                self.budget.steps(a.len() + b.len())?;
                let within = a.keys().all(|key| b.contains_key(key));
                let around = b.keys().all(|key| a.contains_key(key));
                Ok(match (within, around) {
                    (true, true) => Some(Ordering::Equal),
                    (true, false) => Some(Ordering::Less),
                    (false, true) => Some(Ordering::Greater),
                    (false, false) => None,
                })
            }
            (Value::Object(a), Value::Object(b)) => {
                self.walk(a)?;
                self.walk(b)?;
                let result = a.order(b);
                self.model(result).map(Some)
            }
            (Value::Instance(a), _) if a.class.find("__lt__").is_some() => {
                let method = a.class.find("__lt__").unwrap_or(Value::None);
                let less = self.call_with(&method, vec![left.clone(), right.clone()])?;
                if self.truthy(&less)? {
                    return Ok(Some(Ordering::Less));
                }
                Ok(Some(if self.equal(left, right, depth + 1)? {
                    Ordering::Equal
                } else {
                    Ordering::Greater
                }))
            }
            _ => match (left.as_int(), right.as_int(), left.as_float(), right.as_float()) {
                (Some(a), Some(b), _, _) => Ok(Some(a.cmp(&b))),
                (_, _, Some(a), Some(b)) => Ok(a.partial_cmp(&b)),
                _ => self.type_error(format!("{} and {} have no order", left.type_name(), right.type_name())),
            },
        }
    }

    pub fn contains(&mut self, container: &Value, item: &Value) -> Eval<bool> {
        match container {
            Value::Str(text) => match item.as_text() {
                Some(part) => {
                    self.budget.steps(text.len() / 16)?;
                    Ok(text.contains(&*part))
                }
                None => self.type_error(format!("a text cannot contain {}", item.type_name())),
            },
            Value::Dict(dict) => {
                let key = self.key(item.clone())?;
                Ok(dict.map.borrow().contains_key(&key))
            }
            Value::Set(set) => {
                let key = self.key(item.clone())?;
                Ok(set.map.borrow().contains_key(&key))
            }
            Value::Object(object) => self.object_contains(object, item),
            Value::Instance(instance) if instance.class.find("__contains__").is_some() => {
                let method = instance.class.find("__contains__").unwrap_or(Value::None);
                let result = self.call_with(&method, vec![container.clone(), item.clone()])?;
                self.truthy(&result)
            }
            _ => {
                let iter = self.iter(container)?;
                while let Some(candidate) = self.next(&iter)? {
                    if candidate.is_same(item) || self.equal(&candidate, item, 0)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "Python converts the same way")]
fn lossy(value: i128) -> f64 {
    value as f64
}

fn floor_div(a: i128, b: i128) -> Option<i128> {
    let quotient = a.checked_div(b)?;
    Some(if a % b != 0 && (a < 0) != (b < 0) { quotient - 1 } else { quotient })
}
