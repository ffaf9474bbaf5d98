//! Times as upstream prints them: local, in the form of C's `asctime`.

use jiff::Timestamp;
use jiff::tz::TimeZone;

const ASCTIME: &str = "%a %b %e %H:%M:%S %Y";

/// Of epoch milliseconds.
pub fn asctime_millis(millis: i64) -> String {
    Timestamp::from_millisecond(millis).map_or_else(
        |_| format!("{millis} ms"),
        |time| time.to_zoned(TimeZone::system()).strftime(ASCTIME).to_string(),
    )
}

/// Of epoch seconds; `None` when there are none.
pub fn asctime(seconds: Option<f64>) -> String {
    let moment = seconds.map(|seconds| thermos::plan::Moment::from_secs_f64(seconds).as_millis());
    moment.filter(|millis| *millis != 0).map_or_else(|| "None".to_owned(), asctime_millis)
}

/// An id for a task that nobody named: `{name}-{YYYYmmdd-HHMMSS}.{microseconds}`, local time (`spec/thermos.md` §1.2).
pub fn synthesised_id(name: &str) -> String {
    let now = Timestamp::now().to_zoned(TimeZone::system());
    format!("{name}-{}.{:06}", now.strftime("%Y%m%d-%H%M%S"), now.subsec_nanosecond() / 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_look_like_asctime() {
        let shown = asctime(Some(1_700_000_000.5));
        let shape: Vec<usize> = shown.split(' ').map(str::len).collect();
        assert_eq!(shape, [3, 3, 2, 8, 4], "{shown}");
        assert_eq!((asctime(None), asctime(Some(0.0))), ("None".to_owned(), "None".to_owned()));
        let id = synthesised_id("n");
        assert_eq!(id.len(), "n-20260102-030405.000006".len(), "{id}");
    }
}
