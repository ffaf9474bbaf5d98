//! Waiting until the instances of a job have got somewhere (`spec/cli.md` §8.1).

use std::time::Duration;

use aurora_api::thrift::rpc::GetTasksWithoutConfigs;
use aurora_api::thrift::{ResponseCode, ScheduleStatus, TaskQuery};
use aurora_client::{Client, ClientError};
use tracing::{debug, warn};

use crate::arguments::{ClusterJobKey, WaitOptions};
use crate::failure::{Failure, messages};
use crate::tasks::{latest_statuses, tasks_in};

const FIRST_INTERVAL: Duration = Duration::from_secs(2);
const SHORTEST_INTERVAL: Duration = Duration::from_millis(10);
const LONGEST_INTERVAL: Duration = Duration::from_secs(150);
/// How long a kill may take: upstream's pauses up to the longest one, 2 + 4 + … + 128.
const KILL_LIMIT: Duration = Duration::from_secs(254);

/// When to look again.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    interval: Option<Duration>,
    limit: Option<Duration>,
}

impl Pace {
    /// For new jobs: without a limit unless the person sets one.
    #[must_use]
    pub fn patient(options: &WaitOptions) -> Self {
        Self { interval: options.interval, limit: options.timeout }
    }

    /// For kills: 254 seconds unless the person sets another limit.
    #[must_use]
    pub fn limited(options: &WaitOptions) -> Self {
        Self { interval: options.interval, limit: Some(options.timeout.unwrap_or(KILL_LIMIT)) }
    }

    /// As often, and as long, as said.
    #[must_use]
    pub fn steady(interval: Duration, limit: Duration) -> Self {
        Self { interval: Some(interval), limit: Some(limit) }
    }

    /// The pauses between looks; waiting is over when they end.
    pub fn pauses(self) -> impl Iterator<Item = Duration> {
        let mut next = FIRST_INTERVAL;
        let mut waited = Duration::ZERO;
        std::iter::from_fn(move || {
            let pause = self.interval.unwrap_or(next);
            let pause = pause.clamp(SHORTEST_INTERVAL, LONGEST_INTERVAL);
            next = (next * 2).min(LONGEST_INTERVAL);
            waited += pause;
            let goes_on = self.limit.is_none_or(|limit| waited <= limit);
            goes_on.then_some(pause)
        })
    }
}

/// Waits until the latest task of each of the instances is in a fitting status; says whether that came about in time.
/// Instances without any task fit: killed ones may be gone altogether.
///
/// # Errors
/// If the scheduler refuses the caller, or is not a scheduler. One that does not answer is asked again.
pub async fn wait_for(
    client: &Client,
    key: &ClusterJobKey,
    instances: Option<&[i32]>,
    pace: Pace,
    fits: impl Fn(ScheduleStatus) -> bool,
) -> Result<bool, Failure> {
    let query = TaskQuery { instance_ids: instances.map(<[i32]>::to_vec), ..key.query() };
    let call = GetTasksWithoutConfigs { query: Some(query) };
    let mut pauses = pace.pauses();
    loop {
        match client.try_once(&call).await {
            Ok(response) if response.response_code == Some(ResponseCode::Ok) => {
                let statuses = latest_statuses(&tasks_in(response));
                debug!("Querying instance statuses: {statuses:?}");
                if statuses.values().all(|status| fits(*status)) {
                    return Ok(true);
                }
            }
            Ok(response) => warn!("cannot see the tasks of {key}: {}", messages(&response)),
            Err(ClientError::TimedOut { last, .. }) => {
                warn!("Transport error communicating with scheduler: {last}, retrying...");
            }
            Err(error) => return Err(error.into()),
        }
        let Some(pause) = pauses.next() else {
            return Ok(false);
        };
        tokio::time::sleep(pause).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(timeout: Option<u64>, interval: Option<u64>) -> WaitOptions {
        WaitOptions { timeout: timeout.map(Duration::from_secs), interval: interval.map(Duration::from_secs) }
    }

    fn seconds(pace: Pace) -> Vec<u64> {
        pace.pauses().take(10).map(|pause| pause.as_secs()).collect()
    }

    #[test]
    fn kills_are_waited_for_254_seconds_in_eight_looks() {
        let pauses = seconds(Pace::limited(&options(None, None)));
        assert_eq!(pauses, [2, 4, 8, 16, 32, 64, 128]);
        assert_eq!(pauses.iter().sum::<u64>(), 254);
    }

    #[test]
    fn new_jobs_are_looked_at_after_0_2_and_6_seconds_and_for_ever() {
        let pauses = seconds(Pace::patient(&options(None, None)));
        assert_eq!(pauses, [2, 4, 8, 16, 32, 64, 128, 150, 150, 150]);
    }

    #[test]
    fn hosts_are_waited_for_in_sixty_looks() {
        let pace = Pace::steady(Duration::from_secs(5), Duration::from_secs(300));
        assert_eq!(pace.pauses().count(), 60);
        assert_eq!(pace.pauses().sum::<Duration>(), Duration::from_secs(300));
    }

    #[test]
    fn the_person_sets_limit_and_interval() {
        assert_eq!(seconds(Pace::limited(&options(Some(9), Some(3)))), [3, 3, 3]);
        assert!(seconds(Pace::patient(&options(Some(0), None))).is_empty());
    }
}
