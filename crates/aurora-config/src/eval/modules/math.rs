//! `math`.

use super::natives;
use crate::eval::call::Args;
use crate::eval::error::Eval;
use crate::eval::interp::Interp;
use crate::eval::value::{Native, Value};

pub(super) fn math() -> Vec<(&'static str, Value)> {
    let mut members = natives(MATH);
    members.push(("pi", Value::Float(std::f64::consts::PI)));
    members.push(("e", Value::Float(std::f64::consts::E)));
    members.push(("inf", Value::Float(f64::INFINITY)));
    members
}

fn float(interp: &mut Interp, mut args: Args, function: fn(f64) -> f64, whole: bool) -> Eval<Value> {
    let value = interp.required(&mut args, "math", 0, "x")?;
    let Some(number) = value.as_float() else {
        return interp.type_error(format!("a number is needed here, not {}", value.type_name()));
    };
    let result = function(number);
    if result.is_nan() && !number.is_nan() {
        return interp.value_error("math domain error");
    }
    Ok(match crate::eval::format::float_to_int(result) {
        Some(integer) if whole => Value::Int(integer),
        _ => Value::Float(result),
    })
}

static MATH: &[Native] = &[
    Native { name: "ceil", call: |interp, args| float(interp, args, f64::ceil, true) },
    Native { name: "floor", call: |interp, args| float(interp, args, f64::floor, true) },
    Native { name: "trunc", call: |interp, args| float(interp, args, f64::trunc, true) },
    Native { name: "sqrt", call: |interp, args| float(interp, args, f64::sqrt, false) },
    Native { name: "exp", call: |interp, args| float(interp, args, f64::exp, false) },
    Native { name: "log10", call: |interp, args| float(interp, args, f64::log10, false) },
    Native { name: "log2", call: |interp, args| float(interp, args, f64::log2, false) },
    Native { name: "fabs", call: |interp, args| float(interp, args, f64::abs, false) },
    Native {
        name: "log",
        call: |interp, mut args| {
            let base = args.get(1, "base").and_then(|base| base.as_float());
            args.positional.truncate(1);
            let logarithm = float(interp, args, f64::ln, false)?;
            match (logarithm.as_float(), base) {
                (Some(logarithm), Some(base)) => Ok(Value::Float(logarithm / base.ln())),
                _ => Ok(logarithm),
            }
        },
    },
    Native {
        name: "pow",
        call: |interp, mut args| {
            let a = interp.required(&mut args, "pow", 0, "x")?.as_float().unwrap_or(f64::NAN);
            let b = interp.required(&mut args, "pow", 1, "y")?.as_float().unwrap_or(f64::NAN);
            Ok(Value::Float(a.powf(b)))
        },
    },
];
