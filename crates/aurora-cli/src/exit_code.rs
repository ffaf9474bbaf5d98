//! The exit codes of `aurora`. Scripts depend on them: they are never renumbered (`spec/cli.md` §2.4).

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitCode {
    /// It worked.
    Ok,
    /// The command line was wrong.
    Usage,
    /// The configuration cannot be loaded, or the cluster is not known.
    InvalidConfiguration,
    /// The command ran and failed.
    CommandFailure,
    /// An argument does not fit what there is.
    InvalidParameter,
    /// A call that must not be made twice may or may not have arrived.
    NetworkError,
    /// Something did not happen in time.
    Timeout,
    /// The scheduler refused.
    ApiError,
    /// Something that has no code of its own.
    UnknownError,
    /// The scheduler does not accept the caller.
    AuthError,
    /// Ctrl-C.
    Interrupted,
}

impl ExitCode {
    /// The number the process exits with.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Usage => 2,
            Self::InvalidConfiguration => 3,
            Self::CommandFailure => 4,
            Self::InvalidParameter => 6,
            Self::NetworkError => 7,
            Self::Timeout => 9,
            Self::ApiError => 10,
            Self::UnknownError => 20,
            Self::AuthError => 30,
            Self::Interrupted => 130,
        }
    }
}
