//! The model's types and objects as the file sees them: calls, fields, `bind`, `check`, `json_dumps`, struct classes.

use std::rc::Rc;
use std::sync::Arc;

use aurora_model as model;
use aurora_model::{Raw, RawData, Signature, Type};
use indexmap::IndexMap;

use super::call::Args;
use super::error::{Eval, Stop};
use super::interp::Interp;
use super::value::{Native, Scope, Value};
use crate::diagnostic::{Diagnostic, Span, nearest};
use crate::explain;
use crate::origin::pack;
use crate::syntax::ClassDef;

/// Levels of lists and dicts given to the model.
const RAW_DEPTH_MAX: usize = 60;
/// What all objects can do.
const METHODS: &[&str] = &["bind", "in_scope", "interpolate", "check", "get", "copy", "find", "scopes"];
const STRUCT_METHODS: &[&str] = &["json_dumps"];

/// Arguments in the order given, and named ones.
type RawArguments = (Vec<Raw>, Vec<(Arc<str>, Raw)>);

impl Interp {
    /// An answer of the model, its errors as exceptions whose diagnostics carry the model's knowledge.
    pub fn model<T>(&mut self, result: Result<T, model::Error>) -> Eval<T> {
        result.map_err(|error| self.model_error(&error))
    }

    fn model_error(&mut self, error: &model::Error) -> Stop {
        use model::Error;
        if matches!(error, Error::TooLarge { .. }) {
            return Stop::Fatal(Box::new(Diagnostic::error("budget", error.to_string())));
        }
        let class = match error {
            Error::Coercion { .. } => "CoercionError",
            Error::UnknownFields { .. } | Error::NoSuchField { .. } => "AttributeError",
            Error::Arity { .. } => "TypeError",
            Error::InvalidReference { .. } => "InvalidRefError",
            Error::Uninterpolatable { .. } => "Uninterpolatable",
            Error::IndexOutOfRange { .. } => "IndexError",
            _ => "ValueError",
        };
        let mut stop = self.raise(class, error.to_string());
        if let Stop::Raised(raised) = &mut stop {
            raised.details = explain::error(error, &self.sources);
        }
        stop
    }

    /// The place of a value: that of the literal it is, else that of the argument.
    fn origin_of(&self, value: &Value, span: Span) -> Option<model::Origin> {
        let literal = match value {
            Value::Str(text) => self.literals.get(&(text.as_ptr() as usize)).copied(),
            _ => None,
        };
        pack(literal.unwrap_or(span))
    }

    pub fn raw(&mut self, value: &Value, span: Span) -> Eval<Raw> {
        self.raw_at(value, span, 0)
    }

    fn raw_at(&mut self, value: &Value, span: Span, depth: usize) -> Eval<Raw> {
        self.budget.step()?;
        if depth > RAW_DEPTH_MAX {
            return self.value_error("the value nests too deep");
        }
        let data = match value {
            Value::None => RawData::None,
            Value::Empty => RawData::Empty,
            Value::Bool(value) => RawData::Bool(*value),
            Value::Int(number) => match i64::try_from(*number) {
                Ok(number) => RawData::Int(number),
                Err(_) => {
                    return Err(self.raise("OverflowError", format!("{number} is too large for a field")));
                }
            },
            Value::Float(number) => RawData::Float(*number),
            Value::Str(text) => {
                self.budget.bytes(text.len())?;
                RawData::Str(Arc::from(&**text))
            }
            Value::Bytes(_) => match value.as_text() {
                Some(text) => RawData::Str(Arc::from(&*text)),
                None => RawData::Other("bytes that are no text".into()),
            },
            Value::List(_) | Value::Tuple(_) | Value::Range(_) => {
                let items = self.collect(value)?;
                let items: Vec<Raw> =
                    items.iter().map(|item| self.raw_at(item, span, depth + 1)).collect::<Eval<_>>()?;
                self.budget.values(items.len() * 2)?;
                RawData::List(items.into())
            }
            Value::Dict(dict) => {
                let entries: Vec<(Value, Value)> =
                    dict.map.borrow().iter().map(|(key, value)| (key.0.clone(), value.clone())).collect();
                let mut raw = Vec::with_capacity(entries.len());
                for (key, value) in &entries {
                    let key = match key {
                        Value::Reference(reference) => Raw::from(reference.to_string()),
                        other => self.raw_at(other, span, depth + 1)?,
                    };
                    raw.push((key, self.raw_at(value, span, depth + 1)?));
                }
                self.budget.values(raw.len() * 4)?;
                RawData::Map(raw.into())
            }
            Value::Object(object) => {
                return Ok(Raw::from(object.clone()).at(object.origin().or_else(|| pack(span))));
            }
            Value::Environment(environment) => RawData::Environment(Arc::new((**environment).clone())),
            Value::Type(kind) => RawData::Other(format!("the type {}", kind.name()).into()),
            other => RawData::Other(self.repr_short(other).into()),
        };
        Ok(Raw::new(data).at(self.origin_of(value, span)))
    }

    fn value_of_raw(&mut self, raw: &Raw) -> Eval<Value> {
        self.budget.step()?;
        self.budget.enter()?;
        let value = match &raw.data {
            RawData::None => Value::None,
            RawData::Empty => Value::Empty,
            RawData::Bool(value) => Value::Bool(*value),
            RawData::Int(number) => Value::Int(i128::from(*number)),
            RawData::Float(number) => Value::Float(*number),
            RawData::Str(text) | RawData::Other(text) => self.text(&**text)?,
            RawData::List(items) => {
                let items = items.iter().map(|item| self.value_of_raw(item)).collect::<Eval<_>>()?;
                self.tuple(items)?
            }
            RawData::Map(entries) => {
                let mut map = IndexMap::new();
                for (key, value) in entries.iter() {
                    let key = self.value_of_raw(key)?;
                    map.insert(self.key(key)?, self.value_of_raw(value)?);
                }
                self.budget.values(map.len() * 2)?;
                Value::dict(map)
            }
            RawData::Value(value) => Value::Object(value.clone()),
            RawData::Environment(environment) => Value::Environment(Rc::new((**environment).clone())),
        };
        self.budget.leave();
        Ok(value)
    }

    fn raw_arguments(&mut self, args: &Args) -> Eval<RawArguments> {
        let mut positional = Vec::with_capacity(args.positional.len());
        for (value, span) in args.positional.iter().zip(&args.positional_spans) {
            positional.push(self.raw(value, *span)?);
        }
        let mut named = Vec::with_capacity(args.keywords.len());
        for ((name, value), span) in args.keywords.iter().zip(&args.keyword_spans) {
            named.push((Arc::from(&**name), self.raw(value, *span)?));
        }
        Ok((positional, named))
    }

    pub fn construct_object(&mut self, kind: &Type, args: Args) -> Eval<Value> {
        let (mut positional, mut named) = self.raw_arguments(&args)?;
        self.budget.values(8 + named.len())?;
        if kind.as_struct().is_some() {
            // What is wrong with an object here is that it stands here.
            for (raw, span) in positional.iter_mut().zip(&args.positional_spans) {
                raw.origin = pack(*span).or(raw.origin);
            }
        }
        loop {
            match kind.call_within(&positional, &named, pack(args.span), &self.model_budget) {
                Err(error) if self.recovers(kind.as_struct(), &mut named, &error) => self.budget.step()?,
                made => return self.model(made).map(Value::Object),
            }
        }
    }

    pub fn derive_object(&mut self, object: &model::Value, args: Args) -> Eval<Value> {
        if object.struct_type().is_none() {
            let name = object.ty().name();
            return self.type_error(format!("this {name} is not a function: it cannot be called"));
        }
        if !args.positional.is_empty() {
            return self.type_error("copies are made with named fields only: base(name='x')");
        }
        let (_, mut named) = self.raw_arguments(&args)?;
        self.budget.values(24 + named.len())?;
        loop {
            match object.derive_within(&named, pack(args.span), &self.model_budget) {
                Err(error) if self.recovers(object.struct_type(), &mut named, &error) => {
                    self.budget.step()?
                }
                made => return self.model(made).map(Value::Object),
            }
        }
    }

    /// Pays for a walk over all parts of an object.
    pub fn walk(&mut self, object: &model::Value) -> Eval<()> {
        self.budget.steps(object.parts())
    }

    pub fn object_text(&mut self, object: &model::Value) -> Eval<String> {
        self.walk(object)?;
        let text = object.text();
        let text = self.model(text)?;
        self.budget.bytes(text.len())?;
        Ok(text.to_string())
    }

    pub fn object_repr(&mut self, object: &model::Value) -> Eval<String> {
        self.walk(object)?;
        let text = object.repr();
        let text = self.model(text)?;
        self.budget.bytes(text.len())?;
        Ok(text)
    }

    pub fn object_items(&mut self, object: &model::Value) -> Eval<Vec<Value>> {
        self.walk(object)?;
        let items: Vec<Value> = match object.ty() {
            Type::List(_) => {
                let elements = object.elements();
                self.model(elements)?.into_iter().map(Value::Object).collect()
            }
            Type::Map(_) => {
                let entries = object.entries();
                self.model(entries)?.into_iter().map(|(key, _)| Value::Object(key)).collect()
            }
            other => return self.type_error(format!("a {} holds no elements to go through", other.name())),
        };
        self.budget.values(items.len())?;
        Ok(items)
    }

    pub fn object_item(&mut self, object: &model::Value, index: &Value) -> Eval<Value> {
        if matches!(object.ty(), Type::Map(_)) {
            let key = self.raw(index, self.here)?;
            self.walk(object)?;
            let found = object.lookup(&key);
            return match self.model(found)? {
                Some(value) => Ok(Value::Object(value)),
                None => {
                    let shown = self.repr_short(index);
                    Err(self.raise("KeyError", shown))
                }
            };
        }
        let items = self.object_items(object)?;
        self.get_item(&Value::tuple(items), index)
    }

    pub fn object_contains(&mut self, object: &model::Value, item: &Value) -> Eval<bool> {
        let raw = self.raw(item, self.here)?;
        self.walk(object)?;
        let result = object.contains(&raw);
        self.model(result)
    }

    /// `object % names`
    pub fn object_percent(&mut self, object: &model::Value, names: &Value) -> Eval<Value> {
        let raw = self.raw(names, self.here)?;
        self.walk(object)?;
        let bound = object.bind(&[raw], &[]).and_then(|bound| bound.interpolate());
        self.model(bound).map(|result| Value::Object(result.value))
    }

    pub fn is_object_method(&self, object: &model::Value, name: &str) -> bool {
        if METHODS.contains(&name) {
            return true;
        }
        if matches!(object.ty(), Type::Choice(_)) && name == "unwrap" {
            return true;
        }
        object.struct_type().is_some_and(|ty| {
            STRUCT_METHODS.contains(&name)
                || ty.field(name).is_some()
                || name.strip_prefix("has_").is_some_and(|field| ty.field(field).is_some())
        })
    }

    pub fn no_object_attribute(&mut self, object: &model::Value, name: &str) -> Stop {
        let mut known: Vec<&str> = METHODS.to_vec();
        if let Some(ty) = object.struct_type() {
            known.extend(ty.fields().map(|(name, _)| &**name));
        }
        let help = nearest(name, known).map(|close| format!("did you mean '{close}'?"));
        let ty = object.ty().name();
        self.raise("AttributeError", format!("{} has no attribute {name}", explain::shown_struct(&ty)))
            .help_maybe(help)
    }

    pub fn call_object_method(&mut self, object: &model::Value, name: &str, mut args: Args) -> Eval<Value> {
        self.budget.values(4)?;
        match name {
            "bind" | "in_scope" => {
                self.note_bound_names(object, &args);
                let (positional, named) = self.raw_arguments(&args)?;
                let bound = if name == "bind" {
                    object.bind(&positional, &named)
                } else {
                    object.in_scope(&positional, &named)
                };
                self.model(bound).map(Value::Object)
            }
            "interpolate" => {
                self.walk(object)?;
                let result = object.interpolate();
                let result = self.model(result)?;
                let references: Vec<Value> = result
                    .references()
                    .into_iter()
                    .map(|reference| Value::Reference(Rc::new(reference)))
                    .collect();
                let references = self.list(references)?;
                self.tuple(vec![Value::Object(result.value), references])
            }
            "check" => {
                self.walk(object)?;
                let check = object.check();
                if let Some(problem) = check.problems.first()
                    && let model::Cause::Broken(error @ model::Error::InvalidReference { .. }) =
                        &problem.cause
                {
                    // Compat: upstream's check() lets this one escape (spec/config.md §1.6).
                    return Err(self.model_error(error));
                }
                Ok(Value::TypeCheck(check.message().into()))
            }
            "get" => {
                self.walk(object)?;
                let raw = object.get();
                let raw = self.model(raw)?;
                self.value_of_raw(&raw)
            }
            "copy" => Ok(Value::Object(object.clone())),
            "scopes" => self.tuple(Vec::new()),
            "unwrap" => {
                self.walk(object)?;
                let unwrapped = object.unwrapped();
                self.model(unwrapped).map(Value::Object)
            }
            "find" => self.object_find(object, &mut args),
            "json_dumps" => {
                self.walk(object)?;
                let json = object.to_json();
                let json = self.model(json)?;
                self.text(model::python_json(&json))
            }
            _ => {
                if !args.positional.is_empty() || !args.keywords.is_empty() {
                    return self
                        .type_error(format!("{name}() reads the field; it takes no arguments"))
                        .map_err(|stop| stop.help(format!("set it in a copy: object({name}=...)")));
                }
                let has = object.struct_type().is_some_and(|ty| ty.field(name).is_none());
                if has && let Some(field) = name.strip_prefix("has_") {
                    let result = object.has_field(field);
                    return self.model(result).map(Value::Bool);
                }
                // It does not have the value it should have.
                if self.guards == 0 && self.mistakes.dropped.iter().any(|dropped| **dropped == *name) {
                    return Err(Stop::Follows);
                }
                let field = object.field(name);
                Ok(self.model(field)?.map_or(Value::Empty, Value::Object))
            }
        }
    }

    fn object_find(&mut self, object: &model::Value, args: &mut Args) -> Eval<Value> {
        let Value::Reference(reference) = self.required(args, "find", 0, "ref")? else {
            return self.type_error("find() needs a Ref");
        };
        match object.find(&reference) {
            Ok(found) => Ok(Value::Object(found)),
            Err(model::FindError::Broken(error)) => Err(self.model_error(&error)),
            Err(error) => {
                let class = match error {
                    model::FindError::NotFound { .. } => "NotFound",
                    model::FindError::Naming { .. } => "NamingError",
                    _ => "Unnamable",
                };
                Err(self.raise(class, error.to_string()))
            }
        }
    }

    /// Remembers what can be referred to, for suggestions, and warns of what a field hides (`spec/config.md` §6 row 6).
    fn note_bound_names(&mut self, object: &model::Value, args: &Args) {
        for ((name, value), span) in args.keywords.iter().zip(&args.keyword_spans) {
            if let Some(ty) = object.struct_type()
                && ty.field(name).is_some()
                && object.raw_field(name).is_some()
            {
                let of = explain::shown_struct(ty.name());
                self.warn(
                    Diagnostic::warning(
                        "shadowed-binding",
                        format!("binding '{name}' is hidden by the field {of}.{name}"),
                    )
                    .at(*span)
                    .help(format!("set the field instead: ({name}=...), or bind it under another name")),
                );
            }
            let mut names = vec![name.to_string()];
            match value {
                Value::Object(bound) => {
                    if let Some(ty) = bound.struct_type() {
                        names.extend(ty.fields().map(|(field, _)| format!("{name}.{field}")));
                    }
                }
                Value::Dict(dict) => {
                    names.extend(
                        dict.map
                            .borrow()
                            .keys()
                            .filter_map(|key| Some(format!("{name}.{}", key.0.as_text()?))),
                    );
                }
                _ => {}
            }
            for name in names {
                if self.bound_names.len() < 2000 && !self.bound_names.contains(&name) {
                    self.bound_names.push(name);
                }
            }
        }
    }

    /// `Disk.json_loads`, `Disk.__name__`
    pub fn type_member(&mut self, kind: &Type, name: &str) -> Eval<Value> {
        match name {
            "__name__" => Ok(Value::str(&*kind.name())),
            "json_loads" | "json_load" if kind.as_struct().is_some() => {
                Ok(Value::bind(Value::Native(&JSON_LOADS), Value::Type(kind.clone())))
            }
            _ => {
                let message = format!("type {} has no attribute '{name}'", kind.name());
                let call = format!("fields are read from objects: {}(...).{name}()", kind.name());
                let is_field = kind.as_struct().is_some_and(|ty| ty.field(name).is_some());
                Err(self.raise("AttributeError", message).help_maybe(is_field.then_some(call)))
            }
        }
    }

    /// A `class X(Struct)` statement.
    pub fn struct_statement(
        &mut self,
        def: &ClassDef,
        bases: &[(Value, Span)],
        inside: &Rc<Scope>,
    ) -> Eval<Value> {
        for (base, span) in bases {
            if let Value::Type(base) = base {
                let name = base.name();
                let message =
                    format!("{} cannot derive from {name}: struct inheritance is not supported", def.name);
                return Err(self
                    .raise("TypeError", message)
                    .help(format!("derive values, not types: base = {name}(...), then base(field=...)"))
                    .at(*span));
            }
        }
        self.exec_block(&def.body, inside)?;
        let vars = std::mem::take(&mut *inside.vars.borrow_mut());
        let mut fields: Vec<(Arc<str>, Signature)> = Vec::new();
        for (name, value) in &vars {
            let signature = match value {
                Value::Type(kind) => Signature::optional(kind.clone()),
                Value::Signature(signature) => (**signature).clone(),
                Value::StructBase => {
                    return self
                        .type_error(format!("field '{name}' needs a type: Struct is only a base class"));
                }
                Value::Function(function) => {
                    let message = format!(
                        "method '{name}' of struct {} is dropped: structs have fields only",
                        def.name
                    );
                    let warning = Diagnostic::warning("struct-method", message);
                    self.warn(warning.at(function.span).help("write a function that takes the object"));
                    continue;
                }
                Value::Object(object) => {
                    let ty = object.ty().name();
                    let message =
                        format!("'{name}' of struct {} is dropped: it is a value, not a type", def.name);
                    let warning = Diagnostic::warning("struct-constant", message);
                    self.warn(warning.at(bases[0].1).help(format!("write {name} = Default({ty}, ...)")));
                    continue;
                }
                _ => continue,
            };
            fields.push((Arc::from(&**name), signature));
        }
        let result = Type::structure(&def.name, fields);
        self.model(result).map(Value::Type)
    }
}

static JSON_LOADS: Native = Native {
    name: "json_loads",
    call: |interp, mut args| {
        let Value::Type(kind) = interp.required(&mut args, "json_loads", 0, "type")? else {
            return interp.type_error("json_loads() is called on a struct");
        };
        let text = match interp.required(&mut args, "json_loads", 1, "text")? {
            Value::File(file) => file.read(None),
            other => other,
        };
        let Some(text) = text.as_text() else {
            return interp.type_error("json_loads() needs a text");
        };
        let strict = match args.get(2, "strict") {
            Some(strict) => interp.truthy(&strict)?,
            None => false,
        };
        interp.budget.bytes(text.len() * 8)?;
        let unknown = if strict { model::UnknownKeys::Reject } else { model::UnknownKeys::IgnoreInStructs };
        let loaded = kind.from_json_text(&text, unknown);
        interp.model(loaded).map(Value::Object)
    },
};
