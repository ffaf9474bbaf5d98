//! What the HTTP servers of master and agent share: listening, bodies in protobuf and JSON, and streams of records.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use prost::Message;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

use crate::json;

/// The content type of protobuf bodies and records.
pub const PROTOBUF: &str = "application/x-protobuf";
/// The content type of JSON bodies and records.
pub const JSON: &str = "application/json";
/// The largest body of a call. Owner: this module; a launch of a thousand tasks is a few MB.
pub const MAX_CALL_BYTES: usize = 64 << 20;

/// A port could not be listened on.
#[derive(Debug, thiserror::Error)]
#[error(
    "{what} cannot listen on {address}: stop what uses that port (`ss -ltnp` names it), or choose another port"
)]
pub struct ListenError {
    /// Who wanted to.
    pub what: String,
    /// Where.
    pub address: SocketAddr,
    /// Why not.
    #[source]
    pub source: io::Error,
}

/// Listens on an address; port 0 takes any free one.
///
/// # Errors
/// The port is taken, or the address is not this machine's.
pub async fn listen(what: &str, ip: IpAddr, port: u16) -> Result<(TcpListener, SocketAddr), ListenError> {
    let address = SocketAddr::new(ip, port);
    let error = |source| ListenError { what: what.to_owned(), address, source };
    let listener = TcpListener::bind(address).await.map_err(error)?;
    let bound = listener.local_addr().map_err(error)?;
    Ok((listener, bound))
}

/// How long a port may take to be free whose former owner is gone. Owner: this file.
const RELEASE_PATIENCE: Duration = Duration::from_secs(15);

/// The same, and waits a while for a port whose former owner is gone, but not all that it was just starting.
///
/// # Errors
/// As [`listen`].
pub async fn listen_again(
    what: &str,
    ip: IpAddr,
    port: u16,
) -> Result<(TcpListener, SocketAddr), ListenError> {
    let begin = Instant::now();
    loop {
        match listen(what, ip, port).await {
            Err(error)
                if error.source.kind() == io::ErrorKind::AddrInUse && begin.elapsed() < RELEASE_PATIENCE =>
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            other => return other,
        }
    }
}

/// A plain text answer.
#[must_use]
pub fn plain(status: StatusCode, text: impl Into<String>) -> Response {
    (status, text.into()).into_response()
}

/// A JSON answer.
#[must_use]
pub fn json(value: &serde_json::Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

/// How a message is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// As protobuf.
    Protobuf,
    /// As JSON, by Mesos's rules.
    Json,
}

impl Encoding {
    /// Its name on the wire.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Protobuf => PROTOBUF,
            Self::Json => JSON,
        }
    }

    /// What the caller takes: JSON, if both (`spec/mesos.md` §0.3).
    ///
    /// # Errors
    /// The answer to give if it takes neither.
    pub fn accepted(headers: &HeaderMap) -> Result<Self, Box<Response>> {
        let accepts = |encoding: &Self| accepts(headers, encoding.content_type());
        [Self::Json, Self::Protobuf].into_iter().find(accepts).ok_or_else(|| {
            let text = format!("Expecting 'Accept' to allow {JSON} or {PROTOBUF}");
            Box::new(plain(StatusCode::NOT_ACCEPTABLE, text))
        })
    }
}

/// Checks the content type of a call (`spec/mesos.md` §0.3) and reads the call, a message of this name.
///
/// # Errors
/// The answer to give instead.
pub fn decode_call<M: Message + Default>(
    headers: &HeaderMap,
    body: &Bytes,
    name: &str,
) -> Result<M, Box<Response>> {
    let answer = |status, text: String| Box::new(plain(status, text));
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    let Some(kind) = kind else {
        return Err(answer(StatusCode::BAD_REQUEST, "Expecting 'Content-Type' to be present".to_owned()));
    };
    if kind == PROTOBUF.as_bytes() {
        if body.is_empty() {
            let text = "Failed to parse body into Call protobuf: the body is empty".to_owned();
            return Err(answer(StatusCode::BAD_REQUEST, text));
        }
        json::from_protobuf(name, body)
    } else if kind == JSON.as_bytes() {
        json::from_json(name, body)
    } else {
        let text = format!("Expecting 'Content-Type' of {JSON} or {PROTOBUF}");
        return Err(answer(StatusCode::UNSUPPORTED_MEDIA_TYPE, text));
    }
    .map_err(|error| answer(StatusCode::BAD_REQUEST, error.to_string()))
}

/// Reads a message of the protocol between master and agents, which is protobuf.
///
/// # Errors
/// The answer to give instead.
pub fn decode_link<M: Message + Default>(body: Bytes) -> Result<M, Box<Response>> {
    M::decode(body).map_err(|error| {
        Box::new(plain(StatusCode::BAD_REQUEST, format!("this is no message of an agent: {error}")))
    })
}

/// Answers with a message of this name, as the caller takes it.
#[must_use]
pub fn message_response(encoding: Encoding, name: &str, message: &impl Message) -> Response {
    let bytes = message.encode_to_vec();
    match encoding {
        Encoding::Protobuf => ([(header::CONTENT_TYPE, PROTOBUF)], bytes).into_response(),
        Encoding::Json => match json::to_json(name, &bytes) {
            Ok(value) => json(&value),
            Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        },
    }
}

/// Whether the caller takes a content type: the entry that names it most exactly decides.
fn accepts(headers: &HeaderMap, content_type: &str) -> bool {
    let mut values = headers.get_all(header::ACCEPT).iter().peekable();
    if values.peek().is_none() {
        return true;
    }
    let wildcard = content_type.split_once('/').map(|(kind, _)| format!("{kind}/*")).unwrap_or_default();
    let rank = |kind: &str| match kind {
        _ if kind == content_type => Some(2),
        _ if kind == wildcard => Some(1),
        "*/*" => Some(0),
        _ => None,
    };
    let entries = values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    let ranked = entries.filter_map(|entry| {
        let mut parts = entry.split(';').map(str::trim);
        let rank = rank(parts.next().unwrap_or_default())?;
        let quality = parts.find_map(|part| part.strip_prefix("q=")?.parse::<f32>().ok());
        Some((rank, quality.is_none_or(|quality| quality > 0.0)))
    });
    ranked.max_by_key(|(rank, _)| *rank).is_some_and(|(_, is_wanted)| is_wanted)
}

/// 16 bytes of a versioned UUID (`spec/mesos.md` §1.3, row 8).
#[must_use]
pub fn is_uuid(bytes: &[u8]) -> bool {
    uuid::Uuid::from_slice(bytes).is_ok_and(|uuid| (1..=5).contains(&uuid.get_version_num()))
}

/// One message as a RecordIO record (`spec/mesos.md` §0.4).
#[must_use]
pub fn record(message: &impl Message) -> Bytes {
    let length = message.encoded_len();
    let mut bytes = BytesMut::with_capacity(length + 8);
    bytes.extend_from_slice(length.to_string().as_bytes());
    bytes.extend_from_slice(b"\n");
    // Encoding into a growing buffer cannot run out of room.
    let _ = message.encode(&mut bytes);
    bytes.freeze()
}

/// Answers with the records that come through the channel, messages of this name, until its other end is dropped.
/// `reader` is dropped when the stream is over, from whichever side.
#[must_use]
pub fn stream_response(
    records: mpsc::Receiver<Bytes>,
    stream_id: Option<&str>,
    reader: oneshot::Sender<()>,
    encoding: Encoding,
    name: &'static str,
) -> Response {
    let body =
        Body::from_stream(stream::unfold((records, reader), move |(mut records, reader)| async move {
            let record = records.recv().await?;
            let record = match encoding {
                Encoding::Protobuf => record,
                Encoding::Json => json_record(&record, name)?,
            };
            Some((Ok::<_, std::convert::Infallible>(record), (records, reader)))
        }));
    let mut response = Response::new(body);
    let content_type = HeaderValue::from_static(encoding.content_type());
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    if let Some(id) = stream_id.and_then(|id| HeaderValue::from_str(id).ok()) {
        response.headers_mut().insert(crate::link::STREAM_ID, id);
    }
    response
}

/// A record of protobuf as one of JSON. What [`record`] made is always one.
fn json_record(record: &Bytes, name: &str) -> Option<Bytes> {
    let end = record.iter().position(|byte| *byte == b'\n')?;
    let text = json::to_json(name, &record[end + 1..]).ok()?.to_string();
    Some(Bytes::from(format!("{}\n{text}", text.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept_follows_the_rules() {
        let accepted = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_str(value).unwrap());
            Encoding::accepted(&headers).ok()
        };
        assert_eq!(Encoding::accepted(&HeaderMap::new()).ok(), Some(Encoding::Json));
        for json in
            ["*/*", "application/*;q=0.5", "application/x-protobuf, application/json", "text/html, */*;q=0.1"]
        {
            assert_eq!(accepted(json), Some(Encoding::Json), "{json}");
        }
        for protobuf in ["text/html, application/x-protobuf", "application/json;q=0, */*"] {
            assert_eq!(accepted(protobuf), Some(Encoding::Protobuf), "{protobuf}");
        }
        for neither in ["text/html", "application/x-protobuf;q=0", "*/*;q=0"] {
            assert_eq!(accepted(neither), None, "{neither}");
        }
    }

    #[tokio::test]
    async fn a_taken_port_is_named_with_its_remedy() {
        let ip = IpAddr::from([127, 0, 0, 1]);
        let (_listener, address) = listen("the master", ip, 0).await.unwrap();
        let error = listen("the master", ip, address.port()).await.unwrap_err();
        assert!(error.to_string().contains(&format!("the master cannot listen on {address}")));
        assert!(error.to_string().contains("choose another port"));
    }
}
