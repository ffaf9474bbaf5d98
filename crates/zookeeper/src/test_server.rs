//! Debian's ZooKeeper as a child of a test: one server with a port and a directory of its own.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Of the package `libzookeeper-java`; its manifest names the other archives.
const JAR: &str = "/usr/share/java/zookeeper.jar";

/// How long a Java machine may take to start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Ports below those that outgoing connections take, so that none of these is gone before the server has started, or
/// while it is away.
const PORTS: std::ops::Range<u16> = 13_000..17_000;

fn free_port() -> u16 {
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    let start = std::process::id().wrapping_mul(31).wrapping_add(TAKEN.fetch_add(1, Ordering::Relaxed));
    let count = u32::from(PORTS.end - PORTS.start);
    (0..count)
        .map(|attempt| PORTS.start + u16::try_from(start.wrapping_add(attempt) % count).unwrap())
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a free port")
}

/// A running server. Dropping it kills it.
#[derive(Debug)]
pub struct TestServer {
    directory: TempDir,
    port: u16,
    process: Option<Child>,
}

impl TestServer {
    /// Starts a server and waits until it takes connections.
    ///
    /// # Panics
    /// If there is no ZooKeeper here, or it does not start.
    pub fn start() -> TestServer {
        TestServer::start_with("")
    }

    /// The same, with lines of settings that go before ours.
    ///
    /// # Panics
    /// If there is no ZooKeeper here, or it does not start.
    pub fn start_with(settings: &str) -> TestServer {
        assert!(
            fs::exists(JAR).unwrap(),
            "there is no {JAR}: install libzookeeper-java and default-jre-headless (or run `cargo xtask setup`)"
        );
        let port = free_port();
        let directory = tempfile::Builder::new().prefix("zookeeper-").tempdir().unwrap();
        let data = directory.path().join("data");
        // A short tick, so that sessions may be short too.
        let settings = format!(
            "tickTime=100\nminSessionTimeout=200\nmaxSessionTimeout=60000\ndataDir={}\nclientPortAddress=127.0.0.1\n\
             clientPort={port}\nadmin.enableServer=false\n{settings}\n",
            data.display()
        );
        fs::write(directory.path().join("zoo.cfg"), settings).unwrap();
        let mut server = TestServer { directory, port, process: None };
        server.start_again();
        server
    }

    /// `host:port`
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Kills it. What was written is still there when it starts again.
    ///
    /// # Panics
    /// If it does not run.
    pub fn crash(&mut self) {
        let mut process = self.process.take().expect("the server does not run");
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// Loses all that was written, sessions too.
    ///
    /// # Panics
    /// If it runs, or the disk refuses.
    pub fn forget(&self) {
        assert!(self.process.is_none(), "the server runs");
        fs::remove_dir_all(self.directory.path().join("data")).unwrap();
    }

    /// Starts it again and waits until it takes connections.
    ///
    /// # Panics
    /// If it runs, or does not start.
    pub fn start_again(&mut self) {
        assert!(self.process.is_none(), "the server runs already");
        let start = Instant::now();
        self.process = Some(self.spawn());
        while !serves(self.port) {
            let ended = self.process.as_mut().unwrap().try_wait().unwrap();
            assert!(
                start.elapsed() < PATIENCE,
                "ZooKeeper does not start ({ended:?}): {}",
                fs::read_to_string(self.directory.path().join("server.log")).unwrap_or_default()
            );
            // A process that was just being started when this one held the port may hold it for a moment longer.
            if ended.is_some() {
                self.process = Some(self.spawn());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn spawn(&self) -> Child {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.directory.path().join("server.log"))
            .unwrap();
        Command::new("java")
            .args(["-Xmx64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", JAR])
            .arg("org.apache.zookeeper.server.ZooKeeperServerMain")
            .arg(self.directory.path().join("zoo.cfg"))
            .current_dir(self.directory.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("java starts: install default-jre-headless (or run `cargo xtask setup`)")
    }
}

/// Whether sessions can begin: a server listens a little before that.
fn serves(port: u16) -> bool {
    let mut answer = String::new();
    let asked = TcpStream::connect(("127.0.0.1", port)).and_then(|mut connection| {
        // One that came too early is never answered.
        connection.set_read_timeout(Some(Duration::from_millis(500)))?;
        connection.write_all(b"srvr")?;
        connection.read_to_string(&mut answer)
    });
    asked.is_ok() && answer.contains("Mode: standalone")
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // One that has ended by itself needs no killing.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
