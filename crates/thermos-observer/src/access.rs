//! Who may look: whoever reaches the port, or whoever knows a name and password of `--credentials` (Basic authentication).

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use axum::middleware::Next;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::reply::Reply;

/// Answered to everybody: whoever watches over the observer needs no password.
const OPEN_PATH: &str = "/health";

/// A file of credentials that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// Not there, or not readable.
    #[error("cannot read --credentials {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Others may read it.
    #[error("--credentials {} can be read by others (mode {mode:04o}): chmod 600", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Not `NAME:PASSWORD`.
    #[error("--credentials {} line {line}: write NAME:PASSWORD, one a line", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// Nobody could look.
    #[error("--credentials {} names nobody: write NAME:PASSWORD, one a line", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

/// Names with their passwords, as they are sent.
pub struct Credentials {
    known: Vec<Vec<u8>>,
}

impl Credentials {
    /// Reads lines `NAME:PASSWORD`; empty ones and those that begin with `#` say nothing.
    ///
    /// # Errors
    /// [`CredentialsError`].
    pub fn read(path: &Path) -> Result<Self, CredentialsError> {
        use std::os::unix::fs::MetadataExt;
        const OF_OTHERS: u32 = 0o007;
        let failed = |source| CredentialsError::Read { path: path.to_owned(), source };
        let mode = std::fs::metadata(path).map_err(failed)?.mode() & 0o7777;
        if mode & OF_OTHERS != 0 {
            return Err(CredentialsError::Exposed { path: path.to_owned(), mode });
        }
        let text = std::fs::read_to_string(path).map_err(failed)?;
        let mut known = Vec::new();
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            if line.starts_with('#') {
                continue;
            }
            match line.split_once(':') {
                Some((name, password)) if !name.is_empty() && !password.is_empty() => {
                    known.push(line.as_bytes().to_vec());
                }
                _ => return Err(CredentialsError::Line { path: path.to_owned(), line: number + 1 }),
            }
        }
        if known.is_empty() {
            Err(CredentialsError::Empty { path: path.to_owned() })
        } else {
            Ok(Self { known })
        }
    }

    fn admit(&self, headers: &HeaderMap) -> bool {
        let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some(encoded) = given.and_then(|value| {
            let (scheme, rest) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("basic").then(|| rest.trim())
        }) else {
            return false;
        };
        let Ok(sent) = STANDARD.decode(encoded) else { return false };
        // All are compared to their ends, so that the time says nothing.
        self.known.iter().fold(false, |is_known, known| is_known | is_equal(known, &sent))
    }
}

fn is_equal(known: &[u8], sent: &[u8]) -> bool {
    let differences = known.iter().zip(sent).fold(0, |differences, (a, b)| differences | (a ^ b));
    known.len() == sent.len() && differences == 0
}

/// Lets only those pass who are known.
pub async fn guard(
    State(credentials): State<Arc<Credentials>>,
    request: Request,
    next: Next,
) -> Response<Body> {
    if request.uri().path() == OPEN_PATH || credentials.admit(request.headers()) {
        return next.run(request).await;
    }
    let text =
        "name and password, please: those of the file that the observer was started with, --credentials";
    let mut refused = Reply::error(StatusCode::UNAUTHORIZED, text).into_response();
    refused.headers_mut().insert(
        WWW_AUTHENTICATE,
        HeaderValue::from_static("Basic realm=\"thermos_observer\", charset=\"UTF-8\""),
    );
    refused
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn file(text: &str, mode: u32) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(mode)).unwrap();
        file
    }

    fn admits(credentials: &Credentials, header: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_str(header).unwrap());
        credentials.admit(&headers)
    }

    #[test]
    fn only_a_known_name_with_its_password_is_let_in() {
        let file = file("# people\nann:pass:word\n\nbob:x\n", 0o600);
        let credentials = Credentials::read(file.path()).unwrap();
        let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
        assert!(admits(&credentials, &basic("ann:pass:word")) && admits(&credentials, &basic("bob:x")));
        for wrong in ["ann:pass", "ann:x", "bob:pass:word", "", "bob", "# people"] {
            assert!(!admits(&credentials, &basic(wrong)), "{wrong}");
        }
        assert!(!admits(&credentials, "Bearer abc") && !admits(&credentials, "Basic ???"));
        assert!(!credentials.admit(&HeaderMap::new()));
    }

    #[test]
    fn a_file_that_is_wrong_says_how() {
        let error = |text, mode| Credentials::read(file(text, mode).path()).err().unwrap().to_string();
        assert!(error("ann:x\n", 0o644).contains("chmod 600"));
        assert!(error("ann:x\nbob\n", 0o600).contains("line 2: write NAME:PASSWORD"));
        assert!(error("\n# nobody\n", 0o600).contains("names nobody"));
        assert!(
            Credentials::read(Path::new("/nonexistent")).err().unwrap().to_string().contains("cannot read")
        );
    }
}
