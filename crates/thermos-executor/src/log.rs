//! The executor's log: a line an event, on stderr, which the agent keeps in the sandbox.
//!
//! No library for logs is used: what those prepare at their start is a fair part of what a task costs (`docs/dev/benchmarks.md`).

use std::fmt::{Debug, Write as _};
use std::io::Write as _;
use std::time::SystemTime;

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Metadata, Subscriber, span};
use tracing_subscriber::filter::Targets;

use crate::self_check::utc;

/// Chosen by `RUST_LOG`, in the form of `tracing_subscriber::filter::Targets`; without it, everything from INFO on.
enum Filter {
    Usual,
    Chosen(Targets),
}

struct Lines<W> {
    filter: Filter,
    write: W,
}

/// Starts the log.
pub fn start() {
    let chosen = std::env::var("RUST_LOG").ok().and_then(|text| text.parse().ok());
    let filter = chosen.map_or(Filter::Usual, Filter::Chosen);
    // This is the first and only one.
    let _ = tracing::subscriber::set_global_default(Lines { filter, write });
}

fn write(event: &Event<'_>) {
    let line = line(SystemTime::now(), event);
    // Whoever reads the log may end before us: that is no reason to end as well.
    let _ = std::io::stderr().write_all(line.as_bytes());
}

impl<W: Fn(&Event<'_>) + Send + Sync + 'static> Subscriber for Lines<W> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        match &self.filter {
            Filter::Usual => *metadata.level() <= LevelFilter::INFO,
            Filter::Chosen(targets) => targets.would_enable(metadata.target(), metadata.level()),
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        match &self.filter {
            Filter::Usual => Some(LevelFilter::INFO),
            Filter::Chosen(targets) => {
                targets.iter().map(|(_, level)| level).chain(targets.default_level()).max()
            }
        }
    }

    // Only events are written.
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        (self.write)(event);
    }
}

/// Time, level, place, message, and then each field with its name.
fn line(now: SystemTime, event: &Event<'_>) -> String {
    let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let time = utc(now);
    let (date, clock) = (time.get(..10).unwrap_or_default(), time.get(11..19).unwrap_or_default());
    let metadata = event.metadata();
    let mut text = Text { message: String::new(), fields: String::new() };
    event.record(&mut text);
    let Text { message, fields } = text;
    format!(
        "{date}T{clock}.{:06}Z {:>5} {}: {message}{fields}\n",
        since.subsec_micros(),
        metadata.level(),
        metadata.target()
    )
}

struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Writing to a string cannot fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_line_has_time_level_place_message_and_fields() {
        let kept = Arc::new(Mutex::new(Vec::new()));
        let lines = Arc::clone(&kept);
        let keep = move |event: &Event<'_>| {
            let now = SystemTime::UNIX_EPOCH + Duration::from_micros(86_400_000_007);
            lines.lock().unwrap().push(line(now, event));
        };
        tracing::subscriber::with_default(Lines { filter: Filter::Usual, write: keep }, || {
            tracing::warn!(task = "a b", count = 3, path = %"/x", "the agent {}", "is away");
        });
        let expected = format!(
            "1970-01-02T00:00:00.000007Z  WARN {}: the agent is away task=\"a b\" count=3 path=/x\n",
            module_path!()
        );
        assert_eq!(*kept.lock().unwrap(), [expected]);
    }

    #[test]
    fn what_is_written_is_chosen_by_target_and_level() {
        let lines = Lines { filter: Filter::Chosen("warn,thermos=debug".parse().unwrap()), write };
        assert_eq!(lines.max_level_hint(), Some(LevelFilter::DEBUG));
        assert_eq!(Lines { filter: Filter::Usual, write }.max_level_hint(), Some(LevelFilter::INFO));
    }
}
