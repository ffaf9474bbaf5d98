//! The parser library's tree to ours. Refuses the parts of Python that configurations have no use for.

use std::rc::Rc;

use ruff_python_ast as py;
use ruff_text_size::{Ranged, TextRange};

use super::locals::Locals;
use crate::diagnostic::{Diagnostic, Span};
use crate::syntax::{
    Argument, ArgumentKind, BinaryOp, Call, ClassDef, Clause, CompareOp, Comprehension, ComprehensionKind,
    Expr, ExprKind, FormatPart, FunctionBody, FunctionDef, Handler, Name, Param, ParamKind, Stmt, StmtKind,
    UnaryOp,
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

    fn maybe(&mut self, expr: Option<&py::Expr>) -> Converted<Option<Expr>> {
        expr.map(|expr| self.expr(expr)).transpose()
    }

    fn maybe_boxed(&mut self, expr: Option<&py::Expr>) -> Converted<Option<Box<Expr>>> {
        Ok(self.maybe(expr)?.map(Box::new))
    }

    fn exprs(&mut self, exprs: &[py::Expr]) -> Converted<Vec<Expr>> {
        exprs.iter().map(|expr| self.expr(expr)).collect()
    }

    fn boxed(&mut self, expr: &py::Expr) -> Converted<Box<Expr>> {
        self.expr(expr).map(Box::new)
    }

    fn expr(&mut self, expr: &py::Expr) -> Converted<Expr> {
        let kind = self.nested(expr.range(), |this| this.expr_kind(expr))?;
        Ok(Expr { kind, span: self.span(expr.range()) })
    }

    fn expr_kind(&mut self, expr: &py::Expr) -> Converted<ExprKind> {
        Ok(match expr {
            py::Expr::BoolOp(inner) => match inner.op {
                py::BoolOp::And => ExprKind::And(self.exprs(&inner.values)?),
                py::BoolOp::Or => ExprKind::Or(self.exprs(&inner.values)?),
            },
            py::Expr::Named(inner) => {
                let py::Expr::Name(target) = &*inner.target else {
                    return Err(self.unsupported(
                        inner.range,
                        "`:=` with this target",
                        "assign in a statement of its own",
                    ));
                };
                ExprKind::Walrus { name: target.id.as_str().into(), value: self.boxed(&inner.value)? }
            }
            py::Expr::BinOp(inner) => ExprKind::Binary {
                op: self.operator(inner.op, inner.range)?,
                left: self.boxed(&inner.left)?,
                right: self.boxed(&inner.right)?,
            },
            py::Expr::UnaryOp(inner) => {
                let op = match inner.op {
                    py::UnaryOp::Invert => UnaryOp::Invert,
                    py::UnaryOp::Not => UnaryOp::Not,
                    py::UnaryOp::UAdd => UnaryOp::Plus,
                    py::UnaryOp::USub => UnaryOp::Minus,
                };
                ExprKind::Unary { op, operand: self.boxed(&inner.operand)? }
            }
            py::Expr::Lambda(inner) => ExprKind::Lambda(Rc::new(self.lambda(inner)?)),
            py::Expr::If(inner) => ExprKind::Conditional {
                test: self.boxed(&inner.test)?,
                body: self.boxed(&inner.body)?,
                orelse: self.boxed(&inner.orelse)?,
            },
            py::Expr::Dict(inner) => {
                let mut items = Vec::new();
                for item in &inner.items {
                    items.push((self.maybe(item.key.as_ref())?, self.expr(&item.value)?));
                }
                ExprKind::Dict(items)
            }
            py::Expr::Set(inner) => ExprKind::Set(self.exprs(&inner.elts)?),
            py::Expr::List(inner) => ExprKind::List(self.exprs(&inner.elts)?),
            py::Expr::Tuple(inner) => ExprKind::Tuple(self.exprs(&inner.elts)?),
            py::Expr::ListComp(inner) => {
                let value = self.expr(&inner.elt)?;
                self.comprehension(ComprehensionKind::List(value), &inner.generators)?
            }
            py::Expr::SetComp(inner) => {
                let value = self.expr(&inner.elt)?;
                self.comprehension(ComprehensionKind::Set(value), &inner.generators)?
            }
            py::Expr::Generator(inner) => {
                let value = self.expr(&inner.elt)?;
                self.comprehension(ComprehensionKind::Generator(value), &inner.generators)?
            }
            py::Expr::DictComp(inner) => {
                let Some(key) = &inner.key else {
                    return Err(self.unsupported(inner.range, "unpacking in a comprehension", "use a loop"));
                };
                let kind = ComprehensionKind::Dict(self.expr(key)?, self.expr(&inner.value)?);
                self.comprehension(kind, &inner.generators)?
            }
            py::Expr::Yield(inner) => ExprKind::Yield(self.maybe_boxed(inner.value.as_deref())?),
            py::Expr::YieldFrom(inner) => ExprKind::YieldFrom(self.boxed(&inner.value)?),
            py::Expr::Compare(inner) => {
                let mut rest = Vec::new();
                for (op, right) in inner.ops.iter().zip(&inner.comparators) {
                    rest.push((compare(*op), self.expr(right)?));
                }
                ExprKind::Compare { left: self.boxed(&inner.left)?, rest }
            }
            py::Expr::Call(inner) => ExprKind::Call(Box::new(Call {
                function: self.expr(&inner.func)?,
                arguments: self.arguments(&inner.arguments)?,
            })),
            py::Expr::FString(inner) => self.format_string(&inner.value)?,
            py::Expr::StringLiteral(inner) => ExprKind::Str(inner.value.to_str().into()),
            py::Expr::BytesLiteral(inner) => ExprKind::Bytes(inner.value.bytes().collect()),
            py::Expr::NumberLiteral(inner) => self.number(&inner.value, inner.range)?,
            py::Expr::BooleanLiteral(inner) => ExprKind::Bool(inner.value),
            py::Expr::NoneLiteral(_) => ExprKind::None,
            py::Expr::EllipsisLiteral(_) => ExprKind::Ellipsis,
            py::Expr::Attribute(inner) => ExprKind::Attribute {
                value: self.boxed(&inner.value)?,
                name: name(&inner.attr),
                name_span: self.span(inner.attr.range),
            },
            py::Expr::Subscript(inner) => {
                ExprKind::Subscript { value: self.boxed(&inner.value)?, index: self.boxed(&inner.slice)? }
            }
            py::Expr::Slice(inner) => ExprKind::Slice {
                lower: self.maybe_boxed(inner.lower.as_deref())?,
                upper: self.maybe_boxed(inner.upper.as_deref())?,
                step: self.maybe_boxed(inner.step.as_deref())?,
            },
            py::Expr::Starred(inner) => ExprKind::Starred(self.boxed(&inner.value)?),
            py::Expr::Name(inner) => ExprKind::Name(inner.id.as_str().into()),
            py::Expr::Await(inner) => {
                return Err(self.unsupported(inner.range, "`await`", "call it plainly"));
            }
            py::Expr::TString(inner) => {
                return Err(self.unsupported(
                    inner.range,
                    "a template string",
                    "use a plain string or an f-string",
                ));
            }
            py::Expr::IpyEscapeCommand(inner) => {
                return Err(self.unsupported(
                    inner.range,
                    "a shell escape",
                    "pass values in with --bind NAME=VALUE",
                ));
            }
        })
    }

    fn comprehension(
        &mut self,
        kind: ComprehensionKind,
        generators: &[py::Comprehension],
    ) -> Converted<ExprKind> {
        let mut clauses = Vec::new();
        for generator in generators {
            clauses.push(Clause {
                target: self.expr(&generator.target)?,
                iter: self.expr(&generator.iter)?,
                conditions: self.exprs(&generator.ifs)?,
            });
        }
        Ok(ExprKind::Comprehension(Box::new(Comprehension { kind, clauses })))
    }

    fn arguments(&mut self, arguments: &py::Arguments) -> Converted<Vec<Argument>> {
        let mut out = Vec::new();
        for argument in &arguments.args {
            let span = self.span(argument.range());
            let (kind, value) = match argument {
                py::Expr::Starred(starred) => (ArgumentKind::Unpack, self.expr(&starred.value)?),
                _ => (ArgumentKind::Positional, self.expr(argument)?),
            };
            out.push(Argument { kind, value, span });
        }
        for keyword in &arguments.keywords {
            let kind = match &keyword.arg {
                Some(arg) => ArgumentKind::Keyword(name(arg)),
                None => ArgumentKind::UnpackKeywords,
            };
            out.push(Argument { kind, value: self.expr(&keyword.value)?, span: self.span(keyword.range) });
        }
        Ok(out)
    }

    fn number(&self, number: &py::Number, range: TextRange) -> Converted<ExprKind> {
        match number {
            py::Number::Float(value) => Ok(ExprKind::Float(*value)),
            py::Number::Int(value) => {
                let text = value.to_string();
                let parsed = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).map_or_else(
                    || text.parse::<i128>().ok(),
                    |digits| i128::from_str_radix(&digits.replace('_', ""), 16).ok(),
                );
                parsed.map(ExprKind::Int).ok_or_else(|| {
                    self.unsupported(range, "an integer of more than 38 digits", "is there a digit too many?")
                })
            }
            py::Number::Complex { .. } => {
                Err(self.unsupported(range, "a complex number", "use a plain number"))
            }
        }
    }

    fn format_string(&mut self, value: &py::FStringValue) -> Converted<ExprKind> {
        let mut parts = Vec::new();
        for part in value.as_slice() {
            match part {
                py::FStringPart::Literal(literal) => {
                    parts.push(FormatPart::Literal(literal.value.as_ref().into()))
                }
                py::FStringPart::FString(inner) => self.format_elements(&inner.elements, &mut parts)?,
            }
        }
        Ok(ExprKind::Format(parts))
    }

    fn format_elements(
        &mut self,
        elements: &py::InterpolatedStringElements,
        parts: &mut Vec<FormatPart>,
    ) -> Converted<()> {
        for element in elements {
            match element {
                py::InterpolatedStringElement::Literal(literal) => {
                    parts.push(FormatPart::Literal(literal.value.as_ref().into()));
                }
                py::InterpolatedStringElement::Interpolation(inner) => {
                    let mut conversion = inner.conversion.to_char();
                    if let Some(debug) = &inner.debug_text {
                        parts.push(FormatPart::Literal(
                            format!("{}=", debug.as_str().trim_end().trim_end_matches('=').trim_end()).into(),
                        ));
                        conversion = conversion.or_else(|| inner.format_spec.is_none().then_some('r'));
                    }
                    let mut spec = Vec::new();
                    if let Some(format_spec) = &inner.format_spec {
                        self.format_elements(&format_spec.elements, &mut spec)?;
                    }
                    parts.push(FormatPart::Value { value: self.expr(&inner.expression)?, conversion, spec });
                }
            }
        }
        Ok(())
    }

    fn operator(&self, op: py::Operator, range: TextRange) -> Converted<BinaryOp> {
        Ok(match op {
            py::Operator::Add => BinaryOp::Add,
            py::Operator::Sub => BinaryOp::Sub,
            py::Operator::Mult => BinaryOp::Mul,
            py::Operator::Div => BinaryOp::Div,
            py::Operator::FloorDiv => BinaryOp::FloorDiv,
            py::Operator::Mod => BinaryOp::Mod,
            py::Operator::Pow => BinaryOp::Pow,
            py::Operator::LShift => BinaryOp::LeftShift,
            py::Operator::RShift => BinaryOp::RightShift,
            py::Operator::BitOr => BinaryOp::BitOr,
            py::Operator::BitXor => BinaryOp::BitXor,
            py::Operator::BitAnd => BinaryOp::BitAnd,
            py::Operator::MatMult => {
                return Err(self.unsupported(range, "`@`", "write the multiplication out"));
            }
        })
    }
}

fn compare(op: py::CmpOp) -> CompareOp {
    match op {
        py::CmpOp::Eq => CompareOp::Eq,
        py::CmpOp::NotEq => CompareOp::NotEq,
        py::CmpOp::Lt => CompareOp::Less,
        py::CmpOp::LtE => CompareOp::LessEq,
        py::CmpOp::Gt => CompareOp::Greater,
        py::CmpOp::GtE => CompareOp::GreaterEq,
        py::CmpOp::Is => CompareOp::Is,
        py::CmpOp::IsNot => CompareOp::IsNot,
        py::CmpOp::In => CompareOp::In,
        py::CmpOp::NotIn => CompareOp::NotIn,
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
