//! Iteration.

use std::collections::VecDeque;
use std::rc::Rc;

use super::error::Eval;
use super::interp::Interp;
use super::value::{Function, Iter, List, Range, Scope, Value};

/// What an iterator has left.
pub(crate) enum IterState {
    Queue(VecDeque<Value>),
    List(Rc<List>, usize),
    Range(Range),
    Text(Rc<str>, usize),
    /// A generator that has not started.
    Generator {
        function: Rc<Function>,
        scope: Rc<Scope>,
    },
    Count {
        next: i128,
        step: i128,
    },
    Cycle {
        items: Vec<Value>,
        at: usize,
    },
    Repeat(Value),
    Zip(Vec<Rc<Iter>>),
    /// An instance with `__next__`.
    Instance(Value),
}

impl Interp {
    pub fn iter(&mut self, value: &Value) -> Eval<Rc<Iter>> {
        let state = match value {
            Value::Iter(iter) => return Ok(Rc::clone(iter)),
            Value::List(list) => IterState::List(Rc::clone(list), 0),
            Value::Range(range) => IterState::Range(**range),
            Value::Str(text) => IterState::Text(Rc::clone(text), 0),
            Value::Instance(instance) if instance.class.fields.is_none() => {
                let Some(method) = instance.class.find("__iter__") else {
                    return self.not_iterable(value);
                };
                let made = self.call_with(&method, vec![value.clone()])?;
                return match &made {
                    Value::Instance(inner) if inner.class.find("__next__").is_some() => {
                        Ok(Rc::new(Iter { state: IterState::Instance(made).into() }))
                    }
                    Value::Instance(_) => self.not_iterable(&made),
                    other => self.iter(other),
                };
            }
            _ => IterState::Queue(self.collect(value)?.into()),
        };
        Ok(Rc::new(Iter { state: state.into() }))
    }

    fn not_iterable<T>(&mut self, value: &Value) -> Eval<T> {
        self.type_error(format!("{} holds no elements to go through", value.type_name()))
    }

    pub fn next(&mut self, iter: &Rc<Iter>) -> Eval<Option<Value>> {
        self.budget.step()?;
        let call = {
            let Ok(mut state) = iter.state.try_borrow_mut() else {
                return self.value_error("an iterator is asked for its next element while it makes one");
            };
            match &mut *state {
                IterState::Queue(items) => return Ok(items.pop_front()),
                IterState::List(list, at) => {
                    let item = list.items.borrow().get(*at).cloned();
                    *at += 1;
                    return Ok(item);
                }
                IterState::Range(range) => {
                    if range.len() == 0 {
                        return Ok(None);
                    }
                    let value = range.start;
                    range.start = range.start.saturating_add(range.step);
                    return Ok(Some(Value::Int(value)));
                }
                IterState::Text(text, at) => {
                    let letter = text.get(*at..).and_then(|rest| rest.chars().next());
                    *at += letter.map_or(0, char::len_utf8);
                    return Ok(letter.map(|letter| Value::str(letter.to_string())));
                }
                IterState::Count { next, step } => {
                    let value = *next;
                    *next = next.saturating_add(*step);
                    return Ok(Some(Value::Int(value)));
                }
                IterState::Cycle { items, at } => {
                    let item = items.get(*at).cloned();
                    *at = if *at + 1 >= items.len() { 0 } else { *at + 1 };
                    return Ok(item);
                }
                IterState::Repeat(value) => return Ok(Some(value.clone())),
                IterState::Zip(sources) => Pending::Zip(sources.clone()),
                IterState::Instance(value) => Pending::Instance(value.clone()),
                IterState::Generator { function, scope } => {
                    Pending::Generator(Rc::clone(function), Rc::clone(scope))
                }
            }
        };
        match call {
            Pending::Zip(sources) => {
                let mut items = Vec::with_capacity(sources.len());
                for source in &sources {
                    match self.next(source)? {
                        Some(item) => items.push(item),
                        None => return Ok(None),
                    }
                }
                self.tuple(items).map(Some)
            }
            Pending::Instance(value) => self.next_of_instance(&value),
            Pending::Generator(function, scope) => {
                let items = self.run_generator(&function, &scope)?;
                let mut queue = VecDeque::from(items);
                let first = queue.pop_front();
                let old = iter.state.replace(IterState::Queue(queue));
                drop(old);
                Ok(first)
            }
        }
    }

    fn next_of_instance(&mut self, value: &Value) -> Eval<Option<Value>> {
        let Value::Instance(instance) = value else { return Ok(None) };
        let Some(method) = instance.class.find("__next__") else { return Ok(None) };
        match self.call_with(&method, vec![value.clone()]) {
            Ok(item) => Ok(Some(item)),
            Err(super::error::Stop::Raised(raised)) if &*raised.class.name == "StopIteration" => Ok(None),
            Err(stop) => Err(stop),
        }
    }

    /// All elements, paid for.
    pub fn collect(&mut self, value: &Value) -> Eval<Vec<Value>> {
        let items: Vec<Value> = match value {
            Value::List(list) => list.items.borrow().to_vec(),
            Value::Tuple(items) => items.to_vec(),
            Value::Dict(dict) => dict.map.borrow().keys().map(|key| key.0.clone()).collect(),
            Value::Set(set) => set.map.borrow().keys().map(|key| key.0.clone()).collect(),
            Value::Bytes(bytes) => bytes.iter().map(|byte| Value::Int(i128::from(*byte))).collect(),
            Value::File(file) => file.lines(),
            Value::Object(object) => return self.object_items(object),
            Value::Instance(instance) if instance.class.fields.is_some() => {
                instance.attributes.borrow().values().cloned().collect()
            }
            Value::Str(_) | Value::Range(_) | Value::Iter(_) | Value::Instance(_) => {
                let iter = self.iter(value)?;
                let mut items = Vec::new();
                while let Some(item) = self.next(&iter)? {
                    self.budget.bytes(40)?;
                    items.push(item);
                }
                return Ok(items);
            }
            _ => return self.not_iterable(value),
        };
        self.budget.values(items.len())?;
        Ok(items)
    }
}

/// Work that needs the interpreter while the iterator is not borrowed.
enum Pending {
    Zip(Vec<Rc<Iter>>),
    Instance(Value),
    Generator(Rc<Function>, Rc<Scope>),
}

impl super::value::File {
    /// The lines not yet read, ends of line included.
    pub fn lines(&self) -> Vec<Value> {
        let rest = &self.content[self.at.get().min(self.content.len())..];
        self.at.set(self.content.len());
        rest.split_inclusive(|byte| *byte == b'\n').map(|line| self.value(line)).collect()
    }

    /// Up to `most` bytes from where reading stands.
    pub fn read(&self, most: Option<usize>) -> Value {
        let start = self.at.get().min(self.content.len());
        let end = most.map_or(self.content.len(), |most| start.saturating_add(most).min(self.content.len()));
        self.at.set(end);
        self.value(&self.content[start..end])
    }

    pub fn read_line(&self) -> Value {
        let start = self.at.get().min(self.content.len());
        let rest = &self.content[start..];
        let length = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| at + 1);
        self.at.set(start + length);
        self.value(&rest[..length])
    }

    fn value(&self, bytes: &[u8]) -> Value {
        if self.binary {
            Value::Bytes(bytes.into())
        } else {
            Value::str(String::from_utf8_lossy(bytes).as_ref())
        }
    }
}
