//! Elements and slices.

use super::call::Args;
use super::error::Eval;
use super::interp::Interp;
use super::value::{Items, Value};
use crate::diagnostic::nearest;

impl Interp {
    fn index_of(&mut self, index: &Value, length: usize, what: &str) -> Eval<usize> {
        let Some(number) = index.as_int() else {
            return self.type_error(format!("a {what} is indexed by numbers, not {}", index.type_name()));
        };
        let length_number = i128::try_from(length).unwrap_or(i128::MAX);
        let at = if number < 0 { number.saturating_add(length_number) } else { number };
        match usize::try_from(at) {
            Ok(at) if at < length => Ok(at),
            _ => {
                Err(self
                    .raise("IndexError", format!("index {number} is outside a {what} of {length} elements")))
            }
        }
    }

    pub fn get_item(&mut self, value: &Value, index: &Value) -> Eval<Value> {
        match value {
            Value::Dict(dict) => {
                let key = self.key(index.clone())?;
                if let Some(found) = dict.map.borrow().get(&key) {
                    return Ok(found.clone());
                }
                if let Some(factory) = &dict.default {
                    let made = self.call_with(factory, Vec::new())?;
                    self.budget.values(2)?;
                    dict.map.borrow_mut().insert(key, made.clone());
                    return Ok(made);
                }
                let shown = self.repr_short(index);
                if self.is_environ(dict) {
                    // The names of other variables are nobody's business.
                    let help = format!("write os.environ.get({shown}, 'default'), or set it before");
                    let stop = self.raise("KeyError", shown).label("this environment variable is not set");
                    return Err(stop.help(help));
                }
                let known: Vec<std::rc::Rc<str>> =
                    dict.map.borrow().keys().filter_map(|key| key.0.as_text()).collect();
                let wanted = index.as_text().unwrap_or_default();
                let close = nearest(&wanted, known.iter().map(|known| &**known)).map(str::to_owned);
                let listed: Vec<String> = known.iter().take(8).map(|key| format!("'{key}'")).collect();
                let help = close.map_or_else(
                    || (!listed.is_empty()).then(|| format!("its keys are {}", listed.join(", "))),
                    |close| Some(format!("did you mean '{close}'?")),
                );
                Err(self.raise("KeyError", shown).help_maybe(help))
            }
            Value::Object(object) => self.object_item(object, index),
            Value::Instance(instance) if instance.class.find("__getitem__").is_some() => {
                let method = instance.class.find("__getitem__").unwrap_or(Value::None);
                self.call_with(&method, vec![value.clone(), index.clone()])
            }
            Value::Match(_) => {
                let args = Args::of(vec![index.clone()], self.here);
                self.call_method(value, "group", args)
            }
            Value::Str(text) => {
                self.budget.steps(text.len() / 16)?;
                let letters: Vec<char> = text.chars().collect();
                if let Value::Slice(bounds) = index {
                    let at = self.slice_indices(bounds, letters.len())?;
                    let text: String = at.into_iter().map(|at| letters[at]).collect();
                    return self.text(text);
                }
                let at = self.index_of(index, letters.len(), "text")?;
                self.text(letters[at].to_string())
            }
            Value::Bytes(bytes) => {
                if let Value::Slice(bounds) = index {
                    let at = self.slice_indices(bounds, bytes.len())?;
                    return Ok(Value::Bytes(at.into_iter().map(|at| bytes[at]).collect()));
                }
                let at = self.index_of(index, bytes.len(), "bytes")?;
                Ok(Value::Int(i128::from(bytes[at])))
            }
            Value::List(list) => {
                let length = list.items.borrow().len();
                if let Value::Slice(bounds) = index {
                    let at = self.slice_indices(bounds, length)?;
                    let items = list.items.borrow();
                    let picked: Vec<Value> = at.into_iter().map(|at| items[at].clone()).collect();
                    drop(items);
                    return self.list(picked);
                }
                let at = self.index_of(index, length, "list")?;
                let item = list.items.borrow()[at].clone();
                Ok(item)
            }
            Value::Tuple(_) | Value::Range(_) | Value::Instance(_) => {
                let items = self.collect(value)?;
                if let Value::Slice(bounds) = index {
                    let at = self.slice_indices(bounds, items.len())?;
                    return self.tuple(at.into_iter().map(|at| items[at].clone()).collect());
                }
                let at = self.index_of(index, items.len(), "tuple")?;
                Ok(items[at].clone())
            }
            _ => self.type_error(format!("{} has no elements to pick by [...]", value.type_name())),
        }
    }

    /// Which positions a slice picks, in order.
    pub fn slice_indices(&mut self, bounds: &Items, length: usize) -> Eval<Vec<usize>> {
        let mut numbers = [None; 3];
        for (number, bound) in numbers.iter_mut().zip(bounds.iter()) {
            *number = match bound {
                Value::None => None,
                other => match other.as_int() {
                    Some(value) => Some(value),
                    None => {
                        return self
                            .type_error(format!("slices are made of numbers, not {}", other.type_name()));
                    }
                },
            };
        }
        let length = i128::try_from(length).unwrap_or(i128::MAX);
        let step = numbers[2].unwrap_or(1);
        if step == 0 {
            return self.value_error("the step of a slice cannot be 0");
        }
        let clamp = |number: i128, low: i128, high: i128| {
            if number < 0 {
                (number.saturating_add(length)).clamp(low, high)
            } else {
                number.clamp(low, high)
            }
        };
        let (mut at, stop) = if step > 0 {
            (
                numbers[0].map_or(0, |n| clamp(n, 0, length)),
                numbers[1].map_or(length, |n| clamp(n, 0, length)),
            )
        } else {
            (
                numbers[0].map_or(length - 1, |n| clamp(n, -1, length - 1)),
                numbers[1].map_or(-1, |n| clamp(n, -1, length - 1)),
            )
        };
        let mut out = Vec::new();
        while (step > 0 && at < stop) || (step < 0 && at > stop) {
            out.extend(usize::try_from(at));
            at = at.saturating_add(step);
        }
        self.budget.steps(out.len() / 8)?;
        Ok(out)
    }

    pub fn set_item(&mut self, object: &Value, index: &Value, value: Value) -> Eval<()> {
        self.budget.bytes(80)?;
        match object {
            Value::Dict(dict) => {
                let key = self.key(index.clone())?;
                let old = dict.map.borrow_mut().insert(key, value);
                drop(old);
                Ok(())
            }
            Value::List(list) => {
                let length = list.items.borrow().len();
                if let Value::Slice(bounds) = index {
                    let new = self.collect(&value)?;
                    let at = self.slice_indices(bounds, length)?;
                    let start = at.first().copied().unwrap_or_else(|| {
                        bounds[0]
                            .as_int()
                            .and_then(|start| usize::try_from(start).ok())
                            .unwrap_or(length)
                            .min(length)
                    });
                    let old: Vec<Value> =
                        list.items.borrow_mut().0.splice(start..start + at.len(), new).collect();
                    drop(Items(old));
                    return Ok(());
                }
                let at = self.index_of(index, length, "list")?;
                let old = std::mem::replace(&mut list.items.borrow_mut().0[at], value);
                drop(old);
                Ok(())
            }
            Value::Instance(instance) if instance.class.find("__setitem__").is_some() => {
                let method = instance.class.find("__setitem__").unwrap_or(Value::None);
                self.call_with(&method, vec![object.clone(), index.clone(), value]).map(drop)
            }
            Value::Object(object) => {
                let message = format!("{} objects cannot be changed", object.ty().name());
                Err(self.raise("TypeError", message))
            }
            _ => self.type_error(format!("elements of {} cannot be set", object.type_name())),
        }
    }

    pub fn delete_item(&mut self, object: &Value, index: &Value) -> Eval<()> {
        match object {
            Value::Dict(dict) => {
                let key = self.key(index.clone())?;
                let removed = dict.map.borrow_mut().shift_remove(&key);
                match removed {
                    Some(_) => Ok(()),
                    None => {
                        let shown = self.repr_short(index);
                        Err(self.raise("KeyError", shown))
                    }
                }
            }
            Value::List(list) => {
                let length = list.items.borrow().len();
                let at = match index {
                    Value::Slice(bounds) => self.slice_indices(bounds, length)?,
                    _ => vec![self.index_of(index, length, "list")?],
                };
                let kept: Vec<Value> = list
                    .items
                    .borrow()
                    .iter()
                    .enumerate()
                    .filter(|(position, _)| !at.contains(position))
                    .map(|(_, value)| value.clone())
                    .collect();
                let old = std::mem::replace(&mut list.items.borrow_mut().0, kept);
                drop(Items(old));
                Ok(())
            }
            _ => self.type_error(format!("elements of {} cannot be deleted", object.type_name())),
        }
    }
}
