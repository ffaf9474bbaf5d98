//! The grammar of cron schedules (`spec/config.md` §4.5).

const FIELDS: [(&str, u32, u32); 5] =
    [("minute", 0, 59), ("hour", 0, 23), ("day of month", 1, 31), ("month", 1, 12), ("day of week", 0, 6)];
const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// What is wrong with a schedule and how to write it.
pub(super) fn check(schedule: &str) -> Result<(), (String, Option<&'static str>)> {
    let fields: Vec<&str> = schedule.split_whitespace().collect();
    if schedule.trim_start().starts_with('@') {
        return Err((
            format!("{schedule} is not supported"),
            Some("write '0 0 * * *' for daily, '0 * * * *' for hourly"),
        ));
    }
    if fields.len() != FIELDS.len() {
        let help = "a schedule is 'minute hour day-of-month month day-of-week', such as '*/15 * * * *'";
        return Err((format!("it has {} fields, not 5", fields.len()), Some(help)));
    }
    for (text, (name, low, high)) in fields.iter().zip(FIELDS) {
        let mut items = text.split(',').filter(|item| !item.is_empty()).peekable();
        if items.peek().is_none() {
            return Err((format!("the {name} is empty"), None));
        }
        for item in items {
            if !is_item(&numbered(item, name), low, high) {
                let help = (name == "day of week" && item == "7").then_some("Sunday is 0");
                return Err((format!("'{item}' is not a {name} ({low}-{high})"), help));
            }
        }
    }
    let is_any = |text: &str| text == "*" || text == "*/1";
    if !is_any(fields[2]) && !is_any(fields[4]) {
        return Err((
            "it limits both the day of month and the day of week".to_owned(),
            Some("make one of them *"),
        ));
    }
    Ok(())
}

/// Names of months and days as numbers.
fn numbered(item: &str, field: &str) -> String {
    let mut out = item.to_ascii_uppercase();
    let (names, first): (&[&str], usize) = match field {
        "month" => (&MONTHS, 1),
        "day of week" => (&DAYS, 0),
        _ => return out,
    };
    for (at, name) in names.iter().enumerate() {
        out = out.replace(name, &(at + first).to_string());
    }
    out
}

fn is_item(item: &str, low: u32, high: u32) -> bool {
    let (range, step) = match item.split_once('/') {
        Some((range, step)) => match step.parse::<u32>() {
            Ok(step) if step > 0 => (range, Some(step)),
            _ => return false,
        },
        None => (item, None),
    };
    if range == "*" {
        return true;
    }
    let number = |text: &str| text.parse::<u32>().ok().filter(|number| (low..=high).contains(number));
    match (range.split_once('-'), step) {
        (Some((from, to)), step) => match (number(from), number(to)) {
            (Some(from), Some(to)) => from <= to && step.is_none_or(|step| step < to),
            _ => false,
        },
        (None, None) => number(range).is_some(),
        (None, Some(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn schedules() {
        for good in [
            "* * * * *",
            "*/5 0-6 1,15 * *",
            "0 0 * JAN-MAR *",
            "1 2 * * mon-fri",
            "0,,5 * * * *",
            "1-10/2 * * * *",
        ] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "* * * *",
            "@daily",
            "60 * * * *",
            "* * * * 7",
            "5/2 * * * *",
            "* * 1 * 1",
            "*/0 * * * *",
            "5-1 * * * *",
            ", * * * *",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
