//! Why tasks are pending, as the scheduler tells it.

use std::collections::BTreeMap;

use aurora_api::thrift::rpc::GetPendingReason;
use aurora_api::thrift::{PendingReason, Response, Result as Payload, ScheduledTask, TaskQuery};
use aurora_client::Client;

use crate::exit_code::ExitCode;
use crate::failure::{COMMAND_FAILURE, Failure, accepted};

/// Why one task is pending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reasons {
    /// What the nearest offer lacked, in upstream's words, such as `Insufficient: CPU`; empty if the scheduler knows none.
    pub nearest_fit: String,
    /// Every reason with the number of agents it holds for. Only an older scheduler gives none.
    pub lines: Vec<String>,
}

impl Reasons {
    /// Takes a reason of `getPendingReason` apart: upstream's text in the first line, then a line a reason.
    fn parse(text: &str) -> Self {
        let mut lines = text.lines();
        let nearest_fit = lines.next().unwrap_or_default().to_owned();
        Self { nearest_fit, lines: lines.map(str::to_owned).collect() }
    }

    /// All of it in one line.
    #[must_use]
    pub fn sentence(&self) -> String {
        let nearest = Some(&self.nearest_fit).filter(|text| !text.is_empty());
        let all: Vec<&str> = nearest.into_iter().chain(&self.lines).map(String::as_str).collect();
        if all.is_empty() { "no offer was looked at yet".to_owned() } else { all.join("; ") }
    }
}

/// The reasons of pending tasks, by task id.
#[derive(Clone, Debug, Default)]
pub struct PendingReasons(BTreeMap<String, Reasons>);

impl PendingReasons {
    /// Asks once, for what must not make a command wait or fail.
    ///
    /// # Errors
    /// Text for a log.
    pub async fn try_fetch(client: &Client, query: TaskQuery) -> Result<Self, String> {
        let call = GetPendingReason { query: Some(query) };
        let response = client.try_once(&call).await.map_err(|error| error.to_string())?;
        match response.result {
            Some(Payload::GetPendingReasonResult(_)) => Ok(Self::of(response)),
            _ => Err(crate::failure::messages(&response)),
        }
    }

    /// Asks, as the purpose of a command.
    ///
    /// # Errors
    /// If the scheduler cannot be asked or refuses.
    pub async fn fetch(client: &Client, query: TaskQuery, code: ExitCode) -> Result<Self, Failure> {
        let response = client.call(&GetPendingReason { query: Some(query) }).await?;
        Ok(Self::of(accepted(response, code, COMMAND_FAILURE)?))
    }

    fn of(response: Response) -> Self {
        let Some(Payload::GetPendingReasonResult(result)) = response.result else { return Self::default() };
        let parse = |reason: PendingReason| Some((reason.task_id?, Reasons::parse(&reason.reason?)));
        Self(result.reasons.unwrap_or_default().into_iter().filter_map(parse).collect())
    }

    /// Why this task is pending; nothing is known of one that has just begun to be.
    #[must_use]
    pub fn of_task(&self, task: &ScheduledTask) -> Reasons {
        let id = task.assigned_task.as_ref().and_then(|assigned| assigned.task_id.as_ref());
        id.and_then(|id| self.0.get(id)).cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_upstreams_text_and_then_ours() {
        let reasons = Reasons::parse("Insufficient: CPU,Insufficient: RAM\n2 of 2 agents: not enough CPU");
        assert_eq!(reasons.nearest_fit, "Insufficient: CPU,Insufficient: RAM");
        assert_eq!(reasons.lines, ["2 of 2 agents: not enough CPU"]);
        assert_eq!(reasons.sentence(), "Insufficient: CPU,Insufficient: RAM; 2 of 2 agents: not enough CPU");
    }

    #[test]
    fn a_reason_without_a_nearest_fit_keeps_ours() {
        let reasons = Reasons::parse("\nno agent has offered anything yet");
        assert_eq!(reasons.sentence(), "no agent has offered anything yet");
    }

    #[test]
    fn no_reason_says_that_none_is_known() {
        assert_eq!(Reasons::parse("").sentence(), "no offer was looked at yet");
    }
}
