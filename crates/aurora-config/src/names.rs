//! Which names of a file nothing defines, found without running it, by Python's rules of scopes. It must not complain of a name
//! that something could define: where that cannot be told, nothing is found.

use std::collections::HashSet;
use std::rc::Rc;

use indexmap::IndexMap;

use crate::diagnostic::Span;
use crate::syntax::{Expr, ExprKind, FunctionBody, FunctionDef, Handler, Locals, Name, Stmt, StmtKind};

/// A name that is used, and defined nowhere.
#[derive(Debug)]
pub(crate) struct Undefined {
    pub name: Name,
    /// Where it is used.
    pub places: Vec<Span>,
    /// The names of the functions and comprehensions around the first use.
    pub in_scope: Vec<Name>,
}

/// Functions that define or read names in ways that do not show.
const UNFORESEEABLE: &[&str] =
    &["globals", "locals", "vars", "dir", "eval", "exec", "execfile", "__import__"];

/// Finds the undefined names of files that share one global namespace. `is_known` tells names that are defined without a
/// statement; `included` are the calls of `include()` whose files are among `files`.
pub(crate) fn undefined(
    files: &[Rc<Vec<Stmt>>],
    is_known: &dyn Fn(&str) -> bool,
    included: &HashSet<Span>,
) -> Vec<Undefined> {
    let mut globals = Locals::default();
    files.iter().for_each(|file| globals.block(file));
    let mut search = Search {
        is_known,
        included,
        globals: globals.assigned.into_iter().collect(),
        scopes: Vec::new(),
        guards: 0,
        calls_under_guard: false,
        gave_up: false,
        found: IndexMap::new(),
    };
    files.iter().for_each(|file| search.block(file));
    if search.gave_up {
        return Vec::new();
    }
    let Search { found, globals, calls_under_guard, .. } = search;
    let wanted = found.into_values().filter_map(|uses| {
        let uses: Vec<Use> =
            uses.into_iter().filter(|found| !(calls_under_guard && found.in_function)).collect();
        let first = uses.first()?;
        (!globals.contains(&first.name)).then(|| Undefined {
            name: first.name.clone(),
            in_scope: first.in_scope.clone(),
            places: uses.iter().map(|found| found.span).collect(),
        })
    });
    wanted.collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Function,
    Class,
    Comprehension,
}

struct Names {
    kind: Kind,
    names: HashSet<Name>,
}

struct Use {
    name: Name,
    span: Span,
    in_function: bool,
    in_scope: Vec<Name>,
}

struct Search<'a> {
    is_known: &'a dyn Fn(&str) -> bool,
    included: &'a HashSet<Span>,
    globals: HashSet<Name>,
    /// Innermost last; the global one is not among them.
    scopes: Vec<Names>,
    /// `try` statements around, whose handlers see a NameError.
    guards: usize,
    /// Whether such a `try` calls anything: the NameError may come from any function.
    calls_under_guard: bool,
    gave_up: bool,
    found: IndexMap<Name, Vec<Use>>,
}

impl Search<'_> {
    fn block(&mut self, body: &[Stmt]) {
        body.iter().for_each(|stmt| self.stmt(stmt));
    }

    fn stmt(&mut self, stmt: &Stmt) {
        stmt.expressions(&mut |expr| self.expr(expr));
        match &stmt.kind {
            StmtKind::Function(def) => self.function(def),
            StmtKind::Class(def) => {
                let mut locals = Locals::default();
                locals.block(&def.body);
                self.globals.extend(locals.globals);
                self.inside(Kind::Class, locals.assigned.into_iter().collect(), |this| this.block(&def.body));
            }
            StmtKind::Try { body, handlers, orelse, finalbody } => {
                let guards = usize::from(handlers.iter().any(sees_name_errors));
                self.guards += guards;
                self.block(body);
                self.guards -= guards;
                handlers.iter().for_each(|handler| self.block(&handler.body));
                self.block(orelse);
                self.block(finalbody);
            }
            _ => stmt.blocks(&mut |body| self.block(body)),
        }
    }

    fn function(&mut self, def: &FunctionDef) {
        self.globals.extend(def.globals.iter().cloned());
        self.inside(Kind::Function, def.locals.iter().cloned().collect(), |this| match &def.body {
            FunctionBody::Block(body) => this.block(body),
            FunctionBody::Lambda(body) => this.expr(body),
        });
    }

    fn inside(&mut self, kind: Kind, names: HashSet<Name>, walk: impl FnOnce(&mut Self)) {
        self.scopes.push(Names { kind, names });
        walk(self);
        self.scopes.pop();
    }

    fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Name(name) => self.name(name, expr.span),
            ExprKind::Lambda(def) => {
                def.outer_expressions(&mut |default| self.expr(default));
                self.function(def);
            }
            ExprKind::Comprehension(inner) => {
                let mut targets = Locals::default();
                inner.clauses.iter().for_each(|clause| targets.target(&clause.target));
                let names = targets.assigned.into_iter().collect();
                self.inside(Kind::Comprehension, names, |this| {
                    expr.children(&mut |child| this.expr(child));
                });
            }
            ExprKind::Call(call) => {
                self.calls_under_guard |= self.guards > 0;
                match &call.function.kind {
                    ExprKind::Name(name) if &**name == "include" => {
                        self.gave_up |= !self.included.contains(&expr.span);
                        call.arguments.iter().for_each(|argument| self.expr(&argument.value));
                    }
                    _ => expr.children(&mut |child| self.expr(child)),
                }
            }
            _ => expr.children(&mut |child| self.expr(child)),
        }
    }

    fn name(&mut self, name: &Name, span: Span) {
        if &**name == "include" || UNFORESEEABLE.contains(&&**name) {
            self.gave_up = true;
        }
        if self.guards > 0 || self.is_local(name) || self.globals.contains(name) || (self.is_known)(name) {
            return;
        }
        let in_scope = self.scopes.iter().rev().flat_map(|scope| scope.names.iter().cloned()).collect();
        let in_function = self.scopes.iter().any(|scope| scope.kind == Kind::Function);
        let found = Use { name: name.clone(), span, in_function, in_scope };
        self.found.entry(name.clone()).or_default().push(found);
    }

    /// Whether a function, class or comprehension around defines it. Methods do not see the names of their class.
    fn is_local(&self, name: &Name) -> bool {
        let mut hides_class = false;
        for scope in self.scopes.iter().rev() {
            if scope.kind == Kind::Class && hides_class {
                continue;
            }
            if scope.names.contains(name) {
                return true;
            }
            hides_class = scope.kind == Kind::Function;
        }
        false
    }
}

fn sees_name_errors(handler: &Handler) -> bool {
    fn sees(class: &Expr) -> bool {
        match &class.kind {
            ExprKind::Name(name) => {
                matches!(
                    &**name,
                    "NameError" | "UnboundLocalError" | "Exception" | "StandardError" | "BaseException"
                ) || !name.ends_with("Error")
            }
            ExprKind::Tuple(classes) => classes.iter().any(sees),
            _ => true,
        }
    }
    handler.class.as_ref().is_none_or(sees)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::rc::Rc;

    fn undefined(text: &str) -> String {
        let tree = crate::parse::parse(text, 0).unwrap();
        let known =
            |name: &str| matches!(name, "print" | "Job" | "include" | "globals" | "NameError" | "Exception");
        let found = super::undefined(&[Rc::new(tree)], &known, &HashSet::new());
        found.iter().map(|found| format!("{}:{} ", found.name, found.places.len())).collect()
    }

    #[test]
    fn names_that_nothing_defines_are_found_wherever_they_stand() {
        assert_eq!(undefined("a = b + c\nd = b\n"), "b:2 c:1 ");
        assert_eq!(undefined("def f(a, b=zz, *c, **d):\n  return (a, b, c, d, e)\n"), "zz:1 e:1 ");
        assert_eq!(undefined("x = [a for a in bs if a != c] + [a]\n"), "bs:1 c:1 a:1 ");
        assert_eq!(undefined("x = lambda a: a + b\ny = f'{a}{x:{w}}'\n"), "b:1 a:1 w:1 ");
        assert_eq!(undefined("class A(B):\n  x = 1\n  y = x\n  def f(self): return x + y\n"), "B:1 x:1 y:1 ");
        assert_eq!(undefined("def f():\n  def g(): return x\n  return g\nx = g\n"), "g:1 ");
    }

    #[test]
    fn names_that_something_could_define_are_not() {
        for text in [
            "def f(): return later\nlater = 1\n",
            "if 1:\n  x = 1\nelse:\n  y = 2\nprint(x, y)\n",
            "def f():\n  global x\n  x = 1\nf()\nprint(x)\n",
            "def f():\n  x = 1\n  def g():\n    nonlocal x\n    x = 2\n    return x\n  return g\n",
            "try:\n  x = unicode\nexcept NameError:\n  x = 1\n",
            "try:\n  x = unicode\nexcept:\n  x = 1\n",
            "def f(): return unicode\ntry:\n  x = f()\nexcept Exception as e:\n  print(e)\n",
            "for a, (b, *c) in []:\n  print(a, b, c)\nprint(a)\n",
            "with Job() as j, Job() as (k, m): print(j, k, m)\n",
            "import os.path, sys as s\nfrom re import match as m, sub\nprint(os, s, m, sub)\n",
            "print([y := 1, y], [z for z in [1] if (w := z)], w)\n",
            "class A:\n  x = 1\n  y = [x for i in [x]]\n",
            "include('other.aurora')\nprint(x)\n",
            "globals()['x'] = 1\nprint(x)\n",
            "x = 1\ndel x\nprint(x)\n",
        ] {
            assert_eq!(undefined(text), "", "{text}");
        }
    }
}
