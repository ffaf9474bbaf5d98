//! Which names a function assigns: they are local in its whole body.

use crate::syntax::{Comprehension, ComprehensionKind, Expr, ExprKind, FormatPart, Name, Stmt, StmtKind};

#[derive(Default)]
pub(super) struct Locals {
    pub assigned: Vec<Name>,
    pub globals: Vec<Name>,
    pub has_yield: bool,
}

impl Locals {
    pub fn block(&mut self, body: &[Stmt]) {
        for stmt in body {
            self.stmt(stmt);
        }
    }

    fn add(&mut self, name: &Name) {
        if !self.assigned.contains(name) {
            self.assigned.push(name.clone());
        }
    }

    fn stmt(&mut self, stmt: &Stmt) {
        match &stmt.kind {
            StmtKind::Function(def) => self.add(&def.name),
            StmtKind::Class(def) => self.add(&def.name),
            StmtKind::Return(value) => value.iter().for_each(|value| self.expr(value)),
            StmtKind::Delete(targets) => targets.iter().for_each(|target| self.target(target)),
            StmtKind::Assign { targets, value } => {
                targets.iter().for_each(|target| self.target(target));
                self.expr(value);
            }
            StmtKind::AugAssign { target, value, .. } => {
                self.target(target);
                self.expr(value);
            }
            StmtKind::For { target, iter, body, orelse } => {
                self.target(target);
                self.expr(iter);
                self.block(body);
                self.block(orelse);
            }
            StmtKind::While { test, body, orelse } => {
                self.expr(test);
                self.block(body);
                self.block(orelse);
            }
            StmtKind::If { branches, orelse } => {
                for (test, body) in branches {
                    self.expr(test);
                    self.block(body);
                }
                self.block(orelse);
            }
            StmtKind::With { items, body } => {
                for (context, target) in items {
                    self.expr(context);
                    target.iter().for_each(|target| self.target(target));
                }
                self.block(body);
            }
            StmtKind::Try { body, handlers, orelse, finalbody } => {
                self.block(body);
                for handler in handlers {
                    handler.name.iter().for_each(|name| self.add(name));
                    self.block(&handler.body);
                }
                self.block(orelse);
                self.block(finalbody);
            }
            StmtKind::Import { modules } => {
                for (module, alias) in modules {
                    let first: Name = module.split('.').next().unwrap_or_default().into();
                    self.add(alias.as_ref().unwrap_or(&first));
                }
            }
            StmtKind::ImportFrom { names, .. } => {
                names.iter().for_each(|(name, alias)| self.add(alias.as_ref().unwrap_or(name)));
            }
            StmtKind::Global(names) => self.globals.extend(names.iter().cloned()),
            StmtKind::Nonlocal(names) => self.globals.extend(names.iter().cloned()),
            StmtKind::Expr(value) => self.expr(value),
            StmtKind::Raise { error } => error.iter().for_each(|error| self.expr(error)),
            StmtKind::Assert { test, .. } => self.expr(test),
            StmtKind::Pass | StmtKind::Break | StmtKind::Continue => {}
        }
    }

    fn target(&mut self, target: &Expr) {
        match &target.kind {
            ExprKind::Name(name) => self.add(name),
            ExprKind::List(items) | ExprKind::Tuple(items) => items.iter().for_each(|item| self.target(item)),
            ExprKind::Starred(inner) => self.target(inner),
            _ => self.expr(target),
        }
    }

    /// Looks for `yield` and `:=`; both may stand in any expression of the function.
    pub fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Yield(value) => {
                self.has_yield = true;
                value.iter().for_each(|value| self.expr(value));
            }
            ExprKind::YieldFrom(value) => {
                self.has_yield = true;
                self.expr(value);
            }
            ExprKind::Walrus { name, value } => {
                self.add(name);
                self.expr(value);
            }
            ExprKind::List(items)
            | ExprKind::Tuple(items)
            | ExprKind::Set(items)
            | ExprKind::And(items)
            | ExprKind::Or(items) => items.iter().for_each(|item| self.expr(item)),
            ExprKind::Dict(items) => {
                for (key, value) in items {
                    key.iter().for_each(|key| self.expr(key));
                    self.expr(value);
                }
            }
            ExprKind::Comprehension(inner) => self.comprehension(inner),
            ExprKind::Call(call) => {
                self.expr(&call.function);
                call.arguments.iter().for_each(|argument| self.expr(&argument.value));
            }
            ExprKind::Attribute { value, .. } | ExprKind::Starred(value) => self.expr(value),
            ExprKind::Subscript { value, index } => {
                self.expr(value);
                self.expr(index);
            }
            ExprKind::Unary { operand, .. } => self.expr(operand),
            ExprKind::Binary { left, right, .. } => {
                self.expr(left);
                self.expr(right);
            }
            ExprKind::Compare { left, rest } => {
                self.expr(left);
                rest.iter().for_each(|(_, right)| self.expr(right));
            }
            ExprKind::Conditional { test, body, orelse } => {
                self.expr(test);
                self.expr(body);
                self.expr(orelse);
            }
            ExprKind::Format(parts) => {
                for part in parts {
                    if let FormatPart::Value { value, .. } = part {
                        self.expr(value);
                    }
                }
            }
            _ => {}
        }
    }

    fn comprehension(&mut self, inner: &Comprehension) {
        match &inner.kind {
            ComprehensionKind::List(value)
            | ComprehensionKind::Set(value)
            | ComprehensionKind::Generator(value) => {
                self.expr(value);
            }
            ComprehensionKind::Dict(key, value) => {
                self.expr(key);
                self.expr(value);
            }
        }
        for clause in &inner.clauses {
            self.expr(&clause.iter);
            clause.conditions.iter().for_each(|condition| self.expr(condition));
        }
    }
}
