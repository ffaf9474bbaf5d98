//! Who announces, and who may read and change it: the file of `--announcer-zookeeper-auth-config` (`spec/thermos.md` §3.9).

use std::io;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use sha1::{Digest, Sha1};
use zookeeper::client::{Acl, AuthId, Permission};

/// The scheme whose credentials are hashed in access lists.
const DIGEST: &str = "digest";

/// Rights by their names in the file.
const PERMISSIONS: [(&str, Permission); 5] = [
    ("read", Permission::READ),
    ("write", Permission::WRITE),
    ("create", Permission::CREATE),
    ("delete", Permission::DELETE),
    ("admin", Permission::ADMIN),
];

/// What is wrong with the file. Begins with upstream's words; secrets are left out.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// It cannot be read.
    #[error("Failed to open config file {}: {source}", path.display())]
    Open {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is no JSON.
    #[error("Problem parsing ZK authentication config {}: {source}", path.display())]
    Parse {
        /// Which file.
        path: PathBuf,
        /// What the parser says.
        source: serde_json::Error,
    },
    /// It is JSON of another shape.
    #[error("ZK authentication config is invalid {}: {field} {problem}", path.display())]
    Invalid {
        /// Which file.
        path: PathBuf,
        /// Where in it.
        field: String,
        /// What is wrong there.
        problem: String,
    },
}

/// Whom a session acts as, and what its nodes allow.
#[derive(Debug, Clone, Default)]
pub struct AuthConfig {
    /// Scheme and credential.
    pub identities: Vec<(String, String)>,
    /// Rights on the nodes; empty: everybody may do everything.
    pub acl: Vec<Acl>,
}

/// A field that is wrong, and how.
type Fault = (String, String);

impl AuthConfig {
    /// Reads a file.
    ///
    /// # Errors
    /// [`AuthError`].
    pub fn read(path: &Path) -> Result<Self, AuthError> {
        let text = std::fs::read(path).map_err(|source| AuthError::Open { path: path.to_owned(), source })?;
        let value = serde_json::from_slice(&text)
            .map_err(|source| AuthError::Parse { path: path.to_owned(), source })?;
        Self::from_value(&value).map_err(|(field, problem)| AuthError::Invalid {
            path: path.to_owned(),
            field,
            problem,
        })
    }

    fn from_value(value: &Value) -> Result<Self, Fault> {
        let root = object(value, "the file", &["auth", "acl"])?;
        let identities = list(root, "auth")?
            .map(|(field, entry)| {
                let entry = object(entry, &field, &["scheme", "credential"])?;
                Ok((text(entry, &field, "scheme")?, text(entry, &field, "credential")?))
            })
            .collect::<Result<_, Fault>>()?;
        let acl = list(root, "acl")?.map(|(field, entry)| access(entry, &field)).collect::<Result<_, _>>()?;
        Ok(Self { identities, acl })
    }
}

fn access(entry: &Value, field: &str) -> Result<Acl, Fault> {
    let entry = object(entry, field, &["scheme", "credential", "permissions"])?;
    let scheme = text(entry, field, "scheme")?;
    let credential = text(entry, field, "credential")?;
    let id = if scheme == DIGEST {
        if !credential
            .split_once(':')
            .is_some_and(|(user, password)| !user.is_empty() && !password.is_empty())
        {
            let problem = "Digest credential should be of the form <user>:<password>";
            return Err((format!("{field}.credential"), format!("is wrong: {problem}")));
        }
        digest_id(&credential)
    } else {
        credential
    };
    let field = format!("{field}.permissions");
    let names = PERMISSIONS.map(|(name, _)| name);
    let granted = match entry.get("permissions") {
        None => &Map::new(),
        Some(granted) => object(granted, &field, &names)?,
    };
    let mut permission = Permission::NONE;
    for (name, right) in PERMISSIONS {
        match granted.get(name) {
            Some(Value::Bool(true)) => permission = permission | right,
            None | Some(Value::Bool(false)) => {}
            Some(_) => return Err((format!("{field}.{name}"), "must be true or false".to_owned())),
        }
    }
    Ok(Acl::new(permission, AuthId::new(&scheme, &id)))
}

/// The id that ZooKeeper's servers derive from `user:password`.
fn digest_id(credential: &str) -> String {
    let user = credential.split(':').next().unwrap_or_default();
    format!("{user}:{}", STANDARD.encode(Sha1::digest(credential.as_bytes())))
}

fn object<'a>(value: &'a Value, field: &str, known: &[&str]) -> Result<&'a Map<String, Value>, Fault> {
    let Value::Object(object) = value else {
        return Err((field.to_owned(), format!("must be an object with {}", known.join(", "))));
    };
    match object.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err((format!("{field}.{key}"), format!("is not known; there are {}", known.join(", ")))),
        None => Ok(object),
    }
}

fn list<'a>(
    root: &'a Map<String, Value>,
    name: &'static str,
) -> Result<impl Iterator<Item = (String, &'a Value)>, Fault> {
    let entries = match root.get(name) {
        None => &[][..],
        Some(Value::Array(entries)) => entries.as_slice(),
        Some(_) => return Err((name.to_owned(), "must be a list".to_owned())),
    };
    Ok(entries.iter().enumerate().map(move |(index, entry)| (format!("{name}[{index}]"), entry)))
}

fn text(entry: &Map<String, Value>, field: &str, name: &str) -> Result<String, Fault> {
    match entry.get(name) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(_) => Err((format!("{field}.{name}"), "must be a text".to_owned())),
        None => Err((format!("{field}.{name}"), "is missing".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn error(value: &Value) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("auth.json");
        std::fs::write(&path, value.to_string()).unwrap();
        AuthConfig::read(&path).unwrap_err().to_string()
    }

    #[test]
    fn th_138_what_is_wrong_is_rejected_and_named() {
        let acl = |permissions: Value| json!({"acl": [{"scheme": "world", "credential": "anyone", "permissions": permissions}]});
        for (value, field) in [
            (json!({"auth": [{"scheme": "digest"}]}), "auth[0].credential is missing"),
            (json!({"acl": {"scheme": "digest"}}), "acl must be a list"),
            (acl(json!([])), "acl[0].permissions must be an object"),
            (acl(json!({"extra": true})), "acl[0].permissions.extra is not known"),
            (acl(json!({"read": "yes"})), "acl[0].permissions.read must be true or false"),
            (
                json!({"acl": [{"scheme": "digest", "credential": "user"}]}),
                "Digest credential should be of the form <user>:<password>",
            ),
        ] {
            let text = error(&value);
            assert!(
                text.starts_with("ZK authentication config is invalid ") && text.contains(field),
                "{text}"
            );
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("auth.json");
        let absent = AuthConfig::read(&path).unwrap_err().to_string();
        assert!(absent.starts_with("Failed to open config file "), "{absent}");
        std::fs::write(&path, "{nope").unwrap();
        let broken = AuthConfig::read(&path).unwrap_err().to_string();
        assert!(broken.starts_with("Problem parsing ZK authentication config "), "{broken}");
    }

    #[test]
    fn credentials_of_the_scheme_digest_are_hashed_in_access_lists() {
        let config = AuthConfig::from_value(&json!({
            "auth": [{"scheme": "digest", "credential": "user:pass"}],
            "acl": [{"scheme": "digest", "credential": "user:pass", "permissions": {"read": true, "write": true}}],
        }))
        .unwrap();
        assert_eq!(config.identities, [("digest".to_owned(), "user:pass".to_owned())]);
        // As `org.apache.zookeeper.server.auth.DigestAuthenticationProvider user:pass` prints it.
        assert_eq!(config.acl[0].id(), "user:smGaoVKd/cQkjm7b88GyorAUz20=");
        assert_eq!(config.acl[0].permission(), Permission::READ | Permission::WRITE);
    }
}
