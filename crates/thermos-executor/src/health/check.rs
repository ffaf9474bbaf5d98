//! Makes one health check.

use std::io;
use std::process::Stdio;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::process::Command;

use super::{HealthConfig, HealthContext, Question, SNOOZE_FILE};
use crate::http::LocalHttp;

/// Sides of a comparison longer than this are cut in messages.
const SHOWN_WHOLE: usize = 10;
const SHOWN_CUT: usize = 7;

/// Who runs shell checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShellUser {
    /// User.
    pub uid: u32,
    /// Group; other groups are not taken on.
    pub gid: u32,
}

/// A check that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checked {
    /// The task is healthy.
    Healthy,
    /// Nobody asked: the sandbox holds [`SNOOZE_FILE`].
    Snoozed,
}

/// A check that can be made again and again.
#[derive(Debug)]
pub struct HealthCheck {
    question: Question,
    http: Option<LocalHttp>,
    config: HealthConfig,
    context: HealthContext,
}

impl HealthCheck {
    /// The check of a task; none when it has none.
    ///
    /// # Errors
    /// There is no HTTP client to be had.
    pub fn new(config: &HealthConfig, context: HealthContext) -> reqwest::Result<Option<Self>> {
        let Some(question) = config.question.clone() else { return Ok(None) };
        let http = match question {
            Question::Http { .. } => Some(LocalHttp::new(config.timeout)?),
            Question::Shell { .. } => None,
        };
        Ok(Some(Self { question, http, config: config.clone(), context }))
    }

    /// Makes the check.
    ///
    /// # Errors
    /// The reason why the task is not healthy.
    pub async fn make(&self) -> Result<Checked, String> {
        if self.context.sandbox.join(SNOOZE_FILE).is_file() {
            tracing::info!("health check snoozed by {SNOOZE_FILE}");
            return Ok(Checked::Snoozed);
        }
        match (&self.question, &self.http) {
            (Question::Http { port, endpoint, expected_response, expected_code }, Some(http)) => {
                check_http(http, *port, endpoint, expected_response, *expected_code).await?;
            }
            (Question::Shell { configured, command }, _) => self.check_shell(configured, command).await?,
            (Question::Http { .. }, None) => {
                return Err("Internal health check error: no HTTP client".to_owned());
            }
        }
        Ok(Checked::Healthy)
    }

    async fn check_shell(&self, configured: &str, command: &str) -> Result<(), String> {
        let mut shell = Command::new("/bin/bash");
        shell.arg("-c").arg(command).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // A group of its own: a check that takes too long goes with everything it started (D26).
        shell.process_group(0).kill_on_drop(true);
        if let Some(user) = self.context.shell_user {
            shell.uid(user.uid).gid(user.gid);
        }
        let child = shell.spawn().map_err(|error| format!("OSError: {error}"))?;
        let group = child.id().and_then(|pid| i32::try_from(pid).ok());
        let outcome = tokio::time::timeout(self.config.timeout, child.wait_with_output()).await;
        if let Some(group) = group {
            let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
        }
        let output = match outcome {
            Err(_) => return Err("Health check timed out.".to_owned()),
            Ok(Err(error)) => return Err(format!("OSError: {error}")),
            Ok(Ok(output)) => output,
        };
        if output.status.success() {
            return Ok(());
        }
        let status = exit_status(&output.status);
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.push_str(&String::from_utf8_lossy(&output.stderr));
        Err(format!("Command '{configured}' returned non-zero exit status {status} with output '{text}'"))
    }
}

/// As upstream counts: minus the signal when there was one.
fn exit_status(status: &std::process::ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status.code().unwrap_or_else(|| -status.signal().unwrap_or(0))
}

async fn check_http(
    http: &LocalHttp,
    port: u16,
    endpoint: &str,
    expected_response: &str,
    expected_code: i64,
) -> Result<(), String> {
    let (code, body) = http.get(port, endpoint).await.map_err(|error| {
        format!("Failed to signal {}: {}", LocalHttp::url(port, endpoint), describe(&error))
    })?;
    // An error status counts as an empty body with that code.
    let body = if code >= 400 { "" } else { body.trim() };
    if !expected_response.is_empty() && body.to_lowercase() != expected_response.to_lowercase() {
        return Err(format!(
            "Response differs from expected response (expected \"{}\", got \"{}\")",
            shortened(expected_response),
            shortened(body)
        ));
    }
    if expected_code != 0 && i64::from(code) != expected_code {
        return Err(format!(
            "Response code differs from expected response (expected {expected_code}, got {code})"
        ));
    }
    Ok(())
}

fn describe(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "timed out".to_owned();
    }
    // The innermost cause is what a person understands: "connection refused".
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    match cause.downcast_ref::<io::Error>() {
        Some(io) => format!("<urlopen error {io}>"),
        None => format!("Unexpected error: {cause}"),
    }
}

fn shortened(text: &str) -> String {
    if text.chars().count() < SHOWN_WHOLE {
        return text.to_owned();
    }
    let start: String = text.chars().take(SHOWN_CUT).collect();
    format!("{start}...")
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
