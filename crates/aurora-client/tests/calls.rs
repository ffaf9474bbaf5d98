//! Calls against a scripted HTTP server: what is tried again, and what is not.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use aurora_api::thrift::rpc::{CreateJob, GetTierConfigs};
use aurora_api::thrift::{Encoding, Incoming, Response, ResponseCode, ResponseDetail, encode_reply};
use aurora_client::{Client, ClientError, Cluster, RetryPolicy};

/// What the server does with a request.
enum Act {
    Answer(ResponseCode),
    Status(&'static str),
    Redirect,
    HangUp,
}

/// A server that takes one act per request, and the paths and headers it was sent.
fn server(acts: Vec<Act>) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (log, here) = (Arc::clone(&seen), address.clone());
    thread::spawn(move || {
        for act in acts {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            let mut buffer = [0; 4096];
            let (head, body) = loop {
                let read = stream.read(&mut buffer).unwrap();
                request.extend_from_slice(&buffer[..read]);
                let text = String::from_utf8_lossy(&request).into_owned();
                let Some((head, body)) = text.split_once("\r\n\r\n") else {
                    continue;
                };
                let length: usize = head
                    .lines()
                    .find_map(|line| line.to_lowercase().strip_prefix("content-length: ").map(str::to_owned))
                    .map_or(0, |length| length.parse().unwrap());
                if body.len() >= length {
                    break (head.to_owned(), body.to_owned());
                }
            };
            log.lock().unwrap().push(head);
            let (status, extra, body) = match act {
                Act::HangUp => continue,
                Act::Status(status) => (status, String::new(), b"<html>".to_vec()),
                Act::Redirect => {
                    ("307 Temporary Redirect", format!("Location: {here}/api?leader\r\n"), Vec::new())
                }
                Act::Answer(code) => {
                    let call = Incoming::open(Encoding::Json, body.as_bytes()).unwrap().header;
                    let response = Response {
                        response_code: Some(code),
                        details: Some(vec![ResponseDetail { message: Some("because".to_owned()) }]),
                        ..Response::default()
                    };
                    ("200 OK", String::new(), encode_reply(Encoding::Json, &call, response))
                }
            };
            let head = format!(
                "HTTP/1.1 {status}\r\n{extra}Content-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(&body).unwrap();
        }
    });
    (address, seen)
}

/// A client that would try for longer than any of the tests takes.
fn client(address: &str) -> Client {
    client_with(address, Duration::from_secs(600))
}

fn client_with(address: &str, total: Duration) -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::new(&Cluster::at("west", address))
        .unwrap()
        .with_retry(RetryPolicy { total, pause: Duration::from_millis(1) })
}

/// An address at which nobody listens, and nobody can as long as the socket is held.
fn nobody() -> (tokio::net::TcpSocket, String) {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = format!("http://{}", socket.local_addr().unwrap());
    (socket, address)
}

#[tokio::test]
async fn a_call_is_posted_to_api_as_json() {
    let (address, seen) = server(vec![Act::Answer(ResponseCode::InvalidRequest)]);
    let response = client(&address).call(&GetTierConfigs::default()).await.unwrap();
    assert_eq!(response.response_code, Some(ResponseCode::InvalidRequest));
    let head = seen.lock().unwrap()[0].to_lowercase();
    assert!(head.starts_with("post /api http/1.1"), "{head}");
    assert!(head.contains("content-type: application/vnd.apache.thrift.json\r\n"));
    assert!(head.contains("user-agent: aurora v2;"));
}

#[tokio::test]
async fn an_administrator_says_so() {
    let ok = || Act::Answer(ResponseCode::Ok);
    let (address, seen) = server(vec![ok(), ok()]);
    for bypass in [false, true] {
        client(&address).for_administrator(bypass).call(&GetTierConfigs::default()).await.unwrap();
        let head = seen.lock().unwrap().last().unwrap().to_lowercase();
        assert!(head.contains("user-agent: aurora admin;") && !head.contains("aurora v2"), "{head}");
        assert_eq!(head.contains("bypass-leader-redirect: true\r\n"), bypass, "{head}");
    }
}

#[tokio::test]
async fn a_redirect_to_the_leader_is_followed_with_the_body() {
    let (address, seen) = server(vec![Act::Redirect, Act::Answer(ResponseCode::Ok)]);
    client(&address).call(&CreateJob::default()).await.unwrap();
    let seen = seen.lock().unwrap();
    assert!(seen[1].starts_with("POST /api?leader "), "{}", seen[1]);
}

#[tokio::test]
async fn a_refused_authentication_is_final() {
    let (address, _) = server(vec![Act::Status("401 Unauthorized")]);
    let error = client(&address).call(&GetTierConfigs::default()).await.unwrap_err();
    assert!(matches!(error, ClientError::Unauthorized { .. }), "{error}");
}

#[tokio::test]
async fn a_write_that_may_have_been_received_is_not_made_again() {
    let (address, seen) = server(vec![Act::HangUp, Act::Answer(ResponseCode::Ok)]);
    let error = client(&address).call(&CreateJob::default()).await.unwrap_err();
    assert!(error.to_string().ends_with("not retrying"), "{error}");
    assert_eq!(seen.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn cli_34_a_read_is_made_again_until_it_is_answered() {
    let (address, seen) =
        server(vec![Act::HangUp, Act::Status("503 Service Unavailable"), Act::Answer(ResponseCode::Ok)]);
    client(&address).call(&GetTierConfigs::default()).await.unwrap();
    assert_eq!(seen.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn cli_35_transient_errors_are_waited_out_until_the_time_is_up() {
    let acts = (0..100_000).map(|_| Act::Answer(ResponseCode::ErrorTransient)).collect();
    let (address, seen) = server(acts);
    let client = client_with(&address, Duration::from_secs(5));
    let error = client.call(&CreateJob::default()).await.unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("Timed out attempting to issue createJob to west"), "{text}");
    assert!(text.contains("because"), "{text}");
    assert!(seen.lock().unwrap().len() > 1);
}

#[tokio::test]
async fn something_else_on_the_port_is_said_to_be_that() {
    let (address, _) = server(vec![Act::Status("200 OK")]);
    let error = client(&address).call(&GetTierConfigs::default()).await.unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("Error during thrift call getTierConfigs to west: "), "{text}");
    assert!(text.contains("the reply could not be read"), "{text}");
}

#[tokio::test]
async fn nobody_on_the_port_is_said_to_be_that() {
    let (_held, address) = nobody();
    let error = client(&address).call(&CreateJob::default()).await.unwrap_err();
    let text = error.to_string().to_lowercase();
    assert!(text.contains("cannot reach the scheduler at"), "{text}");
    assert!(text.contains("connection refused"), "{text}");
}

#[tokio::test]
async fn a_scheduler_that_was_not_started_is_not_waited_for() {
    let (_held, gone) = nobody();
    let client = |address: &str| client(address).not_started("`aurora local up FILE…`");
    let error = client(&gone).call(&GetTierConfigs::default()).await.unwrap_err();
    assert!(matches!(error, ClientError::NotStarted { .. }), "{error}");
    let text = error.to_string();
    assert!(
        text.starts_with("no scheduler runs for the cluster west: cannot reach the scheduler at"),
        "{text}"
    );
    assert!(text.ends_with("start it with `aurora local up FILE…`"), "{text}");
}
