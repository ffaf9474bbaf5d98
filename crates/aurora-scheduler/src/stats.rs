//! Counters and timings of `/vars` (`spec/scheduler.md` §10.3). Gauges are read from the view when somebody asks.

mod processor;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use processor::Processor;

/// A stat's value.
#[derive(Clone, Debug, PartialEq)]
pub enum StatValue {
    /// A whole number.
    Integer(i64),
    /// A fraction.
    Fraction(f64),
    /// A text.
    Text(String),
}

#[derive(Debug, Default)]
struct Registry {
    counters: BTreeMap<Cow<'static, str>, u64>,
    timings: BTreeMap<(Cow<'static, str>, Unit), Timing>,
    gauges: BTreeMap<Cow<'static, str>, i64>,
}

/// What a timing is told in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Unit {
    Nanos,
    Micros,
}

impl Unit {
    const fn name(self) -> &'static str {
        match self {
            Self::Nanos => "nanos",
            Self::Micros => "micros",
        }
    }

    const fn nanos(self) -> u64 {
        match self {
            Self::Nanos => 1,
            Self::Micros => 1000,
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Timing {
    nanos: u64,
    events: u64,
}

/// The numbers of this process. Cheap to clone; all clones share them.
#[derive(Clone, Debug)]
pub struct Stats {
    registry: Arc<Mutex<Registry>>,
    processor: Arc<Mutex<Processor>>,
    started: Instant,
}

impl Default for Stats {
    fn default() -> Self {
        let started = Instant::now();
        Self { registry: Arc::default(), processor: Arc::new(Mutex::new(Processor::since(started))), started }
    }
}

impl Stats {
    // Each change is one call on a map, so a panic elsewhere leaves nothing half done.
    fn lock(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A counter grows. It appears with 0 if `by` is 0, so that dashboards find it before its first event.
    pub fn count(&self, name: impl Into<Cow<'static, str>>, by: u64) {
        *self.lock().counters.entry(name.into()).or_default() += by;
    }

    /// A counter's present value; 0 before it first grew.
    pub fn counter(&self, name: &str) -> u64 {
        self.lock().counters.get(name).copied().unwrap_or(0)
    }

    /// Something took this long.
    pub fn time(&self, name: impl Into<Cow<'static, str>>, took: Duration) {
        self.time_in(name.into(), Unit::Nanos, took);
    }

    /// The same, told in microseconds.
    pub fn time_micros(&self, name: impl Into<Cow<'static, str>>, took: Duration) {
        self.time_in(name.into(), Unit::Micros, took);
    }

    fn time_in(&self, name: Cow<'static, str>, unit: Unit, took: Duration) {
        let mut registry = self.lock();
        let timing = registry.timings.entry((name, unit)).or_default();
        timing.nanos = timing.nanos.saturating_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
        timing.events += 1;
    }

    /// A gauge has this value from now on.
    pub fn gauge(&self, name: impl Into<Cow<'static, str>>, value: i64) {
        self.lock().gauges.insert(name.into(), value);
    }

    /// A gauge's present value.
    pub fn gauge_value(&self, name: &str) -> Option<i64> {
        self.lock().gauges.get(name).copied()
    }

    /// Everything, by name, with names cleaned as upstream does.
    pub fn all(&self) -> BTreeMap<String, StatValue> {
        let uptime = self.started.elapsed();
        let registry = self.lock();
        let mut all = BTreeMap::new();
        let mut put = |name: String, value: StatValue| all.insert(clean(&name), value);
        let whole = |value: u64| StatValue::Integer(i64::try_from(value).unwrap_or(i64::MAX));
        for (name, value) in &registry.counters {
            put(name.to_string(), whole(*value));
        }
        for (name, value) in &registry.gauges {
            put(name.to_string(), StatValue::Integer(*value));
        }
        for ((name, unit), timing) in &registry.timings {
            let (told, total) = (unit.name(), timing.nanos / unit.nanos());
            put(format!("{name}_{told}_total"), whole(total));
            put(format!("{name}_events"), whole(timing.events));
            put(format!("{name}_{told}_per_event"), whole(total / timing.events.max(1)));
        }
        let mut processor = self.processor.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cores) = processor.cores(Instant::now()) {
            put("process_cpu_cores_utilized".to_owned(), StatValue::Fraction(cores));
        }
        let uptime = StatValue::Integer(i64::try_from(uptime.as_secs()).unwrap_or(i64::MAX));
        put("uptime_secs".to_owned(), uptime.clone());
        // Compat: the name upstream's dashboards watch for restarts (`spec/scheduler.md` §10.3).
        put("jvm_uptime_secs".to_owned(), uptime);
        put("build_version".to_owned(), StatValue::Text(env!("CARGO_PKG_VERSION").to_owned()));
        all
    }
}

fn clean(name: &str) -> String {
    let keep = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '/' | '.' | '-');
    name.chars().map(|c| if keep(c) { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_grow_and_timings_expand() {
        let stats = Stats::default();
        stats.count("launches", 0);
        stats.count("tasks_FAILED_r/e/a b", 2);
        stats.count("tasks_FAILED_r/e/a b", 1);
        stats.time("append", Duration::from_nanos(30));
        stats.time("append", Duration::from_nanos(10));
        stats.gauge("framework_registered", 1);
        let all = stats.all();
        assert_eq!(all["launches"], StatValue::Integer(0));
        assert_eq!(all["tasks_FAILED_r/e/a_b"], StatValue::Integer(3));
        assert_eq!(all["append_nanos_total"], StatValue::Integer(40));
        assert_eq!(all["append_events"], StatValue::Integer(2));
        assert_eq!(all["append_nanos_per_event"], StatValue::Integer(20));
        assert_eq!(stats.gauge_value("framework_registered"), Some(1));
        assert!(all.contains_key("uptime_secs"));
    }
}
