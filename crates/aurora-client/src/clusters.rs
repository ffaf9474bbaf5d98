//! Which clusters there are: `clusters.json` (`spec/cli.md` §4.1).

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use reqwest::Url;
use serde_json::{Map, Value};

use crate::error::ClientError;

/// One entry of `clusters.json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// The name in job keys.
    pub name: String,
    /// The whole entry, unknown fields too.
    pub fields: Map<String, Value>,
}

impl Cluster {
    /// A cluster whose scheduler is at a known address.
    #[must_use]
    pub fn at(name: &str, scheduler_uri: &str) -> Self {
        let mut fields = Map::new();
        fields.insert("name".to_owned(), name.into());
        fields.insert("scheduler_uri".to_owned(), scheduler_uri.into());
        Self { name: name.to_owned(), fields }
    }

    /// A field of the entry that holds text.
    #[must_use]
    pub fn text(&self, field: &str) -> Option<&str> {
        self.fields.get(field).and_then(Value::as_str)
    }

    /// Where its scheduler is.
    ///
    /// # Errors
    /// If the entry does not say so, or only through ZooKeeper, which wins when both are given.
    pub fn address(&self) -> Result<Url, ClientError> {
        if let Some(zk) = self.fields.get("zk") {
            return Err(ClientError::ZooKeeper {
                cluster: self.name.clone(),
                zk: zk.as_str().map_or_else(|| zk.to_string(), str::to_owned),
            });
        }
        let Some(uri) = self.text("scheduler_uri") else {
            return Err(ClientError::NoAddress { cluster: self.name.clone() });
        };
        Url::parse(uri)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"))
            .ok_or_else(|| ClientError::BadAddress { cluster: self.name.clone(), uri: uri.to_owned() })
    }
}

/// The clusters by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clusters {
    by_name: BTreeMap<String, Cluster>,
    searched: Vec<PathBuf>,
}

/// A `clusters.json` that cannot be used, or does not have what is asked of it.
#[derive(Debug, thiserror::Error)]
pub enum ClustersError {
    /// The file is there and cannot be read.
    #[error("Unable to read {}: {source}; make it readable or remove it", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file is not JSON.
    #[error("Unable to parse {}: {source}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// What is wrong and where.
        source: serde_json::Error,
    },
    /// The file is neither a list nor a map.
    #[error("Unknown layout in {}: it should hold a list of clusters, [{{\"name\": …, \"scheduler_uri\": …}}]", path.display())]
    Layout {
        /// The file.
        path: PathBuf,
    },
    /// An entry is not an object.
    #[error("Clusters must be maps of key/value pairs, got {found} in {}", path.display())]
    NotAnObject {
        /// The file.
        path: PathBuf,
        /// The entry.
        found: String,
    },
    /// No entry has this name.
    #[error(
        "Unknown cluster: {name}\n  known clusters: {known}\n  clusters are read from {searched}; the cluster `local` is always known"
    )]
    Unknown {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
        /// The files looked for.
        searched: String,
    },
}

impl Clusters {
    /// The files that are read: system's first, then the user's, whose entries replace the system's.
    #[must_use]
    pub fn default_paths(config_root: Option<&Path>, home: Option<&Path>) -> Vec<PathBuf> {
        let root = config_root.unwrap_or_else(|| Path::new("/etc/aurora"));
        let mut paths = vec![root.join("clusters.json")];
        paths.extend(home.map(|home| home.join(".aurora/clusters.json")));
        paths
    }

    /// Reads those of the files that exist, and adds `local` unless one of them has it.
    ///
    /// # Errors
    /// If a file exists and cannot be read or understood.
    pub fn load(paths: &[PathBuf], local: Cluster) -> Result<Self, ClustersError> {
        let mut clusters =
            Self { by_name: BTreeMap::from([(local.name.clone(), local)]), searched: paths.to_vec() };
        for path in paths {
            let text = match std::fs::read_to_string(path) {
                Ok(text) => text,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(source) => {
                    let path = path.clone();
                    return Err(ClustersError::Read { path, source });
                }
            };
            for cluster in parse(path, &text)? {
                clusters.by_name.insert(cluster.name.clone(), cluster);
            }
        }
        Ok(clusters)
    }

    /// The cluster with this name.
    ///
    /// # Errors
    /// If there is none.
    pub fn get(&self, name: &str) -> Result<&Cluster, ClustersError> {
        let list = |items: Vec<String>| items.join(", ");
        self.by_name.get(name).ok_or_else(|| ClustersError::Unknown {
            name: name.to_owned(),
            known: list(self.by_name.keys().cloned().collect()),
            searched: list(self.searched.iter().map(|path| path.display().to_string()).collect()),
        })
    }

    /// All clusters, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Cluster> {
        self.by_name.values()
    }
}

fn parse(path: &Path, text: &str) -> Result<Vec<Cluster>, ClustersError> {
    let path = || path.to_path_buf();
    let value: Value = serde_json::from_str(&without_trailing_commas(text))
        .map_err(|source| ClustersError::Parse { path: path(), source })?;
    let entries: Vec<Value> = match value {
        Value::Array(entries) => entries,
        Value::Object(entries) => entries.into_iter().map(|(_, entry)| entry).collect(),
        _ => return Err(ClustersError::Layout { path: path() }),
    };
    let mut clusters = Vec::new();
    for entry in entries {
        let Value::Object(fields) = entry else {
            let found = entry.to_string();
            return Err(ClustersError::NotAnObject { path: path(), found });
        };
        if let Some(name) = fields.get("name").and_then(Value::as_str) {
            let name = name.to_owned();
            clusters.push(Cluster { name, fields });
        }
    }
    Ok(clusters)
}

/// Turns commas before a closing bracket into blanks: upstream's documentation has one, and positions stay what they are.
fn without_trailing_commas(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let mut comma = None;
    let mut in_text = false;
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if in_text => at += 1,
            b'"' => {
                in_text = !in_text;
                comma = None;
            }
            _ if in_text => {}
            b',' => comma = Some(at),
            b']' | b'}' => {
                if let Some(comma) = comma.take() {
                    bytes[comma] = b' ';
                }
            }
            byte if byte.is_ascii_whitespace() => {}
            _ => comma = None,
        }
        at += 1;
    }
    // Only ASCII commas were replaced by ASCII blanks.
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(files: &[&str]) -> Result<Clusters, ClustersError> {
        let dir = tempfile::tempdir().unwrap();
        let paths: Vec<PathBuf> = files
            .iter()
            .enumerate()
            .map(|(index, text)| {
                let path = dir.path().join(format!("{index}.json"));
                std::fs::write(&path, text).unwrap();
                path
            })
            .collect();
        Clusters::load(&paths, Cluster::at("local", "http://127.0.0.1:8081"))
    }

    #[test]
    fn a_later_entry_replaces_the_whole_earlier_one() {
        let clusters = load(&[
            r#"[{"name": "west", "scheduler_uri": "http://a", "auth_mechanism": "KERBEROS"}]"#,
            r#"{"x": {"name": "west", "scheduler_uri": "http://b"}, "y": {"nameless": 1}}"#,
        ])
        .unwrap();
        let west = clusters.get("west").unwrap();
        assert_eq!(west.text("scheduler_uri"), Some("http://b"));
        assert_eq!(west.text("auth_mechanism"), None);
    }

    #[test]
    fn local_is_known_without_any_file_and_can_be_replaced() {
        let local = load(&[]).unwrap();
        let url = local.get("local").unwrap().address().unwrap();
        assert_eq!(url.as_str(), "http://127.0.0.1:8081/");
        let own = load(&[r#"[{"name": "local", "scheduler_uri": "http://b"}]"#]).unwrap();
        assert_eq!(own.get("local").unwrap().text("scheduler_uri"), Some("http://b"));
    }

    #[test]
    fn trailing_commas_are_tolerated() {
        let clusters = load(&["[{\"name\": \"a,]\", \"scheduler_uri\": \"http://é\",\n},\n]"]).unwrap();
        assert!(clusters.get("a,]").is_ok());
    }

    #[test]
    fn what_is_wrong_is_said_with_file_and_position() {
        let error = load(&["[{\"name\": }]"]).unwrap_err().to_string();
        assert!(error.starts_with("Unable to parse "), "{error}");
        assert!(error.contains("line 1 column 11"), "{error}");
        let error = load(&["[1]"]).unwrap_err().to_string();
        assert!(error.starts_with("Clusters must be maps of key/value pairs, got 1"));
        let error = load(&["7"]).unwrap_err().to_string();
        assert!(error.starts_with("Unknown layout in "));
        let error = load(&[]).unwrap().get("x").unwrap_err().to_string();
        assert!(error.starts_with("Unknown cluster: x\n"));
    }

    #[test]
    fn zookeeper_is_refused_with_the_way_out() {
        let clusters =
            load(&[r#"[{"name": "west", "zk": "zk1,zk2", "scheduler_uri": "http://a"}]"#]).unwrap();
        let error = clusters.get("west").unwrap().address().unwrap_err();
        let text = error.to_string();
        assert!(text.contains("zk1,zk2") && text.contains("\"scheduler_uri\""), "{text}");
    }

    #[test]
    fn an_entry_without_an_address_or_with_a_bad_one_is_refused() {
        let clusters = load(&[r#"[{"name": "a"}, {"name": "b", "scheduler_uri": "host:80"}]"#]).unwrap();
        let error = clusters.get("a").unwrap().address().unwrap_err().to_string();
        assert!(error.starts_with("\"a\" does not specify zk or scheduler_uri"));
        let error = clusters.get("b").unwrap().address().unwrap_err().to_string();
        assert!(error.contains("host:80 is not a URL"));
    }
}
