//! Users and groups, read from their files.
//!
//! The C library's own look-ups load further libraries at run time, which a static program in a foreign image cannot. A name
//! that the files do not hold is asked of the `getent` program, where there is one (LDAP and the like).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its name.
    pub name: String,
    /// Its number.
    pub uid: u32,
    /// Its primary group.
    pub gid: u32,
    /// Its home.
    pub home: PathBuf,
}

/// A user that cannot be found.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// No such name.
    #[error("user {name} is not in {} and getent does not know it; create it on this host, or run the executor with --nosetuid", passwd.display())]
    UnknownName {
        /// The name.
        name: String,
        /// The file looked in.
        passwd: PathBuf,
    },
    /// No such number.
    #[error("Unknown uid {uid}!")]
    UnknownUid {
        /// The number.
        uid: u32,
    },
    /// The file is not readable.
    #[error("Unable to get pwent information! {}: {source}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// The users and groups of a file system.
#[derive(Debug, Clone)]
pub struct UserDatabase {
    passwd: PathBuf,
    group: PathBuf,
}

impl Default for UserDatabase {
    fn default() -> Self {
        Self::below(Path::new("/"))
    }
}

impl UserDatabase {
    /// The database of the file system with this root.
    pub fn below(root: &Path) -> Self {
        Self { passwd: root.join("etc/passwd"), group: root.join("etc/group") }
    }

    /// Finds a user by name.
    ///
    /// # Errors
    /// [`UserError`].
    pub fn by_name(&self, name: &str) -> Result<User, UserError> {
        let found = self.find(|user| user.name == name)?;
        found
            .or_else(|| ask_getent(name))
            .ok_or_else(|| UserError::UnknownName { name: name.to_owned(), passwd: self.passwd.clone() })
    }

    /// Finds a user by number.
    ///
    /// # Errors
    /// [`UserError`].
    pub fn by_uid(&self, uid: u32) -> Result<User, UserError> {
        let found = self.find(|user| user.uid == uid)?;
        found.or_else(|| ask_getent(&uid.to_string())).ok_or(UserError::UnknownUid { uid })
    }

    /// The homes of all users in the file.
    pub fn homes(&self) -> Vec<PathBuf> {
        let text = self.passwd().unwrap_or_default();
        users(&text).map(|user| user.home).collect()
    }

    /// The numbers of all groups whose member list names the user (`spec/thermos.md` §1.8). None when the file is not readable.
    pub fn groups_of(&self, name: &str) -> Vec<u32> {
        parse_groups(&fs::read_to_string(&self.group).unwrap_or_default(), name)
    }

    /// The name of a group.
    pub fn group_name(&self, gid: u32) -> Option<String> {
        let text = fs::read_to_string(&self.group).unwrap_or_default();
        let gid = gid.to_string();
        text.lines().find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            (fields.nth(1)? == gid).then(|| name.to_owned())
        })
    }

    fn find(&self, fits: impl Fn(&User) -> bool) -> Result<Option<User>, UserError> {
        let text = self.passwd()?;
        Ok(users(&text).find(fits))
    }

    fn passwd(&self) -> Result<String, UserError> {
        match fs::read(&self.passwd) {
            Ok(bytes) => Ok(text_of(bytes)),
            // An image may have no such file at all; then it has no users.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
            Err(source) => Err(UserError::Read { path: self.passwd.clone(), source }),
        }
    }
}

fn ask_getent(key: &str) -> Option<User> {
    let output = Command::new("getent").args(["passwd", key]).output().ok()?;
    users(&text_of(output.stdout)).next()
}

/// Names may be in any encoding.
fn text_of(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

fn users(text: &str) -> impl Iterator<Item = User> {
    text.lines().filter_map(parse_passwd_line)
}

fn parse_passwd_line(line: &str) -> Option<User> {
    let mut fields = line.split(':');
    let name = fields.next().filter(|name| !name.is_empty() && !name.starts_with('#'))?;
    let uid = fields.nth(1)?.parse().ok()?;
    let gid = fields.next()?.parse().ok()?;
    let home = fields.nth(1).unwrap_or("/");
    Some(User { name: name.to_owned(), uid, gid, home: PathBuf::from(home) })
}

fn parse_groups(text: &str, member: &str) -> Vec<u32> {
    text.lines()
        .filter_map(|line| {
            let mut fields = line.split(':');
            let gid = fields.nth(2)?.parse().ok()?;
            fields.next()?.split(',').any(|name| name.trim() == member).then_some(gid)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_are_read_line_by_line() {
        let text = "root:x:0:0:root:/root:/bin/bash\nbroken\n# x:y:1:1::/:\nwww:x:33:34:w:/srv:/bin/sh\n";
        let users: Vec<User> = users(text).collect();
        assert_eq!(users.len(), 2);
        assert_eq!(users[1], User { name: "www".into(), uid: 33, gid: 34, home: "/srv".into() });
        assert_eq!(parse_groups("adm:x:4:a,www\nb:x:5:wwww\nc:x:6:\nd:x:7:www", "www"), [4, 7]);
    }

    #[test]
    fn a_file_system_without_users_knows_none() {
        let root = tempfile::tempdir().unwrap();
        let error = UserDatabase::below(root.path()).by_name("no-such-user-here").unwrap_err();
        assert!(matches!(error, UserError::UnknownName { .. }), "{error}");
    }
}
