//! `performBackup`, `listBackups`.

use aurora_api::thrift::{self, ListBackupsResult, Response};
use mesos_v1::chain;
use scheduler_core::effect::Reply;

use super::envelope;
use crate::app::App;
use crate::backups::{self, BackupFailure};

pub async fn perform(app: &App) -> Response {
    match backups::back_up(app).await {
        Ok(name) => envelope::of_reply(Ok(Reply::Done(vec![format!("Backup {name} is written.")]))),
        Err(failure) => refused(&failure),
    }
}

pub fn list(app: &App) -> Response {
    match app.backups.list() {
        Ok(names) => {
            envelope::ok(thrift::Result::ListBackupsResult(ListBackupsResult { backups: Some(names) }))
        }
        Err(failure) => refused(&failure),
    }
}

fn refused(failure: &BackupFailure) -> Response {
    envelope::error(chain(failure))
}
