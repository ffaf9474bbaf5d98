//! Expressions.

use std::rc::Rc;

use indexmap::IndexMap;

use super::call::Args;
use super::error::{Eval, Stop};
use super::interp::Interp;
use super::iter::IterState;
use super::recover::{NOT_DEFINED, undefined};
use super::value::{Function, FunctionKind, Items, Key, Scope, ScopeKind, Value};
use crate::diagnostic::Span;
use crate::syntax::{
    BinaryOp, Call, Clause, CompareOp, Comprehension, ComprehensionKind, Expr, ExprKind, FormatPart,
    FunctionDef, Name, UnaryOp,
};

/// Texts whose place is remembered, and how long they may be, in bytes.
const TEXTS_REMEMBERED: usize = 20_000;
const LONG_TEXT: usize = 4 << 10;

/// Whether a call makes an object of a struct type, or derives one.
fn makes_object(function: &Value) -> bool {
    match function {
        Value::Type(kind) => matches!(kind, aurora_model::Type::Struct(_)),
        Value::Object(object) => object.struct_type().is_some(),
        _ => false,
    }
}

impl Interp {
    pub fn eval(&mut self, expr: &Expr, scope: &Rc<Scope>) -> Eval<Value> {
        self.budget.step().map_err(|stop| stop.at(expr.span))?;
        self.budget.enter().map_err(|stop| stop.at(expr.span))?;
        self.here = expr.span;
        let result = self.eval_kind(expr, scope);
        self.budget.leave();
        if let Ok(Value::Str(text)) = &result
            && matches!(expr.kind, ExprKind::Binary { .. } | ExprKind::Call(_) | ExprKind::Format(_))
        {
            self.remember_made(text, expr.span);
        }
        result.map_err(|stop| stop.at(expr.span))
    }

    /// Remembers where a text with references was made, for what is wrong with it later.
    fn remember_made(&mut self, text: &Rc<str>, span: Span) {
        let address = text.as_ptr() as usize;
        if self.made.len() < TEXTS_REMEMBERED
            && text.len() < LONG_TEXT
            && !self.literals.contains_key(&address)
            && text.contains('{')
        {
            self.literals.insert(address, span);
            self.made.push(Rc::clone(text));
        }
    }

    fn eval_kind(&mut self, expr: &Expr, scope: &Rc<Scope>) -> Eval<Value> {
        match &expr.kind {
            ExprKind::None => Ok(Value::None),
            ExprKind::Ellipsis => Ok(Value::Ellipsis),
            ExprKind::Bool(value) => Ok(Value::Bool(*value)),
            ExprKind::Int(value) => Ok(Value::Int(*value)),
            ExprKind::Float(value) => Ok(Value::Float(*value)),
            ExprKind::Str(text) => {
                self.literals.insert(text.as_ptr() as usize, expr.span);
                Ok(Value::Str(text.clone()))
            }
            ExprKind::Bytes(bytes) => Ok(Value::Bytes(bytes.clone())),
            ExprKind::Format(parts) => {
                let text = self.eval_format(parts, scope)?;
                self.text(text)
            }
            ExprKind::Name(name) => self.lookup(name, scope),
            ExprKind::List(items) => {
                let items = self.eval_items(items, scope)?;
                self.list(items)
            }
            ExprKind::Tuple(items) => {
                let items = self.eval_items(items, scope)?;
                self.tuple(items)
            }
            ExprKind::Set(items) => {
                let items = self.eval_items(items, scope)?;
                self.keys_of(items).map(Value::set)
            }
            ExprKind::Dict(items) => self.eval_dict(items, scope),
            ExprKind::Comprehension(inner) => self.eval_comprehension(inner, scope),
            ExprKind::Call(call) => self.eval_call(call, expr.span, scope),
            ExprKind::Attribute { value, name, name_span } => {
                let value = self.eval(value, scope)?;
                self.attribute(&value, name).map_err(|stop| stop.at(*name_span))
            }
            ExprKind::Subscript { value, index } => {
                let value = self.eval(value, scope)?;
                let index = self.eval(index, scope)?;
                self.here = expr.span;
                self.get_item(&value, &index)
            }
            ExprKind::Slice { lower, upper, step } => {
                let mut bounds = Vec::with_capacity(3);
                for bound in [lower, upper, step] {
                    bounds.push(match bound {
                        Some(bound) => self.eval(bound, scope)?,
                        None => Value::None,
                    });
                }
                Ok(Value::Slice(Rc::new(Items(bounds))))
            }
            ExprKind::Starred(_) => self.type_error("`*` cannot be used here"),
            ExprKind::Unary { op, operand } => {
                let value = self.eval(operand, scope)?;
                self.unary(*op, &value)
            }
            ExprKind::Binary { op, left, right } => self.eval_binary(*op, left, right, expr.span, scope),
            ExprKind::And(values) => self.eval_logic(values, false, scope),
            ExprKind::Or(values) => self.eval_logic(values, true, scope),
            ExprKind::Compare { left, rest } => self.eval_compare(left, rest, scope),
            ExprKind::Conditional { test, body, orelse } => {
                let test = self.eval(test, scope)?;
                if self.truthy(&test)? { self.eval(body, scope) } else { self.eval(orelse, scope) }
            }
            ExprKind::Lambda(def) => self.make_function(def, expr.span, scope),
            ExprKind::Walrus { name, value } => {
                let value = self.eval(value, scope)?;
                let mut target = Rc::clone(scope);
                while target.kind == ScopeKind::Comprehension
                    && let Some(parent) = &target.parent
                {
                    target = Rc::clone(parent);
                }
                self.assign_name(name, value.clone(), &target);
                Ok(value)
            }
            ExprKind::Yield(value) => {
                let value = match value {
                    Some(value) => self.eval(value, scope)?,
                    None => Value::None,
                };
                self.yielded(vec![value])
            }
            ExprKind::YieldFrom(value) => {
                let value = self.eval(value, scope)?;
                let items = self.collect(&value)?;
                self.yielded(items)
            }
        }
    }

    fn yielded(&mut self, items: Vec<Value>) -> Eval<Value> {
        self.budget.values(items.len())?;
        match self.frames.last_mut().and_then(|frame| frame.yields.as_mut()) {
            Some(yields) => {
                yields.extend(items);
                Ok(Value::None)
            }
            None => self.type_error("`yield` stands outside a function"),
        }
    }

    fn eval_items(&mut self, items: &[Expr], scope: &Rc<Scope>) -> Eval<Vec<Value>> {
        let mut out = Vec::with_capacity(items.len());
        for item in items {
            if let ExprKind::Starred(inner) = &item.kind {
                let value = self.eval(inner, scope)?;
                out.extend(self.collect(&value).map_err(|stop| stop.at(item.span))?);
            } else {
                out.push(self.eval(item, scope)?);
            }
        }
        Ok(out)
    }

    fn eval_dict(&mut self, items: &[(Option<Expr>, Expr)], scope: &Rc<Scope>) -> Eval<Value> {
        let mut map = IndexMap::with_capacity(items.len());
        for (key, value) in items {
            match key {
                Some(key) => {
                    let key_value = self.eval(key, scope)?;
                    let key = self.key(key_value).map_err(|stop| stop.at(key.span))?;
                    map.insert(key, self.eval(value, scope)?);
                }
                None => {
                    let value = self.eval(value, scope)?;
                    map.extend(self.pairs_of(&value)?);
                }
            }
        }
        self.budget.values(map.len() * 2)?;
        Ok(Value::dict(map))
    }

    fn eval_logic(&mut self, values: &[Expr], stop_at: bool, scope: &Rc<Scope>) -> Eval<Value> {
        let mut last = Value::Bool(!stop_at);
        for value in values {
            last = self.eval(value, scope)?;
            if self.truthy(&last)? == stop_at {
                break;
            }
        }
        Ok(last)
    }

    fn eval_compare(&mut self, left: &Expr, rest: &[(CompareOp, Expr)], scope: &Rc<Scope>) -> Eval<Value> {
        let mut left = self.eval(left, scope)?;
        for (op, right) in rest {
            let right = self.eval(right, scope)?;
            if !self.compare(*op, &left, &right)? {
                return Ok(Value::Bool(false));
            }
            left = right;
        }
        Ok(Value::Bool(true))
    }

    fn eval_binary(
        &mut self,
        op: BinaryOp,
        left: &Expr,
        right: &Expr,
        span: Span,
        scope: &Rc<Scope>,
    ) -> Eval<Value> {
        let left = self.eval(left, scope)?;
        let right = self.eval(right, scope)?;
        self.here = span;
        self.binary(op, &left, &right)
    }

    fn eval_call(&mut self, call: &Call, span: Span, scope: &Rc<Scope>) -> Eval<Value> {
        // A method of a built-in value is called without making a bound method first.
        if let ExprKind::Attribute { value, name, name_span } = &call.function.kind {
            let receiver = self.eval(value, scope)?;
            if self.has_builtin_method(&receiver, name) {
                let args = self.eval_arguments(&call.arguments, span, scope, false)?;
                self.here = span;
                return self.call_method(&receiver, name, args);
            }
            let function = self.attribute(&receiver, name).map_err(|stop| stop.at(*name_span))?;
            let args = self.eval_arguments(&call.arguments, span, scope, makes_object(&function))?;
            self.here = span;
            return self.call(&function, args);
        }
        let function = self.eval(&call.function, scope)?;
        let args = self.eval_arguments(&call.arguments, span, scope, makes_object(&function))?;
        self.here = span;
        if let Value::Native(native) = &function
            && matches!(native.name, "locals" | "super" | "vars" | "dir")
            && args.len() == 0
        {
            return self.scope_builtin(native.name, scope);
        }
        self.call(&function, args)
    }

    fn eval_format(&mut self, parts: &[FormatPart], scope: &Rc<Scope>) -> Eval<String> {
        let mut out = String::new();
        for part in parts {
            match part {
                FormatPart::Literal(text) => out.push_str(text),
                FormatPart::Value { value, conversion, spec } => {
                    let value = self.eval(value, scope)?;
                    let spec = self.eval_format(spec, scope)?;
                    let converted = match conversion {
                        Some('r' | 'a') => Value::str(self.repr(&value)?),
                        Some(_) => Value::str(self.str_of(&value)?),
                        None => value,
                    };
                    out.push_str(&self.format_value(&converted, &spec)?);
                }
            }
            self.budget.bytes(out.len() / 8)?;
        }
        Ok(out)
    }

    fn eval_comprehension(&mut self, inner: &Comprehension, scope: &Rc<Scope>) -> Eval<Value> {
        let inside = Scope::new(ScopeKind::Comprehension, Some(Rc::clone(scope)));
        match &inner.kind {
            ComprehensionKind::List(value)
            | ComprehensionKind::Generator(value)
            | ComprehensionKind::Set(value) => {
                let mut items = Vec::new();
                self.each(&inner.clauses, &inside, &mut |this, scope| {
                    let value = this.eval(value, scope)?;
                    this.budget.bytes(40)?;
                    items.push(value);
                    Ok(())
                })?;
                match inner.kind {
                    ComprehensionKind::List(_) => Ok(Value::list(items)),
                    ComprehensionKind::Set(_) => self.keys_of(items).map(Value::set),
                    _ => Ok(Value::iter(IterState::Queue(items.into()))),
                }
            }
            ComprehensionKind::Dict(key, value) => {
                let mut map = IndexMap::new();
                self.each(&inner.clauses, &inside, &mut |this, scope| {
                    let key_value = this.eval(key, scope)?;
                    let key = this.key(key_value)?;
                    this.budget.bytes(80)?;
                    map.insert(key, this.eval(value, scope)?);
                    Ok(())
                })?;
                Ok(Value::dict(map))
            }
        }
    }

    pub fn each(
        &mut self,
        clauses: &[Clause],
        scope: &Rc<Scope>,
        visit: &mut dyn FnMut(&mut Self, &Rc<Scope>) -> Eval<()>,
    ) -> Eval<()> {
        let Some((clause, rest)) = clauses.split_first() else {
            return visit(self, scope);
        };
        let source = self.eval(&clause.iter, scope)?;
        let iter = self.iter(&source).map_err(|stop| stop.at(clause.iter.span))?;
        while let Some(item) = self.next(&iter)? {
            self.assign(&clause.target, item, scope)?;
            let mut wanted = true;
            for condition in &clause.conditions {
                let value = self.eval(condition, scope)?;
                if !self.truthy(&value)? {
                    wanted = false;
                    break;
                }
            }
            if wanted {
                self.each(rest, scope, visit)?;
            }
        }
        Ok(())
    }

    pub fn make_function(&mut self, def: &Rc<FunctionDef>, span: Span, scope: &Rc<Scope>) -> Eval<Value> {
        let mut defaults = Vec::new();
        for param in &def.params {
            if let Some(default) = &param.default {
                defaults.push(self.eval(default, scope)?);
            }
        }
        self.budget.values(defaults.len() + 4)?;
        // A method does not see the names of its class's body.
        let mut enclosing = Rc::clone(scope);
        while enclosing.kind == ScopeKind::Class
            && let Some(parent) = &enclosing.parent
        {
            enclosing = Rc::clone(parent);
        }
        Ok(Value::Function(Rc::new(Function {
            def: Rc::clone(def),
            defaults: Items(defaults),
            scope: enclosing,
            owner: None.into(),
            kind: FunctionKind::Plain.into(),
            span,
        })))
    }

    pub fn lookup(&mut self, name: &Name, scope: &Rc<Scope>) -> Eval<Value> {
        let mut at = Some(scope);
        while let Some(current) = at {
            if current.kind == ScopeKind::Module && self.spoilt.contains(name) {
                return Err(Stop::Follows);
            }
            if let Some(value) = current.vars.borrow().get(name) {
                return Ok(value.clone());
            }
            if let Some(function) = &current.function
                && function.locals.contains(name)
            {
                let message = format!("local variable '{name}' is used before it has a value");
                return Err(self.raise("UnboundLocalError", message).help(format!(
                    "{}() assigns '{name}' further down, which makes it local; add `global {name}` to use the outer one",
                    function.name
                )));
            }
            at = current.parent.as_ref();
        }
        match self.builtins.get(&**name) {
            Some(value) => Ok(value.clone()),
            None => Err(self.unknown_name(name, scope)),
        }
    }

    fn unknown_name(&self, name: &str, scope: &Rc<Scope>) -> Stop {
        if self.lacks_names && self.guards == 0 {
            return Stop::Follows;
        }
        let mut known: Vec<Name> = Vec::new();
        let mut at = Some(scope);
        while let Some(current) = at {
            known.extend(current.vars.borrow().keys().cloned());
            at = current.parent.as_ref();
        }
        let help = self.meant_by(name, &known);
        self.raise("NameError", undefined(name)).help_maybe(help).label(NOT_DEFINED)
    }

    fn unary(&mut self, op: UnaryOp, value: &Value) -> Eval<Value> {
        match (op, value) {
            (UnaryOp::Not, _) => Ok(Value::Bool(!self.truthy(value)?)),
            (UnaryOp::Minus, Value::Float(number)) => Ok(Value::Float(-number)),
            (UnaryOp::Plus, Value::Float(number)) => Ok(Value::Float(*number)),
            (_, _) => {
                let number = match (op, value.as_int()) {
                    (UnaryOp::Minus, Some(number)) => number.checked_neg(),
                    (UnaryOp::Plus, Some(number)) => Some(number),
                    (UnaryOp::Invert, Some(number)) => Some(!number),
                    _ => None,
                };
                match number {
                    Some(number) => Ok(Value::Int(number)),
                    None => {
                        self.type_error(format!("this operator has no meaning for {}", value.type_name()))
                    }
                }
            }
        }
    }

    /// A hashable key.
    pub fn key(&mut self, value: Value) -> Eval<Key> {
        self.check_hashable(&value, 0)?;
        Ok(Key(value))
    }

    fn check_hashable(&mut self, value: &Value, depth: usize) -> Eval<()> {
        match value {
            Value::List(_) | Value::Dict(_) => self
                .type_error(format!("a {} cannot be a key: it can change (use a tuple)", value.type_name())),
            Value::Str(text) => self.budget.steps(text.len() / 64),
            Value::Bytes(bytes) => self.budget.steps(bytes.len() / 64),
            Value::Object(object) => self.walk(object),
            Value::Set(set) if !set.frozen => self.type_error("a set cannot be a key: use frozenset"),
            Value::Tuple(items) => {
                if depth > 50 {
                    return self.value_error("a key nests too deep");
                }
                self.budget.steps(items.len())?;
                items.iter().try_for_each(|item| self.check_hashable(item, depth + 1))
            }
            _ => Ok(()),
        }
    }

    pub fn keys_of(&mut self, items: Vec<Value>) -> Eval<IndexMap<Key, ()>> {
        self.budget.values(items.len())?;
        items.into_iter().map(|item| Ok((self.key(item)?, ()))).collect()
    }

    /// A keywordless call used by builtins such as `sorted(key=…)`.
    pub fn apply(&mut self, function: &Value, argument: Value) -> Eval<Value> {
        let args = Args::of(vec![argument], self.here);
        self.call(function, args)
    }
}
