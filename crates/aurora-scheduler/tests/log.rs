//! The program's log, when nobody reads it any more.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // It may have ended by itself; that is what the test looks for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn health(address: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(b"GET /health HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[test]
fn a_scheduler_outlives_the_reader_of_its_log() {
    let folder = tempfile::tempdir().unwrap();
    let mut scheduler = Command::new(env!("CARGO_BIN_EXE_aurora-scheduler"));
    // Nobody listens on port 1, so there is something to log all the time.
    scheduler
        .args(["-cluster_name=c", "-mesos_master_address=127.0.0.1:1", "-http_port=0"])
        .arg(format!("-native_log_file_path={}", folder.path().display()))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut scheduler = Killed(scheduler.spawn().unwrap());
    let mut log = BufReader::new(scheduler.0.stderr.take().unwrap());
    let mut out = BufReader::new(scheduler.0.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("listening on http://").unwrap().to_owned();
    log.read_line(&mut line).unwrap();
    drop((log, out));
    for _ in 0..20 {
        assert!(health(&address).unwrap().ends_with("OK\n"));
        assert!(scheduler.0.try_wait().unwrap().is_none(), "it ended with its reader");
        std::thread::sleep(Duration::from_millis(50));
    }
}
