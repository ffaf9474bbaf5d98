//! Methods of lists and tuples.

use std::rc::Rc;

use crate::eval::call::Args;
use crate::eval::error::Eval;
use crate::eval::interp::Interp;
use crate::eval::value::{Items, List, Value};

pub(super) const NAMES: &[&str] =
    &["append", "extend", "insert", "pop", "remove", "index", "count", "sort", "reverse", "copy", "clear"];
pub(super) const TUPLE_NAMES: &[&str] = &["index", "count"];

pub(super) fn call(interp: &mut Interp, list: &Rc<List>, name: &str, mut args: Args) -> Eval<Value> {
    match name {
        "append" => {
            let item = interp.required(&mut args, "append", 0, "item")?;
            interp.at_most(&args, "append", 1)?;
            interp.budget.values(1)?;
            list.items.borrow_mut().0.push(item);
            Ok(Value::None)
        }
        "extend" => {
            let source = interp.required(&mut args, "extend", 0, "items")?;
            let items = interp.collect(&source)?;
            list.items.borrow_mut().0.extend(items);
            Ok(Value::None)
        }
        "insert" => {
            let at = interp.required(&mut args, "insert", 0, "index")?.as_int().unwrap_or(0);
            let item = interp.required(&mut args, "insert", 1, "item")?;
            let length = list.items.borrow().len();
            interp.budget.values(1)?;
            interp.budget.steps(length / 64)?;
            let from_end = usize::try_from(at.unsigned_abs()).unwrap_or(usize::MAX);
            let at = if at < 0 { length.saturating_sub(from_end) } else { from_end.min(length) };
            list.items.borrow_mut().0.insert(at, item);
            Ok(Value::None)
        }
        "pop" => {
            let at = args.get(0, "index").unwrap_or(Value::Int(-1));
            let value = interp.get_item(&Value::List(Rc::clone(list)), &at)?;
            interp.delete_item_at(list, &at)?;
            Ok(value)
        }
        "remove" => {
            let item = interp.required(&mut args, "remove", 0, "item")?;
            interp.budget.steps(list.items.borrow().len() / 16)?;
            let at = position(interp, &list.items.borrow().to_vec(), &item)?;
            match at {
                Some(at) => interp.delete_item_at(list, &Value::int(at)).map(|()| Value::None),
                None => interp.value_error("the list does not hold it"),
            }
        }
        "index" | "count" => {
            interp.budget.steps(list.items.borrow().len() / 16)?;
            call_tuple(interp, &Items(list.items.borrow().to_vec()), name, &args)
        }
        "sort" => {
            let items = std::mem::take(&mut list.items.borrow_mut().0);
            let (key, reverse) = (args.take_keyword("key"), args.take_keyword("reverse"));
            let sorted = interp.sorted(items, key, reverse)?;
            list.items.borrow_mut().0 = sorted;
            Ok(Value::None)
        }
        "reverse" => {
            interp.budget.steps(list.items.borrow().len() / 16)?;
            list.items.borrow_mut().0.reverse();
            Ok(Value::None)
        }
        "copy" => {
            let items = list.items.borrow().to_vec();
            interp.list(items)
        }
        _ => {
            let old = std::mem::take(&mut *list.items.borrow_mut());
            drop(old);
            Ok(Value::None)
        }
    }
}

pub(super) fn call_tuple(interp: &mut Interp, items: &Items, name: &str, args: &Args) -> Eval<Value> {
    let Some(item) = args.positional.first() else {
        return interp.type_error(format!("{name}() misses its argument"));
    };
    if name == "count" {
        let mut count = 0;
        for candidate in items.iter() {
            count += i128::from(interp.equal(candidate, item, 0)?);
        }
        return Ok(Value::Int(count));
    }
    match position(interp, items, item)? {
        Some(at) => Ok(Value::int(at)),
        None => {
            let shown = interp.repr_short(item);
            interp.value_error(format!("{shown} is not among its elements"))
        }
    }
}

fn position(interp: &mut Interp, items: &[Value], item: &Value) -> Eval<Option<usize>> {
    for (at, candidate) in items.iter().enumerate() {
        if candidate.is_same(item) || interp.equal(candidate, item, 0)? {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

impl Interp {
    fn delete_item_at(&mut self, list: &Rc<List>, at: &Value) -> Eval<()> {
        let length = list.items.borrow().len();
        self.budget.steps(length / 64)?;
        let number = at.as_int().unwrap_or(0);
        let from_end = usize::try_from(number.unsigned_abs()).unwrap_or(usize::MAX);
        let at = if number < 0 { length.saturating_sub(from_end) } else { from_end };
        if at < length {
            let removed = list.items.borrow_mut().0.remove(at);
            drop(removed);
        }
        Ok(())
    }

    /// A stable sort with `key` and `reverse`.
    pub fn sorted(
        &mut self,
        items: Vec<Value>,
        key: Option<Value>,
        reverse: Option<Value>,
    ) -> Eval<Vec<Value>> {
        let reverse = match reverse {
            Some(value) => self.truthy(&value)?,
            None => false,
        };
        let mut keyed = Vec::with_capacity(items.len());
        for item in items {
            let sort_key = match &key {
                Some(Value::None) | None => item.clone(),
                Some(function) => self.apply(function, item.clone())?,
            };
            keyed.push((sort_key, item));
        }
        if reverse {
            keyed.reverse();
        }
        let mut problem = None;
        keyed.sort_by(|(a, _), (b, _)| {
            if problem.is_some() {
                return std::cmp::Ordering::Equal;
            }
            match self.order(a, b, 0) {
                Ok(order) => order.unwrap_or(std::cmp::Ordering::Equal),
                Err(stop) => {
                    problem = Some(stop);
                    std::cmp::Ordering::Equal
                }
            }
        });
        if let Some(stop) = problem {
            return Err(stop);
        }
        if reverse {
            keyed.reverse();
        }
        Ok(keyed.into_iter().map(|(_, item)| item).collect())
    }
}
