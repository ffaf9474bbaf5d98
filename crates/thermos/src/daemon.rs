//! What the programs of an agent have in common that run for long.

use tracing_subscriber::EnvFilter;

/// Prepares this program, before anything else: TLS has its algorithms, and the log goes to stderr, by `RUST_LOG` or else from
/// INFO on.
pub fn prepare() {
    // An Err means that a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        // Whoever reads the log may end before us: that is no reason to end as well.
        .log_internal_errors(false)
        .init();
}
