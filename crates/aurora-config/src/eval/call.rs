//! Calls: of the language's functions, the file's functions, classes, methods and model types.

use std::cell::RefCell;
use std::rc::Rc;

use indexmap::IndexMap;

use super::error::{Eval, Stop};
use super::interp::{Frame, Interp};
use super::iter::IterState;
use super::stmt::Signal;
use super::value::{
    Bound, BoundTarget, BuiltinType, Class, Dict, Function, FunctionKind, Instance, Key, Scope, ScopeKind,
    Value,
};
use crate::diagnostic::{Span, nearest};
use crate::syntax::{Argument, ArgumentKind, FunctionBody, FunctionDef, Name, Param, ParamKind};

/// Arguments of a call, each with the place it was written at.
#[derive(Default)]
pub(crate) struct Args {
    pub positional: Vec<Value>,
    pub keywords: Vec<(Name, Value)>,
    pub positional_spans: Vec<Span>,
    pub keyword_spans: Vec<Span>,
    pub span: Span,
}

impl Args {
    pub fn of(positional: Vec<Value>, span: Span) -> Self {
        Self { positional_spans: vec![span; positional.len()], positional, span, ..Self::default() }
    }

    pub fn prepend(&mut self, first: impl IntoIterator<Item = Value>) {
        for (at, value) in first.into_iter().enumerate() {
            self.positional.insert(at, value);
            self.positional_spans.insert(at, self.span);
        }
    }

    pub fn len(&self) -> usize {
        self.positional.len() + self.keywords.len()
    }

    /// Takes a keyword argument out.
    pub fn take_keyword(&mut self, name: &str) -> Option<Value> {
        let at = self.keywords.iter().position(|(keyword, _)| &**keyword == name)?;
        self.keyword_spans.remove(at);
        Some(self.keywords.remove(at).1)
    }

    /// Takes the positional argument `at`, or the keyword of that name.
    pub fn get(&mut self, at: usize, name: &str) -> Option<Value> {
        self.positional.get(at).cloned().or_else(|| self.take_keyword(name))
    }
}

impl Interp {
    /// The positional argument `at` or the keyword `name`, which must be there.
    pub fn required(&self, args: &mut Args, function: &str, at: usize, name: &str) -> Eval<Value> {
        args.get(at, name)
            .ok_or_else(|| self.raise("TypeError", format!("{function}() misses its argument '{name}'")))
    }

    pub fn required_text(&self, args: &mut Args, function: &str, at: usize, name: &str) -> Eval<Rc<str>> {
        let value = self.required(args, function, at, name)?;
        value.as_text().ok_or_else(|| {
            self.raise(
                "TypeError",
                format!("{function}() needs a text for '{name}', not {}", value.type_name()),
            )
        })
    }

    /// No more arguments than `most`, and no keyword left over.
    pub fn at_most(&self, args: &Args, function: &str, most: usize) -> Eval<()> {
        if let Some((name, _)) = args.keywords.first() {
            return self.type_error(format!("{function}() has no argument '{name}'"));
        }
        if args.positional.len() > most {
            let count = args.positional.len();
            return self
                .type_error(format!("{function}() takes at most {most} arguments, {count} were given"));
        }
        Ok(())
    }

    /// The arguments of a call. Those that cannot be evaluated are left out where the call makes an object of the model: its other
    /// fields can be looked at.
    pub fn eval_arguments(
        &mut self,
        arguments: &[Argument],
        span: Span,
        scope: &Rc<Scope>,
        makes_object: bool,
    ) -> Eval<Args> {
        let mut args = Args { span, ..Args::default() };
        for argument in arguments {
            let value = match self.eval(&argument.value, scope) {
                Err(stop) if makes_object => {
                    self.leave_out(argument, stop)?;
                    continue;
                }
                value => value?,
            };
            match &argument.kind {
                ArgumentKind::Positional => {
                    args.positional.push(value);
                    args.positional_spans.push(argument.value.span);
                }
                ArgumentKind::Keyword(name) => {
                    if args.keywords.iter().any(|(known, _)| known == name) {
                        return Err(self
                            .raise("TypeError", format!("argument '{name}' is given twice"))
                            .at(argument.span));
                    }
                    args.keywords.push((name.clone(), value));
                    args.keyword_spans.push(argument.value.span);
                }
                ArgumentKind::Unpack => {
                    for item in self.collect(&value).map_err(|stop| stop.at(argument.span))? {
                        args.positional.push(item);
                        args.positional_spans.push(argument.value.span);
                    }
                }
                ArgumentKind::UnpackKeywords => self.unpack_keywords(&value, argument, &mut args)?,
            }
        }
        self.budget.steps(args.len())?;
        Ok(args)
    }

    fn unpack_keywords(&mut self, value: &Value, argument: &Argument, args: &mut Args) -> Eval<()> {
        let Value::Dict(dict) = value else {
            return Err(self
                .raise("TypeError", format!("** needs a dict, not {}", value.type_name()))
                .at(argument.span));
        };
        for (key, value) in dict.map.borrow().iter() {
            let Some(name) = key.0.as_text() else {
                return Err(self.raise("TypeError", "keys of a ** argument must be texts").at(argument.span));
            };
            if args.keywords.iter().any(|(known, _)| **known == *name) {
                return Err(self
                    .raise("TypeError", format!("argument '{name}' is given twice"))
                    .at(argument.span));
            }
            args.keywords.push((name, value.clone()));
            args.keyword_spans.push(argument.value.span);
        }
        Ok(())
    }

    pub fn call(&mut self, function: &Value, mut args: Args) -> Eval<Value> {
        self.budget.step()?;
        self.budget.enter()?;
        let result = match function {
            Value::Native(native) => (native.call)(self, args),
            Value::Function(function) => self.call_function(function, args),
            Value::Bound(bound) => self.call_bound(bound, args),
            Value::Builtin(kind) => self.construct_builtin(*kind, args),
            Value::Class(class) => self.instantiate(class, args),
            Value::Instance(instance) => match instance.class.find("__call__") {
                Some(method) => {
                    args.prepend([function.clone()]);
                    self.call(&method, args)
                }
                None => self.not_callable(function),
            },
            Value::Type(kind) => self.construct_object(kind, args),
            Value::Object(object) => self.derive_object(object, args),
            _ => self.not_callable(function),
        };
        self.budget.leave();
        result
    }

    pub fn call_with(&mut self, function: &Value, positional: Vec<Value>) -> Eval<Value> {
        let args = Args::of(positional, self.here);
        self.call(function, args)
    }

    fn not_callable(&mut self, value: &Value) -> Eval<Value> {
        let shown = self.repr_short(value);
        self.type_error(format!("{shown} is not a function: it cannot be called"))
    }

    fn call_bound(&mut self, bound: &Rc<Bound>, mut args: Args) -> Eval<Value> {
        for (name, value) in &bound.keywords {
            if !args.keywords.iter().any(|(known, _)| known == name) {
                args.keywords.push((name.clone(), value.clone()));
                args.keyword_spans.push(args.span);
            }
        }
        match &bound.target {
            BoundTarget::Value(function) => {
                args.prepend(bound.first.iter().cloned());
                self.call(function, args)
            }
            BoundTarget::Method(name) => {
                let receiver = bound.first.first().cloned().unwrap_or(Value::None);
                self.call_method(&receiver, name, args)
            }
            BoundTarget::Decorator => Ok(args.positional.into_iter().next().unwrap_or(Value::None)),
        }
    }

    fn call_function(&mut self, function: &Rc<Function>, args: Args) -> Eval<Value> {
        let span = args.span;
        let first = args.positional.first().cloned();
        let scope = self.bind_parameters(function, args)?;
        if function.def.is_generator {
            let state = IterState::Generator { function: Rc::clone(function), scope };
            return Ok(Value::iter(state));
        }
        let method = function.owner.borrow().clone().zip(first);
        let called = Some((function.def.name.clone(), span));
        self.frames.push(Frame { yields: None, method, called });
        let result = self.run_body(function, &scope, span);
        self.frames.pop();
        result
    }

    /// Runs a generator to its end and returns all it yields: configurations use generators as lists.
    pub fn run_generator(&mut self, function: &Rc<Function>, scope: &Rc<Scope>) -> Eval<Vec<Value>> {
        let method = function.owner.borrow().clone().zip(scope.vars.borrow().values().next().cloned());
        let span = self.here;
        let called = Some((function.def.name.clone(), span));
        self.frames.push(Frame { yields: Some(Vec::new()), method, called });
        let result = self.run_body(function, scope, span);
        let frame = self.frames.pop();
        result?;
        Ok(frame.and_then(|frame| frame.yields).unwrap_or_default())
    }

    fn run_body(&mut self, function: &Rc<Function>, scope: &Rc<Scope>, span: Span) -> Eval<Value> {
        let name = &function.def.name;
        if !self.budget.enter_call() {
            self.budget.leave_call();
            return Err(self.raise("RecursionError", format!("{name}() calls itself too deep")).at(span));
        }
        let result = match &function.def.body {
            FunctionBody::Lambda(expr) => self.eval(expr, scope),
            FunctionBody::Block(body) => self.exec_block(body, scope).map(|signal| match signal {
                Signal::Return(value) => value,
                _ => Value::None,
            }),
        };
        self.budget.leave_call();
        result.map_err(|stop| stop.through(format!("called as {name}()"), span))
    }

    fn bind_parameters(&mut self, function: &Rc<Function>, args: Args) -> Eval<Rc<Scope>> {
        let def = &function.def;
        self.budget.values(def.params.len())?;
        let Args { positional, keywords, keyword_spans, span, .. } = args;
        let given = positional.len();
        let mut keywords: Vec<(Name, Value, Span)> = keywords
            .into_iter()
            .zip(keyword_spans)
            .map(|((name, value), span)| (name, value, span))
            .collect();
        let mut positional = positional.into_iter();
        let mut vars: IndexMap<Name, Value> = IndexMap::new();
        let mut missing: Vec<&str> = Vec::new();
        let mut defaults = function.defaults.iter();
        let mut rest: Option<&Param> = None;
        for param in &def.params {
            let default = param.default.as_ref().and_then(|_| defaults.next());
            let by_keyword = |keywords: &mut Vec<(Name, Value, Span)>| {
                let at = keywords.iter().position(|(name, ..)| *name == param.name)?;
                Some(keywords.remove(at).1)
            };
            let value = match param.kind {
                ParamKind::VarPositional => Some(self.tuple(positional.by_ref().collect())?),
                ParamKind::VarKeyword => {
                    rest = Some(param);
                    continue;
                }
                ParamKind::KeywordOnly => by_keyword(&mut keywords),
                ParamKind::PositionalOnly => positional.next(),
                ParamKind::Normal => match positional.next() {
                    Some(_) if keywords.iter().any(|(name, ..)| *name == param.name) => {
                        let message = format!("{}() got two values for argument '{}'", def.name, param.name);
                        return Err(self.raise("TypeError", message).at(span));
                    }
                    Some(value) => Some(value),
                    None => by_keyword(&mut keywords),
                },
            };
            match value.or_else(|| default.cloned()) {
                Some(value) => drop(vars.insert(param.name.clone(), value)),
                None => missing.push(&param.name),
            }
        }
        if let Some(param) = rest {
            let map = keywords.drain(..).map(|(name, value, _)| (Key(Value::Str(name)), value)).collect();
            vars.insert(param.name.clone(), Value::dict(map));
        }
        if let Some((name, _, keyword_span)) = keywords.first() {
            return Err(self.unknown_argument(def, name).at(*keyword_span));
        }
        if positional.next().is_some() {
            let most = def.params.len();
            return self.type_error(format!("{}() takes {most} arguments, {given} were given", def.name));
        }
        if !missing.is_empty() {
            let names: Vec<String> = missing.iter().map(|name| format!("'{name}'")).collect();
            return self.type_error(format!("{}() misses its argument {}", def.name, names.join(", ")));
        }
        Ok(Rc::new(Scope {
            vars: RefCell::new(vars),
            parent: Some(Rc::clone(&function.scope)),
            kind: ScopeKind::Function,
            function: Some(Rc::clone(def)),
        }))
    }

    fn unknown_argument(&self, def: &FunctionDef, name: &str) -> Stop {
        let known = nearest(name, def.params.iter().map(|param| &*param.name));
        self.raise("TypeError", format!("{}() has no argument '{name}'", def.name))
            .help_maybe(known.map(|known| format!("did you mean '{known}'?")))
    }

    fn instantiate(&mut self, class: &Rc<Class>, mut args: Args) -> Eval<Value> {
        self.budget.values(4)?;
        if let Some(fields) = &class.fields {
            return self.make_named_tuple(class, fields, args);
        }
        let instance =
            Rc::new(Instance { class: Rc::clone(class), attributes: RefCell::new(IndexMap::new()) });
        let value = Value::Instance(Rc::clone(&instance));
        if class.is_exception {
            let values = args.positional.clone();
            instance.attributes.borrow_mut().insert("args".into(), Value::tuple(values));
        }
        if let Some(init) = class.find("__init__") {
            args.prepend([value.clone()]);
            self.call(&init, args)?;
        } else if args.len() > 0 && !class.is_exception {
            return self.type_error(format!("{}() takes no arguments: it has no __init__", class.name));
        }
        Ok(value)
    }

    fn make_named_tuple(&mut self, class: &Rc<Class>, fields: &[Name], mut args: Args) -> Eval<Value> {
        let instance = Instance { class: Rc::clone(class), attributes: RefCell::new(IndexMap::new()) };
        for (at, field) in fields.iter().enumerate() {
            let value = self.required(&mut args, &class.name, at, field)?;
            instance.attributes.borrow_mut().insert(field.clone(), value);
        }
        self.at_most(&args, &class.name, fields.len())?;
        Ok(Value::Instance(Rc::new(instance)))
    }

    /// `str(x)`, `list(x)`, `dict(a=1)` and the other built-in types.
    fn construct_builtin(&mut self, kind: BuiltinType, mut args: Args) -> Eval<Value> {
        let first = args.positional.first().cloned();
        match kind {
            BuiltinType::Object => Ok(Value::Instance(Rc::new(Instance {
                class: self.object_class(),
                attributes: RefCell::new(IndexMap::new()),
            }))),
            BuiltinType::Type => match first {
                Some(value) if args.positional.len() == 1 => Ok(self.type_of(&value)),
                _ => self.type_error("classes cannot be made with type(): write a class statement"),
            },
            BuiltinType::NoneType => Ok(Value::None),
            BuiltinType::Bool => match first {
                Some(value) => self.truthy(&value).map(Value::Bool),
                None => Ok(Value::Bool(false)),
            },
            BuiltinType::Int => self.make_int(&mut args),
            BuiltinType::Float => self.make_float(first.as_ref()),
            BuiltinType::Str => match first {
                Some(Value::Bytes(bytes)) => self.text(String::from_utf8_lossy(&bytes).into_owned()),
                Some(value) => {
                    let text = self.str_of(&value)?;
                    self.text(text)
                }
                None => Ok(Value::str("")),
            },
            BuiltinType::Bytes => self.make_bytes(first.as_ref()),
            BuiltinType::List => {
                let items = first.map_or_else(|| Ok(Vec::new()), |value| self.collect(&value))?;
                self.list(items)
            }
            BuiltinType::Tuple => {
                let items = first.map_or_else(|| Ok(Vec::new()), |value| self.collect(&value))?;
                self.tuple(items)
            }
            BuiltinType::Set | BuiltinType::FrozenSet => {
                let items = first.map_or_else(|| Ok(Vec::new()), |value| self.collect(&value))?;
                let map = self.keys_of(items)?;
                Ok(Value::Set(Rc::new(super::value::Set {
                    map: RefCell::new(map),
                    frozen: kind == BuiltinType::FrozenSet,
                })))
            }
            BuiltinType::Dict | BuiltinType::OrderedDict => {
                let dict = Rc::new(Dict::default());
                self.dict_update(&dict, args)?;
                Ok(Value::Dict(dict))
            }
            BuiltinType::DefaultDict => {
                let factory = if args.positional.is_empty() { None } else { Some(args.positional.remove(0)) };
                let dict = Rc::new(Dict::with_default(factory));
                self.dict_update(&dict, args)?;
                Ok(Value::Dict(dict))
            }
            BuiltinType::Range => self.make_range(&args),
            BuiltinType::Function => self.type_error("functions are made with def"),
            BuiltinType::StaticMethod | BuiltinType::ClassMethod | BuiltinType::Property => {
                if let Some(Value::Function(function)) = &first {
                    function.kind.set(match kind {
                        BuiltinType::StaticMethod => FunctionKind::Static,
                        BuiltinType::ClassMethod => FunctionKind::Class,
                        _ => FunctionKind::Property,
                    });
                }
                Ok(first.unwrap_or(Value::None))
            }
        }
    }

    /// `keys` or pairs, then keywords, into a dict.
    pub fn dict_update(&mut self, dict: &Rc<Dict>, args: Args) -> Eval<()> {
        self.at_most(
            &Args { keywords: Vec::new(), ..Args::of(args.positional.clone(), args.span) },
            "dict",
            1,
        )?;
        if let Some(source) = args.positional.first() {
            let pairs = self.pairs_of(source)?;
            self.budget.values(pairs.len() * 2)?;
            dict.map.borrow_mut().extend(pairs);
        }
        self.budget.values(args.keywords.len() * 2)?;
        dict.map
            .borrow_mut()
            .extend(args.keywords.into_iter().map(|(name, value)| (Key(Value::Str(name)), value)));
        Ok(())
    }

    /// Key and value of each entry of a dict or a list of pairs.
    pub fn pairs_of(&mut self, source: &Value) -> Eval<Vec<(Key, Value)>> {
        if let Value::Dict(other) = source {
            return Ok(other.map.borrow().iter().map(|(key, value)| (key.clone(), value.clone())).collect());
        }
        let mut pairs = Vec::new();
        for item in self.collect(source)? {
            let pair = self.collect(&item)?;
            let [key, value] = pair.as_slice() else {
                return self.value_error(format!("a dict is made of pairs, not of {} values", pair.len()));
            };
            pairs.push((self.key(key.clone())?, value.clone()));
        }
        Ok(pairs)
    }
}
