//! Calls to one scheduler.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use aurora_api::thrift::{Arguments, Encoding, Response, ResponseCode, decode_reply, encode_call};
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use reqwest::{StatusCode, Url};
use rustls::{ClientConfig, RootCertStore};
use tokio::time::Instant;
use tracing::{debug, warn};

use crate::clusters::Cluster;
use crate::error::{ClientError, chain};
use crate::registry::DEFAULT_REGISTRY;
use crate::retry::{RetryPolicy, is_idempotent};

const ENCODING: Encoding = Encoding::Json;
const CONTENT_TYPE: &str = "application/vnd.apache.thrift.json";
/// Failures that are told at once; later ones are told at most this often.
const TOLD_AT_ONCE: u32 = 2;
const TELL_INTERVAL: Duration = Duration::from_secs(10);
/// How long a connection may take to come about. An answer may take any time, as upstream's.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(60);

/// Makes calls to the scheduler of one cluster.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    cluster: String,
    base: Url,
    registry: String,
    retry: RetryPolicy,
    start_command: Option<&'static str>,
    /// Headers of each request beside the usual ones.
    headers: HeaderMap,
    sequence: AtomicI32,
}

/// Why one try has failed.
enum Failure {
    /// Trying again cannot help.
    Final(ClientError),
    /// The scheduler has certainly not carried the call out.
    NotReceived(String),
    /// There was no connection, which behind a proxy or a redirect says nothing about the scheduler: counts as unknown,
    /// as it does for upstream.
    NoConnection(String),
    /// The scheduler may have carried the call out.
    Unknown(String),
}

/// What makes requests to an address.
pub(crate) fn http_client(base: &Url) -> Result<reqwest::Client, reqwest::Error> {
    let is_local = base.host_str().is_some_and(|host| matches!(host, "localhost" | "127.0.0.1" | "[::1]"));
    let builder = || {
        let builder = reqwest::Client::builder()
            .user_agent(concat!("Aurora V2;", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT);
        if is_local { builder.no_proxy() } else { builder }
    };
    match builder().build() {
        // A machine may have no CA certificates, which only https needs.
        Err(_) if base.scheme() == "http" => builder().tls_backend_preconfigured(trusting_nobody()).build(),
        built => built,
    }
}

impl Client {
    /// A client of the scheduler of a cluster.
    ///
    /// # Errors
    /// If the cluster's entry does not say where its scheduler is.
    pub fn new(cluster: &Cluster) -> Result<Self, ClientError> {
        let base = cluster.address()?;
        let http = http_client(&base);
        Ok(Self {
            http: http.map_err(ClientError::Setup)?,
            cluster: cluster.name.clone(),
            base,
            registry: cluster.text("docker_registry").unwrap_or(DEFAULT_REGISTRY).to_owned(),
            retry: RetryPolicy::default(),
            start_command: None,
            headers: HeaderMap::new(),
            sequence: AtomicI32::new(1),
        })
    }

    /// The same client with other limits for its retries.
    #[must_use]
    pub fn with_retry(mut self, retry: RetryPolicy) -> Self {
        self.retry = retry;
        self
    }

    /// The same client for a scheduler that nobody has started yet: without a connection it is not waited for, but the
    /// command is named that starts it.
    #[must_use]
    pub fn not_started(mut self, start_command: &'static str) -> Self {
        self.start_command = Some(start_command);
        self
    }

    /// The same client as that of an administrator (`spec/cli.md` §4.2, §4.3). With `bypass_leader_redirect` the scheduler
    /// that is asked answers itself, whether it leads or not.
    #[must_use]
    pub fn for_administrator(mut self, bypass_leader_redirect: bool) -> Self {
        let agent = HeaderValue::from_static(concat!("Aurora Admin;", env!("CARGO_PKG_VERSION")));
        self.headers.insert(header::USER_AGENT, agent);
        if bypass_leader_redirect {
            let name = HeaderName::from_static("bypass-leader-redirect");
            self.headers.insert(name, HeaderValue::from_static("true"));
        }
        self
    }

    /// The scheduler's address, without a slash at its end.
    #[must_use]
    pub fn address(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// The address of the registry that the cluster's images come from.
    #[must_use]
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// Makes a call, trying again where that is safe. A refusal by the scheduler is an answer.
    ///
    /// # Errors
    /// If no try has brought an answer.
    pub async fn call<A: Arguments>(&self, arguments: &A) -> Result<Response, ClientError> {
        let start = Instant::now();
        let mut told = Told::default();
        loop {
            let last = match self.call_once(arguments).await {
                Ok(response) if response.response_code == Some(ResponseCode::ErrorTransient) => {
                    let failure = response
                        .details
                        .unwrap_or_default()
                        .into_iter()
                        .filter_map(|detail| detail.message)
                        .collect::<Vec<_>>()
                        .join(", ");
                    told.tell(&format!("Connection error with scheduler: {failure}, reconnecting..."));
                    failure
                }
                Ok(response) => return Ok(response),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::NotReceived(failure)) => {
                    told.tell(&format!("Connection error with scheduler: {failure}, reconnecting..."));
                    failure
                }
                Err(Failure::NoConnection(failure)) if let Some(start_command) = self.start_command => {
                    let cluster = self.cluster.clone();
                    return Err(ClientError::NotStarted { cluster, failure, start_command });
                }
                Err(Failure::NoConnection(failure) | Failure::Unknown(failure)) if is_idempotent(A::RPC) => {
                    told.tell(&format!(
                        "Transport error communicating with scheduler: {failure}, retrying..."
                    ));
                    failure
                }
                Err(Failure::NoConnection(failure) | Failure::Unknown(failure)) => {
                    return Err(ClientError::NotRetried { failure });
                }
            };
            if start.elapsed() + self.retry.pause > self.retry.total {
                return Err(ClientError::TimedOut {
                    method: A::RPC.as_str(),
                    cluster: self.cluster.clone(),
                    last,
                });
            }
            tokio::time::sleep(self.retry.pause).await;
        }
    }

    /// Makes a read once, for a caller that asks again anyway.
    ///
    /// # Errors
    /// If the try has brought no answer; the text says why.
    pub async fn try_once<A: Arguments>(&self, arguments: &A) -> Result<Response, ClientError> {
        self.call_once(arguments).await.map_err(|failure| match failure {
            Failure::Final(error) => error,
            Failure::NotReceived(last) | Failure::NoConnection(last) | Failure::Unknown(last) => {
                ClientError::TimedOut { method: A::RPC.as_str(), cluster: self.cluster.clone(), last }
            }
        })
    }

    async fn call_once<A: Arguments>(&self, arguments: &A) -> Result<Response, Failure> {
        let url = format!("{}/api", self.address());
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed);
        let body = encode_call(ENCODING, sequence, arguments);
        debug!("calling {} at {url}", A::RPC.as_str());
        let answer = self
            .http
            .post(&url)
            .header(header::CONTENT_TYPE, CONTENT_TYPE)
            .header(header::ACCEPT, CONTENT_TYPE)
            .headers(self.headers.clone())
            .body(body)
            .send()
            .await
            .map_err(|error| unreachable_scheduler(&url, &error))?;
        let status = answer.status();
        let bytes =
            answer.bytes().await.map_err(|error| Failure::Unknown(format!("{url}: {}", chain(&error))))?;
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Err(Failure::Final(ClientError::Unauthorized { status: status.to_string(), url }));
        }
        if !status.is_success() {
            let text = String::from_utf8_lossy(&bytes);
            let line = text.lines().next().unwrap_or_default();
            return Err(Failure::Unknown(format!("{status} for url: {url} {line}")));
        }
        decode_reply::<A>(ENCODING, sequence, &bytes).map_err(|source| {
            Failure::Final(ClientError::Reply {
                method: A::RPC.as_str(),
                cluster: self.cluster.clone(),
                source,
            })
        })
    }
}

/// What was said of the failures of one call: a person wants to know that there are some, not to read each of them.
#[derive(Default)]
struct Told {
    failures: u32,
    last: Option<Instant>,
}

impl Told {
    fn tell(&mut self, text: &str) {
        self.failures += 1;
        let is_due = self.last.is_none_or(|last| last.elapsed() >= TELL_INTERVAL);
        if is_due || self.failures <= TOLD_AT_ONCE {
            self.last = Some(Instant::now());
            warn!("{text}");
        } else {
            debug!("{text}");
        }
    }
}

/// TLS that accepts no server.
fn trusting_nobody() -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has the suites of the default protocol versions")
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth()
}

fn unreachable_scheduler(url: &str, error: &reqwest::Error) -> Failure {
    let failure = format!("cannot reach the scheduler at {url}: {}", root_cause(error));
    match (error.is_connect(), error.is_timeout()) {
        (true, true) => Failure::NotReceived(failure),
        (true, false) => Failure::NoConnection(failure),
        (false, _) => Failure::Unknown(failure),
    }
}

/// The innermost cause, which names the actual trouble ("connection refused").
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
