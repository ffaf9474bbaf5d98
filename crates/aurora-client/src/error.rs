//! Why a call got no answer.

use aurora_api::thrift::ReplyError;

/// A call that got no answer from the scheduler.
///
/// The texts are those of upstream's client, which scripts match (`spec/cli.md` §2.5).
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The cluster's entry does not say where its scheduler is.
    #[error(
        "\"{cluster}\" does not specify zk or scheduler_uri; add \"scheduler_uri\": \"http://HOST:8081\" to its entry in clusters.json"
    )]
    NoAddress {
        /// Name of the cluster.
        cluster: String,
    },
    /// The cluster's scheduler is only to be found through ZooKeeper.
    #[error(
        "cluster {cluster} names ZooKeeper servers ({zk}), but this version cannot look a scheduler up in ZooKeeper; \
         set \"scheduler_uri\": \"http://HOST:8081\" in its entry in clusters.json and remove \"zk\" (any of its \
         schedulers will do: they redirect to the leader)"
    )]
    ZooKeeper {
        /// Name of the cluster.
        cluster: String,
        /// The servers, as in the entry.
        zk: String,
    },
    /// The address is not a URL of a web server.
    #[error("cluster {cluster}: {uri} is not a URL; scheduler_uri should look like http://HOST:8081")]
    BadAddress {
        /// Name of the cluster.
        cluster: String,
        /// The address, as in the entry.
        uri: String,
    },
    /// The HTTP client could not be set up.
    #[error("cannot set up the HTTP client")]
    Setup(#[source] reqwest::Error),
    /// The scheduler does not accept the caller.
    #[error("{status} for url: {url}; check the credentials for this cluster")]
    Unauthorized {
        /// Status code and its name.
        status: String,
        /// Where the call went.
        url: String,
    },
    /// It is not known whether the scheduler has carried out a call that must not be made twice.
    #[error(
        "Transport error communicating with scheduler during non-idempotent operation: {failure}, not retrying"
    )]
    NotRetried {
        /// What happened to the request.
        failure: String,
    },
    /// The scheduler does not run, and it is known how to start it.
    #[error("no scheduler runs for the cluster {cluster}: {failure}\n  start it with {start_command}")]
    NotStarted {
        /// Name of the cluster.
        cluster: String,
        /// What happened to the request.
        failure: String,
        /// How to start it, for a person.
        start_command: &'static str,
    },
    /// All tries have failed.
    #[error("Timed out attempting to issue {method} to {cluster}\n  last failure: {last}")]
    TimedOut {
        /// The call.
        method: &'static str,
        /// Name of the cluster.
        cluster: String,
        /// Why the last try failed.
        last: String,
    },
    /// What answered does not speak the API.
    #[error("Error during thrift call {method} to {cluster}: {}", chain(source))]
    Reply {
        /// The call.
        method: &'static str,
        /// Name of the cluster.
        cluster: String,
        /// What is wrong with the answer.
        source: ReplyError,
    },
}

/// An error with all its causes, in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let cause = error.to_string();
        // Some libraries repeat their cause in their own text.
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
        source = error.source();
    }
    text
}
