//! Processes in a file system image, with a stand-in for Mesos's containerizer (`spec/thermos.md` §1.8).

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::json;
use thermos::plan::record::ProcessState::{Failed, Success};

use crate::rig::{Rig, process, write_program};

/// Notes what it was asked for, and does it without any image.
const CONTAINERIZER: &str = "#!/usr/bin/env python3
import json, os, sys
info = [word[len('--launch_info='):] for word in sys.argv if word.startswith('--launch_info=')]
if not info:
    sys.exit('Usage: launch --launch_info=VALUE')
info = json.loads(info[0])
with open('asked.json', 'w') as file:
    json.dump(info, file)
os.execv(info['command']['value'], info['command']['arguments'])
";

fn rig(command: &str) -> Rig {
    let rig = Rig::new(&[process("p", command)]);
    let run_directory = rig.folder.path().to_owned();
    let containerizer = run_directory.join("containerizer");
    write_program(&containerizer, CONTAINERIZER);
    fs::create_dir_all(run_directory.join("taskfs/bin")).unwrap();
    rig.argument(&format!("--mesos_containerizer_path={}", containerizer.display()))
        .argument("--container_sandbox=/mnt/box")
        .env("MESOS_DIRECTORY", Some(run_directory.to_str().unwrap()))
}

#[test]
fn a_process_runs_through_the_containerizer() {
    let rig = rig("echo $HOME; pwd");
    symlink("/bin/bash", rig.folder.path().join("taskfs/bin/bash")).unwrap();
    rig.run().fine();
    assert_eq!(rig.runs("p"), [Success]);
    let sandbox = rig.sandbox();
    assert_eq!(rig.log("p", 0, "stdout"), format!("/mnt/box\n{}\n", sandbox.display()));
    let asked: serde_json::Value =
        serde_json::from_slice(&fs::read(sandbox.join("asked.json")).unwrap()).unwrap();
    assert_eq!(asked["rootfs"], json!(rig.folder.path().join("taskfs")));
    assert_eq!(asked["working_directory"], "/mnt/box");
    assert_eq!(asked["command"]["arguments"], json!(["/bin/bash", "-c", "echo $HOME; pwd"]));
}

#[test]
fn an_image_without_bash_is_named() {
    let rig = rig("true");
    rig.run();
    assert_eq!(rig.runs("p"), [Failed]);
    let reason = rig.state().last_run("p").unwrap().reason.clone().unwrap();
    let place = rig.folder.path().join("taskfs");
    assert!(reason.contains(&format!("/bin/bash cannot be executed below {}", place.display())), "{reason}");
}
