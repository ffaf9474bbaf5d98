//! What every response has around its payload (`spec/api.md` §2.1).

use aurora_api::thrift::{self, Response, ResponseCode, ResponseDetail, ServerInfo};
use scheduler_core::effect::Reply;

use crate::app::App;
use crate::requests::RequestError;

fn response(code: ResponseCode, details: impl IntoIterator<Item = String>) -> Response {
    let details = details.into_iter().map(|message| ResponseDetail { message: Some(message) }).collect();
    Response { response_code: Some(code), details: Some(details), ..Response::default() }
}

/// It worked, and this is the answer.
pub fn ok(result: thrift::Result) -> Response {
    Response { result: Some(result), ..response(ResponseCode::Ok, []) }
}

/// The request is refused for these reasons.
pub fn invalid(messages: impl IntoIterator<Item = String>) -> Response {
    response(ResponseCode::InvalidRequest, messages)
}

/// The request could not be tried.
pub fn error(message: impl Into<String>) -> Response {
    response(ResponseCode::Error, [message.into()])
}

/// What the core, or the end of the scheduler, made of a change.
pub fn of_reply(reply: Result<Reply, RequestError>) -> Response {
    match reply {
        Ok(Reply::Done(lines)) => response(ResponseCode::Ok, lines),
        Ok(Reply::Invalid(lines)) => response(ResponseCode::InvalidRequest, lines),
        Ok(Reply::Updating(lines)) => response(ResponseCode::JobUpdatingError, lines),
        // Clients try again, and may: nothing happened.
        Err(error @ RequestError::NotTaken) => response(ResponseCode::ErrorTransient, [error.to_string()]),
        Err(error @ RequestError::Unknown) => response(ResponseCode::Error, [error.to_string()]),
    }
}

/// Who answers.
pub fn server_info(app: &App) -> ServerInfo {
    ServerInfo {
        cluster_name: Some(app.cluster.clone()),
        stats_url_prefix: Some(app.stats_url_prefix.clone()),
    }
}
