//! The HTTP side: one listener for the API, the pages and the endpoints of operators.

mod agents;
mod endpoints;
mod offers;
mod pending;
mod quotas;
mod resources;
mod slots;
mod structdump;
mod vars;

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{any, get, post};
use tokio::net::TcpListener;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::SizeAbove;

use crate::app::AppState;
use crate::{api, web};

/// The largest request that is read. A job of thousands of lines of configuration is far smaller.
const BODY_BYTES_MAX: usize = 32 << 20;

/// Bodies below this are not worth compressing (`spec/api.md` §3.4).
const COMPRESSED_BYTES_MIN: u16 = 16;

/// Where we listen.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "HTTP")]
pub struct HttpFlags {
    /// The address to listen on. Other machines can connect only if this is not a loopback address.
    #[arg(long = "ip", default_value = "127.0.0.1")]
    pub ip: IpAddr,
    /// The port to listen on; 0 picks a free one.
    #[arg(long = "http_port", default_value_t = 8081)]
    pub http_port: u16,
    /// The host name that others know us by; our own if not given.
    #[arg(long = "hostname")]
    pub hostname: Option<String>,
    /// The scheme of our address, and its name for clients.
    #[arg(long = "serverset_endpoint_name", default_value = "http")]
    pub serverset_endpoint_name: String,
}

/// Why we cannot listen.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: end the program that uses it, or choose another -http_port or -ip")]
pub struct ListenError {
    address: SocketAddr,
    #[source]
    source: std::io::Error,
}

impl HttpFlags {
    /// Takes the port.
    ///
    /// # Errors
    /// It is taken, or the address is not ours.
    pub async fn listen(&self) -> Result<TcpListener, ListenError> {
        let address = SocketAddr::new(self.ip, self.http_port);
        TcpListener::bind(address).await.map_err(|source| ListenError { address, source })
    }
}

/// Everything we answer.
pub fn router(app: AppState) -> Router {
    Router::new()
        .route("/api", get(api::serve).post(api::serve))
        .route("/health", get(endpoints::health))
        .route("/leaderhealth", get(endpoints::leader_health))
        .route("/vars", get(vars::text))
        .route("/vars.json", get(vars::json))
        .route("/offers", get(offers::offers))
        .route("/pendingtasks", get(pending::pending_tasks))
        .route("/agents", get(agents::agents))
        .route("/slaves", get(agents::agents))
        .route("/maintenance", get(agents::maintenance))
        .route("/quotas", get(quotas::quotas))
        .route("/tiers", get(endpoints::tiers))
        .route("/cron", get(endpoints::cron))
        .route("/structdump", get(structdump::usage))
        .route("/structdump/task/{id}", get(structdump::task))
        .route("/mname", get(endpoints::mname_usage))
        .route("/mname/{role}/{environment}/{job}/{instance}", any(endpoints::mname))
        .route("/mname/{role}/{environment}/{job}/{instance}/{*path}", any(endpoints::mname))
        .route("/quitquitquit", post(endpoints::quit))
        .route("/abortabortabort", post(endpoints::abort))
        .merge(web::router())
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(CompressionLayer::new().compress_when(SizeAbove::new(COMPRESSED_BYTES_MIN)))
        .layer(middleware::from_fn_with_state(AppState::clone(&app), timed))
        .with_state(app)
}

/// Counts and times what is answered, by its status (`spec/scheduler.md` §10.3).
async fn timed(State(app): State<AppState>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let response = next.run(request).await;
    app.stats.time(format!("http_{}_responses", response.status().as_u16()), started.elapsed());
    response
}

#[cfg(test)]
#[path = "http/tests.rs"]
mod tests;
