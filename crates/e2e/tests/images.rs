//! A task in a file system image, through a whole agent of the real Mesos: its provisioner unpacks the image, the linux launcher and
//! the isolator `filesystem/linux` mount it beside the executor, and the task runs in it (`spec/thermos.md` §3.10). The embedded
//! cluster has no images.
//!
//! It needs root and the freezer of the first version of cgroups, which Mesos 1.11 knows alone. A machine without it gets it mounted.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use aurora_api::thrift::ScheduleStatus::{Failed, Running};
use e2e::{Backend, PATIENCE, Testbed, TestbedOptions, events, freezer, root_file_system, wait_for};
use tempfile::TempDir;

/// A store of images as agents keep it (`--appc_store_dir`), with one of busybox and, if wanted, of bash.
fn store(has_bash: bool) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let id = format!("sha512-{}", "0123456789abcdef".repeat(8));
    let image = folder.path().join("images").join(&id);
    root_file_system(&image.join("rootfs"), has_bash);
    let label = |name: &str, value: &str| serde_json::json!({"name": name, "value": value});
    let manifest = serde_json::json!({
        "acKind": "ImageManifest",
        "acVersion": "0.8.9",
        "name": "example.com/small",
        "labels": [label("os", "linux"), label("arch", "amd64"), label("version", "latest")],
    });
    std::fs::write(image.join("manifest"), manifest.to_string()).unwrap();
    (folder, id)
}

/// Agents with the same cgroup would take each other's tasks for orphans.
fn cgroup_of(folder: &Path) -> String {
    folder.file_name().unwrap().to_string_lossy().trim_start_matches('.').to_owned()
}

/// A cluster that runs tasks in the image of a store. Its parts go in this order.
struct ImageBed {
    _mounts: Mounts,
    testbed: Testbed,
    _cgroups: Cgroups,
    _store: TempDir,
    image: String,
}

impl ImageBed {
    fn start(has_bash: bool) -> ImageBed {
        let home = std::env::var_os("MESOS_HOME").map_or_else(
            || Path::new(&std::env::var_os("HOME").unwrap_or_default()).join(".cache/mesos-1.11.0"),
            Into::into,
        );
        ImageBed::start_with(has_bash, &home.join("mesos-containerizer"))
    }

    fn start_with(has_bash: bool, containerizer: &Path) -> ImageBed {
        let (store, image) = store(has_bash);
        let cgroup = cgroup_of(store.path());
        let cgroups = Cgroups(freezer().join(&cgroup));
        let flag = |name, value: &str| (name, value.to_owned());
        let options = TestbedOptions {
            mesos_flags: vec![
                flag("MESOS_LAUNCHER", "linux"),
                flag("MESOS_CGROUPS_ROOT", &cgroup),
                flag("MESOS_ISOLATION", "filesystem/linux,volume/image,posix/cpu,posix/mem"),
                flag("MESOS_IMAGE_PROVIDERS", "APPC"),
                flag("MESOS_IMAGE_PROVISIONER_BACKEND", "copy"),
                flag("MESOS_APPC_STORE_DIR", &store.path().display().to_string()),
            ],
            scheduler_flags: vec![format!(
                "-thermos_executor_flags=--nosetuid --nosetuid-health-checks --no-create-user --mesos-containerizer-path={}",
                containerizer.display()
            )],
            ..TestbedOptions::default()
        };
        let testbed = Testbed::start_with(Backend::RealMesos, options);
        let mounts = Mounts(testbed.directory().to_owned());
        ImageBed { _mounts: mounts, testbed, _cgroups: cgroups, _store: store, image }
    }
}

/// The agent mounts its work folder on itself and leaves that behind. To be dropped before the testbed's files go.
struct Mounts(PathBuf);

impl Drop for Mounts {
    fn drop(&mut self) {
        let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        let below = mounts.lines().filter_map(|line| line.split(' ').nth(1));
        let mut below: Vec<&str> = below.filter(|path| Path::new(path).starts_with(&self.0)).collect();
        below.reverse();
        for path in below {
            let _ = std::process::Command::new("umount").args(["--lazy", path]).status();
        }
    }
}

/// The agent leaves its cgroups behind. To be dropped after the agent.
struct Cgroups(PathBuf);

impl Drop for Cgroups {
    fn drop(&mut self) {
        // Those of containers are below; what is in use fails, and then is left.
        for entry in std::fs::read_dir(&self.0).into_iter().flatten().flatten() {
            let _ = std::fs::remove_dir(entry.path());
        }
        let _ = std::fs::remove_dir(&self.0);
    }
}

fn create(bed: &ImageBed, kind: &str, command: &str) {
    let (testbed, id) = (&bed.testbed, &bed.image);
    let config = format!(
        "main = Process(name = 'main', cmdline = '''{command}''')\n\
         task = SequentialTask(processes = [main], resources = Resources(cpu = 1.0, ram = 64*MB, disk = 64*MB))\n\
         jobs = [{kind}(cluster = 'e2e', role = 'www', environment = 'prod', name = 'it', task = task, \
         container = Mesos(image = AppcImage(name = 'example.com/small', image_id = '{id}')))]\n"
    );
    let path = testbed.write_config("it", &config);
    let created = testbed.aurora(&["job", "create", &testbed.key("it"), path.to_str().unwrap()]);
    created.expect_code(0);
}

mod real_mesos {
    use super::*;

    #[test]
    fn a_task_lives_and_ends_in_an_image() {
        let bed = ImageBed::start(true);
        let testbed = &bed.testbed;
        let command = "echo $HOME > place; echo /bin/* > programs; exec /bin/busybox sleep 86395";
        create(&bed, "Service", command);
        testbed.wait_for_statuses("it", &[(Running, 1)]);
        let read = |name: &str| {
            wait_for(name, PATIENCE, || {
                let file = testbed.sandbox_files(name).pop()?;
                std::fs::read_to_string(file).ok().filter(|text| text.ends_with('\n'))
            })
        };
        assert_eq!(read("place"), "/mnt/mesos/sandbox\n");
        assert_eq!(read("programs"), "/bin/bash /bin/busybox /bin/sh\n");
        testbed.aurora(&["job", "killall", "--no-batching", &testbed.key("it")]).expect_code(0);
        testbed.wait_for_empty_sandboxes();
    }

    /// Row 9 of the self-check, its half of the host.
    #[test]
    fn a_host_without_the_containerizer_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mesos-containerizer");
        let bed = ImageBed::start_with(true, &path);
        create(&bed, "Job", "true");
        let tasks = bed.testbed.wait_for_statuses("it", &[(Failed, 1)]);
        let last = events(&tasks[0]).pop().unwrap();
        assert!(
            last.contains(&path.display().to_string()) && last.contains(" does not exist. Correct the"),
            "{last}"
        );
    }

    #[test]
    fn an_image_without_bash_is_named() {
        let bed = ImageBed::start(false);
        create(&bed, "Job", "true");
        let tasks = bed.testbed.wait_for_statuses("it", &[(Failed, 1)]);
        let last = events(&tasks[0]).pop().unwrap();
        assert!(
            last.contains("/bin/bash cannot be executed below ") && last.contains("only /bin/sh"),
            "{last}"
        );
    }
}
