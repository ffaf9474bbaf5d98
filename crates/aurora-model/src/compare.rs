//! Equality and order of values (`spec/config.md` §1.10).

use std::cmp::Ordering;

use crate::budget::Budget;
use crate::error::Error;
use crate::interpolate::{Context, Escapes};
use crate::raw::{Raw, RawData};
use crate::types::same_types;
use crate::value::{Body, Value};

impl Value {
    /// Whether both are equal after interpolation: scalars of the same class by value, lists and maps of the same
    /// element types in order, structs with the same fields whatever they are called, choices of the same
    /// alternatives by the values they took.
    ///
    /// # Errors
    /// As [`Value::interpolate`].
    pub fn equals(&self, other: &Value) -> Result<bool, Error> {
        self.equals_within(other, &Budget::default())
    }

    pub(crate) fn equals_within(&self, other: &Value, budget: &Budget) -> Result<bool, Error> {
        if !self.is_comparable(other) {
            return Ok(false);
        }
        let context = Context::new(budget, Escapes::Strip);
        Ok(context.interpolated(self)?.is_same(&context.interpolated(other)?))
    }

    /// The order of two scalars after interpolation. A scalar of another class, or anything else, is simply not less:
    /// `self` comes first, as upstream has it.
    ///
    /// # Errors
    /// As [`Value::interpolate`].
    pub fn order(&self, other: &Value) -> Result<Ordering, Error> {
        if !self.is_comparable(other) {
            return Ok(Ordering::Less);
        }
        let (one, two) = (self.interpolate()?.value, other.interpolate()?.value);
        match (one.raw_data(), two.raw_data()) {
            (Some(one), Some(two)) => Ok(order_of(one, two)),
            _ => Ok(if one.is_same(&two) { Ordering::Equal } else { Ordering::Less }),
        }
    }

    /// Whether their types let them be equal at all.
    fn is_comparable(&self, other: &Value) -> bool {
        match (&self.node.body, &other.node.body) {
            (Body::Scalar { ty: one, .. }, Body::Scalar { ty: two, .. }) => one.is_identical(two),
            (Body::List { ty: one, .. }, Body::List { ty: two, .. }) => one.element().is_same(two.element()),
            (Body::Map { ty: one, .. }, Body::Map { ty: two, .. }) => {
                one.key().is_same(two.key()) && one.value().is_same(two.value())
            }
            (Body::Struct { ty: one, .. }, Body::Struct { ty: two, .. }) => {
                std::sync::Arc::ptr_eq(one, two) || one.has_same_fields(two)
            }
            (Body::Choice { ty: one, .. }, Body::Choice { ty: two, .. }) => {
                same_types(one.alternatives(), two.alternatives())
            }
            _ => false,
        }
    }

    /// Whether two interpolated values are the same.
    pub(crate) fn is_same(&self, other: &Value) -> bool {
        self.is_comparable(other)
            && match (&self.node.body, &other.node.body) {
                (Body::Scalar { raw: one, .. }, Body::Scalar { raw: two, .. }) => order_of(one, two).is_eq(),
                (Body::List { items: one, .. }, Body::List { items: two, .. }) => {
                    one.len() == two.len() && one.iter().zip(two).all(|(one, two)| one.is_same(two))
                }
                (Body::Map { entries: one, .. }, Body::Map { entries: two, .. }) => {
                    let mut pairs = one.iter().zip(two);
                    one.len() == two.len()
                        && pairs.all(|(one, two)| one.0.is_same(&two.0) && one.1.is_same(&two.1))
                }
                (Body::Struct { ty, fields }, Body::Struct { .. }) => {
                    ty.fields().zip(fields).all(|((name, _), one)| match (one, other.raw_field(name)) {
                        (Some(one), Some(two)) => one.is_same(two),
                        (one, two) => one.is_none() && two.is_none(),
                    })
                }
                (Body::Choice { raw: one, .. }, Body::Choice { raw: two, .. }) => same_choices(one, two),
                _ => false,
            }
    }
}

/// What choices took, once they are interpolated.
fn same_choices(one: &Raw, two: &Raw) -> bool {
    match (&one.data, &two.data) {
        (RawData::Value(one), RawData::Value(two)) => one.is_same(two),
        (one, two) => one == two,
    }
}

/// Order of the data of two scalars; NaN is equal to everything, unresolved text is less than any number.
fn order_of(one: &RawData, two: &RawData) -> Ordering {
    match (one, two) {
        (RawData::Str(one), RawData::Str(two)) => one.cmp(two),
        (RawData::Int(one), RawData::Int(two)) => one.cmp(two),
        (RawData::Bool(one), RawData::Bool(two)) => one.cmp(two),
        (RawData::Float(one), RawData::Float(two)) => one.partial_cmp(two).unwrap_or(Ordering::Equal),
        (_, RawData::Str(_)) => Ordering::Greater,
        _ => Ordering::Less,
    }
}
