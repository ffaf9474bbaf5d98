//! Agents as the Mesos master tells them at `/slaves`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aurora_api::amounts::{Megabytes, MilliCpus, Resources};
use aurora_api::attribute;
use aurora_api::ids::{AgentId, HostName};
use serde::Deserialize;
use serde_json::Value;
use sim::what_if::{Agent, Attributes, Capacity};

#[derive(Deserialize)]
struct Slaves {
    slaves: Vec<Slave>,
}

#[derive(Deserialize)]
struct Slave {
    #[serde(default)]
    id: Option<String>,
    hostname: String,
    #[serde(default)]
    attributes: BTreeMap<String, Value>,
    resources: Amounts,
    /// Agents that are away are listed too.
    #[serde(default = "yes")]
    active: bool,
}

#[derive(Deserialize)]
struct Amounts {
    cpus: f64,
    mem: f64,
    disk: f64,
    #[serde(default)]
    gpus: f64,
    /// Such as `[31000-32000, 8080-8080]`.
    #[serde(default)]
    ports: String,
    #[serde(default)]
    cpus_revocable: f64,
}

const fn yes() -> bool {
    true
}

/// Reads the answer of `/slaves`; agents that are not active are left out.
///
/// # Errors
/// It is something else; text for a person.
pub fn parse(bytes: &[u8]) -> Result<Vec<Agent>, String> {
    let read: Slaves = serde_json::from_slice(bytes).map_err(|error| {
        format!(
            "it is not what http://MASTER:5050/slaves answers, such as {{\"slaves\": [{{\"hostname\": \"a\", \
             \"attributes\": {{\"rack\": \"r1\"}}, \"resources\": {{\"cpus\": 8, \"mem\": 16384, \"disk\": 100000, \
             \"ports\": \"[31000-32000]\"}}}}]}}: {error}"
        )
    })?;
    let agents: Vec<Agent> =
        read.slaves.into_iter().filter(|slave| slave.active).map(agent).collect::<Result<_, _>>()?;
    if agents.is_empty() {
        return Err("it names no agent that is active: ask the master that leads".to_owned());
    }
    let mut hosts = BTreeSet::new();
    match agents.iter().find(|agent| !hosts.insert(&agent.host)) {
        Some(twice) => Err(format!(
            "two agents have the hostname {}: tell them apart by the agents' flag --hostname, as the scheduler knows hosts by it",
            twice.host
        )),
        None => Ok(agents),
    }
}

fn agent(slave: Slave) -> Result<Agent, String> {
    let Slave { id, hostname, attributes, resources, .. } = slave;
    let Amounts { cpus, mem, disk, gpus, cpus_revocable, .. } = resources;
    let amounts =
        [("cpus", cpus), ("mem", mem), ("disk", disk), ("gpus", gpus), ("cpus_revocable", cpus_revocable)];
    if let Some((name, amount)) = amounts.into_iter().find(|(_, amount)| *amount < 0.0) {
        return Err(format!("the {name} of {hostname} are {amount}, less than nothing"));
    }
    let ports = count_ports(&resources.ports).ok_or_else(|| {
        format!("the ports of {hostname} are `{}`, not like [31000-32000]", resources.ports)
    })?;
    let regular = Resources {
        cpus: MilliCpus::from_cores(cpus),
        ram: Megabytes(whole(mem)),
        disk: Megabytes(whole(disk)),
        gpus: whole(gpus),
        ports,
    };
    let revocable = Resources { cpus: MilliCpus::from_cores(cpus_revocable), ..regular };
    Ok(Agent {
        id: AgentId::new(id.unwrap_or_else(|| format!("agent of {hostname}"))),
        host: HostName::new(hostname),
        attributes: read_attributes(attributes),
        capacity: Capacity { regular, revocable },
    })
}

/// As the scheduler takes them: texts as they are, numbers as upstream prints them, and nothing else.
fn read_attributes(attributes: BTreeMap<String, Value>) -> Attributes {
    let mut read = Attributes::new();
    for (name, value) in attributes {
        let text = match value {
            Value::String(text) => text,
            Value::Number(number) => match number.as_f64() {
                Some(number) => attribute::number(number),
                None => continue,
            },
            _ => continue,
        };
        read.entry(Arc::from(name)).or_default().insert(Arc::from(text));
    }
    read
}

/// Whole units, rounded down.
#[expect(
    clippy::cast_possible_truncation,
    reason = "`as` saturates, and turns NaN into 0: both are wanted here"
)]
fn whole(amount: f64) -> i64 {
    (amount + 0.000_5).floor() as i64
}

fn count_ports(text: &str) -> Option<i64> {
    let inner = text.trim();
    if inner.is_empty() {
        return Some(0);
    }
    let inner = inner.strip_prefix('[')?.strip_suffix(']')?;
    inner.split(',').map(str::trim).filter(|range| !range.is_empty()).try_fold(0, |sum, range| {
        let (first, last) = range.split_once('-')?;
        let (first, last): (i64, i64) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        (0 <= first && first <= last && last <= i64::from(u16::MAX)).then_some(sum + (last - first + 1))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_master_answers_is_read() {
        let text = r#"{"slaves": [
            {"id": "S1", "hostname": "a", "active": true, "attributes": {"rack": "r1", "disks": 2, "load": 0.5, "since": 20260101},
             "resources": {"cpus": 4.5, "mem": 1024.0, "disk": 9.9, "gpus": 1, "ports": "[31000-31009, 80-80]"}},
            {"hostname": "away", "active": false, "resources": {"cpus": 1, "mem": 1, "disk": 1}},
            {"hostname": "plain", "resources": {"cpus": 1, "mem": 1, "disk": 1}}
        ], "recovered_slaves": []}"#;
        let agents = parse(text.as_bytes()).unwrap();
        assert_eq!(agents.len(), 2);
        let expected =
            Resources { cpus: MilliCpus(4500), ram: Megabytes(1024), disk: Megabytes(9), gpus: 1, ports: 11 };
        assert_eq!(agents[0].capacity.regular, expected);
        for (name, text) in [("rack", "r1"), ("disks", "2.0"), ("load", "0.5"), ("since", "2.0260101E7")] {
            assert_eq!(agents[0].attributes[name].first().map(|value| &**value), Some(text), "{name}");
        }
        assert_eq!(agents[1].id.as_str(), "agent of plain");
    }

    #[test]
    fn what_is_wrong_is_said() {
        let error = parse(b"[]").unwrap_err();
        assert!(error.contains("http://MASTER:5050/slaves") && error.contains("31000"), "{error}");
        let ports = br#"{"slaves":[{"hostname":"a","resources":{"cpus":1,"mem":1,"disk":1,"ports":"80"}}]}"#;
        assert_eq!(parse(ports).unwrap_err(), "the ports of a are `80`, not like [31000-32000]");
        let with = |cpus: &str, ports: &str| {
            format!(r#"{{"hostname":"a","resources":{{"cpus":{cpus},"mem":1,"disk":1,"ports":"{ports}"}}}}"#)
        };
        let error = |agents: &[String]| {
            parse(format!(r#"{{"slaves":[{}]}}"#, agents.join(",")).as_bytes()).unwrap_err()
        };
        assert_eq!(error(&[with("-4", "[]")]), "the cpus of a are -4, less than nothing");
        for range in ["[9-3]", "[-1-3]", "[1-70000]"] {
            assert_eq!(
                error(&[with("1", range)]),
                format!("the ports of a are `{range}`, not like [31000-32000]")
            );
        }
        assert!(error(&[with("1", "[]"), with("2", "[]")]).starts_with("two agents have the hostname a"));
        assert!(error(&[]).starts_with("it names no agent that is active"));
    }
}
