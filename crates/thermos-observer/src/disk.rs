//! The size of sandboxes: looked through, or asked of the agent (`spec/thermos.md` §3.11).

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use jmespath::{Expression, Rcvar};
use serde_json::Value;
use thermos::detect::Standing;
use thermos::usage::disk_bytes;

use crate::Observer;
use crate::flags::Flags;

/// How long the agent may take to answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Size of a sandbox that could not be found out.
pub const UNKNOWN: i64 = -1;

/// Where sizes come from.
pub enum Source {
    /// Nowhere.
    None,
    /// Every sandbox is looked through.
    Files,
    /// The agent.
    Agent(AgentSource),
}

/// An agent that measures its containers.
pub struct AgentSource {
    client: reqwest::Client,
    url: String,
    paths: Paths,
}

/// Where in a container's description things are.
#[derive(Debug, Clone)]
pub struct Paths {
    executor_id: String,
    used_bytes: String,
}

impl Source {
    /// As the flags say.
    pub fn new(flags: &Flags) -> anyhow::Result<Self> {
        if flags.disable_task_resource_collection {
            return Ok(Self::None);
        }
        if !flags.enable_mesos_disk_collector {
            return Ok(Self::Files);
        }
        let paths = Paths {
            executor_id: flags.executor_id_json_path.clone(),
            used_bytes: flags.disk_usage_json_path.clone(),
        };
        for path in [&paths.executor_id, &paths.used_bytes] {
            compile(path).with_context(|| format!("{path:?} is no jmespath"))?;
        }
        let client =
            reqwest::Client::builder().timeout(TIMEOUT).no_proxy().build().context("cannot speak HTTP")?;
        Ok(Self::Agent(AgentSource { client, url: flags.agent_api_url.clone(), paths }))
    }
}

impl AgentSource {
    async fn containers(&self) -> anyhow::Result<Value> {
        let response = self.client.get(&self.url).send().await?.error_for_status()?;
        Ok(response.json().await?)
    }

    /// Bytes by sandbox, for each of these.
    async fn sizes(&self, sandboxes: &[String]) -> Vec<i64> {
        match self.containers().await {
            Ok(containers) => {
                sandboxes.iter().map(|sandbox| size_of(&containers, sandbox, &self.paths)).collect()
            }
            Err(error) => {
                tracing::warn!(
                    url = self.url,
                    error = format!("{error:#}"),
                    "the agent does not tell the size of sandboxes"
                );
                vec![UNKNOWN; sandboxes.len()]
            }
        }
    }
}

fn compile(path: &str) -> anyhow::Result<Expression<'static>> {
    jmespath::compile(path).map_err(|error| anyhow!("{error}"))
}

fn search(path: &str, value: &Value) -> Option<Rcvar> {
    compile(path).ok()?.search(value).ok()
}

/// The bytes of the one container whose executor's id is in the sandbox's path.
fn size_of(containers: &Value, sandbox: &str, paths: &Paths) -> i64 {
    let is_meant = |container: &&Value| {
        search(&paths.executor_id, container)
            .and_then(|id| id.as_string().cloned())
            .is_some_and(|id| !id.is_empty() && sandbox.contains(&id))
    };
    let listed: Vec<&Value> = containers.as_array().into_iter().flatten().filter(is_meant).collect();
    let [container] = listed.as_slice() else { return UNKNOWN };
    let bytes = search(&paths.used_bytes, container).and_then(|bytes| bytes.as_number());
    bytes.map_or(UNKNOWN, whole)
}

#[expect(clippy::cast_possible_truncation, reason = "a float to integer cast saturates")]
fn whole(bytes: f64) -> i64 {
    bytes as i64
}

/// Measures again and again.
pub async fn keep_measuring(observer: Arc<Observer>, source: Source) {
    let interval = Duration::from_secs(observer.flags.task_disk_collection_interval_secs);
    loop {
        let active = observer.tasks.listed(Some(Standing::Active));
        let (keys, sandboxes): (Vec<_>, Vec<String>) = active
            .iter()
            .filter_map(|task| {
                let sandbox = task.header()?.sandbox.clone()?;
                // A header that points elsewhere is not followed there.
                task.open_sandbox().ok()?;
                Some(((task.root.clone(), task.task_id.clone()), sandbox))
            })
            .unzip();
        let sizes = match &source {
            Source::None => return,
            Source::Files => {
                let measured = tokio::task::spawn_blocking(move || {
                    sandboxes
                        .iter()
                        .map(|sandbox| i64::try_from(disk_bytes(Path::new(sandbox))).unwrap_or(i64::MAX))
                        .collect()
                });
                measured.await.unwrap_or_default()
            }
            Source::Agent(agent) if sandboxes.is_empty() => {
                let _ = agent;
                Vec::new()
            }
            Source::Agent(agent) => agent.sizes(&sandboxes).await,
        };
        let sizes: BTreeMap<_, i64> = keys.into_iter().zip(sizes).collect();
        observer.samples.set_disks(sizes);
        tokio::time::sleep(interval).await;
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use serde_json::json;

    use super::*;

    fn paths() -> Paths {
        Paths { executor_id: "executor_id".into(), used_bytes: "statistics.disk_used_bytes".into() }
    }

    /// A server that answers every request alike, or not at all, and who asks it.
    fn agent(answer: Option<String>) -> AgentSource {
        // Only an answer that never comes is not waited for long.
        let limit = if answer.is_some() { Duration::from_secs(90) } else { Duration::from_millis(500) };
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/containers", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            let mut open = Vec::new();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                if let Some(answer) = &answer {
                    let mut request = [0; 4096];
                    let _ = stream.read(&mut request);
                    stream.write_all(answer.as_bytes()).unwrap();
                } else {
                    open.push(stream);
                }
            }
        });
        let client = reqwest::Client::builder().timeout(limit).no_proxy().build().unwrap();
        AgentSource { client, url, paths: paths() }
    }

    fn answer(status: &str, body: &str) -> Option<String> {
        Some(format!(
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        ))
    }

    #[tokio::test]
    async fn th_149_a_size_that_the_agent_does_not_tell_is_minus_one() {
        let container =
            |id: &str, bytes: i64| json!({"executor_id": id, "statistics": {"disk_used_bytes": bytes}});
        let sandbox = "/w/slaves/S/frameworks/F/executors/thermos-a/runs/1/sandbox".to_owned();
        let size = |containers: Value| size_of(&containers, &sandbox, &paths());
        assert_eq!(size(json!([container("thermos-a", 7), container("thermos-b", 8)])), 7);
        assert_eq!(size(json!([container("thermos-b", 8)])), UNKNOWN);
        assert_eq!(size(json!([container("thermos-a", 7), container("thermos-a", 8)])), UNKNOWN);
        assert_eq!(size(json!([{"executor_id": "thermos-a"}])), UNKNOWN);
        assert_eq!(size(json!({"error": 1})), UNKNOWN);

        let sandboxes = [sandbox.clone()];
        let listed = json!([container("thermos-a", 7)]).to_string();
        assert_eq!(agent(answer("200 OK", &listed)).sizes(&sandboxes).await, [7]);
        for refusal in ["404 Not Found", "401 Unauthorized"] {
            assert_eq!(agent(answer(refusal, &listed)).sizes(&sandboxes).await, [UNKNOWN], "{refusal}");
        }
        assert_eq!(agent(None).sizes(&sandboxes).await, [UNKNOWN], "no answer in time");
        let refused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let nobody = AgentSource { url: format!("http://{refused}/"), ..agent(None) };
        assert_eq!(nobody.sizes(&sandboxes).await, [UNKNOWN]);
    }
}
