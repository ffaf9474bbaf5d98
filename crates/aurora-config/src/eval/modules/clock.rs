//! `time` and `datetime`, in UTC.

use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use indexmap::IndexMap;

use super::misc::plain_class;
use super::{natives, submodule};
use crate::eval::error::Eval;
use crate::eval::interp::Interp;
use crate::eval::value::{Instance, Native, Value};
use crate::syntax::Name;

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

pub(super) fn time() -> Vec<(&'static str, Value)> {
    natives(TIME)
}

static TIME: &[Native] = &[
    Native { name: "time", call: |_, _| Ok(Value::Float(now())) },
    Native {
        name: "strftime",
        call: |interp, mut args| {
            let format = interp.required_text(&mut args, "strftime", 0, "format")?;
            let text = Moment::now().format(&format);
            interp.text(text)
        },
    },
    Native {
        name: "sleep",
        call: |interp, _| {
            interp.warn_ignored("time.sleep()");
            Ok(Value::None)
        },
    },
];

pub(super) fn datetime() -> Vec<(&'static str, Value)> {
    vec![
        ("datetime", submodule("datetime", natives(DATETIME))),
        ("date", submodule("date", natives(DATETIME))),
    ]
}

static DATETIME: &[Native] = &[
    Native { name: "now", call: |_, _| Ok(Moment::now().object()) },
    Native { name: "utcnow", call: |_, _| Ok(Moment::now().object()) },
    Native { name: "today", call: |_, _| Ok(Moment::now().object()) },
];

static MOMENT_STRFTIME: Native = Native {
    name: "strftime",
    call: |interp, mut args| {
        let this = interp.required(&mut args, "strftime", 0, "self")?;
        let format = interp.required_text(&mut args, "strftime", 1, "format")?;
        let text = moment_of(interp, &this)?.format(&format);
        interp.text(text)
    },
};

static MOMENT_ISO: Native = Native {
    name: "isoformat",
    call: |interp, mut args| {
        let this = interp.required(&mut args, "isoformat", 0, "self")?;
        let text = moment_of(interp, &this)?.format("%Y-%m-%dT%H:%M:%S");
        interp.text(text)
    },
};

/// A point in time, in UTC.
struct Moment {
    seconds: i64,
}

fn moment_of(interp: &mut Interp, this: &Value) -> Eval<Moment> {
    let seconds =
        interp.attribute(this, "_seconds")?.as_int().and_then(|seconds| i64::try_from(seconds).ok());
    Ok(Moment { seconds: seconds.unwrap_or(0) })
}

impl Moment {
    fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { seconds: i64::try_from(since.as_secs()).unwrap_or(0) }
    }

    /// Year, month, day of the Gregorian calendar.
    fn date(&self) -> (i64, i64, i64) {
        let days = self.seconds.div_euclid(86_400) + 719_468;
        let era = days.div_euclid(146_097);
        let of_era = days.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * of_year + 2) / 153;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        (year_of_era + era * 400 + i64::from(month <= 2), month, of_year - (153 * shifted + 2) / 5 + 1)
    }

    fn format(&self, format: &str) -> String {
        let (year, month, day) = self.date();
        let second_of_day = self.seconds.rem_euclid(86_400);
        let (hour, minute, second) = (second_of_day / 3600, second_of_day / 60 % 60, second_of_day % 60);
        let mut out = String::new();
        let mut letters = format.chars();
        while let Some(letter) = letters.next() {
            if letter != '%' {
                out.push(letter);
                continue;
            }
            match letters.next() {
                Some('Y') => out.push_str(&format!("{year:04}")),
                Some('y') => out.push_str(&format!("{:02}", year % 100)),
                Some('m') => out.push_str(&format!("{month:02}")),
                Some('d') => out.push_str(&format!("{day:02}")),
                Some('H') => out.push_str(&format!("{hour:02}")),
                Some('M') => out.push_str(&format!("{minute:02}")),
                Some('S') => out.push_str(&format!("{second:02}")),
                Some('s') => out.push_str(&self.seconds.to_string()),
                Some('F') => out.push_str(&format!("{year:04}-{month:02}-{day:02}")),
                Some('T') => out.push_str(&format!("{hour:02}:{minute:02}:{second:02}")),
                Some('%') | None => out.push('%'),
                Some(other) => out.extend(['%', other]),
            }
        }
        out
    }

    fn object(&self) -> Value {
        let (year, month, day) = self.date();
        let mut attributes: IndexMap<Name, Value> = IndexMap::new();
        for (name, number) in [("year", year), ("month", month), ("day", day), ("_seconds", self.seconds)] {
            attributes.insert(name.into(), Value::Int(i128::from(number)));
        }
        let members = [
            ("strftime", Value::Native(&MOMENT_STRFTIME)),
            ("isoformat", Value::Native(&MOMENT_ISO)),
            ("__str__", Value::Native(&MOMENT_ISO)),
        ];
        let class = plain_class(
            "datetime",
            members.into_iter().map(|(name, value)| (name.into(), value)).collect(),
            None,
        );
        Value::Instance(Rc::new(Instance { class, attributes: attributes.into() }))
    }
}
