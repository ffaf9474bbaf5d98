//! Attributes and classes.

use std::rc::Rc;

use super::error::Eval;
use super::interp::Interp;
use super::methods;
use super::value::{Bound, BoundTarget, BuiltinType, Class, Function, FunctionKind, Items, Value};
use crate::diagnostic::nearest;

impl Interp {
    /// Whether `value.name` is a method of the language itself.
    pub fn has_builtin_method(&self, value: &Value, name: &str) -> bool {
        match value {
            Value::Object(object) => self.is_object_method(object, name),
            _ => methods::names(value).contains(&name),
        }
    }

    pub fn attribute(&mut self, value: &Value, name: &str) -> Eval<Value> {
        self.budget.bytes(64)?;
        if self.has_builtin_method(value, name) {
            return Ok(Value::method(value.clone(), name));
        }
        match value {
            Value::Native(native) if native.name == "Ref" && name == "from_address" => {
                return Ok(value.clone());
            }
            Value::Instance(instance) => {
                if let Some(found) = instance.attributes.borrow().get(name) {
                    return Ok(found.clone());
                }
                if let Some(found) = instance.class.find(name) {
                    return self.bind_member(found, value, &instance.class);
                }
                match name {
                    "__class__" => return Ok(Value::Class(Rc::clone(&instance.class))),
                    "__dict__" => {
                        let attributes = instance.attributes.borrow();
                        let map = attributes.iter().map(|(name, value)| {
                            (super::value::Key(Value::Str(name.clone())), value.clone())
                        });
                        return Ok(Value::dict(map.collect()));
                    }
                    _ => {}
                }
                if let Some(method) = instance.class.find("__getattr__") {
                    return self.call_with(&method, vec![value.clone(), Value::str(name)]);
                }
            }
            Value::Class(class) => {
                if let Some(found) = class.find(name) {
                    return match &found {
                        Value::Function(function) if function.kind.get() == FunctionKind::Class => {
                            Ok(Value::bind(found.clone(), value.clone()))
                        }
                        _ => Ok(found),
                    };
                }
                match name {
                    "__name__" => return Ok(Value::Str(class.name.clone())),
                    "_make" if class.fields.is_some() => return Ok(value.clone()),
                    _ => {}
                }
            }
            Value::Module(module) => {
                if let Some(found) = module.attributes.borrow().get(name) {
                    return Ok(found.clone());
                }
                return self.no_module_member(module.name, name);
            }
            Value::Builtin(kind) => return self.builtin_member(*kind, name),
            Value::Type(kind) => return self.type_member(kind, name),
            Value::Function(function) if name == "__name__" => {
                return Ok(Value::Str(function.def.name.clone()));
            }
            Value::Function(_) if name == "__doc__" => return Ok(Value::None),
            Value::Function(function) if name == "setter" => {
                function.kind.set(FunctionKind::Property);
                return Ok(Value::Bound(Rc::new(Bound {
                    target: BoundTarget::Decorator,
                    first: Items::default(),
                    keywords: Vec::new(),
                })));
            }
            Value::Native(native) if name == "__name__" => return Ok(Value::str(native.name)),
            Value::File(file) if name == "name" => return Ok(Value::str(file.path.as_str())),
            _ => {}
        }
        Err(self.no_attribute(value, name))
    }

    fn no_attribute(&mut self, value: &Value, name: &str) -> super::error::Stop {
        let help = match (value, name) {
            (Value::None, _) => Some("the value is None: what it comes from returned nothing".to_owned()),
            (Value::List(_), "add") => Some("a list grows with append()".to_owned()),
            (Value::Set(_), "append") => Some("a set grows with add()".to_owned()),
            (Value::Object(object), _) => return self.no_object_attribute(object, name),
            _ => {
                let mut known: Vec<String> = methods::names(value).iter().map(ToString::to_string).collect();
                if let Value::Instance(instance) = value {
                    known.extend(instance.attributes.borrow().keys().map(ToString::to_string));
                    known.extend(instance.class.attributes.borrow().keys().map(ToString::to_string));
                }
                nearest(name, known.iter().map(String::as_str))
                    .map(|close| format!("did you mean '{close}'?"))
            }
        };
        let shown = match value {
            Value::Class(class) => format!("class {}", class.name),
            Value::Function(function) => format!("function {}", function.def.name),
            other => other.type_name(),
        };
        self.raise("AttributeError", format!("{shown} has no attribute '{name}'")).help_maybe(help)
    }

    fn bind_member(&mut self, found: Value, receiver: &Value, class: &Rc<Class>) -> Eval<Value> {
        let Value::Function(function) = &found else {
            return Ok(match found {
                Value::Native(_) => Value::bind(found, receiver.clone()),
                other => other,
            });
        };
        match function.kind.get() {
            FunctionKind::Plain => Ok(Value::bind(found.clone(), receiver.clone())),
            FunctionKind::Class => Ok(Value::bind(found.clone(), Value::Class(Rc::clone(class)))),
            FunctionKind::Static => Ok(found.clone()),
            FunctionKind::Property => self.call_with(&found, vec![receiver.clone()]),
        }
    }

    /// `str.join`, `dict.fromkeys`: methods taken from their type.
    fn builtin_member(&mut self, kind: BuiltinType, name: &str) -> Eval<Value> {
        if name == "__name__" {
            return Ok(Value::str(kind.name()));
        }
        if kind == BuiltinType::Dict && name == "fromkeys" {
            return Ok(Value::Native(&methods::DICT_FROMKEYS));
        }
        let sample = match kind {
            BuiltinType::Str => Value::str(""),
            BuiltinType::List => Value::list(Vec::new()),
            BuiltinType::Dict | BuiltinType::OrderedDict | BuiltinType::DefaultDict => {
                Value::dict(indexmap::IndexMap::new())
            }
            BuiltinType::Set | BuiltinType::FrozenSet => Value::set(indexmap::IndexMap::new()),
            _ => Value::None,
        };
        match methods::names(&sample).iter().find(|known| **known == name) {
            Some(name) => Ok(Value::Bound(Rc::new(Bound {
                target: BoundTarget::Value(Value::Native(methods::unbound(name))),
                first: Items(vec![Value::str(*name)]),
                keywords: Vec::new(),
            }))),
            None => {
                let message = format!("{} has no attribute '{name}'", kind.name());
                Err(self.raise("AttributeError", message))
            }
        }
    }

    pub fn set_attribute(&mut self, object: &Value, name: &str, value: Value) -> Eval<()> {
        self.budget.bytes(64)?;
        let old = match object {
            Value::Instance(instance) => instance.attributes.borrow_mut().insert(name.into(), value),
            Value::Class(class) => class.attributes.borrow_mut().insert(name.into(), value),
            Value::Module(module) => module.attributes.borrow_mut().insert(name.into(), value),
            Value::Object(object) => {
                let message = format!("{} objects cannot be changed", object.ty().name());
                return Err(self
                    .raise("TypeError", message)
                    .help(format!("make a copy with it: object({name}=...)")));
            }
            Value::Function(_) => None,
            _ => return self.type_error(format!("attributes of {} cannot be set", object.type_name())),
        };
        drop(old);
        Ok(())
    }

    pub fn type_of(&self, value: &Value) -> Value {
        Value::Builtin(match value {
            Value::None => BuiltinType::NoneType,
            Value::Bool(_) => BuiltinType::Bool,
            Value::Int(_) => BuiltinType::Int,
            Value::Float(_) => BuiltinType::Float,
            Value::Str(_) => BuiltinType::Str,
            Value::Bytes(_) => BuiltinType::Bytes,
            Value::List(_) => BuiltinType::List,
            Value::Tuple(_) => BuiltinType::Tuple,
            Value::Dict(_) => BuiltinType::Dict,
            Value::Set(set) if set.frozen => BuiltinType::FrozenSet,
            Value::Set(_) => BuiltinType::Set,
            Value::Range(_) => BuiltinType::Range,
            Value::Function(_) | Value::Native(_) | Value::Bound(_) => BuiltinType::Function,
            Value::Builtin(_) | Value::Class(_) | Value::Type(_) | Value::StructBase => BuiltinType::Type,
            Value::Instance(instance) => return Value::Class(Rc::clone(&instance.class)),
            Value::Object(object) => return Value::Type(object.ty()),
            _ => BuiltinType::Object,
        })
    }

    /// `isinstance(value, class)`
    pub fn is_instance(&mut self, value: &Value, class: &Value) -> Eval<bool> {
        match class {
            Value::Tuple(classes) => {
                for class in classes.iter() {
                    if self.is_instance(value, class)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Value::Class(class) => {
                Ok(matches!(value, Value::Instance(instance) if instance.class.is_subclass(class)))
            }
            Value::Type(kind) => Ok(matches!(value, Value::Object(object) if object.ty().is_same(kind))),
            Value::StructBase => Ok(matches!(value, Value::Object(object) if object.struct_type().is_some())),
            Value::Builtin(kind) => Ok(match (kind, value) {
                (BuiltinType::Object, _)
                | (BuiltinType::Int, Value::Bool(_))
                | (BuiltinType::Type, Value::Type(_) | Value::Class(_) | Value::Builtin(_)) => true,
                (BuiltinType::Tuple, Value::Instance(instance)) => instance.class.fields.is_some(),
                (BuiltinType::OrderedDict | BuiltinType::DefaultDict, Value::Dict(_)) => true,
                _ => self.type_of(value).is_same(class),
            }),
            _ => self.type_error("isinstance() needs a class"),
        }
    }

    /// The functions that look at the names around them.
    pub fn scope_builtin(&mut self, name: &str, scope: &Rc<super::value::Scope>) -> Eval<Value> {
        if name == "super" {
            let method = self.frames.last().and_then(|frame| frame.method.clone());
            let Some((owner, receiver)) = method else {
                return self.type_error("super() works in methods only");
            };
            return self.make_super(&owner, receiver);
        }
        let names: Vec<(crate::syntax::Name, Value)> =
            scope.vars.borrow().iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        self.budget.values(names.len() * 2)?;
        if name == "dir" {
            return self.list(names.into_iter().map(|(name, _)| Value::Str(name)).collect());
        }
        Ok(Value::dict(
            names.into_iter().map(|(name, value)| (super::value::Key(Value::Str(name)), value)).collect(),
        ))
    }

    /// The receiver, seen as an instance of the next class after `owner`.
    pub fn make_super(&mut self, owner: &Rc<Class>, receiver: Value) -> Eval<Value> {
        let actual = match &receiver {
            Value::Instance(instance) => Rc::clone(&instance.class),
            Value::Class(class) => Rc::clone(class),
            _ => return self.type_error("super() works in methods only"),
        };
        let line: Vec<Rc<Class>> =
            std::iter::once(Rc::clone(&actual)).chain(actual.ancestors.borrow().iter().cloned()).collect();
        let after = line.iter().position(|class| Rc::ptr_eq(class, owner)).map_or(0, |at| at + 1);
        let mut attributes = indexmap::IndexMap::new();
        attributes.insert("__init__".into(), Value::Native(&methods::NOTHING));
        for class in line[after.min(line.len())..].iter().rev() {
            for (name, value) in class.attributes.borrow().iter() {
                let bound = match value {
                    Value::Function(function) => self.bind_super(function, value, &receiver, &actual)?,
                    other => other.clone(),
                };
                attributes.insert(name.clone(), bound);
            }
        }
        Ok(Value::Module(Rc::new(super::value::Module { name: "super", attributes: attributes.into() })))
    }

    fn bind_super(
        &mut self,
        function: &Rc<Function>,
        value: &Value,
        receiver: &Value,
        class: &Rc<Class>,
    ) -> Eval<Value> {
        match function.kind.get() {
            // Evaluating every property of the ancestors would do work nobody asked for.
            FunctionKind::Property => Ok(value.clone()),
            _ => self.bind_member(value.clone(), receiver, class),
        }
    }
}
