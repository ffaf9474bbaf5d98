//! Methods of dicts. Views are lists, as in Python 2: files add them, index them and sort them.

use std::rc::Rc;

use crate::eval::call::Args;
use crate::eval::error::Eval;
use crate::eval::interp::Interp;
use crate::eval::value::{Dict, Value};

pub(super) const NAMES: &[&str] = &[
    "get",
    "keys",
    "values",
    "items",
    "iterkeys",
    "itervalues",
    "iteritems",
    "viewkeys",
    "viewvalues",
    "viewitems",
    "has_key",
    "update",
    "pop",
    "popitem",
    "setdefault",
    "copy",
    "clear",
];

pub(super) fn call(interp: &mut Interp, dict: &Rc<Dict>, name: &str, mut args: Args) -> Eval<Value> {
    match name {
        "get" | "pop" | "setdefault" | "has_key" => {
            let key = interp.required(&mut args, name, 0, "key")?;
            let hashed = interp.key(key.clone())?;
            let found = dict.map.borrow().get(&hashed).cloned();
            let default = args.get(1, "default");
            match name {
                "has_key" => Ok(Value::Bool(found.is_some())),
                "get" => Ok(found.or(default).unwrap_or(Value::None)),
                "setdefault" => {
                    if let Some(found) = found {
                        return Ok(found);
                    }
                    let value = default.unwrap_or(Value::None);
                    interp.budget.values(2)?;
                    dict.map.borrow_mut().insert(hashed, value.clone());
                    Ok(value)
                }
                _ => match found {
                    Some(found) => {
                        interp.budget.steps(dict.map.borrow().len() / 64)?;
                        let removed = dict.map.borrow_mut().shift_remove(&hashed);
                        drop(removed);
                        Ok(found)
                    }
                    None => match default {
                        Some(default) => Ok(default),
                        None => interp.get_item(&Value::Dict(Rc::clone(dict)), &key),
                    },
                },
            }
        }
        "keys" | "iterkeys" | "viewkeys" => {
            let items = interp.collect(&Value::Dict(Rc::clone(dict)))?;
            Ok(Value::list(items))
        }
        "values" | "itervalues" | "viewvalues" => {
            let items: Vec<Value> = dict.map.borrow().values().cloned().collect();
            interp.list(items)
        }
        "items" | "iteritems" | "viewitems" => {
            let items: Vec<Value> = dict
                .map
                .borrow()
                .iter()
                .map(|(key, value)| Value::tuple(vec![key.0.clone(), value.clone()]))
                .collect();
            interp.budget.values(items.len() * 3)?;
            Ok(Value::list(items))
        }
        "update" => interp.dict_update(dict, args).map(|()| Value::None),
        "popitem" => {
            let last = dict.map.borrow_mut().pop();
            match last {
                Some((key, value)) => interp.tuple(vec![key.0.clone(), value]),
                None => Err(interp.raise("KeyError", "the dict is empty")),
            }
        }
        "copy" => {
            let map = dict.map.borrow().clone();
            interp.budget.values(map.len() * 2)?;
            Ok(Value::Dict(Rc::new(Dict { map: map.into(), default: dict.default.clone() })))
        }
        _ => {
            let old = std::mem::take(&mut *dict.map.borrow_mut());
            drop(Dict { map: old.into(), default: None });
            Ok(Value::None)
        }
    }
}
