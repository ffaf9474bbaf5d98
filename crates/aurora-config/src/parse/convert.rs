//! The parser library's tree to ours. Refuses the parts of Python that configurations have no use for.

mod expr;

use std::rc::Rc;

use ruff_python_ast as py;
use ruff_text_size::{Ranged, TextRange};

use crate::diagnostic::{Diagnostic, Span};
use crate::syntax::{
    ArgumentKind, ClassDef, Expr, FunctionBody, FunctionDef, Handler, Locals, Name, Param, ParamKind, Stmt,
    StmtKind,
};

/// Deepest nesting of one expression or block, so that later walks over the tree need no care.
const DEPTH_MAX: usize = 1200;

type Converted<T> = Result<T, Box<Diagnostic>>;

pub(super) fn module(module: &py::ModModule, file: u32) -> Converted<Vec<Stmt>> {
    Converter { file, depth: 0 }.block(&module.body)
}

struct Converter {
    file: u32,
    depth: usize,
}

impl Converter {
    fn span(&self, range: TextRange) -> Span {
        super::span(self.file, range)
    }

    fn nested<T>(
        &mut self,
        range: TextRange,
        inside: impl FnOnce(&mut Self) -> Converted<T>,
    ) -> Converted<T> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(Diagnostic::error("nested-too-deep", "expression nested too deep")
                .at(self.span(range))
                .help("split the expression: give its parts names")
                .into());
        }
        let result = inside(self);
        self.depth -= 1;
        result
    }

    fn unsupported(&self, range: TextRange, what: &str, help: &str) -> Box<Diagnostic> {
        Diagnostic::error("unsupported", format!("{what} cannot be used in a configuration"))
            .at(self.span(range))
            .help(help)
            .into()
    }

    fn block(&mut self, body: &[py::Stmt]) -> Converted<Vec<Stmt>> {
        body.iter().map(|stmt| self.nested(stmt.range(), |this| this.stmt(stmt))).collect()
    }

    fn stmt(&mut self, stmt: &py::Stmt) -> Converted<Stmt> {
        let kind = match stmt {
            py::Stmt::FunctionDef(def) => {
                if def.is_async {
                    return Err(self.unsupported(def.range, "`async def`", "use a plain `def`"));
                }
                StmtKind::Function(Rc::new(self.function(def)?))
            }
            py::Stmt::ClassDef(def) => self.class(def)?,
            py::Stmt::Return(inner) => StmtKind::Return(self.maybe(inner.value.as_deref())?),
            py::Stmt::Delete(inner) => StmtKind::Delete(self.exprs(&inner.targets)?),
            py::Stmt::Assign(inner) => {
                StmtKind::Assign { targets: self.exprs(&inner.targets)?, value: self.expr(&inner.value)? }
            }
            py::Stmt::AugAssign(inner) => StmtKind::AugAssign {
                target: self.expr(&inner.target)?,
                op: self.operator(inner.op, inner.range)?,
                value: self.expr(&inner.value)?,
            },
            py::Stmt::AnnAssign(inner) => match &inner.value {
                Some(value) => {
                    StmtKind::Assign { targets: vec![self.expr(&inner.target)?], value: self.expr(value)? }
                }
                None => StmtKind::Pass,
            },
            py::Stmt::For(inner) => {
                if inner.is_async {
                    return Err(self.unsupported(inner.range, "`async for`", "use a plain `for`"));
                }
                StmtKind::For {
                    target: self.expr(&inner.target)?,
                    iter: self.expr(&inner.iter)?,
                    body: self.block(&inner.body)?,
                    orelse: self.block(&inner.orelse)?,
                }
            }
            py::Stmt::While(inner) => StmtKind::While {
                test: self.expr(&inner.test)?,
                body: self.block(&inner.body)?,
                orelse: self.block(&inner.orelse)?,
            },
            py::Stmt::If(inner) => self.if_statement(inner)?,
            py::Stmt::With(inner) => {
                if inner.is_async {
                    return Err(self.unsupported(inner.range, "`async with`", "use a plain `with`"));
                }
                let mut items = Vec::new();
                for item in &inner.items {
                    items.push((self.expr(&item.context_expr)?, self.maybe(item.optional_vars.as_deref())?));
                }
                StmtKind::With { items, body: self.block(&inner.body)? }
            }
            py::Stmt::Raise(inner) => StmtKind::Raise { error: self.maybe(inner.exc.as_deref())? },
            py::Stmt::Try(inner) => self.try_statement(inner)?,
            py::Stmt::Assert(inner) => {
                StmtKind::Assert { test: self.expr(&inner.test)?, message: self.maybe(inner.msg.as_deref())? }
            }
            py::Stmt::Import(inner) => StmtKind::Import { modules: aliases(&inner.names) },
            py::Stmt::ImportFrom(inner) => {
                let Some(module) = inner.module.as_ref().filter(|_| inner.level == 0) else {
                    return Err(self.unsupported(
                        inner.range,
                        "a relative import",
                        "use include('other.aurora'): it runs that file here, and its names stay",
                    ));
                };
                StmtKind::ImportFrom { module: name(module), names: aliases(&inner.names) }
            }
            py::Stmt::Global(inner) => StmtKind::Global(inner.names.iter().map(name).collect()),
            py::Stmt::Nonlocal(inner) => StmtKind::Nonlocal(inner.names.iter().map(name).collect()),
            py::Stmt::Expr(inner) => StmtKind::Expr(self.expr(&inner.value)?),
            py::Stmt::Pass(_) => StmtKind::Pass,
            py::Stmt::Break(_) => StmtKind::Break,
            py::Stmt::Continue(_) => StmtKind::Continue,
            py::Stmt::Match(inner) => {
                return Err(self.unsupported(inner.range, "`match`", "use `if` and `elif`"));
            }
            py::Stmt::TypeAlias(inner) => {
                return Err(self.unsupported(inner.range, "a `type` statement", "assign the type to a name"));
            }
            py::Stmt::IpyEscapeCommand(inner) => {
                return Err(self.unsupported(
                    inner.range,
                    "a shell escape",
                    "pass values in with --bind NAME=VALUE",
                ));
            }
        };
        Ok(Stmt { kind, span: self.span(stmt.range()) })
    }

    fn function(&mut self, def: &py::StmtFunctionDef) -> Converted<FunctionDef> {
        let params = self.params(&def.parameters)?;
        let body = self.block(&def.body)?;
        let mut locals = Locals::default();
        locals.block(&body);
        Ok(FunctionDef {
            name: name(&def.name),
            locals: local_names(&locals, &params),
            params,
            body: FunctionBody::Block(body),
            decorators: self.decorators(&def.decorator_list)?,
            is_generator: locals.has_yield,
            globals: locals.globals,
        })
    }

    fn lambda(&mut self, lambda: &py::ExprLambda) -> Converted<FunctionDef> {
        let params = match &lambda.parameters {
            Some(params) => self.params(params)?,
            None => Vec::new(),
        };
        let body = self.expr(&lambda.body)?;
        let mut locals = Locals::default();
        locals.expr(&body);
        Ok(FunctionDef {
            name: "<lambda>".into(),
            locals: local_names(&locals, &params),
            params,
            body: FunctionBody::Lambda(body),
            decorators: Vec::new(),
            is_generator: locals.has_yield,
            globals: Vec::new(),
        })
    }

    fn decorators(&mut self, list: &[py::Decorator]) -> Converted<Vec<Expr>> {
        list.iter().map(|decorator| self.expr(&decorator.expression)).collect()
    }

    fn params(&mut self, params: &py::Parameters) -> Converted<Vec<Param>> {
        let mut out = Vec::new();
        for param in &params.posonlyargs {
            out.push(self.param(param, ParamKind::PositionalOnly)?);
        }
        for param in &params.args {
            out.push(self.param(param, ParamKind::Normal)?);
        }
        if let Some(param) = &params.vararg {
            out.push(Param { name: name(&param.name), kind: ParamKind::VarPositional, default: None });
        }
        for param in &params.kwonlyargs {
            out.push(self.param(param, ParamKind::KeywordOnly)?);
        }
        if let Some(param) = &params.kwarg {
            out.push(Param { name: name(&param.name), kind: ParamKind::VarKeyword, default: None });
        }
        Ok(out)
    }

    fn param(&mut self, param: &py::ParameterWithDefault, kind: ParamKind) -> Converted<Param> {
        Ok(Param { name: name(&param.parameter.name), kind, default: self.maybe(param.default.as_deref())? })
    }

    fn class(&mut self, def: &py::StmtClassDef) -> Converted<StmtKind> {
        let mut bases = Vec::new();
        if let Some(arguments) = &def.arguments {
            for argument in self.arguments(arguments)? {
                match argument.kind {
                    ArgumentKind::Positional => bases.push(argument.value),
                    _ => {
                        let problem = Diagnostic::error("unsupported", "classes take base classes only");
                        return Err(problem
                            .at(argument.span)
                            .help("leave it out: configurations have no metaclasses")
                            .into());
                    }
                }
            }
        }
        Ok(StmtKind::Class(ClassDef {
            name: name(&def.name),
            bases,
            body: self.block(&def.body)?,
            decorators: self.decorators(&def.decorator_list)?,
        }))
    }

    fn if_statement(&mut self, inner: &py::StmtIf) -> Converted<StmtKind> {
        let mut branches = vec![(self.expr(&inner.test)?, self.block(&inner.body)?)];
        let mut orelse = Vec::new();
        for clause in &inner.elif_else_clauses {
            let body = self.block(&clause.body)?;
            match &clause.test {
                Some(test) => branches.push((self.expr(test)?, body)),
                None => orelse = body,
            }
        }
        Ok(StmtKind::If { branches, orelse })
    }

    fn try_statement(&mut self, inner: &py::StmtTry) -> Converted<StmtKind> {
        if inner.is_star {
            return Err(self.unsupported(inner.range, "`except*`", "use `except`"));
        }
        let mut handlers = Vec::new();
        for py::ExceptHandler::ExceptHandler(handler) in &inner.handlers {
            handlers.push(Handler {
                class: self.maybe(handler.type_.as_deref())?,
                name: handler.name.as_ref().map(name),
                body: self.block(&handler.body)?,
            });
        }
        Ok(StmtKind::Try {
            body: self.block(&inner.body)?,
            handlers,
            orelse: self.block(&inner.orelse)?,
            finalbody: self.block(&inner.finalbody)?,
        })
    }
}

fn name(identifier: &py::Identifier) -> Name {
    identifier.as_str().into()
}

fn aliases(names: &[py::Alias]) -> Vec<(Name, Option<Name>)> {
    names.iter().map(|alias| (name(&alias.name), alias.asname.as_ref().map(name))).collect()
}

fn local_names(locals: &Locals, params: &[Param]) -> Vec<Name> {
    let assigned = locals.assigned.iter().filter(|name| !locals.globals.contains(name));
    params.iter().map(|param| &param.name).chain(assigned).cloned().collect()
}
