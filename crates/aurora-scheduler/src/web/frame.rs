//! What every page has around its content.

use crate::app::App;
use crate::mesos::session::Connection;

/// Values for `layout.html`.
pub struct Frame {
    /// `-cluster_name`.
    pub cluster: String,
    /// Why we are not connected to Mesos, if we are not.
    pub away: Option<String>,
    /// Changes with the style sheet, so that browsers fetch the new one.
    pub version: &'static str,
}

impl Frame {
    /// As things are now.
    pub fn now(app: &App) -> Self {
        let away = match &**app.connection.load() {
            Connection::Away { reason } => Some(reason.clone()),
            Connection::Subscribed { .. } => None,
        };
        Self { cluster: app.cluster.clone(), away, version: env!("CARGO_PKG_VERSION") }
    }
}
