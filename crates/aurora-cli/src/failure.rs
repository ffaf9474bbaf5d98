//! A command that failed: what is printed, and the exit code.

use aurora_api::thrift::{Response, ResponseCode};
use aurora_client::{ClientError, ClustersError};
use tracing::info;

use crate::exit_code::ExitCode;

/// Why a command ends without success.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct Failure {
    /// The exit code.
    pub code: ExitCode,
    /// What is printed to stderr; nothing when empty, because all was said already.
    pub text: String,
}

impl Failure {
    /// A failure with its text.
    pub fn new(code: ExitCode, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }

    /// The scheduler's refusal: the header, then its messages after a tab (`spec/cli.md` §2.5).
    #[must_use]
    pub fn refused(code: ExitCode, header: &str, response: &Response) -> Self {
        let mut text = format!("{header}\n\t{}", messages(response));
        if response.response_code == Some(ResponseCode::JobUpdatingError) {
            text.push_str(
                "\n\tError: job is locked by an active update.\
                 \n\t      Run 'aurora update abort' or wait for the active update to finish.",
            );
        }
        if text.contains("Insufficient resource quota") {
            text.push_str(
                "\n\tProduction jobs run within the quota of their role:\
                 \n\t  see it with 'aurora quota get CLUSTER/ROLE',\
                 \n\t  set it with 'aurora_admin set_quota CLUSTER ROLE CPU RAM DISK', such as 4 8g 20g.",
            );
        }
        Self { code, text }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let code = match error {
            ClientError::NoAddress { .. }
            | ClientError::ZooKeeper { .. }
            | ClientError::BadAddress { .. } => ExitCode::InvalidConfiguration,
            ClientError::Unauthorized { .. } => ExitCode::AuthError,
            ClientError::NotRetried { .. } => ExitCode::NetworkError,
            ClientError::TimedOut { .. } | ClientError::NotStarted { .. } => ExitCode::Timeout,
            ClientError::Setup(_) | ClientError::Reply { .. } => ExitCode::UnknownError,
        };
        Self::new(code, error.to_string())
    }
}

impl From<ClustersError> for Failure {
    fn from(error: ClustersError) -> Self {
        Self::new(ExitCode::InvalidConfiguration, error.to_string())
    }
}

/// The messages of a response, as upstream joins them.
#[must_use]
pub fn messages(response: &Response) -> String {
    let details = response.details.as_deref().unwrap_or_default();
    let texts: Vec<&str> =
        details.iter().map(|detail| detail.message.as_deref().unwrap_or("Unknown error")).collect();
    texts.join(", ")
}

/// Passes a response that is OK, logging its messages; any other becomes a failure.
///
/// # Errors
/// If the response is not OK.
pub fn accepted(response: Response, code: ExitCode, header: &str) -> Result<Response, Failure> {
    if response.response_code != Some(ResponseCode::Ok) {
        return Err(Failure::refused(code, header, &response));
    }
    let text = messages(&response);
    if !text.is_empty() {
        info!("{text}");
    }
    Ok(response)
}

/// The header of refusals that have no other.
pub const COMMAND_FAILURE: &str = "Command failure:";
