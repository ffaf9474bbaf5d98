//! Users and groups of this machine, read from `/etc/passwd` and `/etc/group`.
//!
//! The programs are statically linked, and glibc's own look-ups load shared libraries: users that only a directory
//! service knows do not exist here.

use std::fs;
use std::path::Path;

/// Who an executor runs as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its name.
    pub name: String,
    /// Its numeric id.
    pub uid: u32,
    /// Its primary group.
    pub gid: u32,
    /// All groups it belongs to, the primary one included.
    pub groups: Vec<u32>,
}

/// Finds a user by name; `None` if the machine's files do not list it.
#[must_use]
pub fn find_user(name: &str) -> Option<User> {
    find_in(name, Path::new("/etc/passwd"), Path::new("/etc/group"))
}

fn find_in(name: &str, passwd: &Path, group: &Path) -> Option<User> {
    let passwd = fs::read_to_string(passwd).ok()?;
    let fields: Vec<&str> = passwd
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find(|fields| fields.first() == Some(&name))?;
    let uid = fields.get(2)?.parse().ok()?;
    let gid = fields.get(3)?.parse().ok()?;
    let mut groups = vec![gid];
    for line in fs::read_to_string(group).unwrap_or_default().lines() {
        let fields: Vec<&str> = line.split(':').collect();
        let is_member = fields.get(3).is_some_and(|members| members.split(',').any(|member| member == name));
        if let Some(id) = fields.get(2).and_then(|id| id.parse().ok())
            && is_member
            && !groups.contains(&id)
        {
            groups.push(id);
        }
    }
    Some(User { name: name.to_owned(), uid, gid, groups })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_its_primary_and_its_other_groups() {
        let dir = tempfile::tempdir().unwrap();
        let (passwd, group) = (dir.path().join("passwd"), dir.path().join("group"));
        fs::write(&passwd, "root:x:0:0::/root:/bin/sh\nwww:x:33:44:Web:/srv:/bin/false\n").unwrap();
        fs::write(&group, "root:x:0:\nadm:x:4:syslog,www\nwww:x:44:www\nother:x:5:wwwx\n").unwrap();
        let user = find_in("www", &passwd, &group).unwrap();
        assert_eq!(user, User { name: "www".into(), uid: 33, gid: 44, groups: vec![44, 4] });
        assert_eq!(find_in("nobody", &passwd, &group), None);
    }
}
