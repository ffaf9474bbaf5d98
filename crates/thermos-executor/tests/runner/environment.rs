//! What processes see, where their output goes, and what cannot be started (§9.3).

use std::collections::BTreeSet;
use std::fs;

use serde_json::json;
use thermos::plan::record::{ProcessState, TaskState};

use crate::rig::{Rig, is_alive, process, process_with, wait_for};

use ProcessState::{Failed, Running, Success};

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

#[test]
fn th_55_the_environment_is_small() {
    let rig = Rig::new(&[process("p", "env; pwd")]);
    rig.run().fine();
    let out = rig.log("p", 0, "stdout");
    let names: BTreeSet<&str> = out.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    assert_eq!(names, BTreeSet::from(["HOME", "LOGNAME", "PATH", "PWD", "SHLVL", "USER", "_"]));
    let sandbox = rig.sandbox().display().to_string();
    assert!(out.contains(&format!("HOME={sandbox}\n")) && out.ends_with(&format!("{sandbox}\n")), "{out}");
}

#[test]
fn th_56_the_environment_is_passed_on_when_asked_for() {
    let look = |arguments: &[&str]| {
        let mut rig = Rig::new(&[process("p", "echo \"<$TEST>\"; echo $PATH")]).env("TEST", Some("A"));
        rig.arguments.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        rig.run().fine();
        rig.log("p", 0, "stdout")
    };
    let (with, without) = (look(&["--preserve_env"]), look(&[]));
    assert!(with.starts_with("<A>\n") && without.starts_with("<>\n"), "{with} {without}");
    assert_eq!(with.lines().nth(1), without.lines().nth(1));
}

#[test]
fn th_57_a_profile_is_read() {
    let writer = "echo 'export A=1; export B=2' > .thermos_profile";
    let rig = Rig::new(&[process("w", writer), process("r", "echo $A$B")]).order(&["w", "r"]);
    rig.run().fine();
    assert_eq!(rig.log("r", 0, "stdout"), "12\n");
}

#[test]
fn th_58_no_open_file_leaks_into_processes() {
    let rig = Rig::new(&[process("p", "ls /proc/self/fd; echo leaked >&9")]);
    let leak = rig.folder.path().join("leak");
    let runner = rig.command();
    let mut command = std::process::Command::new("/bin/bash");
    command.args(["-c", "exec 9>\"$0\"; exec \"$@\""]).arg(&leak);
    let output = command.arg(runner.get_program()).args(runner.get_args()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // 3 is the folder that ls reads.
    assert_eq!(rig.log("p", 0, "stdout").lines().collect::<Vec<_>>(), ["0", "1", "2", "3"]);
    assert!(rig.log("p", 0, "stderr").contains("9: Bad file descriptor"));
    assert_eq!((rig.runs("p"), fs::read(leak).unwrap()), (vec![Failed], Vec::new()));
}

#[test]
fn th_59_the_coordinator_leads_session_and_group() {
    let rig = Rig::new(&[process("p", "echo $(ps -o pgid=,sid= -p $$)")]);
    rig.run().fine();
    let coordinator = rig.state().last_run("p").unwrap().coordinator_pid.unwrap();
    assert_eq!(rig.log("p", 0, "stdout"), format!("{coordinator} {coordinator}\n"));
}

#[test]
fn th_60_children_in_the_session_end_with_their_process() {
    let rig = Rig::new(&[process("p", "sleep 100 & echo $! > child"), process("q", "sleep 0.5")])
        .order(&["p", "q"]);
    rig.run().fine();
    assert!(!is_alive(rig.wait_number("child")));
    assert_eq!(rig.runs("p"), [Success]);
}

#[test]
fn th_61_daemons_come_back_and_end_with_the_task() {
    // Only one that has left the session when its process ends is out of reach. It hears the signal and stays.
    let daemon = "(setsid bash -c 'trap \"echo term > got\" TERM; echo $$ > daemon; while true; do sleep 0.05; done' &); until test -s daemon; do sleep 0.05; done";
    let wait = "trap '' TERM; touch ready; until test -e got; do sleep 0.05; done";
    let rig = Rig::new(&[process("p", daemon), process("q", wait)]).order(&["p", "q"]);
    let running = rig.start();
    rig.wait_run("q", Running);
    wait_for("q to be ready", || rig.sandbox().join("ready").exists().then_some(()));
    // Not the runner itself but the coordinator of its process, which is the runner's, so that it cannot outlive both.
    let daemon = rig.wait_number("daemon");
    let guard = rig.state().last_run("p").unwrap().coordinator_pid.unwrap();
    assert_eq!(parent_of(daemon), guard);
    assert_eq!(parent_of(guard), running.pid());
    running.signal("USR1");
    running.end().fine();
    assert!(rig.sandbox().join("got").exists(), "SIGTERM at CLEANING");
    assert!(!is_alive(daemon) && !is_alive(guard), "SIGKILL at the end");
    assert_eq!((rig.runs("p"), rig.runs("q")), (vec![Success], vec![Success]));
}

#[test]
fn processes_of_users_run_under_a_strict_umask() {
    if !is_root() {
        return;
    }
    use std::os::unix::fs::PermissionsExt;
    let rig = Rig::new(&[process("p", "umask")]).argument("--setuid=nobody");
    for path in [rig.folder.path(), &rig.sandbox()] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let runner = rig.command();
    let mut command = std::process::Command::new("/bin/sh");
    command.args(["-c", "umask 077; exec \"$0\" \"$@\""]).arg(runner.get_program()).args(runner.get_args());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(rig.log("p", 0, "stdout"), "0077\n");
    assert_eq!(rig.runs("p"), [Success]);
}

fn parent_of(pid: i32) -> i32 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit_once(')').unwrap().1.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn th_62_processes_run_as_the_user() {
    if !is_root() {
        // The other half of the rule, which needs no root: see th_63.
        return th_63_only_root_runs_processes_as_others();
    }
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let rig = Rig::new(&[process("p", "id -u; id -g; id -G")]).argument("--setuid=nobody");
    for path in [rig.folder.path(), &rig.sandbox()] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    rig.run().fine();
    let nobody = thermos::os::users::UserDatabase::default().by_name("nobody").unwrap();
    assert_eq!(rig.log("p", 0, "stdout"), format!("{0}\n{1}\n{1}\n", nobody.uid, nobody.gid));
    let owner = |path: &str| fs::metadata(rig.sandbox().join(path)).unwrap().uid();
    assert_eq!(
        (owner(".logs/p"), owner(".logs/p/0"), owner(".logs/p/0/stdout")),
        (0, nobody.uid, nobody.uid)
    );
    let header = rig.state().header.unwrap();
    assert_eq!(header.user.as_deref(), Some("nobody"));
    assert_eq!(header.uid, i32::try_from(nobody.uid).ok());
}

#[test]
fn th_63_only_root_runs_processes_as_others() {
    if is_root() {
        // Somebody without rights, made for the moment. The program must be where they can reach it.
        let rig = Rig::new(&[process("p", "true")]).argument("--setuid=root");
        use std::os::unix::fs::PermissionsExt;
        for path in [rig.folder.path(), &rig.sandbox()] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
        }
        let program = rig.folder.path().join("program");
        // By another process: see `write_program`.
        let copied = std::process::Command::new("cp").arg(crate::rig::PROGRAM).arg(&program).status();
        assert!(copied.unwrap().success());
        let template = rig.command();
        let mut command = std::process::Command::new(&program);
        command.args(template.get_args()).current_dir("/");
        std::os::unix::process::CommandExt::uid(&mut command, 65534);
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(text.contains("Must be root to run processes as other users!"), "{text}");
        assert_eq!(rig.runs("p"), [Failed]);
        return;
    }
    let rig = Rig::new(&[process("p", "true")]).argument("--setuid=root");
    let done = rig.run();
    assert!(done.stderr().contains("Must be root to run processes as other users!"), "{}", done.stderr());
    assert_eq!(rig.runs("p"), [Failed]);
}

#[test]
fn th_64_an_unknown_user_has_its_exit_status() {
    let done = Rig::new(&[process("p", "true")]).argument("--setuid=no-such-user-here").run();
    assert_eq!(done.code(), Some(104), "{}", done.stderr());
}

#[test]
fn th_65_unbound_ports_have_their_exit_status() {
    let done = Rig::new(&[process("p", "{{thermos.ports[http]}}")]).run();
    assert_eq!(done.code(), Some(101));
    assert!(done.stderr().contains("ERROR!  Unbound ports: http"), "{}", done.stderr());
}

#[test]
fn th_66_a_bad_port_is_a_usage_error() {
    for (argument, text) in [
        ("--port=http:x", "Port does not appear to be an integer: x"),
        ("--port=http", "Invalid value for --port: http should be of form NAME:PORT"),
    ] {
        let done = Rig::new(&[process("p", "true")]).argument(argument).run();
        assert_eq!(done.code(), Some(2));
        assert!(done.stderr().contains(text), "{}", done.stderr());
    }
}

#[test]
fn th_67_invalid_tasks_have_their_exit_status() {
    let cases = [
        (Rig::new(&[process("p", "{{foo}}")]), "Unexpected unbound refs: {{foo}}."),
        (Rig::new(&[json!({"name": "p"})]), "Process[cmdline] is required."),
        (Rig::new(&[process("p", "x")]).order(&["p", "p"]), "Cycles detected in the task schedule!"),
    ];
    for (rig, text) in cases {
        let done = rig.run();
        assert_eq!(done.code(), Some(102));
        assert!(
            done.stderr().contains("Invalid task: ") && done.stderr().contains(text),
            "{}",
            done.stderr()
        );
    }
}

#[test]
fn th_68_what_cannot_be_started_fails_at_once_with_the_reason() {
    let reason = |rig: &Rig| {
        rig.run().fine();
        assert_eq!(rig.runs("p"), [Failed]);
        assert_eq!(rig.state().task_state(), Some(TaskState::Failed));
        rig.state().last_run("p").unwrap().reason.clone().unwrap()
    };
    let no_path = Rig::new(&[process("p", "true")]).env("PATH", None);
    assert!(reason(&no_path).contains("PATH is not set"));

    let gone = Rig::new(&[process("p", "true")]).order(&["p"]);
    // A log folder elsewhere is not to be had, so the sandbox is replaced by a file instead of being removed.
    fs::remove_dir(gone.sandbox()).unwrap();
    fs::write(gone.sandbox(), "").unwrap();
    let text = reason(&gone);
    assert!(
        text.contains(&gone.sandbox().display().to_string()) && text.contains("Not a directory"),
        "{text}"
    );
}

#[test]
fn a_folder_that_the_user_may_not_pass_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let set_mode = |path: &std::path::Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let rig = Rig::new(&[process("p", "true")]);
    if !is_root() {
        // As a single user one is refused already when the logs are made.
        set_mode(&rig.sandbox(), 0o600);
        rig.run().fine();
        set_mode(&rig.sandbox(), 0o700);
        let text = rig.state().last_run("p").unwrap().reason.clone().unwrap();
        return assert!(text.contains("cannot make the log folder"), "{text}");
    }
    let rig = rig.argument("--setuid=nobody");
    set_mode(rig.folder.path(), 0o700);
    rig.run().fine();
    let text = rig.state().last_run("p").unwrap().reason.clone().unwrap();
    let named = format!(
        "({} of uid 0 and gid 0 with mode 0700 lets uid 65534 not pass)",
        rig.folder.path().display()
    );
    assert!(text.contains("Permission denied") && text.contains(&named), "{text}");
}

#[test]
fn th_69_a_run_that_cannot_be_prepared_fails_with_the_reason() {
    let rig = Rig::new(&[process("p", "true")]);
    fs::write(rig.sandbox().join(".logs"), "").unwrap();
    rig.run().fine();
    assert_eq!(rig.runs("p"), [Failed]);
    assert!(
        rig.state().last_run("p").unwrap().reason.as_deref().unwrap().contains("cannot make the log folder")
    );

    let rig = Rig::new(&[process("p", "true")]);
    fs::create_dir_all(rig.paths().checkpoints()).unwrap();
    let file = fs::File::create(rig.paths().coordinator("p")).unwrap();
    file.lock().unwrap();
    rig.run().fine();
    let reason = rig.state().last_run("p").unwrap().reason.clone().unwrap();
    assert!(reason.starts_with("Could not acquire checkpoint permission or lock for "), "{reason}");
    assert_eq!(rig.state().task_state(), Some(TaskState::Failed));
}

#[test]
fn th_70_output_goes_where_it_is_sent() {
    for (destination, in_files, on_console) in
        [("file", true, false), ("console", false, true), ("both", true, true), ("none", false, false)]
    {
        let rig = Rig::new(&[process_with(
            "p",
            "echo out; echo err >&2",
            json!({"logger": {"destination": destination}}),
        )]);
        let done = rig.run();
        done.fine();
        assert_eq!(rig.log_exists("p", 0, "stdout"), in_files, "{destination}");
        if in_files {
            assert_eq!(
                (rig.log("p", 0, "stdout"), rig.log("p", 0, "stderr")),
                ("out\n".into(), "err\n".into())
            );
        }
        assert_eq!(done.stdout().contains("out"), on_console, "{destination}");
        assert_eq!(done.stderr().contains("err"), on_console, "{destination}");
        assert!(rig.log_exists("p", 0, ""), "{destination}");
    }
}

#[test]
fn th_72_a_logger_of_its_own_ignores_the_flags() {
    let big = "head -c 3000000 /dev/zero";
    let rig = Rig::new(&[process_with("p", big, json!({"logger": {"mode": "standard"}}))])
        .argument("--process_logger_mode=rotate")
        .argument("--rotate_log_size_mb=1")
        .argument("--rotate_log_backups=1");
    rig.run().fine();
    assert!(!rig.log_exists("p", 0, "stdout.1"));
}

#[test]
fn th_73_logs_rotate_by_flag() {
    const STANDARD_BYTES: u64 = 200_000_000;
    let rig = Rig::new(&[process("p", &format!("head -c {STANDARD_BYTES} /dev/zero"))])
        .argument("--process_logger_mode=standard");
    rig.run().fine();
    let stdout = fs::metadata(rig.log_path("p", 0, "stdout")).unwrap();
    assert!(stdout.len() == STANDARD_BYTES && !rig.log_exists("p", 0, "stdout.1"));

    let rig = Rig::new(&[process("small", "printf x"), process("big", "head -c 2097152 /dev/zero")])
        .argument("--process_logger_mode=rotate")
        .argument("--rotate_log_size_mb=1")
        .argument("--rotate_log_backups=1");
    rig.run().fine();
    assert!(!rig.log_exists("small", 0, "stdout.1"));
    assert!(rig.log_exists("big", 0, "stdout.1") && !rig.log_exists("big", 0, "stdout.2"));
    assert_eq!(rig.log("big", 0, "stderr"), "");
    let sizes = ["stdout", "stdout.1"].map(|name| rig.log("big", 0, name).len());
    assert!(sizes.iter().all(|size| *size <= (1 << 20) + (64 << 10)) && sizes[1] >= 1 << 20, "{sizes:?}");
    assert_eq!(rig.log("small", 0, "stdout"), "x");
}

#[test]
fn th_74_a_rotation_that_makes_no_sense_fails_the_run() {
    let logger = json!({"logger": {"mode": "rotate", "rotate": {"log_size": 0}}});
    let rig = Rig::new(&[process_with("p", "true", logger)]);
    rig.run().fine();
    let reason = rig.state().last_run("p").unwrap().reason.clone();
    assert_eq!(reason.as_deref(), Some("Log size cannot be less than one byte."));
}

#[test]
fn th_75_each_run_has_its_own_folder() {
    let rig = Rig::new(&[process_with(
        "p",
        "echo x >> n; wc -l < n; test $(wc -l < n) -ge 2",
        json!({"max_failures": 2}),
    )]);
    rig.run().fine();
    assert_eq!((rig.log("p", 0, "stdout"), rig.log("p", 1, "stdout")), ("1\n".into(), "2\n".into()));
}

#[test]
fn the_umask_is_the_runners() {
    let rig = Rig::new(&[process("p", "touch file; umask")]);
    let runner = rig.command();
    let mut command = std::process::Command::new("/bin/bash");
    command.args(["-c", "umask 0027; exec \"$@\"", "bash"]).arg(runner.get_program()).args(runner.get_args());
    assert!(command.output().unwrap().status.success());
    assert_eq!(rig.log("p", 0, "stdout"), "0027\n");
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &fs::metadata(rig.sandbox().join("file")).unwrap().permissions(),
    );
    assert_eq!(mode & 0o777, 0o640);
}

#[test]
fn a_link_in_the_users_sandbox_is_not_used_with_the_runners_rights() {
    if !is_root() {
        return;
    }
    let rig = Rig::new(&[process("p", "true")]).argument("--setuid=nobody");
    let elsewhere = rig.folder.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, rig.sandbox().join(".logs")).unwrap();
    assert_eq!(rig.run().code(), Some(0));
    assert_eq!(rig.runs("p"), [Failed]);
    let reason = rig.state().last_run("p").unwrap().reason.clone().unwrap();
    assert!(reason.contains("cannot make the log folder"), "{reason}");
    assert_eq!(fs::read_dir(elsewhere).unwrap().count(), 0);
}
