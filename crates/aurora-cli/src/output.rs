//! What goes where: results to stdout, errors and log lines to stderr (`spec/cli.md` §2.3).

use std::fmt;
use std::io::{self, Write};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

/// Prints one result. A reader that has gone away (`| head`) is not an error.
pub fn print(text: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// Prints one error, or a hint for the person.
pub fn print_error(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Starts logging to stderr, from this level on.
pub fn start_log(level: LevelFilter) {
    let layer = tracing_subscriber::fmt::layer().with_writer(io::stderr).event_format(TaggedLines);
    // A second start (tests in one process) keeps the first.
    let _ = tracing_subscriber::registry()
        .with(layer)
        .with(Targets::new().with_target("aurora", level))
        .try_init();
}

/// Upstream's log lines: a tag of seven characters, then the message.
struct TaggedLines;

impl<S, N> FormatEvent<S, N> for TaggedLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let tag = match *event.metadata().level() {
            Level::ERROR => "ERROR] ",
            Level::WARN => " WARN] ",
            Level::INFO => " INFO] ",
            _ => "DEBUG] ",
        };
        let mut message = Message(String::new());
        event.record(&mut message);
        for line in message.0.lines() {
            writeln!(writer, "{tag}{line}")?;
        }
        Ok(())
    }
}

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}
