//! Which names a block assigns: in a function they are local in its whole body.

use indexmap::IndexSet;

use super::{Expr, ExprKind, Name, Stmt, StmtKind};

/// What a block assigns and declares.
#[derive(Default)]
pub struct Locals {
    pub assigned: IndexSet<Name>,
    pub globals: Vec<Name>,
    pub has_yield: bool,
}

impl Locals {
    pub fn block(&mut self, body: &[Stmt]) {
        body.iter().for_each(|stmt| self.stmt(stmt));
    }

    fn add(&mut self, name: &Name) {
        self.assigned.insert(name.clone());
    }

    pub fn stmt(&mut self, stmt: &Stmt) {
        match &stmt.kind {
            StmtKind::Function(def) => self.add(&def.name),
            StmtKind::Class(def) => self.add(&def.name),
            StmtKind::Delete(targets) | StmtKind::Assign { targets, .. } => {
                targets.iter().for_each(|target| self.target(target));
            }
            StmtKind::AugAssign { target, .. } | StmtKind::For { target, .. } => self.target(target),
            StmtKind::With { items, .. } => {
                items.iter().filter_map(|(_, target)| target.as_ref()).for_each(|target| self.target(target));
            }
            StmtKind::Try { handlers, .. } => {
                handlers.iter().filter_map(|handler| handler.name.as_ref()).for_each(|name| self.add(name));
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
            StmtKind::Global(names) | StmtKind::Nonlocal(names) => {
                self.globals.extend(names.iter().cloned());
            }
            _ => {}
        }
        stmt.expressions(&mut |expr| self.expr(expr));
        stmt.blocks(&mut |body| self.block(body));
    }

    /// The names an assignment to `target` binds.
    pub fn target(&mut self, target: &Expr) {
        match &target.kind {
            ExprKind::Name(name) => self.add(name),
            ExprKind::List(items) | ExprKind::Tuple(items) => items.iter().for_each(|item| self.target(item)),
            ExprKind::Starred(inner) => self.target(inner),
            _ => {}
        }
    }

    /// Looks for `yield` and `:=`; both may stand in any expression of the function.
    pub fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Yield(_) | ExprKind::YieldFrom(_) => self.has_yield = true,
            ExprKind::Walrus { name, .. } => self.add(name),
            // They are evaluated elsewhere.
            ExprKind::Lambda(_) => return,
            _ => {}
        }
        expr.children(&mut |child| self.expr(child));
    }
}
