//! `triggerExplicitTaskReconciliation` and `triggerImplicitTaskReconciliation`: Mesos is asked about tasks now.

use std::num::NonZeroUsize;
use std::sync::Arc;

use aurora_api::thrift::Response;
use aurora_api::thrift::rpc::TriggerExplicitTaskReconciliation;
use scheduler_core::input::Change;

use super::{UNSECURE, envelope};
use crate::app::App;

pub async fn explicit(app: &App, call: TriggerExplicitTaskReconciliation) -> Response {
    let Some(settings) = call.settings else { return envelope::error("The settings are not set.") };
    let batch_size = match settings.batch_size {
        None => None,
        Some(size) => match usize::try_from(size).ok().and_then(NonZeroUsize::new) {
            None => return envelope::invalid(["Batch size must be greater than zero.".to_owned()]),
            size => size,
        },
    };
    let change = Change::ReconcileExplicit { batch_size };
    envelope::of_reply(app.requests.submit(Arc::from(UNSECURE), change).await)
}

pub async fn implicit(app: &App) -> Response {
    envelope::of_reply(app.requests.submit(Arc::from(UNSECURE), Change::ReconcileImplicit).await)
}
