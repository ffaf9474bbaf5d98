//! The parts of expressions and statements, for those who look for something in all of them.

use super::{ComprehensionKind, Expr, ExprKind, FormatPart, FunctionBody, FunctionDef, Stmt, StmtKind};

impl Expr {
    /// Visits the expressions this one is made of, not those inside them. Of a lambda these are the defaults and the body.
    pub fn children<'a>(&'a self, visit: &mut dyn FnMut(&'a Self)) {
        match &self.kind {
            ExprKind::None
            | ExprKind::Ellipsis
            | ExprKind::Bool(_)
            | ExprKind::Int(_)
            | ExprKind::Float(_)
            | ExprKind::Str(_)
            | ExprKind::Bytes(_)
            | ExprKind::Name(_)
            | ExprKind::Yield(None) => {}
            ExprKind::Format(parts) => format_parts(parts, visit),
            ExprKind::List(items)
            | ExprKind::Tuple(items)
            | ExprKind::Set(items)
            | ExprKind::And(items)
            | ExprKind::Or(items) => items.iter().for_each(visit),
            ExprKind::Dict(items) => {
                for (key, value) in items {
                    key.iter().for_each(&mut *visit);
                    visit(value);
                }
            }
            ExprKind::Comprehension(inner) => {
                for clause in &inner.clauses {
                    visit(&clause.iter);
                    visit(&clause.target);
                    clause.conditions.iter().for_each(&mut *visit);
                }
                match &inner.kind {
                    ComprehensionKind::List(value)
                    | ComprehensionKind::Set(value)
                    | ComprehensionKind::Generator(value) => visit(value),
                    ComprehensionKind::Dict(key, value) => {
                        visit(key);
                        visit(value);
                    }
                }
            }
            ExprKind::Call(call) => {
                visit(&call.function);
                call.arguments.iter().for_each(|argument| visit(&argument.value));
            }
            ExprKind::Attribute { value, .. }
            | ExprKind::Starred(value)
            | ExprKind::Unary { operand: value, .. }
            | ExprKind::Walrus { value, .. }
            | ExprKind::Yield(Some(value))
            | ExprKind::YieldFrom(value) => visit(value),
            ExprKind::Subscript { value, index } => {
                visit(value);
                visit(index);
            }
            ExprKind::Slice { lower, upper, step } => {
                [lower, upper, step].into_iter().flatten().for_each(|bound| visit(bound));
            }
            ExprKind::Binary { left, right, .. } => {
                visit(left);
                visit(right);
            }
            ExprKind::Compare { left, rest } => {
                visit(left);
                rest.iter().for_each(|(_, right)| visit(right));
            }
            ExprKind::Conditional { test, body, orelse } => {
                visit(test);
                visit(body);
                visit(orelse);
            }
            ExprKind::Lambda(def) => {
                def.outer_expressions(visit);
                if let FunctionBody::Lambda(body) = &def.body {
                    visit(body);
                }
            }
        }
    }
}

fn format_parts<'a>(parts: &'a [FormatPart], visit: &mut dyn FnMut(&'a Expr)) {
    for part in parts {
        if let FormatPart::Value { value, spec, .. } = part {
            visit(value);
            format_parts(spec, visit);
        }
    }
}

impl FunctionDef {
    /// Visits what is evaluated where the function is defined: decorators and defaults.
    pub fn outer_expressions<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        self.decorators.iter().for_each(&mut *visit);
        self.params.iter().filter_map(|param| param.default.as_ref()).for_each(visit);
    }
}

impl Stmt {
    /// Visits the expressions of the statement itself, targets of assignments included, but not those of its blocks.
    pub fn expressions<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        match &self.kind {
            StmtKind::Function(def) => def.outer_expressions(visit),
            StmtKind::Class(def) => def.bases.iter().chain(&def.decorators).for_each(visit),
            StmtKind::Return(value) | StmtKind::Raise { error: value } => value.iter().for_each(visit),
            StmtKind::Delete(targets) => targets.iter().for_each(visit),
            StmtKind::Assign { targets, value } => {
                visit(value);
                targets.iter().for_each(visit);
            }
            StmtKind::AugAssign { target, value, .. } => {
                visit(target);
                visit(value);
            }
            StmtKind::For { target, iter, .. } => {
                visit(iter);
                visit(target);
            }
            StmtKind::While { test, .. } => visit(test),
            StmtKind::If { branches, .. } => branches.iter().for_each(|(test, _)| visit(test)),
            StmtKind::With { items, .. } => {
                for (context, target) in items {
                    visit(context);
                    target.iter().for_each(&mut *visit);
                }
            }
            StmtKind::Try { handlers, .. } => {
                handlers.iter().filter_map(|handler| handler.class.as_ref()).for_each(visit);
            }
            StmtKind::Assert { test, message } => {
                visit(test);
                message.iter().for_each(visit);
            }
            StmtKind::Expr(value) => visit(value),
            StmtKind::Import { .. }
            | StmtKind::ImportFrom { .. }
            | StmtKind::Global(_)
            | StmtKind::Nonlocal(_)
            | StmtKind::Pass
            | StmtKind::Break
            | StmtKind::Continue => {}
        }
    }

    /// Visits the blocks of the statement. The bodies of functions and classes are not among them: they have scopes of their own.
    pub fn blocks<'a>(&'a self, visit: &mut dyn FnMut(&'a [Self])) {
        match &self.kind {
            StmtKind::For { body, orelse, .. } | StmtKind::While { body, orelse, .. } => {
                visit(body);
                visit(orelse);
            }
            StmtKind::If { branches, orelse } => {
                branches.iter().for_each(|(_, body)| visit(body));
                visit(orelse);
            }
            StmtKind::With { body, .. } => visit(body),
            StmtKind::Try { body, handlers, orelse, finalbody } => {
                visit(body);
                handlers.iter().for_each(|handler| visit(&handler.body));
                visit(orelse);
                visit(finalbody);
            }
            _ => {}
        }
    }
}
