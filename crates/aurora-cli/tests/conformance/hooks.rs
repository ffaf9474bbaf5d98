//! Hooks that config files declare (`spec/cli.md` §6.1) and images that registries name (§5.5).

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use crate::stub::{K, SERVICE, Stub};

const HOOKS: &str = "
class Watch(object):
  def pre_create_job(self, api, config):
    print('before %s' % config.job_key())
    return config.instances() < 5
  def post_create_job(self, api, result, config):
    print('after')
  def err_create_job(self, api, error, config):
    print('refused: %s' % error)
  def pre_kill_job(self, api, job_key, instances):
    print('killing %s of %s' % (instances, job_key))
    return True
hooks = [Watch()]
";

fn hooked(instances: usize) -> String {
    let job = SERVICE.replace("instances = 3", &format!("enable_hooks = True, instances = {instances}"));
    format!("{HOOKS}{job}")
}

#[test]
fn hooks_of_a_file_are_called_around_create_job() {
    let stub = Stub::start();
    stub.file("h.aurora", &hooked(3));
    let outcome = stub.aurora(&["job", "create", K, "h.aurora"]).exits(0).err_has("after");
    assert!(outcome.err.contains(&format!("before {K}")), "{outcome:?}");
    stub.world().answers.insert("createJob", (aurora_api::thrift::ResponseCode::InvalidRequest, "no quota"));
    stub.aurora(&["job", "create", K, "h.aurora"]).exits(4).err_has("refused: no quota");
}

#[test]
fn a_hook_refuses_a_call() {
    let stub = Stub::start();
    stub.file("h.aurora", &hooked(9));
    stub.aurora(&["job", "create", K, "h.aurora"]).exits(4).err_has("Pre hooks stopped call to create_job");
    assert!(!stub.methods().contains(&"createJob".to_owned()), "{:?}", stub.methods());
}

#[test]
fn a_kill_takes_hooks_from_the_file_it_is_given() {
    let stub = Stub::running(0..2);
    stub.file("h.aurora", &hooked(2));
    stub.aurora(&["job", "killall", "--no-batching", "--config", "h.aurora", K])
        .exits(0)
        .err_has(&format!("killing None of {K}"));
}

/// A registry that wants a token and has one image.
fn registry() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let own = address.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = Vec::new();
            let mut buffer = [0; 4096];
            while !request.windows(4).any(|window| window == b"\r\n\r\n") {
                match stream.read(&mut buffer) {
                    Ok(read) if read > 0 => request.extend_from_slice(&buffer[..read]),
                    _ => break,
                }
            }
            let request = String::from_utf8_lossy(&request).to_lowercase();
            let version = "Docker-Distribution-Api-Version: registry/2.0\r\n";
            let (status, headers, body) = if request.starts_with("get /token?") {
                ("200 OK", String::new(), r#"{"token": "t0"}"#)
            } else if request.starts_with("head /v2/ ") {
                ("200 OK", version.to_owned(), "")
            } else if !request.contains("authorization: bearer t0") {
                let challenge = format!("WWW-Authenticate: Bearer realm=\"{own}/token\",service=\"s\"\r\n");
                ("401 Unauthorized", format!("{version}{challenge}"), "")
            } else if request.starts_with("head /v2/library/debian/manifests/12 ") {
                ("200 OK", "Docker-Content-Digest: sha256:abc\r\n".to_owned(), "")
            } else {
                ("404 Not Found", version.to_owned(), "")
            };
            let head = format!(
                "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(head.as_bytes()).unwrap();
        }
    });
    address
}

#[test]
fn images_are_sent_by_the_digest_that_the_registry_names() {
    let stub = Stub::start();
    let registry = registry();
    let clusters = format!(
        r#"[{{"name": "west", "scheduler_uri": "{}", "docker_registry": "{registry}"}}]"#,
        stub.address
    );
    std::fs::write(stub.home.path().join(".aurora/clusters.json"), clusters).unwrap();
    let image = |tag: &str| {
        SERVICE.replace(
            "instances = 3",
            &format!(
                "instances = 3, container = Docker(image = '{{{{docker.image[library/debian][{tag}]}}}}')"
            ),
        )
    };
    stub.file("d.aurora", &image("12"));
    stub.aurora(&["job", "create", K, "d.aurora"]).exits(0);
    let host = registry.trim_start_matches("http://");
    let sent = format!("{:?}", stub.world().created[0]);
    assert!(sent.contains(&format!("{host}/library/debian@sha256:abc")), "{sent}");
    assert!(!sent.contains("docker.image"), "{sent}");
    stub.aurora(&["job", "inspect", "--local", K, "d.aurora"]).exits(0).err_has("looked up in the registry");
    stub.file("e.aurora", &image("13"));
    stub.aurora(&["job", "create", K, "e.aurora"])
        .exits(3)
        .err_has("has no library/debian:13 (404 Not Found); are name and tag right?");
}
