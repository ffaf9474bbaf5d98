//! What an executor that could not report wrote before its end.
//!
//! Mesos says of such an executor that it terminated, and no more. The cause is in its `stderr`, which the agent serves as
//! long as the sandbox is there (`spec/thermos.md` §7.3, item 10).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mesos_v1::messages::task_status::{Reason, Source};
use mesos_v1::messages::{AgentId, FrameworkId, Offer, TaskStatus};
use reqwest::Url;
use serde::Deserialize;

use super::executor::TASK_PREFIX;

/// How long an agent may take to answer. The update waits for it.
const LIMIT: Duration = Duration::from_secs(2);

/// How much of the end of the file is read, in bytes.
const READ_BYTES: u64 = 4096;

/// How much of it is told, in bytes and lines.
const TOLD_BYTES: usize = 400;
const TOLD_LINES: usize = 3;

/// The agents, and how they are asked. Cheap to clone; all clones share it.
#[derive(Clone, Debug, Default)]
pub struct LastWords {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    framework: Option<FrameworkId>,
    /// Where each agent that ever offered listens, and its name.
    agents: HashMap<String, Agent>,
}

#[derive(Debug, Clone)]
struct Agent {
    host: String,
    /// `http://ip:port`
    address: String,
}

/// The agent's answer to `/files/read`.
#[derive(Deserialize)]
struct Piece {
    data: String,
    offset: u64,
}

impl LastWords {
    /// Notes under which id sandboxes are kept.
    pub fn note_framework(&self, framework: &FrameworkId) {
        self.lock().framework = Some(framework.clone());
    }

    /// Notes where the agents listen.
    pub fn note_offers(&self, offers: &[Offer]) {
        let mut shared = self.lock();
        for offer in offers {
            let Some(url) = &offer.url else { continue };
            let ip = url.address.ip.as_deref().or(url.address.hostname.as_deref()).unwrap_or(&offer.hostname);
            let address = format!("{}://{ip}:{}", url.scheme, url.address.port);
            shared
                .agents
                .insert(offer.agent_id.value.clone(), Agent { host: offer.hostname.clone(), address });
        }
    }

    /// Whether the status is an agent's, for a task whose executor had no say in it.
    pub fn are_wanted(status: &TaskStatus) -> bool {
        let reason = status.reason.and_then(|reason| Reason::try_from(reason).ok());
        let is_of_agent = matches!(status.source.map(Source::try_from), Some(Ok(Source::Agent)));
        is_of_agent
            && matches!(
                reason,
                Some(
                    Reason::ExecutorTerminated
                        | Reason::ExecutorUnregistered
                        | Reason::ExecutorRegistrationTimeout
                        | Reason::ContainerLaunchFailed
                )
            )
    }

    /// Adds to the message what the executor wrote last, where that was, and what to do about it.
    pub async fn complete(&self, mut status: TaskStatus) -> TaskStatus {
        let place = {
            let shared = self.lock();
            let agent = status.agent_id.as_ref().and_then(|AgentId { value }| shared.agents.get(value));
            agent.cloned().zip(shared.framework.clone())
        };
        let Some((agent, framework)) = place else { return status };
        let executor = match &status.executor_id {
            Some(executor) => executor.value.clone(),
            None => format!("{TASK_PREFIX}{}", status.task_id.value),
        };
        let words = match tokio::time::timeout(LIMIT, read(&agent.address, &framework, &executor)).await {
            Ok(Ok(words)) => words,
            Ok(Err(error)) => {
                tracing::debug!(%error, agent = agent.host, "cannot read the stderr of an executor");
                None
            }
            Err(_) => None,
        };
        let message = status.message.take().unwrap_or_default();
        let is_ended = status.reason != Some(Reason::ContainerLaunchFailed.into());
        status.message = Some(match words {
            Some(words) => format!(
                "{message}: the executor's stderr on {} ends: {words}; {}",
                agent.host,
                remedy(&format!("{message}\n{words}"))
            ),
            None if is_ended => format!("{message}: {}", without_words(&agent.host)),
            None => format!("{message}; {}", remedy(&message)),
        });
        status
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The last lines of an executor's stderr; nothing if it wrote nothing.
async fn read(address: &str, framework: &FrameworkId, executor: &str) -> anyhow::Result<Option<String>> {
    let path = format!("/frameworks/{}/executors/{executor}/runs/latest/stderr", framework.value);
    let client = mesos_v1::plain_http().timeout(LIMIT).build()?;
    let piece = async |offset: String, length: String| {
        let query = [("path", path.as_str()), ("offset", offset.as_str()), ("length", length.as_str())];
        let url = Url::parse_with_params(&format!("{address}/files/read"), query)?;
        anyhow::Ok(client.get(url).send().await?.error_for_status()?.json::<Piece>().await?)
    };
    let size = piece("-1".to_owned(), "-1".to_owned()).await?.offset;
    let from = size.saturating_sub(READ_BYTES);
    let text = piece(from.to_string(), READ_BYTES.to_string()).await?.data;
    Ok(last_lines(&text))
}

/// The last few lines that are no log of what went well, on one line and without control characters.
fn last_lines(text: &str) -> Option<String> {
    let is_telling = |line: &&str| {
        let is_of_success = line.contains("  INFO ") || line.starts_with("Fetched '");
        !line.is_empty() && !is_of_success && !is_log_of_mesos(line) && !line.contains("run --help")
    };
    let lines: Vec<&str> = text.lines().map(str::trim).filter(is_telling).collect();
    let last = lines[lines.len().saturating_sub(TOLD_LINES)..].join(" | ");
    let last: String = last.chars().filter(|character| !character.is_control()).collect();
    let cut = (0..=last.len()).find(|at| last.len() - at <= TOLD_BYTES && last.is_char_boundary(*at));
    let last = &last[cut.unwrap_or(0)..];
    (!last.is_empty()).then(|| last.to_owned())
}

/// Lines such as `I1128 01:59:20.672755 13113 exec.cpp:348] …`: the fetcher and Docker's helper write them.
fn is_log_of_mesos(line: &str) -> bool {
    let mut characters = line.chars();
    characters.next().is_some_and(|level| level == 'I' || level == 'W')
        && characters.by_ref().take(4).all(|digit| digit.is_ascii_digit())
        && line.contains("] ")
}

fn without_words(host: &str) -> String {
    format!(
        "the executor ended on {host} without a word: it was killed, or it could not be started because its file is \
         missing or of another kind of machine, or because its image has no /bin/sh; the agent's log and the files stdout \
         and stderr of its sandbox tell more"
    )
}

/// What to do about it.
fn remedy(words: &str) -> &'static str {
    let says = |part: &str| words.to_ascii_lowercase().contains(part);
    if says("docker") && (says("pull") || says("no such image") || says("manifest")) {
        "check the image's name, and whether the agents may pull it from its registry"
    } else if says("exec format error") || says("cannot execute binary file") || says("syntax error") {
        "the program of -thermos_executor_path is none for this kind of machine: give the agents one built for them"
    } else if says("exec: \"/bin/sh\"") {
        "executors are started with /bin/sh: use an image that has one"
    } else if says("permission denied") {
        "the executor's user may not execute it: the file may lack the right (chmod a+rx), the file system may be mounted noexec, \
         or the container's user may have no right on the sandbox, which belongs to -executor_user"
    } else if says("no such file") || says("not found") || says("cannot copy") || says("cannot stat") {
        "put that file where every agent can fetch it: -thermos_executor_path and the job's URIs name such files"
    } else if says("unexpected argument") || says("usage:") {
        "correct -thermos_executor_flags"
    } else {
        "its sandbox has the whole of it"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_executor_itself_wrote_is_told() {
        let text = "I1128 01:59:20.672755 13113 fetcher.cpp:560] Fetched\n\nsh: 1: /x/thermos_executor: Exec format \u{7}error\n";
        assert_eq!(last_lines(text).as_deref(), Some("sh: 1: /x/thermos_executor: Exec format error"));
        assert_eq!(last_lines("I1128 01:59:20.672755 13113 fetcher.cpp:560] Fetched\n"), None);
        let long = format!("{}ä", "x".repeat(TOLD_BYTES));
        assert!(last_lines(&long).unwrap().len() <= TOLD_BYTES);
    }

    #[test]
    fn each_cause_has_its_remedy() {
        for (words, part) in [
            ("sh: 1: /s/thermos_executor: Exec format error", "built for them"),
            ("exec: \"/bin/sh\": stat /bin/sh: no such file or directory: unknown", "an image that has one"),
            ("/bin/sh: 1: /mnt/mesos/sandbox/thermos_executor: Permission denied", "-executor_user"),
            ("cannot copy /nonexistent/thermos_executor: No such file or directory", "every agent"),
            ("error: unexpected argument '--x' found", "-thermos_executor_flags"),
        ] {
            assert!(remedy(words).contains(part), "{words}: {}", remedy(words));
        }
    }
}
