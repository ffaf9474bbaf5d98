//! Identifiers: who owns a job, which slot of it, which run, which agent. Cheap to clone, ordered, checked at the edge.

use std::fmt::{self, Write};
use std::str::FromStr;
use std::sync::Arc;

/// Most characters an identifier of a job key may have (`spec/api.md` §1.2).
pub const IDENTIFIER_CHARACTERS_MAX: usize = 255;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Wraps the text as it came from the cluster or the wire.
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }

            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, formatter)
            }
        }
    };
}

text_id! {
    /// One run of an instance: `role-env-name-instance-uuid` (`spec/scheduler.md` §1.6).
    TaskId
}
text_id! {
    /// A Mesos agent, as the master numbers it.
    AgentId
}
text_id! {
    /// The name an agent gives its host.
    HostName
}
text_id! {
    /// An offer of one agent's resources.
    OfferId
}
text_id! {
    /// Our registration with Mesos.
    FrameworkId
}

/// `role/environment/name`: the name of a job within a cluster.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobKey {
    role: Arc<str>,
    environment: Arc<str>,
    name: Arc<str>,
}

/// Why a text is no job key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JobKeyError {
    /// A part has characters other than letters, digits, `_`, `-` and `.`, is empty, or is too long.
    #[error("the {part} `{value}` of a job key may hold 1 to 255 letters, digits, `_`, `-` and `.` only")]
    BadIdentifier {
        /// `role`, `environment` or `name`.
        part: &'static str,
        /// The text that was given.
        value: String,
    },
    /// There are not exactly three parts.
    #[error("`{0}` is not a job key: write role/environment/name")]
    BadShape(String),
}

/// Whether the text matches `GOOD_IDENTIFIER_PATTERN` and its length limit (`spec/api.md` §1.2).
pub fn is_good_identifier(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= IDENTIFIER_CHARACTERS_MAX
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
}

impl JobKey {
    /// Checks the three parts and joins them.
    ///
    /// # Errors
    /// [`JobKeyError::BadIdentifier`] names the first part that is not an identifier.
    pub fn new(
        role: impl Into<Arc<str>>,
        environment: impl Into<Arc<str>>,
        name: impl Into<Arc<str>>,
    ) -> Result<Self, JobKeyError> {
        let key = Self { role: role.into(), environment: environment.into(), name: name.into() };
        for (part, value) in [("role", &key.role), ("environment", &key.environment), ("name", &key.name)] {
            if !is_good_identifier(value) {
                return Err(JobKeyError::BadIdentifier { part, value: value.to_string() });
            }
        }
        Ok(key)
    }

    /// The account the job's tasks run as.
    pub fn role(&self) -> &str {
        &self.role
    }

    /// `prod`, `devel`, `test`, `staging…`.
    pub fn environment(&self) -> &str {
        &self.environment
    }

    /// The job's own name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The slot `instance` of this job.
    pub fn instance(&self, instance: u32) -> InstanceKey {
        InstanceKey { job: self.clone(), instance }
    }
}

impl fmt::Display for JobKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}/{}", self.role, self.environment, self.name)
    }
}

impl fmt::Debug for JobKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for JobKey {
    type Err = JobKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('/');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(role), Some(environment), Some(name), None) => Self::new(role, environment, name),
            _ => Err(JobKeyError::BadShape(text.to_owned())),
        }
    }
}

/// A numbered slot of a job: `role/environment/name/instance`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceKey {
    /// The job.
    pub job: JobKey,
    /// The slot, from 0.
    pub instance: u32,
}

impl fmt::Display for InstanceKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.job, self.instance)
    }
}

impl fmt::Debug for InstanceKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// Makes the ids of new runs of one job.
#[derive(Clone, Debug)]
pub struct RunIds {
    /// The beginning that all have in common, and behind it the rest of the last one.
    text: String,
    common: usize,
}

impl RunIds {
    /// For runs of this job: every character outside `[A-Za-z0-9_-]` becomes `-` (`spec/scheduler.md` §1.6).
    pub fn of(job: &JobKey) -> Self {
        let is_safe = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let mut text = String::with_capacity(128);
        for part in [&job.role, &job.environment, &job.name] {
            text.extend(part.chars().map(|c| if is_safe(c) { c } else { '-' }));
            text.push('-');
        }
        Self { common: text.len(), text }
    }

    /// The id of a run of an instance.
    pub fn run(&mut self, instance: u32, unique: impl fmt::Display) -> TaskId {
        self.text.truncate(self.common);
        write!(self.text, "{instance}-{unique}").expect("a text takes what is written to it");
        TaskId::new(self.text.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_key_reads_back_as_it_is_written() {
        let key: JobKey = "www/devel/hello_world".parse().unwrap();
        assert_eq!(key.to_string(), "www/devel/hello_world");
        assert_eq!((key.role(), key.environment(), key.name()), ("www", "devel", "hello_world"));
    }

    #[test]
    fn a_bad_part_is_named() {
        let error = JobKey::new("www", "de vel", "x").unwrap_err();
        assert!(error.to_string().contains("environment `de vel`"), "{error}");
        assert!(JobKey::new("w".repeat(256), "e", "n").is_err());
        assert!("a/b".parse::<JobKey>().is_err());
        assert!("a/b/c/d".parse::<JobKey>().is_err());
    }

    #[test]
    fn a_task_id_has_only_safe_characters() {
        let mut ids = RunIds::of(&JobKey::new("w.w", "prod", "a_b").unwrap());
        assert_eq!(ids.run(3, "u-1").as_str(), "w-w-prod-a_b-3-u-1");
        assert_eq!(ids.run(40, "u").as_str(), "w-w-prod-a_b-40-u");
    }
}
