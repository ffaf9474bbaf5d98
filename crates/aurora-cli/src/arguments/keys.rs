//! Job keys and patterns of them.

use std::fmt;

use aurora_api::ids::is_good_identifier;
use aurora_api::thrift;

/// `CLUSTER/ROLE/ENV/NAME`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClusterJobKey {
    /// The cluster, any text without a slash.
    pub cluster: String,
    /// The role.
    pub role: String,
    /// The environment.
    pub environment: String,
    /// The job's name.
    pub name: String,
}

impl ClusterJobKey {
    /// The key of a job that a scheduler of this cluster has reported.
    #[must_use]
    pub fn reported(cluster: &str, key: &thrift::JobKey) -> Self {
        let text = |field: &Option<String>| field.clone().unwrap_or_default();
        Self {
            cluster: cluster.to_owned(),
            role: text(&key.role),
            environment: text(&key.environment),
            name: text(&key.name),
        }
    }

    /// The key as the scheduler knows it.
    #[must_use]
    pub fn to_thrift(&self) -> thrift::JobKey {
        thrift::JobKey {
            role: Some(self.role.clone()),
            environment: Some(self.environment.clone()),
            name: Some(self.name.clone()),
        }
    }

    /// A query for tasks of this job, whatever their status.
    #[must_use]
    pub fn query(&self) -> thrift::TaskQuery {
        thrift::TaskQuery {
            role: Some(self.role.clone()),
            environment: Some(self.environment.clone()),
            job_name: Some(self.name.clone()),
            ..thrift::TaskQuery::default()
        }
    }

    pub(super) fn from_parts(parts: &[&str]) -> Option<Self> {
        match parts {
            [cluster, role, environment, name]
                if [role, environment, name].iter().all(|part| is_good_identifier(part)) =>
            {
                Some(Self {
                    cluster: (*cluster).to_owned(),
                    role: (*role).to_owned(),
                    environment: (*environment).to_owned(),
                    name: (*name).to_owned(),
                })
            }
            _ => None,
        }
    }
}

impl fmt::Display for ClusterJobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cluster, role, environment, name } = self;
        write!(f, "{cluster}/{role}/{environment}/{name}")
    }
}

/// Reads a job key.
///
/// # Errors
/// If the text is none.
pub fn job_key(text: &str) -> Result<ClusterJobKey, String> {
    let parts: Vec<&str> = text.split('/').collect();
    ClusterJobKey::from_parts(&parts).ok_or_else(|| format!("invalid jobkeytype value: '{text}'"))
}

/// `CLUSTER/ROLE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterRole {
    /// The cluster.
    pub cluster: String,
    /// The role.
    pub role: String,
}

/// Reads a cluster with a role.
///
/// # Errors
/// If the text is none.
pub fn cluster_role(text: &str) -> Result<ClusterRole, String> {
    match text.split('/').collect::<Vec<_>>()[..] {
        [cluster, role] if !cluster.is_empty() && !role.is_empty() => {
            Ok(ClusterRole { cluster: cluster.to_owned(), role: role.to_owned() })
        }
        _ => Err("Role argument must be a CLUSTER/NAME pair".to_owned()),
    }
}

/// `CLUSTER[/ROLE[/ENV[/NAME]]]` with shell-style globs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobPattern {
    /// A cluster's name, or `*` for all.
    pub cluster: String,
    /// Glob for the role.
    pub role: String,
    /// Glob for the environment.
    pub environment: String,
    /// Glob for the name.
    pub name: String,
}

impl JobPattern {
    /// The key, if this is one and not a pattern. Only an asterisk makes a pattern.
    #[must_use]
    pub fn literal(&self) -> Option<ClusterJobKey> {
        let Self { cluster, role, environment, name } = self.clone();
        let key = ClusterJobKey { cluster, role, environment, name };
        (!key.to_string().contains('*')).then_some(key)
    }

    /// Whether a job matches; the cluster is not looked at.
    #[must_use]
    pub fn matches(&self, key: &ClusterJobKey) -> bool {
        glob_matches(&self.role, &key.role)
            && glob_matches(&self.environment, &key.environment)
            && glob_matches(&self.name, &key.name)
    }
}

impl fmt::Display for JobPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cluster, role, environment, name } = self;
        write!(f, "{cluster}/{role}/{environment}/{name}")
    }
}

/// Reads a job pattern.
///
/// # Errors
/// If it has more than four parts.
pub fn job_pattern(text: &str) -> Result<JobPattern, String> {
    let mut parts: Vec<&str> = text.split('/').collect();
    if parts.len() > 4 || parts.iter().any(|part| part.is_empty()) {
        return Err(format!("invalid arg_type_jobkey value: '{text}'"));
    }
    parts.resize(4, "*");
    Ok(JobPattern {
        cluster: parts[0].to_owned(),
        role: parts[1].to_owned(),
        environment: parts[2].to_owned(),
        name: parts[3].to_owned(),
    })
}

/// Shell-style matching with `*`, `?` and `[…]`.
fn glob_matches(glob: &str, text: &str) -> bool {
    let glob: Vec<char> = glob.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut here) = (0, 0);
    let mut last_star: Option<(usize, usize)> = None;
    while here < text.len() {
        if glob.get(at) == Some(&'*') {
            last_star = Some((at, here));
            at += 1;
        } else if let Some(next) = glob.get(at..).and_then(|rest| one_matches(rest, text[here])) {
            at += next;
            here += 1;
        } else if let Some((star, from)) = last_star {
            // The asterisk takes one more character.
            last_star = Some((star, from + 1));
            at = star + 1;
            here = from + 1;
        } else {
            return false;
        }
    }
    glob[at..].iter().all(|rest| *rest == '*')
}

/// How many characters of the glob match this one character, if any do.
fn one_matches(glob: &[char], character: char) -> Option<usize> {
    match glob {
        ['?', ..] => Some(1),
        ['[', rest @ ..] if rest.iter().skip(1).any(|end| *end == ']') => {
            let (negated, rest, skipped) = match rest {
                ['!', rest @ ..] => (true, rest, 2),
                _ => (false, rest, 1),
            };
            let end = 1 + rest.iter().skip(1).position(|end| *end == ']')?;
            let mut found = false;
            let mut set = &rest[..end];
            while let [first, after @ ..] = set {
                if let ['-', last, after @ ..] = after {
                    found |= (*first..=*last).contains(&character);
                    set = after;
                } else {
                    found |= *first == character;
                    set = after;
                }
            }
            (found != negated).then_some(skipped + end + 1)
        }
        [literal, ..] if *literal == character => Some(1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_four_good_parts() {
        let key = job_key("west/bozo/test/hello").unwrap();
        assert_eq!(key.to_string(), "west/bozo/test/hello");
        for bad in ["a/b/c", "a/b/c/d/e", "a/b/c/", "a/b c/d/e", ""] {
            assert_eq!(job_key(bad).unwrap_err(), format!("invalid jobkeytype value: '{bad}'"));
        }
    }

    #[test]
    fn missing_parts_of_a_pattern_are_asterisks() {
        let pattern = job_pattern("west/bozo").unwrap();
        assert_eq!(pattern.to_string(), "west/bozo/*/*");
        assert_eq!(pattern.literal(), None);
        assert!(job_pattern("a/b/c/d?").unwrap().literal().is_some());
    }

    #[test]
    fn globs_match_as_in_a_shell() {
        for (glob, text, expected) in [
            ("*", "", true),
            ("b*", "bozo", true),
            ("b*o", "bozo", true),
            ("b*x", "bozo", false),
            ("b?zo", "bozo", true),
            ("[a-c]ozo", "bozo", true),
            ("[!a-c]ozo", "bozo", false),
            ("[!x]ozo", "bozo", true),
            ("[", "[", true),
            ("bozo", "bozo2", false),
            ("*a*b*", "xxaxxbxx", true),
        ] {
            assert_eq!(glob_matches(glob, text), expected, "{glob} {text}");
        }
    }
}
