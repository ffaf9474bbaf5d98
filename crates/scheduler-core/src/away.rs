//! Agents that Mesos has given up, and those that come back under another id.
//!
//! Mesos tells the loss of an agent twice: by the statuses of its tasks, and by itself. What ran there is known only before
//! the first of those statuses is taken, and stored with the host, so that a restart of the scheduler does not forget it.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use aurora_api::amounts::{Millis, Timestamp};
use aurora_api::ids::{AgentId, HostName, InstanceKey, TaskId};
use imbl::OrdMap;

use crate::effect::{Effect, Notice};
use crate::handle::{Core, Step};
use crate::input::{Offer, StatusUpdate};
use crate::operation::{Gone, HostAttributes, Operation};

/// Mesos says that a task's agent is gone.
const AGENT_REMOVED: &str = "REASON_AGENT_REMOVED";
/// Mesos says that a task's agent is back.
const AGENT_REREGISTERED: &str = "REASON_AGENT_REREGISTERED";

/// How long a host that does not come back is worth a line beside every pending task: one that was taken away for good must
/// not be told for ever. Owner: this module.
const NEWS: Millis = Millis::from_secs(86_400);
/// How many hosts are told by name.
const NAMED_HOSTS: usize = 3;
/// How many instances of a host are told by name.
const NAMED_INSTANCES: usize = 5;

/// A host whose agent Mesos has given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingHost {
    /// The host.
    pub host: HostName,
    /// Its agent.
    pub agent: AgentId,
    /// When Mesos told so.
    pub since: Timestamp,
    /// What ran there.
    pub ran: BTreeSet<InstanceKey>,
}

/// A host whose agent came back under another id: what ran there before is not its any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenewedHost {
    /// The host.
    pub host: HostName,
    /// The id it had.
    pub old: AgentId,
    /// The id it has.
    pub new: AgentId,
    /// When it offered something under the new one.
    pub at: Timestamp,
}

/// What is remembered of lost and renewed agents.
#[derive(Clone, Debug, Default)]
pub(crate) struct Away {
    pub(crate) missing: OrdMap<HostName, Arc<MissingHost>>,
    pub(crate) renewed: OrdMap<HostName, Arc<RenewedHost>>,
}

impl Away {
    /// The hosts to tell about, the latest first.
    pub(crate) fn news(&self, now: Timestamp) -> Vec<Arc<MissingHost>> {
        let mut news: Vec<Arc<MissingHost>> =
            self.missing.values().filter(|host| now.since(host.since) <= NEWS).cloned().collect();
        news.sort_by(|a, b| b.since.cmp(&a.since).then_with(|| a.host.cmp(&b.host)));
        news
    }
}

/// A sentence for each of the hosts, and one for those that are too many.
pub(crate) fn lines(news: &[Arc<MissingHost>]) -> Vec<String> {
    let mut lines: Vec<String> = news.iter().take(NAMED_HOSTS).map(|host| host.to_string()).collect();
    match news.len().saturating_sub(NAMED_HOSTS) {
        0 => {}
        1 => lines.push("1 more host is gone: the page /agents names it".to_owned()),
        many => lines.push(format!("{many} more hosts are gone: the page /agents names them")),
    }
    lines
}

impl MissingHost {
    /// What ran there, in words.
    pub fn ran_text(&self) -> String {
        if self.ran.is_empty() {
            return "nothing of ours".to_owned();
        }
        let mut names: Vec<String> = self.ran.iter().take(NAMED_INSTANCES).map(ToString::to_string).collect();
        if self.ran.len() > NAMED_INSTANCES {
            names.push(format!("{} more", self.ran.len() - NAMED_INSTANCES));
        }
        names.join(", ")
    }
}

impl fmt::Display for MissingHost {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "host {} is gone since {} ({} ran there); if its agent refuses to start, see \"An agent does not come back\" \
             in docs/troubleshooting.md",
            self.host,
            self.since.utc(),
            self.ran_text()
        )
    }
}

impl Core {
    /// Remembers what was stored of hosts that are gone.
    pub(crate) fn recall_missing(&mut self) {
        let missing = |stored: &Arc<HostAttributes>| {
            let gone = stored.gone.clone()?;
            let (host, agent) = (stored.host.clone(), stored.agent.clone());
            Some((host.clone(), Arc::new(MissingHost { host, agent, since: gone.since, ran: gone.ran })))
        };
        self.away.missing = self.state.tables().hosts().filter_map(missing).collect();
    }

    /// Looks at a status before it is taken: it may be the first word of a loss, or of a return.
    pub(crate) fn note_agent_of(&mut self, update: &StatusUpdate, step: &mut Step<'_>) {
        let Some(task) = self.state.task(&update.task) else { return };
        let Some(place) = &task.assignment else { return };
        // What an executor says, or Mesos about a return, proves that the agent is there.
        let is_there = update.reason == Some(AGENT_REREGISTERED)
            || (update.uuid.is_some() && update.agent.as_ref() == Some(&place.agent));
        let (host, agent) = (place.host.clone(), place.agent.clone());
        if update.reason == Some(AGENT_REMOVED) {
            self.note_missing(&host, &agent, step);
        } else if is_there {
            self.note_return(&host, &agent, step);
        }
    }

    /// Mesos has given an agent up.
    pub(crate) fn note_lost(&mut self, agent: &AgentId, step: &mut Step<'_>) {
        if self.away.missing.values().any(|missing| missing.agent == *agent) {
            return;
        }
        let host =
            self.state.tables().hosts().find(|host| host.agent == *agent).map(|host| host.host.clone());
        if let Some(host) = host {
            self.note_missing(&host, agent, step);
        }
    }

    /// Looks at an offer before its host is stored: it shows that an agent is back, maybe as another one.
    pub(crate) fn note_offer(&mut self, offer: &Offer, step: &mut Step<'_>) {
        self.note_return(&offer.host, &offer.agent, step);
        let Some(stored) = self.state.tables().host(&offer.host).filter(|stored| stored.agent != offer.agent)
        else {
            return;
        };
        let renewed = RenewedHost {
            host: offer.host.clone(),
            old: stored.agent.clone(),
            new: offer.agent.clone(),
            at: step.now,
        };
        // Mesos tells what became of its tasks by itself; whoever was not connected then must ask.
        let orphans: Vec<(TaskId, Option<AgentId>)> = self
            .state
            .tables()
            .on_host(&offer.host)
            .filter_map(|task| Some((task.id.clone(), task.assignment.as_ref()?.agent.clone())))
            .filter(|(_, agent)| *agent != offer.agent)
            .map(|(id, agent)| (id, Some(agent)))
            .collect();
        step.count("agents_returned_under_new_id", 1);
        let notice = Notice::AgentRenewed { host: Arc::new(renewed.clone()), orphans: orphans.len() };
        step.batch.effects.push(Effect::Notice(notice));
        if !orphans.is_empty() {
            step.batch.effects.push(Effect::Reconcile(orphans));
        }
        self.away.renewed.insert(offer.host.clone(), Arc::new(renewed));
    }

    fn note_missing(&mut self, host: &HostName, agent: &AgentId, step: &mut Step<'_>) {
        let tables = self.state.tables();
        let is_present_id = tables.host(host).is_some_and(|stored| stored.agent == *agent);
        if !is_present_id || self.away.missing.contains_key(host) {
            return;
        }
        let ran = tables.on_host(host).map(|task| task.instance_key());
        let missing = Arc::new(MissingHost {
            host: host.clone(),
            agent: agent.clone(),
            since: step.now,
            ran: ran.collect(),
        });
        if let Some(stored) = tables.host(host) {
            let gone = Some(Gone { since: missing.since, ran: missing.ran.clone() });
            let changed = HostAttributes { gone, ..HostAttributes::clone(stored) };
            self.commit(Operation::SaveHost(Arc::new(changed)), step);
        }
        step.count("agents_gone", 1);
        step.batch.effects.push(Effect::Notice(Notice::AgentGone(Arc::clone(&missing))));
        self.away.missing.insert(host.clone(), missing);
    }

    fn note_return(&mut self, host: &HostName, agent: &AgentId, step: &mut Step<'_>) {
        if let Some(missing) = self.away.missing.remove(host) {
            if let Some(stored) = self.state.tables().host(host) {
                let changed = HostAttributes { gone: None, ..HostAttributes::clone(stored) };
                self.commit(Operation::SaveHost(Arc::new(changed)), step);
            }
            step.count("agents_returned", 1);
            let notice = Notice::AgentBack { missing, agent: agent.clone(), at: step.now };
            step.batch.effects.push(Effect::Notice(notice));
        }
    }
}

#[cfg(test)]
#[path = "away_tests.rs"]
mod tests;
