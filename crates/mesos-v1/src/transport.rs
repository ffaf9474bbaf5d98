//! Protobuf over HTTP, for both sessions: calls out, a stream of records in.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use prost::Message;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, ClientBuilder, Response, StatusCode, redirect};
use rustls::{ClientConfig, RootCertStore};

use crate::recordio::{Decoder, RecordError};

/// Compared byte for byte by Mesos (spec/mesos.md §0.3).
pub(crate) const PROTOBUF: HeaderValue = HeaderValue::from_static("application/x-protobuf");

/// Identifies one subscription of a scheduler (spec/mesos.md §1.4).
pub(crate) const STREAM_ID_HEADER: &str = "Mesos-Stream-Id";

/// How much of a refusal's text is kept; Mesos's are one line.
const REFUSAL_CHARS_MAX: usize = 500;
/// How much of it is read, and for how long: who answers may be no Mesos, or break off.
const REFUSAL_BYTES_MAX: usize = 4 * REFUSAL_CHARS_MAX;
const REFUSAL_WAIT_MAX: Duration = Duration::from_secs(5);

/// Why a client cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up an HTTP client")]
pub struct ClientError {
    #[source]
    source: reqwest::Error,
}

/// Why a stream gives no more messages.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// The connection broke.
    #[error("the connection broke")]
    Broken(#[source] ReadError),
    /// The other side closed the connection.
    #[error("the connection was closed by the other side")]
    Ended,
    /// What came is not RecordIO.
    #[error("the stream is not RecordIO")]
    BadRecord(#[source] RecordError),
    /// A record is not the message expected.
    #[error("a record is not a message of the Mesos v1 API")]
    BadMessage(#[source] prost::DecodeError),
}

/// Why an answer cannot be read on, in the words of whichever client it came with.
pub(crate) type ReadError = Box<dyn std::error::Error + Send + Sync>;

/// The body of an answer as it arrives. Cancel safe: nothing is lost when the future is dropped.
pub(crate) trait Chunks {
    /// The next part; none at the end.
    fn chunk(&mut self) -> impl Future<Output = Result<Option<Bytes>, ReadError>> + Send;
}

impl Chunks for Response {
    async fn chunk(&mut self) -> Result<Option<Bytes>, ReadError> {
        Ok(Response::chunk(self).await?)
    }
}

/// Begins an HTTP client that speaks no TLS and so needs none of the system's certificates. Clients look for them by
/// default, and cannot be built in a container image or on a machine that has none.
///
/// # Panics
/// Never: the TLS that is not used is valid.
pub fn plain_http() -> ClientBuilder {
    let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has the suites of the default protocol versions")
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    Client::builder().no_proxy().tls_backend_preconfigured(tls)
}

/// A client with one connection to its peer, which follows no redirects.
pub(crate) fn client(connect_timeout: Duration) -> Result<Client, ClientError> {
    plain_http()
        .connect_timeout(connect_timeout)
        .pool_max_idle_per_host(1)
        .redirect(redirect::Policy::none())
        .gzip(false)
        .build()
        .map_err(|source| ClientError { source })
}

/// Where calls go, and what proves who sends them.
#[derive(Clone)]
pub(crate) struct Endpoint {
    pub url: String,
    pub authorization: Authorization,
}

/// What proves who sends a call.
#[derive(Clone)]
pub(crate) enum Authorization {
    None,
    /// A framework's principal and secret (spec/mesos.md §1.16).
    Basic {
        principal: String,
        secret: String,
    },
}

/// Posts one call, with the id of the subscription it belongs to, if the API has such an id.
pub(crate) async fn post(
    client: &Client,
    endpoint: &Endpoint,
    stream_id: Option<&HeaderValue>,
    body: Bytes,
) -> Result<Response, reqwest::Error> {
    let mut request = client.post(&endpoint.url).header(CONTENT_TYPE, PROTOBUF).header(ACCEPT, PROTOBUF);
    request = match &endpoint.authorization {
        Authorization::None => request,
        Authorization::Basic { principal, secret } => request.basic_auth(principal, Some(secret)),
    };
    if let Some(stream_id) = stream_id {
        request = request.header(STREAM_ID_HEADER, stream_id.clone());
    }
    request.body(body).send().await
}

/// The status of a refused call and the text that came with it.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub status: StatusCode,
    pub text: String,
}

impl Refusal {
    /// The status counts: of the text, what comes in time and is not too long.
    pub async fn read(status: StatusCode, mut answer: impl Chunks) -> Refusal {
        let mut body = Vec::new();
        let reading = async {
            while let Ok(Some(chunk)) = answer.chunk().await
                && body.len() < REFUSAL_BYTES_MAX
            {
                body.extend_from_slice(&chunk);
            }
        };
        // What has come until then is as good.
        let _ = tokio::time::timeout(REFUSAL_WAIT_MAX, reading).await;
        let text = String::from_utf8_lossy(&body);
        let text = text.trim().chars().take(REFUSAL_CHARS_MAX).collect();
        Refusal { status, text }
    }
}

/// The messages of a streaming response.
#[derive(Debug)]
pub(crate) struct MessageStream<A> {
    answer: A,
    decoder: Decoder,
}

impl<A: Chunks> MessageStream<A> {
    pub fn new(answer: A) -> MessageStream<A> {
        MessageStream { answer, decoder: Decoder::default() }
    }

    /// The next message. Cancel safe: nothing is lost when the future is dropped.
    pub async fn next<M: Message + Default>(&mut self) -> Result<M, StreamError> {
        loop {
            if let Some(record) = self.decoder.next_record().map_err(StreamError::BadRecord)? {
                return M::decode(record).map_err(StreamError::BadMessage);
            }
            let chunk = self.answer.chunk().await.map_err(StreamError::Broken)?;
            self.decoder.push(chunk.ok_or(StreamError::Ended)?);
        }
    }
}
