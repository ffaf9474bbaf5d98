//! Going on with the next statement of a file after one that failed. What the failed one would have set is spoilt: whatever
//! needs it is passed over in silence, and so is what it would have set. So each problem is told, and none that only follows from another.

use std::collections::HashSet;
use std::rc::Rc;

use super::{FAILED_MAX, PROBLEMS_MAX};
use crate::eval::error::{Eval, Raised, Stop};
use crate::eval::interp::Interp;
use crate::eval::value::{Scope, Value};
use crate::syntax::{
    Argument, ArgumentKind, BinaryOp, Clause, Comprehension, ComprehensionKind, Expr, ExprKind, FunctionBody,
    FunctionDef, Locals, Name, Stmt, StmtKind,
};

/// Methods that change what they are called on.
const CHANGING: &[&str] = &[
    "add",
    "append",
    "appendleft",
    "clear",
    "difference_update",
    "discard",
    "extend",
    "insert",
    "intersection_update",
    "next",
    "pop",
    "popitem",
    "popleft",
    "remove",
    "reverse",
    "setdefault",
    "sort",
    "update",
];

impl Interp {
    /// Notes why a statement of a file failed, and what has no value because of it.
    pub fn go_on_after(&mut self, stmt: &Stmt, stop: Stop, scope: &Rc<Scope>) -> Eval<()> {
        self.mistakes.failed += 1;
        if self.guards > 0 || self.mistakes.failed > FAILED_MAX {
            return Err(stop);
        }
        match stop {
            Stop::Fatal(_) => return Err(stop),
            Stop::Raised(raised)
                if ends_the_file(&raised) || self.mistakes.problems.len() >= PROBLEMS_MAX =>
            {
                return Err(Stop::Raised(raised));
            }
            Stop::Raised(_) => self.note(stop.into_diagnostics()),
            Stop::Follows => {}
        }
        self.lacks_names |= brings_names(stmt);
        if let StmtKind::Assign { targets, value } = &stmt.kind
            && matches!(targets.as_slice(), [Expr { kind: ExprKind::Name(name), .. }] if &**name == "jobs")
            && !self.may_change_things(stmt)
        {
            let jobs = self.jobs_that_can_be_made(value, scope)?;
            scope.set("jobs", Value::list(jobs));
            return Ok(());
        }
        let mut locals = Locals::default();
        locals.stmt(stmt);
        self.spoilt.extend(locals.assigned);
        if self.may_change_things(stmt) {
            let globals = self.globals.vars.borrow();
            let can_change = |value: &Value| {
                matches!(
                    value,
                    Value::List(_)
                        | Value::Dict(_)
                        | Value::Set(_)
                        | Value::Instance(_)
                        | Value::Class(_)
                        | Value::Iter(_)
                )
            };
            self.spoilt
                .extend(globals.iter().filter(|(_, value)| can_change(value)).map(|(name, _)| name.clone()));
        }
        // The jobs there are can be checked, be they all or not.
        if self.globals.vars.borrow().contains_key("jobs") {
            self.spoilt.remove("jobs");
        }
        Ok(())
    }

    /// Notes why an argument of a call that makes an object cannot be evaluated, unless the call must fail with it.
    pub fn leave_out(&mut self, argument: &Argument, stop: Stop) -> Eval<()> {
        let ArgumentKind::Keyword(name) = &argument.kind else { return Err(stop) };
        let mut changes = Changes { interp: self, seen: HashSet::new(), own: Vec::new() };
        if self.guards > 0 || changes.expr(&argument.value) {
            return Err(stop);
        }
        self.mistakes.failed += 1;
        match stop {
            Stop::Fatal(_) => return Err(stop),
            Stop::Raised(raised)
                if ends_the_file(&raised)
                    || self.mistakes.failed > FAILED_MAX
                    || self.mistakes.problems.len() >= PROBLEMS_MAX =>
            {
                return Err(Stop::Raised(raised));
            }
            Stop::Raised(_) => self.note(stop.into_diagnostics()),
            Stop::Follows => {}
        }
        self.mistakes.dropped.push(std::sync::Arc::from(&**name));
        Ok(())
    }

    /// The elements of a list of jobs that can be evaluated, with the problems of the others noted.
    fn jobs_that_can_be_made(&mut self, expr: &Expr, scope: &Rc<Scope>) -> Eval<Vec<Value>> {
        match &expr.kind {
            ExprKind::List(items) | ExprKind::Tuple(items) => {
                let mut jobs = Vec::new();
                for item in items {
                    match &item.kind {
                        ExprKind::Starred(inner) => jobs.extend(self.jobs_that_can_be_made(inner, scope)?),
                        _ => {
                            let made = self.eval(item, scope);
                            jobs.extend(self.made_or_noted(made)?);
                        }
                    }
                }
                Ok(jobs)
            }
            ExprKind::Binary { op: BinaryOp::Add, left, right } => {
                let mut jobs = self.jobs_that_can_be_made(left, scope)?;
                jobs.extend(self.jobs_that_can_be_made(right, scope)?);
                Ok(jobs)
            }
            ExprKind::Comprehension(inner) => match &**inner {
                Comprehension { kind: ComprehensionKind::List(value), clauses } => {
                    let inside =
                        Scope::new(crate::eval::value::ScopeKind::Comprehension, Some(Rc::clone(scope)));
                    self.elements_that_can_be_made(clauses, value, &inside)
                }
                _ => Ok(Vec::new()),
            },
            _ => {
                let value = self.eval(expr, scope).and_then(|value| self.collect(&value));
                Ok(self.made_or_noted(value)?.unwrap_or_default())
            }
        }
    }

    fn elements_that_can_be_made(
        &mut self,
        clauses: &[Clause],
        value: &Expr,
        scope: &Rc<Scope>,
    ) -> Eval<Vec<Value>> {
        let mut elements = Vec::new();
        let result = self.each(clauses, scope, &mut |this, scope| {
            let made = this.eval(value, scope);
            elements.extend(this.made_or_noted(made)?);
            Ok(())
        });
        self.made_or_noted(result)?;
        Ok(elements)
    }

    fn made_or_noted<T>(&mut self, made: Eval<T>) -> Eval<Option<T>> {
        match made {
            Ok(value) => Ok(Some(value)),
            Err(Stop::Fatal(problem)) => Err(Stop::Fatal(problem)),
            Err(stop) => {
                self.note(stop.into_diagnostics());
                Ok(None)
            }
        }
    }

    /// Whether a statement may change lists, dicts or objects that others hold.
    fn may_change_things(&self, stmt: &Stmt) -> bool {
        Changes { interp: self, seen: HashSet::new(), own: Vec::new() }.stmt(stmt)
    }
}

/// What the file itself raises outside of functions says that it shall not go on.
fn ends_the_file(raised: &Raised) -> bool {
    let class = &*raised.class.name;
    matches!(class, "SystemExit" | "RecursionError")
        || (raised.trace.is_empty() && (raised.value.is_some() || class == "AssertionError"))
}

/// Whether a statement sets names that are not in its text.
fn brings_names(stmt: &Stmt) -> bool {
    fn calls_include(expr: &Expr) -> bool {
        let mut found = matches!(&expr.kind, ExprKind::Name(name) if &**name == "include");
        expr.children(&mut |child| found = found || calls_include(child));
        found
    }
    let mut found = matches!(&stmt.kind, StmtKind::ImportFrom { names, .. } if names.iter().any(|(name, _)| &**name == "*"));
    stmt.expressions(&mut |expr| found = found || calls_include(expr));
    stmt.blocks(&mut |body| found = found || body.iter().any(brings_names));
    found
}

/// Looks for changes of what may be held elsewhere, through the functions that are called.
struct Changes<'a> {
    interp: &'a Interp,
    seen: HashSet<*const FunctionDef>,
    /// Names whose values were made in the function being looked at.
    own: Vec<Name>,
}

impl Changes<'_> {
    fn stmt(&mut self, stmt: &Stmt) -> bool {
        let mut found = match &stmt.kind {
            StmtKind::Assign { targets, .. } | StmtKind::Delete(targets) => {
                targets.iter().any(|target| self.changed_by_target(target))
            }
            StmtKind::AugAssign { target, .. } => !self.is_own(target),
            _ => false,
        };
        stmt.expressions(&mut |expr| found = found || self.expr(expr));
        stmt.blocks(&mut |body| found = found || body.iter().any(|stmt| self.stmt(stmt)));
        found
    }

    fn changed_by_target(&self, target: &Expr) -> bool {
        match &target.kind {
            ExprKind::Attribute { value, .. } | ExprKind::Subscript { value, .. } => !self.is_own(value),
            ExprKind::List(items) | ExprKind::Tuple(items) => {
                items.iter().any(|item| self.changed_by_target(item))
            }
            _ => false,
        }
    }

    fn is_own(&self, expr: &Expr) -> bool {
        matches!(&expr.kind, ExprKind::Name(name) if self.own.contains(name))
    }

    fn expr(&mut self, expr: &Expr) -> bool {
        let mut found = match &expr.kind {
            ExprKind::Call(call) => match &call.function.kind {
                ExprKind::Attribute { value, name, .. } if CHANGING.contains(&&**name) => !self.is_own(value),
                ExprKind::Attribute { value, .. } => self.is_an_object_of_the_file(value),
                ExprKind::Name(name) if &**name == "next" => true,
                ExprKind::Name(name) => self.called(name),
                _ => true,
            },
            _ => false,
        };
        expr.children(&mut |child| found = found || self.expr(child));
        found
    }

    fn is_an_object_of_the_file(&self, expr: &Expr) -> bool {
        let ExprKind::Name(name) = &expr.kind else { return false };
        matches!(self.interp.globals.get(name), Some(Value::Instance(_) | Value::Class(_)))
    }

    fn called(&mut self, name: &Name) -> bool {
        match self.interp.globals.get(name) {
            Some(Value::Function(function)) => self.function(&function.def),
            Some(Value::Class(_) | Value::Instance(_) | Value::Bound(_)) => true,
            _ => false,
        }
    }

    fn function(&mut self, def: &Rc<FunctionDef>) -> bool {
        if !self.seen.insert(Rc::as_ptr(def)) {
            return false;
        }
        // What a parameter holds, others may hold too, but for `**names` and `*values`.
        let is_shared = |name: &&Name| {
            use crate::syntax::ParamKind::{VarKeyword, VarPositional};
            let fresh = |kind| matches!(kind, VarKeyword | VarPositional);
            def.params.iter().any(|param| param.name == **name && !fresh(param.kind))
        };
        let own = def.locals.iter().filter(|name| !is_shared(name)).cloned().collect();
        let outer = std::mem::replace(&mut self.own, own);
        let found = match &def.body {
            FunctionBody::Block(body) => body.iter().any(|stmt| self.stmt(stmt)),
            FunctionBody::Lambda(body) => self.expr(body),
        };
        self.own = outer;
        found
    }
}
