//! Job keys as people give them.

use std::fmt;
use std::str::FromStr;

use super::ListedJob;

/// Which job of a file is meant. Parts left out match anything; without a name the file must have one job only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobSelector {
    /// The cluster.
    pub cluster: Option<String>,
    /// The role.
    pub role: Option<String>,
    /// The environment.
    pub environment: Option<String>,
    /// The name.
    pub name: Option<String>,
}

/// A text that is no job key. Shows as upstream's message (`spec/config.md` §2.5).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectorError {
    /// Not four parts.
    #[error("Invalid path '{path}'. path should be a string in the form CLUSTER/ROLE/ENV/NAME")]
    Parts {
        /// The text.
        path: String,
    },
    /// A part with characters that no key may have.
    #[error("Invalid {field} '{value}'")]
    Identifier {
        /// Which part.
        field: &'static str,
        /// Its text.
        value: String,
    },
}

impl JobSelector {
    /// A whole key.
    pub fn new(cluster: &str, role: &str, environment: &str, name: &str) -> Self {
        let part = |text: &str| Some(text.to_owned());
        Self { cluster: part(cluster), role: part(role), environment: part(environment), name: part(name) }
    }

    pub(super) fn matches(&self, key: &ListedJob) -> bool {
        let fits =
            |wanted: &Option<String>, actual: &str| wanted.as_deref().is_none_or(|wanted| wanted == actual);
        fits(&self.cluster, &key.cluster)
            && fits(&self.role, &key.role)
            && fits(&self.environment, &key.environment)
            && fits(&self.name, &key.name)
    }
}

impl From<&ListedJob> for JobSelector {
    fn from(job: &ListedJob) -> Self {
        Self::new(&job.cluster, &job.role, &job.environment, &job.name)
    }
}

/// Whether role, environment or name may be this text (`spec/config.md` §4.1).
pub(crate) fn is_identifier(text: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.'))
}

impl FromStr for JobSelector {
    type Err = SelectorError;

    fn from_str(path: &str) -> Result<Self, SelectorError> {
        let parts: Vec<&str> = path.split('/').collect();
        let [cluster, role, environment, name] = parts.as_slice() else {
            return Err(SelectorError::Parts { path: path.to_owned() });
        };
        for (field, value) in [("role", role), ("environment", environment), ("name", name)] {
            if !is_identifier(value) {
                return Err(SelectorError::Identifier { field, value: (*value).to_owned() });
            }
        }
        Ok(Self::new(cluster, role, environment, name))
    }
}

impl fmt::Display for JobSelector {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |part: &Option<String>| part.clone().unwrap_or_else(|| "*".to_owned());
        write!(
            out,
            "{}/{}/{}/{}",
            part(&self.cluster),
            part(&self.role),
            part(&self.environment),
            part(&self.name)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{JobSelector, SelectorError};

    #[test]
    fn keys_have_four_parts() {
        let selector: JobSelector = "local/www/devel/hello".parse().unwrap();
        assert_eq!(selector.to_string(), "local/www/devel/hello");
        assert!(matches!("a/b/c".parse::<JobSelector>(), Err(SelectorError::Parts { .. })));
        let error = "a/b b/c/d".parse::<JobSelector>().unwrap_err();
        assert_eq!(error.to_string(), "Invalid role 'b b'");
    }
}
