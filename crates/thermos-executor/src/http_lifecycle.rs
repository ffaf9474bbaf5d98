//! Asking a task over HTTP to end (`spec/thermos.md` §3.8).

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::http::LocalHttp;

/// Upstream's port name; jobs have it by default, so that its absence is nothing to speak of.
const DEFAULT_PORT: &str = "health";

/// How long a request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(1);

/// Overrides [`REQUEST_TIMEOUT`], in seconds.
const TIMEOUT_VARIABLE: &str = "AURORA_HTTP_SIGNALER_TIMEOUT_SECS";

/// One request and the time that the task is given after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appeal {
    /// Path of the endpoint.
    pub endpoint: String,
    /// Time until the next measure.
    pub wait: Duration,
}

/// How a task wants to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LifecycleConfig {
    /// The port's number.
    pub port: u16,
    /// Graceful first.
    pub appeals: [Appeal; 2],
    /// How long each request may take.
    pub request_timeout: Duration,
}

impl LifecycleConfig {
    /// Reads `lifecycle` of a job, and a warning when it can have no effect.
    pub fn read(job: &Value, ports: &BTreeMap<String, u16>) -> (Option<Self>, Option<String>) {
        let Some(http) =
            job.get("lifecycle").and_then(|lifecycle| lifecycle.get("http")).filter(|http| http.is_object())
        else {
            return (None, None);
        };
        let name = http.get("port").and_then(Value::as_str).unwrap_or(DEFAULT_PORT);
        let Some(&port) = ports.get(name) else {
            let warning = (name != DEFAULT_PORT).then(|| {
                format!("the HTTP lifecycle names port '{name}', which no process uses: the task is stopped by signals only")
            });
            return (None, warning);
        };
        let appeal = |endpoint: &str, default: &str, wait: &str| Appeal {
            endpoint: http.get(endpoint).and_then(Value::as_str).unwrap_or(default).to_owned(),
            wait: Duration::from_secs(http.get(wait).and_then(Value::as_u64).unwrap_or(5)),
        };
        let appeals = [
            appeal("graceful_shutdown_endpoint", "/quitquitquit", "graceful_shutdown_wait_secs"),
            appeal("shutdown_endpoint", "/abortabortabort", "shutdown_wait_secs"),
        ];
        let request_timeout = std::env::var(TIMEOUT_VARIABLE)
            .ok()
            .and_then(|text| Duration::try_from_secs_f64(text.parse().ok()?).ok())
            .unwrap_or(REQUEST_TIMEOUT);
        (Some(Self { port, appeals, request_timeout }), None)
    }

    /// Sends one request. Whether anybody answered, whatever they said (D28).
    pub async fn appeal(&self, appeal: &Appeal) -> bool {
        let answer = match LocalHttp::new(self.request_timeout) {
            Ok(http) => http.post(self.port, &appeal.endpoint).await,
            Err(error) => Err(error),
        };
        match answer {
            Ok(code) => {
                tracing::info!(endpoint = appeal.endpoint, code, "the task answered to the request to end");
                true
            }
            Err(error) => {
                tracing::warn!(endpoint = appeal.endpoint, %error, "the task did not answer to the request to end");
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

    use super::*;

    #[test]
    fn th_129_no_lifecycle_and_no_port_mean_a_plain_stop() {
        let ports = BTreeMap::new();
        assert_eq!(LifecycleConfig::read(&json!({}), &ports), (None, None));
        assert_eq!(
            LifecycleConfig::read(&json!({"lifecycle": {"http": {"port": "health"}}}), &ports),
            (None, None)
        );
        let (config, warning) = LifecycleConfig::read(&json!({"lifecycle": {"http": {"port": "x"}}}), &ports);
        assert!(config.is_none() && warning.is_some());
    }

    #[tokio::test]
    async fn th_132_endpoints_and_waits_are_those_of_the_job() {
        let job = json!({"lifecycle": {"http": {
            "port": "http",
            "graceful_shutdown_endpoint": "/frankfrankfrank", "graceful_shutdown_wait_secs": 123,
            "shutdown_endpoint": "/bobbobbob", "shutdown_wait_secs": 456,
        }}});
        let _ = rustls::crypto::ring::default_provider().install_default();
        let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = server.local_addr().unwrap().port();
        let (config, _) = LifecycleConfig::read(&job, &BTreeMap::from([("http".into(), port)]));
        let config = config.unwrap();
        assert_eq!((config.port, config.request_timeout), (port, REQUEST_TIMEOUT));
        // The answer may take longer on a busy machine.
        let config = LifecycleConfig { request_timeout: Duration::from_secs(90), ..config };
        assert_eq!(
            config.appeals[0],
            Appeal { endpoint: "/frankfrankfrank".into(), wait: Duration::from_secs(123) }
        );
        assert_eq!(
            config.appeals[1],
            Appeal { endpoint: "/bobbobbob".into(), wait: Duration::from_secs(456) }
        );
        for appeal in &config.appeals {
            let answer = async {
                let (mut connection, _) = server.accept().await.unwrap();
                let mut line = String::new();
                BufReader::new(&mut connection).read_line(&mut line).await.unwrap();
                connection.write_all(b"HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n").await.unwrap();
                line
            };
            let (is_heard, line) = tokio::join!(config.appeal(appeal), answer);
            assert!(is_heard);
            assert_eq!(line, format!("POST {} HTTP/1.1\r\n", appeal.endpoint));
        }
    }
}
