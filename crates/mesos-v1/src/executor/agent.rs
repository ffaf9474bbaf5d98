//! HTTP with the agent of this machine (spec/mesos.md §2). The agent is given by its IP address and speaks no TLS, so none of
//! what a client for any server brings along is needed; that was the larger part of an executor's start.

use std::io;
use std::net::{AddrParseError, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, InvalidHeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::transport::{Chunks, PROTOBUF, ReadError};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

const PATH: &str = "/api/v1/executor";

/// Why a call did not get its answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The agent's environment is wrong.
    #[error("MESOS_AGENT_ENDPOINT is not of the form IP:PORT")]
    Address(#[source] AddrParseError),
    /// The agent's environment is wrong.
    #[error("MESOS_EXECUTOR_AUTHENTICATION_TOKEN cannot be sent")]
    Token(#[source] InvalidHeaderValue),
    /// There is no connection.
    #[error("cannot connect")]
    Connect(#[source] io::Error),
    /// The connection broke.
    #[error("the connection broke")]
    Broken(#[source] hyper::Error),
    /// The request cannot be written down.
    #[error("not a request")]
    Request(#[source] hyper::http::Error),
}

type Connection = SendRequest<Full<Bytes>>;

/// The agent, as it is spoken to.
#[derive(Clone)]
pub struct Agent {
    endpoint: String,
    token: Option<String>,
    calls: KeptConnection,
}

/// The connection for calls, between two of them.
#[derive(Clone, Default)]
pub struct KeptConnection(Arc<Mutex<Option<Connection>>>);

impl std::fmt::Debug for KeptConnection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeptConnection")
    }
}

impl KeptConnection {
    /// Closes it.
    pub fn close(&self) {
        self.take();
    }

    fn take(&self) -> Option<Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn keep(&self, connection: Connection) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(connection);
    }
}

/// What the agent says to a call.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    body: Incoming,
}

impl Chunks for Answer {
    async fn chunk(&mut self) -> Result<Option<Bytes>, ReadError> {
        loop {
            let Some(frame) = self.body.frame().await else { return Ok(None) };
            // Trailers say nothing.
            if let Ok(data) = frame?.into_data() {
                return Ok(Some(data));
            }
        }
    }
}

impl Agent {
    pub fn new(endpoint: String, token: Option<String>, calls: KeptConnection) -> Agent {
        Agent { endpoint, token, calls }
    }

    /// Posts a call whose answer is a stream, on a connection of its own (spec/mesos.md §2.5).
    pub async fn subscribe(&self, body: Bytes) -> Result<Answer, CallError> {
        let mut connection = self.connect().await?;
        let response = connection.send_request(self.request(body)?).await.map_err(CallError::Broken)?;
        Ok(answer(response))
    }

    /// Posts any other call, on the connection of the one before if that is still there. One at a time.
    pub async fn call(&self, body: Bytes) -> Result<Answer, CallError> {
        let mut request = self.request(body)?;
        if let Some(mut kept) = self.calls.take()
            && kept.ready().await.is_ok()
        {
            match kept.try_send_request(request).await {
                Ok(response) => return Ok(self.answered(kept, response)),
                Err(mut error) => match error.take_message() {
                    // The agent had closed it.
                    Some(unsent) => request = unsent,
                    None => return Err(CallError::Broken(error.into_error())),
                },
            }
        }
        let mut connection = self.connect().await?;
        let response = connection.send_request(request).await.map_err(CallError::Broken)?;
        Ok(self.answered(connection, response))
    }

    fn answered(&self, connection: Connection, response: Response<Incoming>) -> Answer {
        if response.status().is_success() {
            self.calls.keep(connection);
        }
        answer(response)
    }

    fn request(&self, body: Bytes) -> Result<Request<Full<Bytes>>, CallError> {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(PATH)
            .header(HOST, &self.endpoint)
            .header(CONTENT_TYPE, PROTOBUF)
            .header(ACCEPT, PROTOBUF);
        if let Some(token) = &self.token {
            let mut value = HeaderValue::try_from(format!("Bearer {token}")).map_err(CallError::Token)?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        request.body(Full::new(body)).map_err(CallError::Request)
    }

    async fn connect(&self) -> Result<Connection, CallError> {
        let address: SocketAddr = self.endpoint.parse().map_err(CallError::Address)?;
        let stream = timeout(CONNECT_TIMEOUT, TcpStream::connect(address))
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            .map_err(CallError::Connect)?;
        stream.set_nodelay(true).map_err(CallError::Connect)?;
        let (connection, work) = handshake(TokioIo::new(stream)).await.map_err(CallError::Broken)?;
        tokio::spawn(async move {
            // Whoever waits for an answer is told as well.
            if let Err(error) = work.await {
                tracing::debug!(%error, "a connection with the agent ended");
            }
        });
        Ok(connection)
    }
}

fn answer(response: Response<Incoming>) -> Answer {
    let status = response.status();
    Answer { status, body: response.into_body() }
}
