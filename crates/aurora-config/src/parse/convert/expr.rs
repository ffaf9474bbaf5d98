//! Expressions.

use std::rc::Rc;

use ruff_python_ast as py;
use ruff_text_size::{Ranged, TextRange};

use super::{Converted, Converter, name};
use crate::syntax::{
    Argument, ArgumentKind, BinaryOp, Call, Clause, CompareOp, Comprehension, ComprehensionKind, Expr,
    ExprKind, FormatPart, UnaryOp,
};

impl Converter {
    pub(super) fn maybe(&mut self, expr: Option<&py::Expr>) -> Converted<Option<Expr>> {
        expr.map(|expr| self.expr(expr)).transpose()
    }

    pub(super) fn maybe_boxed(&mut self, expr: Option<&py::Expr>) -> Converted<Option<Box<Expr>>> {
        Ok(self.maybe(expr)?.map(Box::new))
    }

    pub(super) fn exprs(&mut self, exprs: &[py::Expr]) -> Converted<Vec<Expr>> {
        exprs.iter().map(|expr| self.expr(expr)).collect()
    }

    pub(super) fn boxed(&mut self, expr: &py::Expr) -> Converted<Box<Expr>> {
        self.expr(expr).map(Box::new)
    }

    pub(super) fn expr(&mut self, expr: &py::Expr) -> Converted<Expr> {
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

    pub(super) fn arguments(&mut self, arguments: &py::Arguments) -> Converted<Vec<Argument>> {
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

    pub(super) fn operator(&self, op: py::Operator, range: TextRange) -> Converted<BinaryOp> {
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
