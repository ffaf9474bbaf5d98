//! `snapshot`: the journal is replaced by a snapshot now; answered when that is durable.

use std::sync::Arc;

use aurora_api::thrift::Response;
use scheduler_core::input::Change;

use super::{UNSECURE, envelope};
use crate::app::App;

pub async fn answer(app: &App) -> Response {
    envelope::of_reply(app.requests.submit(Arc::from(UNSECURE), Change::Snapshot).await)
}
