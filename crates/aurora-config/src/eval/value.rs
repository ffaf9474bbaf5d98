//! The values of the language: Python's, and the model's types and objects among them.

mod key;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use aurora_model as model;
use indexmap::IndexMap;

use super::call::Args;
use super::error::Eval;
use super::interp::Interp;
use super::iter::IterState;
use crate::diagnostic::Span;
use crate::syntax::{FunctionDef, Name};

pub(crate) use key::Key;

/// A value. Cheap to clone.
#[derive(Clone)]
pub(crate) enum Value {
    None,
    Ellipsis,
    Bool(bool),
    Int(i128),
    Float(f64),
    Str(Rc<str>),
    Bytes(Rc<[u8]>),
    List(Rc<List>),
    Tuple(Rc<Items>),
    Dict(Rc<Dict>),
    Set(Rc<Set>),
    Slice(Rc<Items>),
    Range(Rc<Range>),
    Function(Rc<Function>),
    /// A function of the language itself.
    Native(&'static Native),
    /// A function with arguments already in place: a bound method, a `partial`.
    Bound(Rc<Bound>),
    Builtin(BuiltinType),
    Class(Rc<Class>),
    Instance(Rc<Instance>),
    Module(Rc<Module>),
    Iter(Rc<Iter>),
    File(Rc<File>),
    Pattern(Rc<super::regex::Pattern>),
    Match(Rc<super::regex::Match>),
    Hash(Rc<super::hash::Digest>),
    /// A type of the model, such as `String` or `Process`.
    Type(model::Type),
    /// An object of the model.
    Object(model::Value),
    /// `Required(T)` or `Default(T, v)`.
    Signature(Rc<model::Signature>),
    /// `Struct`, the base of struct classes.
    StructBase,
    /// The unset field.
    Empty,
    /// A reference made with `Ref`.
    Reference(Rc<model::Ref>),
    /// An `Environment`.
    Environment(Rc<model::Environment>),
    /// What `check()` returned: the failures, empty when it is well.
    TypeCheck(Rc<str>),
}

/// Values whose disposal must not recurse: a chain of a million lists is taken apart in a loop.
#[derive(Default)]
pub(crate) struct Items(pub Vec<Value>);

thread_local! {
    static DISPOSAL: RefCell<Option<Vec<Value>>> = const { RefCell::new(None) };
}

/// Drops values one after another instead of inside one another.
fn dispose(values: impl Iterator<Item = Value>) {
    let nested = DISPOSAL.with(|queue| queue.try_borrow_mut().is_ok_and(|queue| queue.is_some()));
    if nested {
        DISPOSAL.with(|queue| {
            if let Ok(mut queue) = queue.try_borrow_mut()
                && let Some(queue) = queue.as_mut()
            {
                queue.extend(values.filter(Value::is_container));
            }
        });
        return;
    }
    let first: Vec<Value> = values.filter(Value::is_container).collect();
    if first.is_empty() {
        return;
    }
    DISPOSAL.with(|queue| *queue.borrow_mut() = Some(first));
    loop {
        let next = DISPOSAL.with(|queue| queue.borrow_mut().as_mut().and_then(Vec::pop));
        match next {
            Some(value) => drop(value),
            None => break,
        }
    }
    DISPOSAL.with(|queue| *queue.borrow_mut() = None);
}

impl Drop for Items {
    fn drop(&mut self) {
        if !self.0.is_empty() {
            dispose(self.0.drain(..));
        }
    }
}

impl std::ops::Deref for Items {
    type Target = [Value];
    fn deref(&self) -> &[Value] {
        &self.0
    }
}

#[derive(Default)]
pub(crate) struct List {
    pub items: RefCell<Items>,
}

/// Keys in the order they were added.
#[derive(Default)]
pub(crate) struct Dict {
    pub map: RefCell<IndexMap<Key, Value>>,
    /// Made when a missing key is asked for (`collections.defaultdict`).
    pub default: Option<Value>,
}

impl Dict {
    /// An empty one that makes missing values with `default`.
    pub fn with_default(default: Option<Value>) -> Self {
        Self { map: RefCell::default(), default }
    }
}

impl Drop for Dict {
    fn drop(&mut self) {
        let map = std::mem::take(&mut *self.map.borrow_mut());
        if !map.is_empty() {
            dispose(map.into_iter().flat_map(|(key, value)| [key.0, value]));
        }
    }
}

#[derive(Default)]
pub(crate) struct Set {
    pub map: RefCell<IndexMap<Key, ()>>,
    pub frozen: bool,
}

impl Drop for Set {
    fn drop(&mut self) {
        let map = std::mem::take(&mut *self.map.borrow_mut());
        dispose(map.into_iter().map(|(key, ())| key.0));
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Range {
    pub start: i128,
    pub stop: i128,
    pub step: i128,
}

impl Range {
    pub fn len(&self) -> i128 {
        let distance = if self.step > 0 { self.stop - self.start } else { self.start - self.stop };
        if distance <= 0 { 0 } else { (distance - 1) / self.step.abs() + 1 }
    }
}

pub(crate) struct Native {
    pub name: &'static str,
    pub call: fn(&mut Interp, Args) -> Eval<Value>,
}

pub(crate) struct Function {
    pub def: Rc<FunctionDef>,
    pub defaults: Items,
    pub scope: Rc<Scope>,
    /// The class whose body defined it, for `super()`.
    pub owner: RefCell<Option<Rc<Class>>>,
    pub kind: Cell<FunctionKind>,
    pub span: Span,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum FunctionKind {
    Plain,
    Static,
    Class,
    Property,
}

pub(crate) struct Bound {
    pub target: BoundTarget,
    /// The receiver, or the arguments of a `partial`.
    pub first: Items,
    pub keywords: Vec<(Name, Value)>,
}

pub(crate) enum BoundTarget {
    /// Calls this with the arguments in front.
    Value(Value),
    /// Calls the method of that name of the first argument.
    Method(Name),
    /// Gives its first argument back: decorators that change nothing here.
    Decorator,
}

impl Drop for Bound {
    fn drop(&mut self) {
        dispose(std::mem::take(&mut self.keywords).into_iter().map(|(_, value)| value));
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BuiltinType {
    Object,
    Type,
    NoneType,
    Bool,
    Int,
    Float,
    Str,
    Bytes,
    List,
    Tuple,
    Dict,
    Set,
    FrozenSet,
    Range,
    Function,
    OrderedDict,
    DefaultDict,
    StaticMethod,
    ClassMethod,
    Property,
}

pub(crate) struct Class {
    pub name: Name,
    /// Itself first, then its ancestors in the order they are searched.
    pub ancestors: RefCell<Vec<Rc<Class>>>,
    pub attributes: RefCell<IndexMap<Name, Value>>,
    /// An exception class of the language itself, or derived from one.
    pub is_exception: bool,
    /// `namedtuple` fields.
    pub fields: Option<Vec<Name>>,
}

impl Drop for Class {
    fn drop(&mut self) {
        let attributes = std::mem::take(&mut *self.attributes.borrow_mut());
        dispose(attributes.into_iter().map(|(_, value)| value));
    }
}

impl Class {
    pub fn is_subclass(self: &Rc<Self>, other: &Rc<Self>) -> bool {
        Rc::ptr_eq(self, other) || self.ancestors.borrow().iter().any(|ancestor| Rc::ptr_eq(ancestor, other))
    }

    pub fn find(self: &Rc<Self>, name: &str) -> Option<Value> {
        if let Some(value) = self.attributes.borrow().get(name) {
            return Some(value.clone());
        }
        let ancestors = self.ancestors.borrow();
        ancestors.iter().find_map(|ancestor| ancestor.attributes.borrow().get(name).cloned())
    }
}

pub(crate) struct Instance {
    pub class: Rc<Class>,
    pub attributes: RefCell<IndexMap<Name, Value>>,
}

impl Drop for Instance {
    fn drop(&mut self) {
        let attributes = std::mem::take(&mut *self.attributes.borrow_mut());
        dispose(attributes.into_iter().map(|(_, value)| value));
    }
}

pub(crate) struct Module {
    pub name: &'static str,
    pub attributes: RefCell<IndexMap<Name, Value>>,
}

pub(crate) struct Iter {
    pub state: RefCell<IterState>,
}

/// A file opened for reading.
pub(crate) struct File {
    pub path: String,
    pub content: Vec<u8>,
    pub binary: bool,
    pub at: Cell<usize>,
}

/// Where names live.
pub(crate) struct Scope {
    pub vars: RefCell<IndexMap<Name, Value>>,
    pub parent: Option<Rc<Scope>>,
    pub kind: ScopeKind,
    /// The function it is the body of: its locals are never looked up outside.
    pub function: Option<Rc<FunctionDef>>,
}

impl Drop for Scope {
    fn drop(&mut self) {
        let vars = std::mem::take(&mut *self.vars.borrow_mut());
        dispose(vars.into_iter().map(|(_, value)| value));
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ScopeKind {
    Module,
    Function,
    Class,
    Comprehension,
}

impl Value {
    pub fn str(text: impl Into<Rc<str>>) -> Self {
        Self::Str(text.into())
    }

    pub fn list(items: Vec<Value>) -> Self {
        Self::List(Rc::new(List { items: RefCell::new(Items(items)) }))
    }

    pub fn tuple(items: Vec<Value>) -> Self {
        Self::Tuple(Rc::new(Items(items)))
    }

    pub fn dict(map: IndexMap<Key, Value>) -> Self {
        Self::Dict(Rc::new(Dict { map: RefCell::new(map), default: None }))
    }

    pub fn set(map: IndexMap<Key, ()>) -> Self {
        Self::Set(Rc::new(Set { map: RefCell::new(map), frozen: false }))
    }

    pub fn iter(state: IterState) -> Self {
        Self::Iter(Rc::new(Iter { state: RefCell::new(state) }))
    }

    pub fn queue(items: Vec<Value>) -> Self {
        Self::iter(IterState::Queue(VecDeque::from(items)))
    }

    pub fn int(value: usize) -> Self {
        Self::Int(i128::try_from(value).unwrap_or(i128::MAX))
    }

    pub fn method(receiver: Value, name: &str) -> Self {
        Self::Bound(Rc::new(Bound {
            target: BoundTarget::Method(name.into()),
            first: Items(vec![receiver]),
            keywords: Vec::new(),
        }))
    }

    pub fn bind(function: Value, receiver: Value) -> Self {
        Self::Bound(Rc::new(Bound {
            target: BoundTarget::Value(function),
            first: Items(vec![receiver]),
            keywords: Vec::new(),
        }))
    }

    fn is_container(&self) -> bool {
        !matches!(
            self,
            Self::None
                | Self::Bool(_)
                | Self::Int(_)
                | Self::Float(_)
                | Self::Str(_)
                | Self::Bytes(_)
                | Self::Native(_)
        )
    }

    /// The name of its type, as Python would print it.
    pub fn type_name(&self) -> String {
        let name = match self {
            Self::None => "NoneType",
            Self::Ellipsis => "ellipsis",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float",
            Self::Str(_) => "str",
            Self::Bytes(_) => "bytes",
            Self::List(_) => "list",
            Self::Tuple(_) => "tuple",
            Self::Dict(_) => "dict",
            Self::Set(set) if set.frozen => "frozenset",
            Self::Set(_) => "set",
            Self::Slice(_) => "slice",
            Self::Range(_) => "range",
            Self::Function(_) | Self::Native(_) => "function",
            Self::Bound(_) => "method",
            Self::Builtin(_) | Self::Class(_) | Self::Type(_) | Self::StructBase => "type",
            Self::Instance(instance) => return instance.class.name.to_string(),
            Self::Module(_) => "module",
            Self::Iter(_) => "iterator",
            Self::File(_) => "file",
            Self::Pattern(_) => "Pattern",
            Self::Match(_) => "Match",
            Self::Hash(_) => "hash",
            Self::Object(object) => return object.ty().name().to_string(),
            Self::Signature(_) => "TypeSignature",
            Self::Empty => "Empty",
            Self::Reference(_) => "Ref",
            Self::Environment(_) => "Environment",
            Self::TypeCheck(_) => "TypeCheck",
        };
        name.to_owned()
    }

    /// Identity, as `is` sees it.
    pub fn is_same(&self, other: &Value) -> bool {
        match (self, other) {
            (Self::None, Self::None)
            | (Self::Ellipsis, Self::Ellipsis)
            | (Self::Empty, Self::Empty)
            | (Self::StructBase, Self::StructBase) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => a.to_bits() == b.to_bits(),
            (Self::Str(a), Self::Str(b)) => a == b,
            (Self::Bytes(a), Self::Bytes(b)) => a == b,
            (Self::List(a), Self::List(b)) => Rc::ptr_eq(a, b),
            (Self::Tuple(a), Self::Tuple(b)) => Rc::ptr_eq(a, b) || (a.is_empty() && b.is_empty()),
            (Self::Dict(a), Self::Dict(b)) => Rc::ptr_eq(a, b),
            (Self::Set(a), Self::Set(b)) => Rc::ptr_eq(a, b),
            (Self::Function(a), Self::Function(b)) => Rc::ptr_eq(a, b),
            (Self::Native(a), Self::Native(b)) => std::ptr::eq(*a, *b),
            (Self::Bound(a), Self::Bound(b)) => Rc::ptr_eq(a, b),
            (Self::Builtin(a), Self::Builtin(b)) => a == b,
            (Self::Class(a), Self::Class(b)) => Rc::ptr_eq(a, b),
            (Self::Instance(a), Self::Instance(b)) => Rc::ptr_eq(a, b),
            (Self::Module(a), Self::Module(b)) => Rc::ptr_eq(a, b),
            (Self::Iter(a), Self::Iter(b)) => Rc::ptr_eq(a, b),
            (Self::File(a), Self::File(b)) => Rc::ptr_eq(a, b),
            (Self::Type(a), Self::Type(b)) => a.is_identical(b),
            _ => false,
        }
    }

    /// As an integer, where a bool counts as one.
    pub fn as_int(&self) -> Option<i128> {
        match self {
            Self::Int(value) => Some(*value),
            Self::Bool(value) => Some(i128::from(*value)),
            _ => None,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "Python converts the same way")]
    pub fn as_float(&self) -> Option<f64> {
        match self {
            Self::Float(value) => Some(*value),
            _ => self.as_int().map(|value| value as f64),
        }
    }

    /// As text; Python 2's `str` was bytes, so bytes of UTF-8 count as text.
    pub fn as_text(&self) -> Option<Rc<str>> {
        match self {
            Self::Str(text) => Some(text.clone()),
            Self::Bytes(bytes) => std::str::from_utf8(bytes).ok().map(Rc::from),
            _ => None,
        }
    }
}
