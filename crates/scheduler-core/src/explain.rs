//! Why a task is pending: the nearest fit in upstream's words, and every reason with the number of agents in ours.

use std::collections::BTreeMap;
use std::sync::Arc;

use aurora_api::amounts::{MilliCpus, Millis, Timestamp};
use aurora_api::ids::HostName;
use aurora_api::task::{ConstraintRule, TaskConfig};

use crate::away::{self, MissingHost};
use crate::handle::Step;
use crate::schedule::bag::Distance;
use crate::schedule::filter::{ResourceKind, Veto, VetoGroup};
use crate::validate::is_default_limit;

/// How long a nearest fit is believed (`spec/scheduler.md` §2.11).
const NEAREST_FIT_LIFETIME: Millis = Millis::from_secs(600);

const KEEPS_ITS_PLACE: &str =
    "waits for the agent it ran on before the update, for at most -update_affinity_reservation_hold_time";
const KEEP_THEIR_PLACES: &str =
    "wait for the agents they ran on before the update, for at most -update_affinity_reservation_hold_time";

/// Why the pending tasks of one configuration could not be placed, as of the last attempt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explanation {
    /// When it was tried.
    pub at: Timestamp,
    /// How long to wait after it before the next attempt, because nothing could be placed; offers that suit end it sooner.
    pub penalty: Millis,
    /// How many agents had an offer to look at.
    pub agents: usize,
    /// How many more agents are known that offer nothing: in use, or away.
    pub silent_agents: usize,
    /// How many of the tasks wait for the agent that they ran on before an update.
    pub keeping_places: usize,
    /// Every reason, the most frequent first.
    pub reasons: Vec<Reason>,
    /// Hosts whose agents are gone, the latest first.
    pub missing: Vec<Arc<MissingHost>>,
    /// A host with tasks of the job of which nothing is known, so that no limit can be checked.
    pub unknown_host: Option<HostName>,
    /// Whether jobs get default limits (`-enable_legacy_constraints`).
    pub has_default_limits: bool,
    nearest: Option<NearestFit>,
    /// The nearest of the last attempt alone: it takes over when the nearest of all is too old.
    latest: Option<Arc<[Veto]>>,
}

/// One reason, and how many agents it holds for. An agent can have several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// Why.
    pub cause: Cause,
    /// How many agents.
    pub agents: usize,
}

/// What is wrong with agents.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// Not enough of a resource.
    Short {
        /// Of which.
        resource: ResourceKind,
        /// What the task and its executor need.
        need: i64,
        /// The most that any of these agents has.
        best: i64,
    },
    /// Their values have all the tasks of the job they may have.
    LimitReached {
        /// Of this attribute.
        name: Arc<str>,
        /// The limit.
        limit: i32,
    },
    /// They lack an attribute that the task has a rule for.
    LacksAttribute(Arc<str>),
    /// Their values of an attribute are not what the task asks for.
    WrongValue(Arc<str>),
    /// They are reserved for others.
    Dedicated,
    /// They are in maintenance.
    InMaintenance,
    /// They are kept for tasks of others for a while.
    Kept(KeptFor),
}

/// Whom an agent is kept for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeptFor {
    /// Tasks of another configuration, for which others made room there.
    Preemption,
    /// An instance that ran there before its update.
    Update,
}

/// The fewest vetoes an offer has had, until a better one comes or it is too old.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NearestFit {
    vetoes: Arc<[Veto]>,
    score: i64,
    since: Timestamp,
}

impl Explanation {
    pub(crate) fn new(
        findings: Findings,
        before: Option<&NearestFit>,
        known_hosts: usize,
        missing: Vec<Arc<MissingHost>>,
        now: Timestamp,
    ) -> Self {
        let latest = findings.nearest.as_ref().map(|(_, vetoes)| Arc::clone(vetoes));
        let nearest = match (before, findings.nearest) {
            // An equal score does not replace the kept one.
            (Some(before), Some((distance, _))) if before.score <= distance.score() => Some(before.clone()),
            (_, Some((distance, vetoes))) => Some(NearestFit { vetoes, score: distance.score(), since: now }),
            (before, None) => before.cloned(),
        };
        let mut reasons: Vec<Reason> =
            findings.causes.into_values().map(|(cause, agents)| Reason { cause, agents }).collect();
        reasons.sort_by(|a, b| b.agents.cmp(&a.agents).then_with(|| a.cause.cmp(&b.cause)));
        let Findings { agents, keeping_places, .. } = findings;
        let silent_agents = known_hosts.saturating_sub(agents).saturating_sub(missing.len());
        Self {
            at: now,
            penalty: Millis::ZERO,
            agents,
            silent_agents,
            keeping_places,
            reasons,
            missing,
            unknown_host: None,
            has_default_limits: false,
            nearest,
            latest,
        }
    }

    /// No offer was looked at: tasks of the job are on a host of which nothing is known.
    pub(crate) fn without_limits(host: HostName, now: Timestamp) -> Self {
        Self { at: now, unknown_host: Some(host), ..Self::default() }
    }

    /// The same reasons, but no nearest fit: it ends when a task of the group stops being pending (`spec/scheduler.md`
    /// §2.11).
    pub(crate) fn without_nearest_fit(&self) -> Self {
        Self { nearest: None, latest: None, ..self.clone() }
    }

    /// The same with another nearest fit, if these vetoes are nearer (`spec/scheduler.md` §2.11).
    pub(crate) fn with_nearer_fit(&self, vetoes: &[Veto], now: Timestamp) -> Option<Self> {
        let score = vetoes.iter().map(Veto::score).sum();
        if vetoes.is_empty() || self.nearest_fit(now).is_some_and(|before| before.score <= score) {
            return None;
        }
        let nearest = Some(NearestFit { vetoes: Arc::from(vetoes), score, since: now });
        Some(Self { nearest, ..self.clone() })
    }

    pub(crate) fn nearest_fit(&self, now: Timestamp) -> Option<&NearestFit> {
        self.nearest.as_ref().filter(|nearest| now.since(nearest.since) <= NEAREST_FIT_LIFETIME)
    }

    /// The vetoes of the offer that came nearest, unless they are too old.
    pub fn nearest_vetoes(&self, now: Timestamp) -> &[Veto] {
        let latest = || self.latest.as_ref().filter(|_| now.since(self.at) <= NEAREST_FIT_LIFETIME);
        self.nearest_fit(now).map(|nearest| &nearest.vetoes).or_else(latest).map_or(&[], |vetoes| vetoes)
    }

    /// Upstream's text for it: the reasons joined with `,`.
    pub fn nearest_fit_text(&self, now: Timestamp) -> String {
        let reasons: Vec<String> = self.nearest_vetoes(now).iter().map(ToString::to_string).collect();
        reasons.join(",")
    }

    /// Every reason as a sentence, `3 of 5 agents: not enough RAM (need 8 GB, best has 6 GB)`, and in the last line what
    /// helps. `config` is the tasks' configuration.
    pub fn lines(&self, config: &TaskConfig) -> Vec<String> {
        let mut lines: Vec<String> = self
            .reasons
            .iter()
            .map(|reason| {
                let cause = reason.cause.text(config, self.has_default_limits);
                format!("{} of {} agents: {cause}", reason.agents, self.agents)
            })
            .collect();
        lines.extend(away::lines(&self.missing));
        match self.keeping_places {
            0 => {}
            1 => lines.push(format!("1 instance {KEEPS_ITS_PLACE}")),
            many => lines.push(format!("{many} instances {KEEP_THEIR_PLACES}")),
        }
        if let Some(host) = &self.unknown_host {
            lines.push(format!(
                "tasks of the job are on host {host}, whose attributes are not known: its limits cannot be checked until the \
                 host's agent offers something, or those tasks end"
            ));
        } else if self.agents == 0 && self.silent_agents == 0 && lines.is_empty() {
            lines.push(
                "no agent has offered anything yet: check that agents are connected to the master".to_owned(),
            );
        } else if self.silent_agents > 0 {
            lines.push(match self.silent_agents {
                1 => "1 more agent offers nothing: it is in use, or away".to_owned(),
                many => format!("{many} more agents offer nothing: they are in use, or away"),
            });
        }
        lines.extend(self.remedy());
        lines
    }

    /// What would end the waiting; nothing if the reasons say so themselves.
    fn remedy(&self) -> Option<String> {
        let short = self.reasons.iter().filter_map(|reason| match &reason.cause {
            Cause::Short { resource, .. } => Some(resource.as_str()),
            _ => None,
        });
        let short: Vec<&str> = short.collect();
        let mut ways = Vec::new();
        if !short.is_empty() {
            ways.push(format!("less {} per instance", listed(&short, "and")));
        }
        for Reason { cause, .. } in &self.reasons {
            match cause {
                Cause::LimitReached { name, .. } => ways.push(format!("a higher limit on '{name}'")),
                Cause::WrongValue(name) => ways.push(format!("another constraint on '{name}'")),
                Cause::Dedicated => {
                    ways.push("a constraint 'dedicated', if the role may use those agents".to_owned());
                }
                Cause::InMaintenance => ways.push("the end of the maintenance".to_owned()),
                Cause::Short { .. } | Cause::LacksAttribute(_) | Cause::Kept(_) => {}
            }
        }
        if ways.is_empty() {
            return None;
        }
        ways.push("more agents that suit".to_owned());
        Some(format!("what helps: {}", listed(&ways, "or")))
    }
}

/// `a`, `a or b`, `a, b or c`.
fn listed<T: AsRef<str>>(items: &[T], conjunction: &str) -> String {
    let texts: Vec<&str> = items.iter().map(AsRef::as_ref).collect();
    match texts.split_last() {
        None => String::new(),
        Some((last, [])) => (*last).to_owned(),
        Some((last, first)) => format!("{} {conjunction} {last}", first.join(", ")),
    }
}

/// The rules on an attribute.
fn rules_on<'a>(name: &'a str, config: &'a TaskConfig) -> impl Iterator<Item = &'a ConstraintRule> {
    config
        .constraints
        .iter()
        .filter(move |constraint| *constraint.name == *name)
        .map(|constraint| &constraint.rule)
}

impl Cause {
    /// In words, for tasks of this configuration.
    fn text(&self, config: &TaskConfig, has_default_limits: bool) -> String {
        match self {
            Self::Short { resource, need, best } => {
                let [need, best] = amounts(*resource, [*need, *best]);
                format!("not enough {} (need {need}, best has {best})", resource.as_str())
            }
            Self::LimitReached { name, limit } => format!("limit {name}:{limit} reached"),
            Self::LacksAttribute(name) => {
                let text =
                    format!("agents lack the attribute '{name}': start them with --attributes={name}:…");
                // The rule that the flag adds goes with it, for jobs that are created then.
                if has_default_limits && is_default_limit(name, config) {
                    format!("{text}, or run the scheduler with -enable_legacy_constraints=false")
                } else if rules_on(name, config).all(|rule| matches!(rule, ConstraintRule::Limit(_))) {
                    format!("{text}, or create the job again without its limit on '{name}'")
                } else {
                    text
                }
            }
            Self::WrongValue(name) => {
                let asked = rules_on(name, config).filter_map(|rule| match rule {
                    ConstraintRule::Value { negated: false, values } => {
                        Some(format!("asks for {}", listed(&Vec::from_iter(values), "or")))
                    }
                    ConstraintRule::Value { negated: true, values } => {
                        Some(format!("refuses {}", listed(&Vec::from_iter(values), "and")))
                    }
                    ConstraintRule::Limit(_) => None,
                });
                let asked: Vec<String> = asked.collect();
                format!("constraint on '{name}' not satisfied: the job {}", listed(&asked, "and"))
            }
            Self::Dedicated => "dedicated to other jobs".to_owned(),
            Self::InMaintenance => "in maintenance".to_owned(),
            Self::Kept(KeptFor::Preemption) => {
                "reserved for other tasks, for which room was made there (-offer_reservation_duration)"
                    .to_owned()
            }
            Self::Kept(KeptFor::Update) => {
                "kept for an instance that is being updated (-update_affinity_reservation_hold_time)"
                    .to_owned()
            }
        }
    }
}

/// Two different amounts of a resource with their unit, which is the same for both.
fn amounts(resource: ResourceKind, amounts: [i64; 2]) -> [String; 2] {
    match resource {
        ResourceKind::Cpus => amounts.map(|amount| match amount {
            1000 => "1 core".to_owned(),
            amount => format!("{} cores", MilliCpus(amount)),
        }),
        ResourceKind::Ram | ResourceKind::Disk => megabytes(amounts),
        ResourceKind::Ports | ResourceKind::Gpus => amounts.map(|amount| amount.to_string()),
    }
}

/// In gigabytes, with two decimals at most, as long as that tells one from the other; else in megabytes.
fn megabytes(amounts: [i64; 2]) -> [String; 2] {
    /// From so many gigabytes on nobody wants to read megabytes.
    const LARGE: i64 = 10 * 1024;
    let in_gigabytes = amounts.map(|amount| {
        let hundredths = i128::from(amount) * 100 / 1024;
        let text = format!("{}.{:02}", hundredths / 100, hundredths % 100);
        format!("{} GB", text.trim_end_matches('0').trim_end_matches('.'))
    });
    let are_whole = amounts.iter().all(|amount| *amount > 0 && amount % 1024 == 0);
    let are_large =
        amounts.iter().any(|amount| *amount >= LARGE) && amounts.iter().all(|amount| *amount >= 0);
    if (are_whole || are_large) && in_gigabytes[0] != in_gigabytes[1] {
        return in_gigabytes;
    }
    amounts.map(|amount| format!("{amount} MB"))
}

/// What one attempt found out about the offers it looked at.
#[derive(Clone, Debug, Default)]
pub(crate) struct Findings {
    agents: usize,
    keeping_places: usize,
    evaluated: u64,
    banned: u64,
    causes: BTreeMap<Kind, (Cause, usize)>,
    nearest: Option<(Distance, Arc<[Veto]>)>,
    counters: BTreeMap<&'static str, u64>,
}

/// What causes are put together by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Short(ResourceKind),
    Limit(Arc<str>, i32),
    Lacks(Arc<str>),
    Wrong(Arc<str>),
    Dedicated,
    Maintenance,
    Kept(KeptFor),
}

impl Findings {
    /// An agent is kept for others.
    pub(crate) fn pass_over(&mut self, kept_for: KeptFor) {
        self.agents += 1;
        self.causes.entry(Kind::Kept(kept_for)).or_insert((Cause::Kept(kept_for), 0)).1 += 1;
    }

    /// A task does not get the agent that it keeps: it offers nothing, or is vetoed.
    pub(crate) fn wait_for_place(&mut self, vetoes: &[Veto]) {
        self.keeping_places += 1;
        if !vetoes.is_empty() {
            self.look();
            self.add(vetoes);
        }
    }

    /// Offers were banned in an earlier attempt; they are told with the others.
    pub(crate) fn remember_ban(&mut self) {
        self.banned += 1;
    }

    /// An offer is looked at, or a class of equal ones.
    pub(crate) fn look(&mut self) {
        self.evaluated += 1;
    }

    /// It is vetoed.
    pub(crate) fn add(&mut self, vetoes: &[Veto]) {
        self.count_vetoes(vetoes);
        self.remember(vetoes, 1);
    }

    /// It is vetoed, for the counters alone.
    pub(crate) fn count_vetoes(&mut self, vetoes: &[Veto]) {
        for counter in vetoes.iter().map(Veto::counter).chain(VetoGroup::of(vetoes).counter()) {
            *self.counters.entry(counter).or_default() += 1;
        }
    }

    /// So many agents are known to be vetoed.
    pub(crate) fn remember(&mut self, vetoes: &[Veto], agents: usize) {
        if agents == 0 {
            return;
        }
        self.agents += agents;
        self.come_nearer(vetoes);
        for veto in vetoes {
            self.add_cause(veto, agents);
        }
    }

    /// So many agents are known to lack some resources: how many lack each, and the most that one of these has. The nearest of
    /// all of them has these vetoes.
    pub(crate) fn remember_short(
        &mut self,
        agents: usize,
        lacking: impl Iterator<Item = (Veto, usize)>,
        nearest: &[Veto],
    ) {
        self.agents += agents;
        self.come_nearer(nearest);
        for (best, agents) in lacking {
            self.add_cause(&best, agents);
        }
    }

    /// Some offer has these vetoes. Of equal scores one is taken that does not depend on the order in which offers are looked
    /// at.
    fn come_nearer(&mut self, vetoes: &[Veto]) {
        let distance = Distance::of(vetoes);
        if self.nearest.as_ref().is_none_or(|(best, of)| (distance, vetoes) < (*best, &**of)) {
            self.nearest = Some((distance, Arc::from(vetoes)));
        }
    }

    fn add_cause(&mut self, veto: &Veto, agents: usize) {
        let (kind, cause) = cause_of(veto);
        let (known, of_cause) = self.causes.entry(kind).or_insert_with(|| (cause.clone(), 0));
        *of_cause += agents;
        if let (Cause::Short { best, .. }, Cause::Short { best: other, .. }) = (known, &cause) {
            *best = (*best).max(*other);
        }
    }

    /// What will be told, without what it took to find out.
    #[cfg(test)]
    pub(crate) fn told(&self) -> String {
        format!("{} agents, {:?}, nearest {:?}", self.agents, self.causes, self.nearest)
    }

    /// Tells the counters.
    pub(crate) fn count(&self, step: &mut Step<'_>) {
        step.count("veto_evaluated_offers", self.evaluated);
        step.count("statically_banned_offers_hits", self.banned);
        for (name, by) in &self.counters {
            step.count(*name, *by);
        }
    }
}

fn cause_of(veto: &Veto) -> (Kind, Cause) {
    match veto {
        Veto::Dedicated => (Kind::Dedicated, Cause::Dedicated),
        Veto::Draining | Veto::Drained => (Kind::Maintenance, Cause::InMaintenance),
        Veto::Constraint { name, is_missing: true } => {
            (Kind::Lacks(Arc::clone(name)), Cause::LacksAttribute(Arc::clone(name)))
        }
        Veto::Constraint { name, is_missing: false } => {
            (Kind::Wrong(Arc::clone(name)), Cause::WrongValue(Arc::clone(name)))
        }
        Veto::Limit { name, limit } => (
            Kind::Limit(Arc::clone(name), *limit),
            Cause::LimitReached { name: Arc::clone(name), limit: *limit },
        ),
        Veto::Insufficient { resource, need, available } => {
            (Kind::Short(*resource), Cause::Short { resource: *resource, need: *need, best: *available })
        }
    }
}

#[cfg(test)]
#[path = "explain_tests.rs"]
mod tests;
