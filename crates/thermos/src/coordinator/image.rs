//! A shell in a file system image, through Mesos's containerizer (`spec/thermos.md` §1.8).

use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::shell::SHELL;

/// Its subcommand.
const LAUNCH: &str = "launch";

/// What a containerizer names in its help if it takes everything as one JSON.
const NEW_FLAG: &str = "launch_info";

/// Where and how a process runs in an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageLaunch {
    /// Mesos's program.
    pub containerizer: PathBuf,
    /// The root of the image.
    pub rootfs: PathBuf,
    /// The sandbox as the image has it.
    pub working_dir: PathBuf,
    /// Whom it runs as, by the image's own names.
    pub user: String,
}

impl ImageLaunch {
    /// The arguments of the containerizer for a command.
    ///
    /// # Errors
    /// The containerizer cannot be asked which arguments it takes.
    pub fn arguments(&self, cmdline: &str) -> io::Result<Vec<String>> {
        let help = Command::new(&self.containerizer).arg(LAUNCH).stdin(Stdio::null()).output()?;
        let is_new = String::from_utf8_lossy(&help.stderr).contains(NEW_FLAG);
        Ok(if is_new { self.as_one_json(cmdline) } else { self.as_flags(cmdline) })
    }

    fn as_one_json(&self, cmdline: &str) -> Vec<String> {
        let info = json!({
            "rootfs": self.rootfs,
            "user": self.user,
            "working_directory": self.working_dir,
            "command": command(cmdline),
        });
        vec![LAUNCH.to_owned(), "--unshare_namespace_mnt".to_owned(), format!("--launch_info={info}")]
    }

    fn as_flags(&self, cmdline: &str) -> Vec<String> {
        vec![
            LAUNCH.to_owned(),
            "--unshare_namespace_mnt".to_owned(),
            format!("--working_directory={}", self.working_dir.display()),
            format!("--rootfs={}", self.rootfs.display()),
            format!("--user={}", self.user),
            format!("--command={}", command(cmdline)),
        ]
    }
}

fn command(cmdline: &str) -> Value {
    json!({"shell": false, "value": SHELL, "arguments": [SHELL, "-c", cmdline]})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn launch(folder: &std::path::Path, help: &str) -> ImageLaunch {
        let containerizer = folder.join("mesos-containerizer");
        // By another process: while this one writes, others that it starts may have the file open for a moment as well, and as
        // long as anybody writes to a program it cannot be executed (ETXTBSY).
        let text = format!("#!/bin/sh\necho 'Usage: {help}' >&2\nexit 1\n");
        let write = r#"printf %s "$1" > "$0" && chmod 755 "$0""#;
        let written = Command::new("/bin/sh").args(["-c", write]).arg(&containerizer).arg(text).status();
        assert!(written.unwrap().success());
        ImageLaunch {
            containerizer,
            rootfs: "/run/taskfs".into(),
            working_dir: "/mnt/mesos/sandbox".into(),
            user: "www".into(),
        }
    }

    #[test]
    fn th_76_a_new_containerizer_gets_one_json_and_an_old_one_flags() {
        let folder = tempfile::tempdir().unwrap();
        let new = launch(folder.path(), "--[no-]launch_info=VALUE").arguments("echo 'a'").unwrap();
        assert_eq!(new[..2], ["launch", "--unshare_namespace_mnt"]);
        let info: Value = serde_json::from_str(new[2].strip_prefix("--launch_info=").unwrap()).unwrap();
        assert_eq!(
            info,
            json!({
                "rootfs": "/run/taskfs", "user": "www", "working_directory": "/mnt/mesos/sandbox",
                "command": {"shell": false, "value": "/bin/bash", "arguments": ["/bin/bash", "-c", "echo 'a'"]},
            })
        );
        assert_eq!(new.len(), 3);

        let old = launch(folder.path(), "--rootfs=VALUE").arguments("true").unwrap();
        assert_eq!(
            old[..5],
            [
                "launch",
                "--unshare_namespace_mnt",
                "--working_directory=/mnt/mesos/sandbox",
                "--rootfs=/run/taskfs",
                "--user=www",
            ]
        );
        assert_eq!(
            old[5],
            r#"--command={"shell":false,"value":"/bin/bash","arguments":["/bin/bash","-c","true"]}"#
        );
        assert_eq!(old.len(), 6);
    }
}
