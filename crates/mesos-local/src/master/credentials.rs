//! Who may speak to the scheduler API: Basic authentication (`spec/mesos.md` §1.16).

use std::path::{Path, PathBuf};

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;

use crate::http::plain;

/// The realm of the scheduler API.
const CHALLENGE: HeaderValue = HeaderValue::from_static("Basic realm=\"mesos-master-scheduler\"");

/// The principals that are known. Their secrets are not shown.
#[derive(Clone)]
pub struct Credentials {
    /// The header that each principal sends.
    known: Vec<(HeaderValue, String)>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.known.iter().map(|(_, principal)| principal)).finish()
    }
}

/// A file of credentials cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// It cannot be read.
    #[error("cannot read the credentials {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// It is not in the one form that there is.
    #[error(
        "{} holds no credentials: write {{\"credentials\": [{{\"principal\": \"NAME\", \"secret\": \"SECRET\"}}]}}",
        path.display()
    )]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// Nobody could ever prove to be this principal.
    #[error("{}: the principal {principal:?} or its secret holds a colon, so that it can never match: choose others", path.display())]
    Colon {
        /// The file.
        path: PathBuf,
        /// Whose.
        principal: String,
    },
    /// The header of a principal cannot be made.
    #[error("cannot prepare the authentication of {principal:?}")]
    Encode {
        /// Whose.
        principal: String,
        /// Why not.
        #[source]
        source: reqwest::Error,
    },
}

#[derive(Deserialize)]
struct CredentialsFile {
    credentials: Vec<Credential>,
}

#[derive(Deserialize)]
struct Credential {
    principal: String,
    secret: String,
}

impl Credentials {
    /// Reads a file in the form of Mesos's `--credentials`.
    ///
    /// # Errors
    /// It cannot be read, has another form, or a principal that could never authenticate.
    pub fn read(path: &Path) -> Result<Self, CredentialsError> {
        let bytes =
            std::fs::read(path).map_err(|source| CredentialsError::Read { path: path.to_owned(), source })?;
        let file: CredentialsFile = serde_json::from_slice(&bytes)
            .map_err(|source| CredentialsError::Form { path: path.to_owned(), source })?;
        let mut known = Vec::new();
        for Credential { principal, secret } in file.credentials {
            if principal.contains(':') || secret.contains(':') {
                return Err(CredentialsError::Colon { path: path.to_owned(), principal });
            }
            // What a client sends is compared as it is sent; the client library knows how that looks.
            let request = mesos_v1::plain_http()
                .build()
                .and_then(|client| {
                    client.get("http://localhost/").basic_auth(&principal, Some(secret)).build()
                })
                .map_err(|source| CredentialsError::Encode { principal: principal.clone(), source })?;
            known
                .extend(request.headers().get(header::AUTHORIZATION).map(|value| (value.clone(), principal)));
        }
        Ok(Self { known })
    }

    /// The principal that sent these headers.
    ///
    /// # Errors
    /// The answer to who is none of them.
    pub fn principal(&self, headers: &HeaderMap) -> Result<String, Box<Response>> {
        let sent = headers.get(header::AUTHORIZATION);
        let found = self.known.iter().find(|(value, _)| Some(value) == sent);
        found.map(|(_, principal)| principal.clone()).ok_or_else(|| {
            let mut refusal = plain(StatusCode::UNAUTHORIZED, "");
            refusal.headers_mut().insert(header::WWW_AUTHENTICATE, CHALLENGE);
            Box::new(refusal)
        })
    }
}
