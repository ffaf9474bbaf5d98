//! Assignment: to names, elements, attributes and several of them.

use std::rc::Rc;

use super::error::Eval;
use super::interp::Interp;
use super::value::{Scope, ScopeKind, Value};
use crate::syntax::{Expr, ExprKind, Name};

impl Interp {
    pub fn assign_name(&mut self, name: &Name, value: Value, scope: &Rc<Scope>) {
        if let Some(function) = &scope.function
            && function.globals.contains(name)
        {
            let mut at = scope.parent.clone();
            while let Some(outer) = at {
                if outer.kind == ScopeKind::Function && outer.vars.borrow().contains_key(name) {
                    outer.set_name(name, value);
                    return;
                }
                at = outer.parent.clone();
            }
            self.spoilt.remove(name);
            self.globals.set_name(name, value);
            return;
        }
        if scope.kind == ScopeKind::Module {
            self.spoilt.remove(name);
        }
        scope.set_name(name, value);
    }

    pub fn assign(&mut self, target: &Expr, value: Value, scope: &Rc<Scope>) -> Eval<()> {
        match &target.kind {
            ExprKind::Name(name) => {
                self.budget.bytes(16)?;
                self.assign_name(name, value, scope);
                Ok(())
            }
            ExprKind::List(targets) | ExprKind::Tuple(targets) => {
                let items = self.collect(&value).map_err(|stop| stop.at(target.span))?;
                self.unpack(targets, items, scope).map_err(|stop| stop.at(target.span))
            }
            ExprKind::Attribute { value: object, name, .. } => {
                let object = self.eval(object, scope)?;
                self.set_attribute(&object, name, value).map_err(|stop| stop.at(target.span))
            }
            ExprKind::Subscript { value: object, index } => {
                let object = self.eval(object, scope)?;
                let index = self.eval(index, scope)?;
                self.set_item(&object, &index, value).map_err(|stop| stop.at(target.span))
            }
            _ => Err(self.raise("TypeError", "this cannot be assigned to").at(target.span)),
        }
    }

    fn unpack(&mut self, targets: &[Expr], mut items: Vec<Value>, scope: &Rc<Scope>) -> Eval<()> {
        let star = targets.iter().position(|target| matches!(target.kind, ExprKind::Starred(_)));
        let wanted = targets.len();
        let fits = if star.is_some() { items.len() + 1 >= wanted } else { items.len() == wanted };
        if !fits {
            let least = if star.is_some() { "at least " } else { "" };
            let count = wanted - usize::from(star.is_some());
            return self
                .value_error(format!("{} values cannot be unpacked into {least}{count} names", items.len()));
        }
        if let Some(at) = star {
            let rest = items.len() + 1 - wanted;
            let middle: Vec<Value> = items.splice(at..at + rest, [Value::None]).collect();
            items[at] = self.list(middle)?;
        }
        for (target, item) in targets.iter().zip(items) {
            match &target.kind {
                ExprKind::Starred(inner) => self.assign(inner, item, scope)?,
                _ => self.assign(target, item, scope)?,
            }
        }
        Ok(())
    }
}
