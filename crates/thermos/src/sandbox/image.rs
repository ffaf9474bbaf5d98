//! A task's file system from an image, which Mesos mounts in the run directory (`spec/thermos.md` §3.10).
//!
//! The executor stays outside. The task's user is made known in the image, and the sandbox and the job's volumes are mounted
//! into it.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::statvfs::{FsFlags, statvfs};

use crate::os::users::User;

/// Where Mesos mounts the image, below the run directory.
pub const TASK_FILE_SYSTEM: &str = "taskfs";

/// `groupadd` and `useradd` end so when the name or the number is taken.
const TAKEN: [i32; 2] = [4, 9];

/// What is copied from the host, so that names of hosts mean the same in the image.
const NETWORK_FILES: [&str; 3] = ["etc/resolv.conf", "etc/hosts", "etc/hostname"];

/// Why a task cannot have its image. Begins with upstream's words.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The operator switched images off.
    #[error(
        "Cannot launch task using a filesystem image: no mesos_containerizer_path was set. Give the executor --mesos-containerizer-path"
    )]
    NoContainerizer,
    /// There is no such file.
    #[error(
        "Cannot launch task using a filesystem image: mesos_containerizer_path  {} does not exist. Correct the executor's --mesos-containerizer-path, or install Mesos on this host", .0.display()
    )]
    ContainerizerMissing(PathBuf),
    /// It is no program.
    #[error(
        "Cannot launch task using a filesystem image: mesos_containerizer_path  {} is not marked as executable. Correct its rights on this host", .0.display()
    )]
    ContainerizerNotExecutable(PathBuf),
    /// The image is not there.
    #[error(
        "Failed to initialize FileSystemImageSandbox: {} is no folder: the agent needs --image_providers and --isolation=filesystem/linux,volume/image,docker/runtime", .0.display()
    )]
    NoImage(PathBuf),
    /// Its group.
    #[error("Failed to create group in sandbox for task image: {0}")]
    Group(String),
    /// Its user.
    #[error("Failed to create user in sandbox for task image: {0}")]
    User(String),
    /// A mount.
    #[error("Failed to mount {} in the task image at {}: {problem}", from.display(), to.display())]
    Mount {
        /// What.
        from: PathBuf,
        /// Where.
        to: PathBuf,
        /// Why not.
        problem: String,
    },
}

/// What a command said, and how it ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// Exit code; -1 after a signal.
    pub code: i32,
    /// Its output.
    pub stdout: String,
    /// Its complaints.
    pub stderr: String,
}

/// Runs a command of the host.
pub trait Commands {
    /// Runs it to its end.
    ///
    /// # Errors
    /// It cannot be started.
    fn run(&mut self, command: &[&OsStr]) -> io::Result<Answer>;
}

/// The machine's own.
#[derive(Debug, Clone, Copy)]
pub struct HostCommands;

impl Commands for HostCommands {
    fn run(&mut self, command: &[&OsStr]) -> io::Result<Answer> {
        let (program, arguments) = command.split_first().ok_or_else(|| io::Error::other("no command"))?;
        let output = Command::new(program).args(arguments).output().map_err(|error| {
            io::Error::new(error.kind(), format!("{}: {error}", program.to_string_lossy()))
        })?;
        Ok(Answer {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }
}

/// What Mesos's containerizer itself looks for in an image since 1.5, and leaves to others to mount.
const KERNEL_FOLDERS: [&str; 3] = ["/proc", "/sys", "/dev"];

/// An image and what is to be in it.
#[derive(Debug, Clone)]
pub struct ImageSandbox {
    /// The root of the image.
    pub root: PathBuf,
    /// The sandbox on the host.
    pub sandbox: PathBuf,
    /// Where the image has it.
    pub mount_point: PathBuf,
    /// Whom to make known in the image, and the name of their group; none: nobody.
    pub user: Option<(User, String)>,
    /// Paths that Mesos mounted on the host and that the image is to have too.
    pub volumes: Vec<PathBuf>,
}

/// Whether this program of Mesos can be used.
///
/// # Errors
/// [`ImageError`].
pub fn check_containerizer(path: &Path) -> Result<(), ImageError> {
    if path.as_os_str().is_empty() {
        return Err(ImageError::NoContainerizer);
    }
    match fs::metadata(path) {
        Err(_) => Err(ImageError::ContainerizerMissing(path.to_owned())),
        Ok(metadata) if !metadata.is_file() || metadata.permissions().mode() & 0o111 == 0 => {
            Err(ImageError::ContainerizerNotExecutable(path.to_owned()))
        }
        Ok(_) => Ok(()),
    }
}

impl ImageSandbox {
    /// Makes the image ready for the task.
    ///
    /// # Errors
    /// [`ImageError`].
    pub fn prepare(&self, commands: &mut impl Commands) -> Result<(), ImageError> {
        if !self.root.is_dir() {
            return Err(ImageError::NoImage(self.root.clone()));
        }
        // Mesos since 1.6 mounts it as it was told to, for reading only. The mount is this executor's own.
        let is_protected = is_read_only(&self.root);
        if is_protected {
            self.remount(commands, "rw");
        }
        let outcome = self.fill(commands);
        if is_protected {
            self.remount(commands, "ro");
        }
        outcome
    }

    fn remount(&self, commands: &mut impl Commands, mode: &str) {
        let how = format!("remount,bind,{mode}");
        let answer = self.run(commands, &["mount", "-n", "-o", &how], &[]);
        if !answer.as_ref().is_ok_and(|answer| answer.code == 0) {
            // Without it the image must have all that is needed; what it lacks will be named.
            tracing::warn!(root = %self.root.display(), ?answer, how, "cannot mount the image otherwise");
        }
    }

    fn fill(&self, commands: &mut impl Commands) -> Result<(), ImageError> {
        if let Some((user, group)) = &self.user {
            self.make_group(commands, user, group)?;
            self.make_user(commands, user, group)?;
        }
        for folder in KERNEL_FOLDERS.map(Path::new) {
            let target = self.root.join(folder.strip_prefix("/").unwrap_or(folder));
            let is_bare = fs::read_dir(&target).is_ok_and(|mut entries| entries.next().is_none());
            if is_bare {
                self.mount(commands, folder, folder)?;
            }
        }
        for volume in self.volumes.iter().filter(|volume| !volume.ends_with(TASK_FILE_SYSTEM)) {
            self.mount(commands, volume, volume)?;
        }
        self.mount(commands, &self.sandbox, &self.mount_point)?;
        for file in NETWORK_FILES {
            // An image that cannot be written keeps its own.
            let _ = fs::copy(Path::new("/").join(file), self.root.join(file));
        }
        Ok(())
    }

    fn make_group(&self, commands: &mut impl Commands, user: &User, group: &str) -> Result<(), ImageError> {
        let gid = user.gid.to_string();
        let made =
            self.run(commands, &["groupadd", "-R"], &["-g", &gid, group]).map_err(ImageError::Group)?;
        if made.code == 0 {
            return Ok(());
        }
        if !TAKEN.contains(&made.code) {
            return Err(ImageError::Group(complaint("groupadd", &made)));
        }
        // By whom? The same group is as good.
        let found =
            self.run(commands, &["chroot"], &["getent", "group", group]).map_err(ImageError::Group)?;
        let fields: Vec<&str> = found.stdout.trim().split(':').collect();
        if found.code == 0 && fields.first() == Some(&group) && fields.get(2) == Some(&gid.as_str()) {
            return Ok(());
        }
        Err(ImageError::Group(format!(
            "group {group} with gid {gid} is needed, and the image has {}",
            told(&found)
        )))
    }

    fn make_user(&self, commands: &mut impl Commands, user: &User, group: &str) -> Result<(), ImageError> {
        let (uid, gid) = (user.uid.to_string(), user.gid.to_string());
        let made = self
            .run(commands, &["useradd", "-R"], &["-u", &uid, "-g", &gid, &user.name])
            .map_err(ImageError::User)?;
        if made.code == 0 {
            return Ok(());
        }
        if !TAKEN.contains(&made.code) {
            return Err(ImageError::User(complaint("useradd", &made)));
        }
        let found = self.run(commands, &["chroot"], &["id", &user.name]).map_err(ImageError::User)?;
        let wanted = format!("uid={uid}({}) gid={gid}({group}) groups=", user.name);
        if found.code == 0 && found.stdout.starts_with(&wanted) {
            return Ok(());
        }
        Err(ImageError::User(format!(
            "user {} with uid {uid} and group {group} with gid {gid} are needed, and the image has {}",
            user.name,
            told(&found)
        )))
    }

    /// Runs `before ROOT after`.
    fn run(&self, commands: &mut impl Commands, before: &[&str], after: &[&str]) -> Result<Answer, String> {
        let root = [self.root.as_os_str()];
        let words: Vec<&OsStr> =
            before.iter().map(OsStr::new).chain(root).chain(after.iter().map(OsStr::new)).collect();
        commands.run(&words).map_err(|error| error.to_string())
    }

    fn mount(&self, commands: &mut impl Commands, from: &Path, at: &Path) -> Result<(), ImageError> {
        let to = self.root.join(at.strip_prefix("/").unwrap_or(at));
        let failed = |problem: String| ImageError::Mount { from: from.to_owned(), to: to.clone(), problem };
        make_target(&to, from.is_dir()).map_err(|error| {
            failed(format!(
                "there is nothing to mount on, and it cannot be made: {error}; add it to the image"
            ))
        })?;
        let command =
            [OsStr::new("mount"), OsStr::new("-n"), OsStr::new("--rbind"), from.as_os_str(), to.as_os_str()];
        let answer = commands.run(&command).map_err(|error| failed(error.to_string()))?;
        if answer.code == 0 { Ok(()) } else { Err(failed(complaint("mount", &answer))) }
    }
}

fn is_read_only(path: &Path) -> bool {
    statvfs(path).is_ok_and(|found| found.flags().contains(FsFlags::ST_RDONLY))
}

fn make_target(target: &Path, is_folder: bool) -> io::Result<()> {
    if target.exists() {
        return Ok(());
    }
    if is_folder {
        return fs::create_dir_all(target);
    }
    if let Some(folder) = target.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::File::create(target).map(|_| ())
}

fn complaint(program: &str, answer: &Answer) -> String {
    format!("{program} ended with status {}: {}", answer.code, answer.stderr.trim())
}

fn told(answer: &Answer) -> String {
    let text = answer.stdout.trim();
    if text.is_empty() { "another of that name or number".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers each command in turn, and keeps them.
    struct Scripted {
        answers: Vec<Answer>,
        asked: Vec<String>,
    }

    impl Commands for Scripted {
        fn run(&mut self, command: &[&OsStr]) -> io::Result<Answer> {
            let words: Vec<_> = command.iter().map(|word| word.to_string_lossy()).collect();
            self.asked.push(words.join(" "));
            Ok(if self.answers.is_empty() { Answer::default() } else { self.answers.remove(0) })
        }
    }

    fn answer(code: i32, stdout: &str) -> Answer {
        Answer { code, stdout: stdout.to_owned(), stderr: "taken".to_owned() }
    }

    fn prepare(
        answers: Vec<Answer>,
        with_user: bool,
        volumes: &[&Path],
    ) -> (Result<(), String>, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join(TASK_FILE_SYSTEM);
        let sandbox = folder.path().join("sandbox");
        for path in [&root, &sandbox] {
            fs::create_dir(path).unwrap();
        }
        let user = User { name: "www".into(), uid: 800, gid: 900, home: "/".into() };
        let image = ImageSandbox {
            root: root.clone(),
            sandbox,
            mount_point: "/some/mount/point".into(),
            user: with_user.then(|| (user, "web".to_owned())),
            volumes: volumes.iter().map(|path| (*path).to_owned()).collect(),
        };
        let mut commands = Scripted { answers, asked: Vec::new() };
        let outcome = image.prepare(&mut commands).map_err(|error| error.to_string());
        for volume in volumes.iter().filter(|volume| !volume.ends_with(TASK_FILE_SYSTEM)) {
            let target = root.join(volume.strip_prefix("/").unwrap());
            if volume.is_dir() {
                assert_eq!(fs::read_dir(&target).unwrap().count(), 0);
            } else {
                assert_eq!(fs::read(&target).unwrap(), b"", "{}", target.display());
            }
        }
        let prefix = folder.path().display().to_string();
        (outcome, commands.asked.iter().map(|line| line.replace(&prefix, "")).collect())
    }

    #[test]
    fn th_140_a_user_that_the_image_has_already_must_be_the_same() {
        let (made, asked) = prepare(Vec::new(), true, &[]);
        assert_eq!(made, Ok(()));
        assert_eq!(asked[..2], ["groupadd -R /taskfs -g 900 web", "useradd -R /taskfs -u 800 -g 900 www"]);
        for taken in TAKEN {
            let same_group = answer(0, "web:x:900:\n");
            let same_user = answer(0, "uid=800(www) gid=900(web) groups=900(web)\n");
            let answers = vec![answer(taken, ""), same_group.clone(), answer(taken, ""), same_user];
            let (outcome, asked) = prepare(answers, true, &[]);
            assert_eq!(outcome, Ok(()));
            assert_eq!(
                (asked[1].as_str(), asked[3].as_str()),
                ("chroot /taskfs getent group web", "chroot /taskfs id www")
            );
            for other in ["web:x:901:\n", "wab:x:900:\n"] {
                let (outcome, _) = prepare(vec![answer(taken, ""), answer(0, other)], true, &[]);
                let text = outcome.unwrap_err();
                assert!(
                    text.starts_with("Failed to create group in sandbox for task image: group web"),
                    "{text}"
                );
            }
            for other in [
                "uid=801(www) gid=900(web) groups=",
                "uid=800(www) gid=901(web) groups=",
                "uid=800(wow) gid=900(web) groups=",
            ] {
                let answers = vec![answer(0, ""), answer(taken, ""), answer(0, other)];
                let text = prepare(answers, true, &[]).0.unwrap_err();
                assert!(
                    text.starts_with("Failed to create user in sandbox for task image: user www"),
                    "{text}"
                );
                assert!(text.contains(other), "{text}");
            }
        }
        let text = prepare(vec![answer(1, "")], true, &[]).0.unwrap_err();
        assert!(text.contains("groupadd ended with status 1: taken"), "{text}");
    }

    #[test]
    fn th_141_volumes_and_the_sandbox_are_mounted_in_the_image() {
        let outside = tempfile::tempdir().unwrap();
        let folder = outside.path().join("folder");
        let file = outside.path().join("file");
        fs::create_dir(&folder).unwrap();
        fs::write(&file, "content").unwrap();
        let image = outside.path().join(TASK_FILE_SYSTEM);
        let (outcome, asked) = prepare(Vec::new(), false, &[&folder, &file, &image]);
        assert_eq!(outcome, Ok(()));
        let (folder, file) = (folder.display(), file.display());
        assert_eq!(
            asked,
            [
                format!("mount -n --rbind {folder} /taskfs{folder}"),
                format!("mount -n --rbind {file} /taskfs{file}"),
                "mount -n --rbind /sandbox /taskfs/some/mount/point".to_owned(),
            ]
        );
    }

    #[test]
    fn th_104_a_containerizer_that_cannot_be_used_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mesos-containerizer");
        let text = |path: &Path| check_containerizer(path).unwrap_err().to_string();
        let start = "Cannot launch task using a filesystem image: ";
        assert!(text(Path::new("")).starts_with(&format!("{start}no mesos_containerizer_path was set.")));
        let missing = format!("{start}mesos_containerizer_path  {} does not exist.", path.display());
        assert!(text(&path).starts_with(&missing), "{}", text(&path));
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let dead =
            format!("{start}mesos_containerizer_path  {} is not marked as executable.", path.display());
        assert!(text(&path).starts_with(&dead), "{}", text(&path));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(check_containerizer(&path).is_ok());
    }
}
