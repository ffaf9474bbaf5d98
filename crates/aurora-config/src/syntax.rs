//! The syntax tree of a `.aurora` file: the part of Python that configurations use. It belongs to this crate, so that
//! the parser library can be replaced without touching the evaluator.

mod locals;
mod walk;

use std::rc::Rc;

pub(crate) use locals::Locals;

use crate::diagnostic::Span;

/// A name in the source.
pub type Name = Rc<str>;

/// A statement and where it stands.
#[derive(Debug)]
pub struct Stmt {
    pub kind: StmtKind,
    pub span: Span,
}

#[derive(Debug)]
pub enum StmtKind {
    Function(Rc<FunctionDef>),
    Class(ClassDef),
    Return(Option<Expr>),
    Delete(Vec<Expr>),
    Assign { targets: Vec<Expr>, value: Expr },
    AugAssign { target: Expr, op: BinaryOp, value: Expr },
    For { target: Expr, iter: Expr, body: Vec<Stmt>, orelse: Vec<Stmt> },
    While { test: Expr, body: Vec<Stmt>, orelse: Vec<Stmt> },
    If { branches: Vec<(Expr, Vec<Stmt>)>, orelse: Vec<Stmt> },
    With { items: Vec<(Expr, Option<Expr>)>, body: Vec<Stmt> },
    Raise { error: Option<Expr> },
    Try { body: Vec<Stmt>, handlers: Vec<Handler>, orelse: Vec<Stmt>, finalbody: Vec<Stmt> },
    Assert { test: Expr, message: Option<Expr> },
    Import { modules: Vec<(Name, Option<Name>)> },
    ImportFrom { module: Name, names: Vec<(Name, Option<Name>)> },
    Global(Vec<Name>),
    Nonlocal(Vec<Name>),
    Expr(Expr),
    Pass,
    Break,
    Continue,
}

/// One `except` clause.
#[derive(Debug)]
pub struct Handler {
    pub class: Option<Expr>,
    pub name: Option<Name>,
    pub body: Vec<Stmt>,
}

#[derive(Debug)]
pub struct ClassDef {
    pub name: Name,
    pub bases: Vec<Expr>,
    pub body: Vec<Stmt>,
    pub decorators: Vec<Expr>,
}

/// A `def` or a `lambda`.
#[derive(Debug)]
pub struct FunctionDef {
    pub name: Name,
    pub params: Vec<Param>,
    pub body: FunctionBody,
    pub decorators: Vec<Expr>,
    /// Whether the body holds a `yield`.
    pub is_generator: bool,
    /// Names the body assigns, so that they are local in it.
    pub locals: Vec<Name>,
    /// Names declared `global`.
    pub globals: Vec<Name>,
}

#[derive(Debug)]
pub enum FunctionBody {
    Block(Vec<Stmt>),
    Lambda(Expr),
}

#[derive(Debug)]
pub struct Param {
    pub name: Name,
    pub kind: ParamKind,
    pub default: Option<Expr>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParamKind {
    PositionalOnly,
    Normal,
    VarPositional,
    KeywordOnly,
    VarKeyword,
}

/// An expression and where it stands.
#[derive(Debug)]
pub struct Expr {
    pub kind: ExprKind,
    pub span: Span,
}

#[derive(Debug)]
pub enum ExprKind {
    None,
    Ellipsis,
    Bool(bool),
    Int(i128),
    Float(f64),
    Str(Rc<str>),
    Bytes(Rc<[u8]>),
    Format(Vec<FormatPart>),
    Name(Name),
    List(Vec<Expr>),
    Tuple(Vec<Expr>),
    Set(Vec<Expr>),
    /// A key of `None` is `**mapping`.
    Dict(Vec<(Option<Expr>, Expr)>),
    Comprehension(Box<Comprehension>),
    Call(Box<Call>),
    Attribute {
        value: Box<Expr>,
        name: Name,
        name_span: Span,
    },
    Subscript {
        value: Box<Expr>,
        index: Box<Expr>,
    },
    Slice {
        lower: Option<Box<Expr>>,
        upper: Option<Box<Expr>>,
        step: Option<Box<Expr>>,
    },
    Starred(Box<Expr>),
    Unary {
        op: UnaryOp,
        operand: Box<Expr>,
    },
    Binary {
        op: BinaryOp,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Compare {
        left: Box<Expr>,
        rest: Vec<(CompareOp, Expr)>,
    },
    Conditional {
        test: Box<Expr>,
        body: Box<Expr>,
        orelse: Box<Expr>,
    },
    Lambda(Rc<FunctionDef>),
    Walrus {
        name: Name,
        value: Box<Expr>,
    },
    Yield(Option<Box<Expr>>),
    YieldFrom(Box<Expr>),
}

#[derive(Debug)]
pub struct Call {
    pub function: Expr,
    pub arguments: Vec<Argument>,
}

#[derive(Debug)]
pub struct Argument {
    pub kind: ArgumentKind,
    pub value: Expr,
    /// The whole argument, `name=` included.
    pub span: Span,
}

#[derive(Debug)]
pub enum ArgumentKind {
    Positional,
    Keyword(Name),
    Unpack,
    UnpackKeywords,
}

/// A piece of an f-string.
#[derive(Debug)]
pub enum FormatPart {
    Literal(Rc<str>),
    Value { value: Expr, conversion: Option<char>, spec: Vec<FormatPart> },
}

#[derive(Debug)]
pub struct Comprehension {
    pub kind: ComprehensionKind,
    pub clauses: Vec<Clause>,
}

#[derive(Debug)]
pub enum ComprehensionKind {
    List(Expr),
    Set(Expr),
    Generator(Expr),
    Dict(Expr, Expr),
}

/// `for target in iter if … if …`
#[derive(Debug)]
pub struct Clause {
    pub target: Expr,
    pub iter: Expr,
    pub conditions: Vec<Expr>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnaryOp {
    Not,
    Plus,
    Minus,
    Invert,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    FloorDiv,
    Mod,
    Pow,
    LeftShift,
    RightShift,
    BitOr,
    BitXor,
    BitAnd,
}

impl BinaryOp {
    /// As it is written.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::FloorDiv => "//",
            Self::Mod => "%",
            Self::Pow => "**",
            Self::LeftShift => "<<",
            Self::RightShift => ">>",
            Self::BitOr => "|",
            Self::BitXor => "^",
            Self::BitAnd => "&",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompareOp {
    Eq,
    NotEq,
    Less,
    LessEq,
    Greater,
    GreaterEq,
    Is,
    IsNot,
    In,
    NotIn,
}
