//! What can go wrong between a scheduler and its master, each with the address, the cause and the remedy.

use std::time::Duration;

use crate::detect::ElectionError;
use crate::transport::StreamError;

/// Why there is no subscription.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// ZooKeeper does not say who leads.
    #[error("the leading Mesos master is not known")]
    NoElection(#[source] ElectionError),
    /// ZooKeeper names another leader than the one we were subscribed with.
    #[error("the Mesos master at {master} leads no longer, the one at {leader} does")]
    NewLeader {
        /// `host:port` of the old one.
        master: String,
        /// `host:port` of the new one.
        leader: String,
    },
    /// Nobody answers there.
    #[error("cannot reach the Mesos master at {master}")]
    Unreachable {
        /// `host:port`
        master: String,
        /// What the connection said.
        #[source]
        source: reqwest::Error,
    },
    /// The master took the connection but did not answer in time.
    #[error("the Mesos master at {master} did not answer SUBSCRIBE within {} s", timeout.as_secs_f64())]
    NoAnswer {
        /// `host:port`
        master: String,
        /// How long it was given.
        timeout: Duration,
    },
    /// The master is starting, or knows no leader.
    #[error("the Mesos master at {master} is not ready: status {status} {text}")]
    NotReady {
        /// `host:port`
        master: String,
        /// 404, 408, 429 or any of 5xx.
        status: u16,
        /// The master's words.
        text: String,
    },
    /// A master named a leader in a way that is not understood.
    #[error("the Mesos master at {master} redirects to {location:?}, which is no address")]
    BadRedirect {
        /// `host:port`
        master: String,
        /// The `Location` header.
        location: String,
    },
    /// Masters point at each other.
    #[error("the Mesos masters redirect in a circle, lastly {master}")]
    RedirectLoop {
        /// `host:port`
        master: String,
    },
    /// The principal or the secret is wrong or missing.
    #[error("the Mesos master at {master} refuses {who}: status 401")]
    Unauthorized {
        /// `host:port`
        master: String,
        /// The principal, as told to a person.
        who: String,
    },
    /// The master does not take the SUBSCRIBE at all.
    #[error("the Mesos master at {master} rejects the subscription: status {status} {text}")]
    Rejected {
        /// `host:port`
        master: String,
        /// The HTTP status.
        status: u16,
        /// The master's words.
        text: String,
    },
    /// The master sent an ERROR event.
    #[error("the Mesos master at {master} refuses this framework: {message}")]
    Refused {
        /// `host:port`
        master: String,
        /// The master's words.
        message: String,
    },
    /// The subscription's connection is lost.
    #[error("lost the subscription at the Mesos master {master}")]
    StreamLost {
        /// `host:port`
        master: String,
        /// How.
        #[source]
        source: StreamError,
    },
    /// The connection is there, but heartbeats are not.
    #[error("the Mesos master at {master} sent nothing for {} s", silence.as_secs_f64())]
    Silent {
        /// `host:port`
        master: String,
        /// How long.
        silence: Duration,
    },
    /// The answer to a call told that the master no longer counts us as subscribed.
    #[error("the Mesos master at {master} no longer knows this subscription: status {status} {text}")]
    SubscriptionVoid {
        /// `host:port`
        master: String,
        /// The HTTP status.
        status: u16,
        /// The master's words.
        text: String,
    },
    /// The first record is neither SUBSCRIBED nor ERROR, or there is no stream id.
    #[error("what answers at {master} does not speak the scheduler API of Mesos: {detail}")]
    NotMesos {
        /// `host:port`
        master: String,
        /// What is wrong with the answer.
        detail: String,
    },
}

impl SessionError {
    /// Whether trying again cannot help.
    pub fn is_fatal(&self) -> bool {
        matches!(
            self,
            SessionError::Unauthorized { .. } | SessionError::Rejected { .. } | SessionError::Refused { .. }
        )
    }

    /// What a person can do.
    pub fn remedy(&self) -> &'static str {
        match self {
            SessionError::NoElection(error) => error.remedy(),
            SessionError::NewLeader { .. } => "subscribing with the new one; tasks run on meanwhile",
            SessionError::Unreachable { .. } => {
                "check that the master runs there and that -mesos_master_address names it; trying again"
            }
            SessionError::NoAnswer { .. } | SessionError::Silent { .. } => {
                "check whether the master hangs or the network drops its packets; trying again"
            }
            SessionError::NotReady { .. } => "wait until the masters have elected a leader; trying again",
            SessionError::BadRedirect { .. } => {
                "check the --hostname and --advertise_ip flags of the masters"
            }
            SessionError::RedirectLoop { .. } => {
                "check that all masters use the same ZooKeeper path; trying again"
            }
            SessionError::Unauthorized { .. } => {
                "check the principal and secret in -framework_authentication_file against the master's --credentials"
            }
            SessionError::Refused { message, .. } if message.contains("removed") => {
                "its id is used up and its tasks are gone: start with an empty framework id to register anew"
            }
            SessionError::Refused { message, .. } if message.contains("failed over") => {
                "another scheduler has taken over this framework: make sure that only one of them runs"
            }
            SessionError::Rejected { .. } | SessionError::Refused { .. } => {
                "check -mesos_role, -executor_user and -framework_announce_principal against the master's flags"
            }
            SessionError::StreamLost { .. } | SessionError::SubscriptionVoid { .. } => {
                "subscribing again; tasks run on meanwhile"
            }
            SessionError::NotMesos { .. } => {
                "check that -mesos_master_address names a Mesos master; trying again"
            }
        }
    }
}

/// Why a call had no effect, or none that is known.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// There is no subscription to send it under.
    #[error("there is no subscription at a Mesos master at the moment")]
    NotSubscribed,
    /// The subscription was lost before the answer came: the call may have been taken.
    #[error("the subscription was lost before the Mesos master at {master} answered")]
    Unanswered {
        /// `host:port`
        master: String,
    },
    /// The connection failed: the call may have been taken.
    #[error("cannot send it to the Mesos master at {master}")]
    Transport {
        /// `host:port`
        master: String,
        /// What the connection said.
        #[source]
        source: reqwest::Error,
    },
    /// The master refused it.
    #[error("the Mesos master at {master} refuses it: status {status} {text}")]
    Refused {
        /// `host:port`
        master: String,
        /// The HTTP status.
        status: u16,
        /// The master's words.
        text: String,
    },
}

impl CallError {
    /// The HTTP status, if there was an answer.
    pub fn status(&self) -> Option<u16> {
        match self {
            CallError::Refused { status, .. } => Some(*status),
            CallError::NotSubscribed | CallError::Unanswered { .. } | CallError::Transport { .. } => None,
        }
    }
}
