//! Statements.

use std::rc::Rc;

use indexmap::IndexMap;

use super::call::Args;
use super::error::{Eval, Raised, Stop};
use super::interp::Interp;
use super::value::{Class, Instance, Scope, ScopeKind, Value};
use crate::syntax::{BinaryOp, ClassDef, Expr, ExprKind, Handler, Name, Stmt, StmtKind};

/// Classes that one may derive from, directly or not.
const ANCESTORS_MAX: usize = 100;

/// How a statement ended.
pub(crate) enum Signal {
    Next,
    Break,
    Continue,
    Return(Value),
}

impl Interp {
    pub fn exec_block(&mut self, body: &[Stmt], scope: &Rc<Scope>) -> Eval<Signal> {
        for stmt in body {
            self.budget.step().map_err(|stop| stop.at(stmt.span))?;
            self.budget.enter().map_err(|stop| stop.at(stmt.span))?;
            let result = self.exec(stmt, scope);
            self.budget.leave();
            match result.map_err(|stop| stop.at(stmt.span)) {
                Ok(Signal::Next) => {}
                Ok(signal) => return Ok(signal),
                Err(stop) if scope.kind == ScopeKind::Module => self.go_on_after(stmt, stop, scope)?,
                Err(stop) => return Err(stop),
            }
        }
        Ok(Signal::Next)
    }

    fn exec(&mut self, stmt: &Stmt, scope: &Rc<Scope>) -> Eval<Signal> {
        match &stmt.kind {
            StmtKind::Expr(expr) => drop(self.eval(expr, scope)?),
            StmtKind::Assign { targets, value } => {
                let value = self.eval(value, scope)?;
                for target in targets {
                    self.assign(target, value.clone(), scope)?;
                }
            }
            StmtKind::AugAssign { target, op, value } => self.augmented(target, *op, value, scope)?,
            StmtKind::Function(def) => {
                let mut value = self.make_function(def, stmt.span, scope)?;
                for decorator in def.decorators.iter().rev() {
                    let decorator_value = self.eval(decorator, scope)?;
                    self.here = decorator.span;
                    value = self.apply(&decorator_value, value)?;
                }
                self.assign_name(&def.name, value, scope);
            }
            StmtKind::Class(def) => self.class_statement(def, stmt, scope)?,
            StmtKind::Return(value) => {
                return Ok(Signal::Return(match value {
                    Some(value) => self.eval(value, scope)?,
                    None => Value::None,
                }));
            }
            StmtKind::If { branches, orelse } => {
                for (test, body) in branches {
                    let test = self.eval(test, scope)?;
                    if self.truthy(&test)? {
                        return self.exec_block(body, scope);
                    }
                }
                return self.exec_block(orelse, scope);
            }
            StmtKind::For { target, iter, body, orelse } => {
                let source = self.eval(iter, scope)?;
                let iterator = self.iter(&source).map_err(|stop| stop.at(iter.span))?;
                while let Some(item) = self.next(&iterator)? {
                    self.assign(target, item, scope)?;
                    match self.exec_block(body, scope)? {
                        Signal::Break => return Ok(Signal::Next),
                        Signal::Return(value) => return Ok(Signal::Return(value)),
                        Signal::Next | Signal::Continue => {}
                    }
                }
                return self.exec_block(orelse, scope);
            }
            StmtKind::While { test, body, orelse } => {
                // A body that goes on without what went wrong may never end.
                self.guards += 1;
                let signal = self.while_loop(test, body, scope);
                self.guards -= 1;
                return match signal? {
                    Signal::Next => self.exec_block(orelse, scope),
                    Signal::Break => Ok(Signal::Next),
                    signal => Ok(signal),
                };
            }
            StmtKind::With { items, body } => return self.with_statement(items, body, scope),
            StmtKind::Raise { error } => return self.raise_statement(error.as_ref(), scope),
            StmtKind::Try { body, handlers, orelse, finalbody } => {
                return self.try_statement(body, handlers, orelse, finalbody, scope);
            }
            StmtKind::Assert { test, message } => {
                let value = self.eval(test, scope)?;
                if !self.truthy(&value)? {
                    let message = match message {
                        Some(message) => {
                            let value = self.eval(message, scope)?;
                            self.str_of(&value)?
                        }
                        None => String::new(),
                    };
                    return Err(self.raise("AssertionError", message).at(test.span));
                }
            }
            StmtKind::Import { modules } => {
                for (module, alias) in modules {
                    let value = self.import(module)?;
                    match alias {
                        Some(alias) => self.assign_name(alias, value, scope),
                        None => {
                            let first: Name = module.split('.').next().unwrap_or_default().into();
                            let value = self.import(&first)?;
                            self.assign_name(&first, value, scope);
                        }
                    }
                }
            }
            StmtKind::ImportFrom { module, names } => self.import_from(module, names, scope)?,
            StmtKind::Delete(targets) => targets.iter().try_for_each(|target| self.delete(target, scope))?,
            StmtKind::Global(_) | StmtKind::Nonlocal(_) | StmtKind::Pass => {}
            StmtKind::Break => return Ok(Signal::Break),
            StmtKind::Continue => return Ok(Signal::Continue),
        }
        Ok(Signal::Next)
    }

    /// Runs the loop until its condition is false (`Next`) or it is left.
    fn while_loop(&mut self, test: &Expr, body: &[Stmt], scope: &Rc<Scope>) -> Eval<Signal> {
        loop {
            let value = self.eval(test, scope)?;
            if !self.truthy(&value)? {
                return Ok(Signal::Next);
            }
            match self.exec_block(body, scope)? {
                Signal::Next | Signal::Continue => {}
                signal => return Ok(signal),
            }
        }
    }

    fn augmented(&mut self, target: &Expr, op: BinaryOp, value: &Expr, scope: &Rc<Scope>) -> Eval<()> {
        let old = self.eval(target, scope)?;
        let value = self.eval(value, scope)?;
        self.here = target.span;
        match (op, &old) {
            // `xs += ys` changes the list itself, which others may hold too.
            (BinaryOp::Add, Value::List(list)) => {
                let more = self.collect(&value)?;
                self.budget.values(more.len())?;
                list.items.borrow_mut().0.extend(more);
                Ok(())
            }
            (BinaryOp::BitOr, Value::Dict(dict)) => {
                let args = Args::of(vec![value], target.span);
                self.dict_update(dict, args)
            }
            _ => {
                let new = self.binary(op, &old, &value)?;
                self.assign(target, new, scope)
            }
        }
    }

    fn delete(&mut self, target: &Expr, scope: &Rc<Scope>) -> Eval<()> {
        match &target.kind {
            ExprKind::Name(name) => {
                let removed = scope.vars.borrow_mut().shift_remove(name);
                match removed {
                    Some(_) => Ok(()),
                    None => {
                        Err(self.raise("NameError", format!("name '{name}' is not defined")).at(target.span))
                    }
                }
            }
            ExprKind::Subscript { value, index } => {
                let value = self.eval(value, scope)?;
                let index = self.eval(index, scope)?;
                self.delete_item(&value, &index).map_err(|stop| stop.at(target.span))
            }
            ExprKind::Attribute { value, name, .. } => {
                if let Value::Instance(instance) = self.eval(value, scope)? {
                    let removed = instance.attributes.borrow_mut().shift_remove(name);
                    drop(removed);
                }
                Ok(())
            }
            ExprKind::Tuple(items) | ExprKind::List(items) => {
                items.iter().try_for_each(|item| self.delete(item, scope))
            }
            _ => Err(self.raise("TypeError", "this cannot be deleted").at(target.span)),
        }
    }

    fn with_statement(
        &mut self,
        items: &[(Expr, Option<Expr>)],
        body: &[Stmt],
        scope: &Rc<Scope>,
    ) -> Eval<Signal> {
        let Some(((context, target), rest)) = items.split_first() else {
            return self.exec_block(body, scope);
        };
        let manager = self.eval(context, scope)?;
        let Value::Instance(instance) = &manager else {
            // Files need no closing here.
            if let Some(target) = target {
                self.assign(target, manager.clone(), scope)?;
            }
            return match manager {
                Value::File(_) => self.with_statement(rest, body, scope),
                _ => Err(self
                    .raise("TypeError", "`with` needs a context manager, such as open(...)")
                    .at(context.span)),
            };
        };
        let (Some(enter), Some(exit)) = (instance.class.find("__enter__"), instance.class.find("__exit__"))
        else {
            return Err(self
                .raise("TypeError", "`with` needs an object with __enter__ and __exit__")
                .at(context.span));
        };
        let entered = self.call_with(&enter, vec![manager.clone()])?;
        if let Some(target) = target {
            self.assign(target, entered, scope)?;
        }
        let result = self.with_statement(rest, body, scope);
        match result {
            Err(Stop::Raised(mut raised)) => {
                let class = Value::Class(Rc::clone(&raised.class));
                let value = self.exception_value(&mut raised);
                let swallowed = self.call_with(&exit, vec![manager, class, value, Value::None])?;
                if self.truthy(&swallowed)? { Ok(Signal::Next) } else { Err(Stop::Raised(raised)) }
            }
            other => {
                self.call_with(&exit, vec![manager, Value::None, Value::None, Value::None])?;
                other
            }
        }
    }

    fn raise_statement(&mut self, error: Option<&Expr>, scope: &Rc<Scope>) -> Eval<Signal> {
        let value = match error {
            Some(error) => self.eval(error, scope)?,
            None => match self.handling.last() {
                Some((_, value)) => value.clone(),
                None => return Err(self.raise("RuntimeError", "there is no exception to raise again")),
            },
        };
        let value = match value {
            Value::Class(class) if class.is_exception => self.call_with(&Value::Class(class), Vec::new())?,
            other => other,
        };
        let Value::Instance(instance) = &value else {
            return self.type_error(format!("only exceptions can be raised, not {}", value.type_name()));
        };
        if !instance.class.is_exception {
            return self
                .type_error(format!("only exceptions can be raised; {} is not one", instance.class.name));
        }
        let message = self.str_of(&value)?;
        let Stop::Raised(mut raised) = self.raise("Exception", message) else {
            return Ok(Signal::Next);
        };
        raised.class = Rc::clone(&instance.class);
        raised.value = Some(value);
        Err(Stop::Raised(raised))
    }

    /// The exception as an object the file can look at.
    fn exception_value(&mut self, raised: &mut Raised) -> Value {
        if let Some(value) = &raised.value {
            return value.clone();
        }
        let message = Value::str(raised.message.as_str());
        let attributes = IndexMap::from([
            (Name::from("args"), Value::tuple(vec![message.clone()])),
            (Name::from("message"), message),
        ]);
        let value = Value::Instance(Rc::new(Instance {
            class: Rc::clone(&raised.class),
            attributes: attributes.into(),
        }));
        raised.value = Some(value.clone());
        value
    }

    fn try_statement(
        &mut self,
        body: &[Stmt],
        handlers: &[Handler],
        orelse: &[Stmt],
        finalbody: &[Stmt],
        scope: &Rc<Scope>,
    ) -> Eval<Signal> {
        let guards = usize::from(!handlers.is_empty());
        self.guards += guards;
        let attempt = self.exec_block(body, scope);
        self.guards -= guards;
        let result = match attempt {
            Err(Stop::Raised(raised)) => self.handle(raised, handlers, scope),
            Ok(Signal::Next) => self.exec_block(orelse, scope),
            other => other,
        };
        if matches!(result, Err(Stop::Fatal(_) | Stop::Follows)) {
            return result;
        }
        match self.exec_block(finalbody, scope)? {
            Signal::Next => result,
            signal => Ok(signal),
        }
    }

    fn handle(&mut self, mut raised: Box<Raised>, handlers: &[Handler], scope: &Rc<Scope>) -> Eval<Signal> {
        for handler in handlers {
            let caught = match &handler.class {
                Some(class) => {
                    let class = self.eval(class, scope)?;
                    self.catches(&class, &raised.class)?
                }
                None => true,
            };
            if !caught {
                continue;
            }
            let value = self.exception_value(&mut raised);
            if let Some(name) = &handler.name {
                self.assign_name(name, value.clone(), scope);
            }
            self.handling.push((Rc::clone(&raised.class), value));
            let result = self.exec_block(&handler.body, scope);
            self.handling.pop();
            return result;
        }
        Err(Stop::Raised(raised))
    }

    fn catches(&mut self, class: &Value, raised: &Rc<Class>) -> Eval<bool> {
        match class {
            Value::Class(class) => Ok(raised.is_subclass(class)),
            Value::Tuple(classes) => {
                for class in classes.iter() {
                    if self.catches(class, raised)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            _ => self.type_error("`except` needs an exception class"),
        }
    }

    fn class_statement(&mut self, def: &ClassDef, stmt: &Stmt, scope: &Rc<Scope>) -> Eval<()> {
        let mut bases = Vec::new();
        for base in &def.bases {
            bases.push((self.eval(base, scope)?, base.span));
        }
        let inside = Scope::new(ScopeKind::Class, Some(Rc::clone(scope)));
        self.budget.values(8)?;
        let mut value = if bases.iter().any(|(base, _)| matches!(base, Value::StructBase | Value::Type(_))) {
            self.struct_statement(def, &bases, &inside)?
        } else {
            self.plain_class(def, bases, &inside)?
        };
        for decorator in def.decorators.iter().rev() {
            let decorator_value = self.eval(decorator, scope)?;
            self.here = stmt.span;
            value = self.apply(&decorator_value, value)?;
        }
        self.assign_name(&def.name, value, scope);
        Ok(())
    }

    fn plain_class(
        &mut self,
        def: &ClassDef,
        bases: Vec<(Value, crate::diagnostic::Span)>,
        inside: &Rc<Scope>,
    ) -> Eval<Value> {
        let mut ancestors: Vec<Rc<Class>> = Vec::new();
        let mut fields = None;
        for (base, span) in bases {
            match base {
                Value::Class(base) => {
                    fields = fields.or_else(|| base.fields.clone());
                    let count = ancestors.len() + base.ancestors.borrow().len();
                    if count > ANCESTORS_MAX {
                        let message = format!("{} derives from more than {ANCESTORS_MAX} classes", def.name);
                        return Err(self.raise("TypeError", message).at(span));
                    }
                    self.budget.steps(count * count / 8)?;
                    for class in std::iter::once(base.clone()).chain(base.ancestors.borrow().iter().cloned())
                    {
                        // A shared ancestor comes after all that derive from it.
                        ancestors.retain(|known| !Rc::ptr_eq(known, &class));
                        ancestors.push(class);
                    }
                }
                Value::Builtin(super::value::BuiltinType::Object) => {}
                other => {
                    let shown = self.repr_short(&other);
                    return Err(self.raise("TypeError", format!("{shown} cannot be a base class")).at(span));
                }
            }
        }
        self.exec_block(&def.body, inside)?;
        let class = Rc::new(Class {
            name: def.name.clone(),
            is_exception: ancestors.iter().any(|class| class.is_exception),
            ancestors: ancestors.into(),
            attributes: std::mem::take(&mut *inside.vars.borrow_mut()).into(),
            fields,
        });
        for value in class.attributes.borrow().values() {
            if let Value::Function(function) = value {
                function.owner.borrow_mut().get_or_insert_with(|| Rc::clone(&class));
            }
        }
        Ok(Value::Class(class))
    }
}
