//! Methods of sets.

use std::rc::Rc;

use crate::eval::call::Args;
use crate::eval::error::Eval;
use crate::eval::interp::Interp;
use crate::eval::value::{Set, Value};
use crate::syntax::BinaryOp;

pub(super) const NAMES: &[&str] = &[
    "add",
    "remove",
    "discard",
    "update",
    "union",
    "intersection",
    "difference",
    "symmetric_difference",
    "issubset",
    "issuperset",
    "isdisjoint",
    "copy",
    "clear",
    "pop",
];
pub(super) const FROZEN_NAMES: &[&str] = &[
    "union",
    "intersection",
    "difference",
    "symmetric_difference",
    "issubset",
    "issuperset",
    "isdisjoint",
    "copy",
];

pub(super) fn call(
    interp: &mut Interp,
    receiver: &Value,
    set: &Rc<Set>,
    name: &str,
    args: &Args,
) -> Eval<Value> {
    let first = args.positional.first();
    match (name, first) {
        ("add", Some(item)) => {
            let key = interp.key(item.clone())?;
            interp.budget.values(1)?;
            set.map.borrow_mut().insert(key, ());
            Ok(Value::None)
        }
        ("remove" | "discard", Some(item)) => {
            let key = interp.key(item.clone())?;
            let removed = set.map.borrow_mut().shift_remove(&key).is_some();
            if !removed && name == "remove" {
                let shown = interp.repr_short(item);
                return Err(interp.raise("KeyError", shown));
            }
            Ok(Value::None)
        }
        ("union" | "intersection" | "difference" | "symmetric_difference" | "update", _) => {
            let op = match name {
                "union" | "update" => BinaryOp::BitOr,
                "intersection" => BinaryOp::BitAnd,
                "difference" => BinaryOp::Sub,
                _ => BinaryOp::BitXor,
            };
            let mut result = receiver.clone();
            for other in &args.positional {
                result = interp.set_operation(op, &result, other)?;
            }
            if let (Value::Set(made), "update") = (&result, name) {
                let map = made.map.borrow().clone();
                *set.map.borrow_mut() = map;
                return Ok(Value::None);
            }
            Ok(result)
        }
        ("issubset" | "issuperset" | "isdisjoint", Some(other)) => {
            let items = interp.collect(other)?;
            let other = interp.keys_of(items)?;
            let own = set.map.borrow();
            Ok(Value::Bool(match name {
                "issubset" => own.keys().all(|key| other.contains_key(key)),
                "issuperset" => other.keys().all(|key| own.contains_key(key)),
                _ => !own.keys().any(|key| other.contains_key(key)),
            }))
        }
        ("pop", _) => {
            let last = set.map.borrow_mut().pop();
            last.map(|(key, ())| key.0.clone()).ok_or_else(|| interp.raise("KeyError", "the set is empty"))
        }
        ("copy", _) => {
            let map = set.map.borrow().clone();
            interp.budget.values(map.len())?;
            Ok(Value::set(map))
        }
        ("clear", _) => {
            set.map.borrow_mut().clear();
            Ok(Value::None)
        }
        _ => interp.type_error(format!("{name}() misses its argument")),
    }
}
