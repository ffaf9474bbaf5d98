//! The answer, for people and for programs.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use aurora_api::amounts::Timestamp;
use serde_json::{Value, json};
use sim::what_if::{Answer, JobAnswer, Why};

use crate::arguments::instance_ranges;

/// How many hosts of a job are told in the text.
const HOSTS_MAX: usize = 10;

/// The answer as text.
pub fn text(answer: &Answer) -> String {
    let mut text = String::new();
    let mut line = |words: String| {
        let _ = writeln!(text, "{words}");
    };
    let Answer { hosts, active, pending_before, .. } = answer;
    line(format!(
        "snapshot of {}: {}, {} ({pending_before} pending)",
        time(answer.taken_at),
        counted(*hosts, "host"),
        counted(*active, "active task")
    ));
    if !answer.removed_hosts.is_empty() {
        let names: Vec<&str> = answer.removed_hosts.iter().map(|host| host.as_str()).collect();
        line(format!("without {}", names.join(", ")));
    }
    if !answer.unmeasured_hosts.is_empty() {
        let count = counted(answer.unmeasured_hosts.len(), "host");
        line(format!(
            "nothing is placed on {count} of which it is not known what they have: name them with --agents"
        ));
    }
    for (key, reasons) in &answer.refused {
        line(format!("\n{key}: refused"));
        reasons.iter().for_each(|reason| line(format!("  {reason}")));
    }
    for job in &answer.jobs {
        describe(job, &mut line);
    }
    line(String::new());
    line(match answer.pending {
        0 if answer.refused.is_empty() => "everything fits".to_owned(),
        0 => "everything else fits".to_owned(),
        1 => "1 task stays pending".to_owned(),
        many => format!("{many} tasks stay pending"),
    });
    text
}

fn describe(job: &JobAnswer, line: &mut impl FnMut(String)) {
    let placed: usize = job.placed.iter().map(|placed| placed.instances.len()).sum();
    let waiting: usize = job.pending.iter().map(|pending| pending.instances.len()).sum();
    let fit = format!("{placed} {}", if placed == 1 { "fits" } else { "fit" });
    let stay = format!("{waiting} {} pending", if waiting == 1 { "stays" } else { "stay" });
    let outcome = match (placed, waiting) {
        (_, 0) => fit,
        (0, _) => stay,
        _ => format!("{fit}, {stay}"),
    };
    line(format!("\n{}, {}: {outcome}", job.key, why(job.why)));
    for placed in job.placed.iter().take(HOSTS_MAX) {
        line(format!("  {} on {}", instances(&placed.instances), placed.host));
    }
    if job.placed.len() > HOSTS_MAX {
        line(format!("  … and {} more hosts; -o json names all", job.placed.len() - HOSTS_MAX));
    }
    for pending in &job.pending {
        line(format!("  {} pending:", instances(&pending.instances)));
        if pending.reasons.is_empty() {
            line("    the scheduler has no reason to tell yet".to_owned());
        }
        pending.reasons.iter().for_each(|reason| line(format!("    {reason}")));
    }
}

/// The answer as JSON.
pub fn json(answer: &Answer) -> Value {
    let jobs: Vec<Value> = answer
        .jobs
        .iter()
        .map(|job| {
            let placed = job
                .placed
                .iter()
                .map(|placed| json!({"host": placed.host.as_str(), "instances": placed.instances}));
            let pending = job
                .pending
                .iter()
                .map(|pending| json!({"instances": pending.instances, "reasons": pending.reasons}));
            json!({
                "job": job.key.to_string(),
                "why": name(job.why),
                "placed": placed.collect::<Vec<_>>(),
                "pending": pending.collect::<Vec<_>>(),
            })
        })
        .collect();
    let names = |hosts: &mut dyn Iterator<Item = &aurora_api::ids::HostName>| -> Vec<String> {
        hosts.map(ToString::to_string).collect()
    };
    json!({
        "snapshot": {
            "taken_at_ms": answer.taken_at.0,
            "hosts": answer.hosts,
            "active_tasks": answer.active,
            "pending_tasks": answer.pending_before,
        },
        "removed_hosts": names(&mut answer.removed_hosts.iter()),
        "unmeasured_hosts": names(&mut answer.unmeasured_hosts.iter()),
        "refused": answer.refused.iter()
            .map(|(job, reasons)| json!({"job": job, "reasons": reasons}))
            .collect::<Vec<_>>(),
        "jobs": jobs,
        "pending_tasks": answer.pending,
    })
}

const fn why(why: Why) -> &'static str {
    match why {
        Why::Added => "added",
        Why::Displaced => "from removed hosts",
        Why::Preempted => "preempted for others",
        Why::Waiting => "pending before",
        Why::Moved => "moved off its host",
    }
}

const fn name(why: Why) -> &'static str {
    match why {
        Why::Added => "added",
        Why::Displaced => "displaced",
        Why::Preempted => "preempted",
        Why::Waiting => "waiting",
        Why::Moved => "moved",
    }
}

fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// In words: `instance 3`, `instances 0-2, 7`.
fn instances(instances: &BTreeSet<u32>) -> String {
    let shown = instance_ranges(instances.iter().copied().map(i64::from));
    let noun = if instances.len() == 1 { "instance" } else { "instances" };
    format!("{noun} {}", shown.join(", "))
}

fn time(at: Timestamp) -> String {
    let time = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default();
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_are_told_as_ranges() {
        assert_eq!(instances(&[3].into()), "instance 3");
        assert_eq!(instances(&[0, 1, 2, 5, 7, 8].into()), "instances 0-2, 5, 7-8");
    }
}
