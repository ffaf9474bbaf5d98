use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket};

use super::*;

fn config(question: Question, timeout: Duration) -> HealthConfig {
    HealthConfig {
        question: Some(question),
        interval: Duration::from_secs(1),
        timeout,
        forgiving_attempts: 0,
        max_consecutive_failures: 0,
        min_consecutive_successes: 1,
        warnings: Vec::new(),
    }
}

fn check(question: Question, timeout: Duration, sandbox: &std::path::Path) -> HealthCheck {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let context = HealthContext { sandbox: sandbox.to_owned(), shell_user: None };
    HealthCheck::new(&config(question, timeout), context).unwrap().unwrap()
}

fn http(port: u16) -> Question {
    Question::Http { port, endpoint: "/health".into(), expected_response: "ok".into(), expected_code: 0 }
}

fn shell(command: &str) -> Question {
    Question::Shell { configured: command.into(), command: command.into() }
}

/// A server that gives one answer, and its port.
async fn answering(answer: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.unwrap();
        let mut request = [0; 1024];
        let _ = connection.read(&mut request).await.unwrap();
        connection.write_all(answer.as_bytes()).await.unwrap();
    });
    port
}

/// More than any check here takes, however busy the machine is.
const LIMIT: Duration = Duration::from_secs(90);

#[tokio::test]
async fn th_125_http_answers() {
    let folder = tempfile::tempdir().unwrap();
    let limit = LIMIT;
    // Nobody listens there, and nobody else can.
    let bound = TcpSocket::new_v4().unwrap();
    bound.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let free = bound.local_addr().unwrap().port();
    let refused = check(http(free), limit, folder.path()).make().await.unwrap_err();
    assert!(refused.starts_with(&format!("Failed to signal http://localhost:{free}/health: ")), "{refused}");

    let broken = answering("HTTP/1.1 500 No\r\ncontent-length: 2\r\n\r\nok").await;
    let text = check(http(broken), limit, folder.path()).make().await.unwrap_err();
    assert_eq!(text, "Response differs from expected response (expected \"ok\", got \"\")");

    let fine = answering("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nOK\n").await;
    assert_eq!(check(http(fine), limit, folder.path()).make().await, Ok(Checked::Healthy));

    let other = answering("HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\nsomething el").await;
    let text = check(http(other), limit, folder.path()).make().await.unwrap_err();
    assert_eq!(text, "Response differs from expected response (expected \"ok\", got \"somethi...\")");
}

#[tokio::test]
async fn th_126_shell_answers() {
    let folder = tempfile::tempdir().unwrap();
    let failed = check(shell("echo why; exit 1"), LIMIT, folder.path()).make().await.unwrap_err();
    assert_eq!(failed, "Command 'echo why; exit 1' returned non-zero exit status 1 with output 'why\n'");

    let marker = folder.path().join("grandchild");
    let command = format!("bash -c 'echo $$ > {}; exec sleep 1000' & wait", marker.display());
    // On a busy machine the grandchild may not have begun by then. Then it gets more time.
    let mut limit = Duration::from_millis(500);
    let pid: i32 = loop {
        let slow = check(shell(&command), limit, folder.path());
        assert_eq!(slow.make().await, Err("Health check timed out.".to_owned()));
        match std::fs::read_to_string(&marker).ok().and_then(|text| text.trim().parse().ok()) {
            Some(pid) => break pid,
            None => assert!(limit < LIMIT, "the grandchild of the check never began"),
        }
        limit *= 2;
    };
    let is_gone = || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.is_empty() || stat.contains(") Z ")
    };
    let begin = std::time::Instant::now();
    while !is_gone() {
        assert!(begin.elapsed() < LIMIT, "a grandchild of the check lives on");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn th_123_a_snoozed_check_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(SNOOZE_FILE), "").unwrap();
    let made = folder.path().join("made");
    let command = format!("touch {}; exit 1", made.display());
    let check = check(shell(&command), LIMIT, folder.path());
    assert_eq!(check.make().await, Ok(Checked::Snoozed));
    assert!(!made.exists());
    // Only a file does that, and only as long as it is there.
    let snooze = folder.path().join(SNOOZE_FILE);
    std::fs::remove_file(&snooze).unwrap();
    std::fs::create_dir(&snooze).unwrap();
    assert!(check.make().await.is_err() && made.exists());
}
