//! Requests to ports of the task on this machine.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// A client that speaks to `localhost` only, without asking any name server, through no proxy and without certificates,
/// which a container image need not have.
#[derive(Debug, Clone)]
pub struct LocalHttp {
    client: reqwest::Client,
}

impl LocalHttp {
    /// A client whose requests take `timeout` at most.
    ///
    /// # Errors
    /// What reqwest says.
    pub fn new(timeout: Duration) -> reqwest::Result<Self> {
        let localhost = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let client = mesos_v1::plain_http()
            .timeout(timeout)
            .resolve("localhost", localhost)
            .pool_max_idle_per_host(0)
            .build()?;
        Ok(Self { client })
    }

    /// The address of an endpoint.
    pub fn url(port: u16, endpoint: &str) -> String {
        let slash = if endpoint.starts_with('/') { "" } else { "/" };
        format!("http://localhost:{port}{slash}{endpoint}")
    }

    /// GET: status code and body.
    ///
    /// # Errors
    /// Nobody answered in time.
    pub async fn get(&self, port: u16, endpoint: &str) -> reqwest::Result<(u16, String)> {
        let response = self.client.get(Self::url(port, endpoint)).send().await?;
        let code = response.status().as_u16();
        Ok((code, response.text().await?))
    }

    /// POST without a body: the status code.
    ///
    /// # Errors
    /// Nobody answered in time.
    pub async fn post(&self, port: u16, endpoint: &str) -> reqwest::Result<u16> {
        Ok(self.client.post(Self::url(port, endpoint)).send().await?.status().as_u16())
    }
}
