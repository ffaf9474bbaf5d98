//! What the HTTP servers of master and agent share: listening, protobuf bodies, and streams of records.

use std::io;
use std::net::{IpAddr, SocketAddr};

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use prost::Message;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

/// The only content type of calls and events here.
pub const PROTOBUF: &str = "application/x-protobuf";
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

/// Checks the content type of a call (`spec/mesos.md` §0.3) and decodes it.
///
/// # Errors
/// The answer to give instead.
pub fn decode_call<M: Message + Default>(headers: &HeaderMap, body: Bytes) -> Result<M, Box<Response>> {
    let answer = |status, text: &str| Err(Box::new(plain(status, text)));
    match headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes) {
        None => return answer(StatusCode::BAD_REQUEST, "Expecting 'Content-Type' to be present"),
        Some(kind) if kind == PROTOBUF.as_bytes() => {}
        Some(_) => {
            return answer(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "Expecting 'Content-Type' of application/x-protobuf (the embedded cluster does not read JSON calls)",
            );
        }
    }
    if body.is_empty() {
        return answer(StatusCode::BAD_REQUEST, "Failed to parse body into Call protobuf: the body is empty");
    }
    M::decode(body).map_err(|error| {
        Box::new(plain(StatusCode::BAD_REQUEST, format!("Failed to parse body into Call protobuf: {error}")))
    })
}

/// Whether the caller takes protobuf records (`spec/mesos.md` §0.3).
#[must_use]
pub fn accepts_protobuf(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::ACCEPT).iter().peekable();
    if values.peek().is_none() {
        return true;
    }
    values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).any(|entry| {
        let mut parts = entry.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default();
        let is_excluded = parts.any(|part| {
            part.strip_prefix("q=")
                .and_then(|quality| quality.parse::<f32>().ok())
                .is_some_and(|quality| quality <= 0.0)
        });
        matches!(kind, "*/*" | "application/*" | PROTOBUF) && !is_excluded
    })
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

/// Answers with the records that come through the channel, until its other end is dropped. `reader` is dropped when the
/// stream is over, from whichever side.
#[must_use]
pub fn stream_response(
    records: mpsc::Receiver<Bytes>,
    stream_id: Option<&str>,
    reader: oneshot::Sender<()>,
) -> Response {
    let body = Body::from_stream(stream::unfold((records, reader), |(mut records, reader)| async move {
        let record = records.recv().await?;
        Some((Ok::<_, std::convert::Infallible>(record), (records, reader)))
    }));
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(PROTOBUF));
    if let Some(id) = stream_id.and_then(|id| HeaderValue::from_str(id).ok()) {
        response.headers_mut().insert(crate::link::STREAM_ID, id);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept_follows_the_rules() {
        let accepts = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_str(value).unwrap());
            accepts_protobuf(&headers)
        };
        assert!(accepts_protobuf(&HeaderMap::new()));
        assert!(
            accepts("*/*") && accepts("application/*;q=0.5") && accepts("text/html, application/x-protobuf")
        );
        assert!(
            !accepts("text/html") && !accepts("application/x-protobuf;q=0") && !accepts("application/json")
        );
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
