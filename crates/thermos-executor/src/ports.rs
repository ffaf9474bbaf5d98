//! Port names and their aliases (`spec/thermos.md` §3.6).

use std::collections::BTreeMap;

use serde_json::Value;

/// A port map that leads in a circle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Found cycle in portmap! {}; give one of them a number or the name of a port that processes use", names.join(" -> "))]
pub struct PortCycle {
    /// The names, the first again at the end.
    pub names: Vec<String>,
}

/// Port numbers by name, and what is odd.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ports {
    /// Numbers, aliases included.
    pub numbers: BTreeMap<String, u16>,
    /// Aliases that lead nowhere.
    pub unmapped: Vec<String>,
}

/// Follows the aliases of `announce.portmap` to the assigned numbers.
///
/// # Errors
/// [`PortCycle`].
pub fn resolve(assigned: &BTreeMap<String, u16>, portmap: Option<&Value>) -> Result<Ports, PortCycle> {
    let mut map: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in portmap.and_then(Value::as_object).into_iter().flatten() {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        map.insert(name.clone(), text);
    }
    map.extend(assigned.iter().map(|(name, port)| (name.clone(), port.to_string())));

    let mut ports = Ports::default();
    for name in map.keys() {
        let mut path = vec![name.clone()];
        let mut value = &map[name];
        loop {
            if let Ok(number) = value.parse() {
                ports.numbers.insert(name.clone(), number);
                break;
            }
            // A port that is its own alias is one without a number.
            if path.len() == 1 && path.first() == Some(value) {
                ports.unmapped.push(format!("{name} => {value}"));
                break;
            }
            if path.contains(value) {
                path.push(value.clone());
                return Err(PortCycle { names: path });
            }
            path.push(value.clone());
            match map.get(value) {
                Some(next) => value = next,
                None => {
                    ports.unmapped.push(format!("{name} => {value}"));
                    break;
                }
            }
        }
    }
    Ok(ports)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn th_139_aliases_lead_to_numbers() {
        let assigned = BTreeMap::from([("http".into(), 80)]);
        let map = json!({"aurora": "http", "https": "aurora", "thrift": "service"});
        let ports = resolve(&assigned, Some(&map)).unwrap();
        let expected =
            [("aurora", 80), ("http", 80), ("https", 80)].map(|(name, port)| (name.to_owned(), port));
        assert_eq!(ports.numbers, BTreeMap::from(expected));
        assert_eq!(ports.unmapped, ["thrift => service"]);
        let cycle = resolve(&assigned, Some(&json!({"a": "b", "b": "c", "c": "a"}))).unwrap_err();
        assert!(cycle.to_string().starts_with("Found cycle in portmap! a -> b -> c -> a"), "{cycle}");
    }
}
