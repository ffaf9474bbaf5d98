//! Brings the files an executor names into its sandbox before it starts (`spec/mesos.md` §3.3, Fetcher).

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use futures_util::StreamExt as _;
use mesos_v1::messages as v1;

/// How long a download may stay without a byte. Owner: this module.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// A file could not be brought into the sandbox.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The sandbox or a local source could not be used.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The server could not be asked, or broke off.
    #[error("cannot download {url}")]
    Download {
        /// The URI.
        url: String,
        /// Why not.
        #[source]
        source: reqwest::Error,
    },
    /// No connection could even be tried: without the system's certificates no `https:` server can be trusted.
    #[error(
        "cannot prepare to download {url}; for https: this machine needs CA certificates (the package ca-certificates)"
    )]
    Client {
        /// The URI.
        url: String,
        /// Why not.
        #[source]
        source: reqwest::Error,
    },
    /// The server sent nothing for too long.
    #[error("cannot download {url}: no byte for {} s", IDLE_TIMEOUT.as_secs())]
    Stalled {
        /// The URI.
        url: String,
    },
    /// The server answered with an error.
    #[error("cannot download {url}: the server answered {status}")]
    Refused {
        /// The URI.
        url: String,
        /// Its answer.
        status: reqwest::StatusCode,
    },
    /// The URI cannot be fetched here.
    #[error("cannot fetch {uri:?}: {problem}; use a path, file:, http: or https:")]
    Unsupported {
        /// The URI.
        uri: String,
        /// Why not.
        problem: &'static str,
    },
    /// The name of the file would leave the sandbox.
    #[error("cannot fetch {uri:?} as {name:?}: the name must be relative and stay in the sandbox")]
    Outside {
        /// The URI.
        uri: String,
        /// The name in the sandbox.
        name: String,
    },
    /// An archive could not be unpacked.
    #[error("cannot unpack {}: {problem}", path.display())]
    Unpack {
        /// The archive.
        path: PathBuf,
        /// What the unpacking program said.
        problem: String,
    },
}

fn file_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FetchError {
    let path = path.to_owned();
    move |source| FetchError::File { action, path, source }
}

/// Fetches the URIs in order.
///
/// # Errors
/// The first that fails.
pub async fn fetch(uris: &[v1::command_info::Uri], sandbox: &Path) -> Result<(), FetchError> {
    for uri in uris {
        fetch_one(uri, sandbox).await?;
    }
    Ok(())
}

/// A client for this URL. Only `https:` needs the system's certificates, which a container image or a fresh machine
/// may not have.
fn client_for(url: &str) -> Result<reqwest::Client, FetchError> {
    let builder = if url.starts_with("https://") {
        reqwest::Client::builder().no_proxy()
    } else {
        mesos_v1::plain_http()
    };
    builder
        .connect_timeout(IDLE_TIMEOUT)
        .build()
        .map_err(|source| FetchError::Client { url: url.to_owned(), source })
}

async fn fetch_one(uri: &v1::command_info::Uri, sandbox: &Path) -> Result<(), FetchError> {
    let target = target_of(uri, sandbox)?;
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent).map_err(file_error("create the folder", parent))?;
    }
    let value = uri.value.trim();
    if value.starts_with("http://") || value.starts_with("https://") {
        download(value, &target).await?;
    } else {
        let source = local_path(value)?;
        let to = target.clone();
        tokio::task::spawn_blocking(move || fs::copy(&source, &to).map_err(file_error("copy", &source)))
            .await
            .map_err(|error| file_error("copy to", &target)(io::Error::other(error)))??;
    }
    if uri.executable() {
        let mut permissions = fs::metadata(&target).map_err(file_error("inspect", &target))?.permissions();
        permissions.set_mode(permissions.mode() | 0o111);
        return fs::set_permissions(&target, permissions).map_err(file_error("make executable", &target));
    }
    if uri.extract() { unpack(&target, sandbox).await } else { Ok(()) }
}

/// Where the file goes: `output_file`, else the last part of the URI.
fn target_of(uri: &v1::command_info::Uri, sandbox: &Path) -> Result<PathBuf, FetchError> {
    let path = uri.value.split(['?', '#']).next().unwrap_or_default();
    let name = match &uri.output_file {
        Some(name) => name.as_str(),
        None => path.trim().rsplit('/').next().unwrap_or_default(),
    };
    let is_inside =
        Path::new(name).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if name.is_empty() || !is_inside {
        return Err(FetchError::Outside { uri: uri.value.clone(), name: name.to_owned() });
    }
    Ok(sandbox.join(name))
}

fn local_path(value: &str) -> Result<PathBuf, FetchError> {
    let unsupported = |problem| FetchError::Unsupported { uri: value.to_owned(), problem };
    let path = if let Some(rest) = value.strip_prefix("file://") {
        rest.strip_prefix("localhost").unwrap_or(rest)
    } else if let Some(rest) = value.strip_prefix("file:") {
        rest
    } else if value.contains("://") {
        return Err(unsupported("its scheme is not known to the embedded cluster"));
    } else {
        value
    };
    if path.starts_with('/') { Ok(PathBuf::from(path)) } else { Err(unsupported("a path must be absolute")) }
}

async fn download(url: &str, target: &Path) -> Result<(), FetchError> {
    let client = client_for(url)?;
    let failed = |source| FetchError::Download { url: url.to_owned(), source };
    let stalled = |_| FetchError::Stalled { url: url.to_owned() };
    let answer =
        tokio::time::timeout(IDLE_TIMEOUT, client.get(url).send()).await.map_err(stalled)?.map_err(failed)?;
    if !answer.status().is_success() {
        return Err(FetchError::Refused { url: url.to_owned(), status: answer.status() });
    }
    let mut file = fs::File::create(target).map_err(file_error("create", target))?;
    let mut body = answer.bytes_stream();
    while let Some(chunk) = tokio::time::timeout(IDLE_TIMEOUT, body.next()).await.map_err(stalled)? {
        file.write_all(&chunk.map_err(failed)?).map_err(file_error("write", target))?;
    }
    Ok(())
}

/// Unpacks what the name says is an archive; leaves every other file alone.
async fn unpack(file: &Path, sandbox: &Path) -> Result<(), FetchError> {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let ends_with = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    if ends_with(&[".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz"]) {
        return run_program("tar", &["-C".as_ref(), sandbox.as_ref(), "-xf".as_ref(), file.as_ref()], file)
            .await;
    }
    if ends_with(&[".zip"]) {
        return run_program(
            "unzip",
            &["-o".as_ref(), "-q".as_ref(), "-d".as_ref(), sandbox.as_ref(), file.as_ref()],
            file,
        )
        .await;
    }
    if let Some(stem) = name.strip_suffix(".gz") {
        let (from, to) = (file.to_owned(), sandbox.join(stem));
        let at = file.to_owned();
        return tokio::task::spawn_blocking(move || {
            let packed = fs::File::open(&from).map_err(file_error("open", &from))?;
            let mut plain = fs::File::create(&to).map_err(file_error("create", &to))?;
            io::copy(&mut flate2::read::MultiGzDecoder::new(packed), &mut plain)
                .map_err(|error| FetchError::Unpack { path: from, problem: error.to_string() })?;
            Ok(())
        })
        .await
        .map_err(|error| file_error("unpack", &at)(io::Error::other(error)))?;
    }
    Ok(())
}

async fn run_program(program: &str, arguments: &[&std::ffi::OsStr], file: &Path) -> Result<(), FetchError> {
    let failed = |problem: String| FetchError::Unpack { path: file.to_owned(), problem };
    let output = tokio::process::Command::new(program)
        .args(arguments)
        .stdin(std::process::Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|error| failed(format!("the program {program} cannot be started: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(failed(format!("{program} ended with {}: {}", output.status, said.trim())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(value: &str) -> v1::command_info::Uri {
        v1::command_info::Uri { value: value.to_owned(), ..v1::command_info::Uri::default() }
    }

    #[tokio::test]
    async fn mesos_e11_local_files_are_copied_made_executable_or_unpacked() {
        let dir = tempfile::tempdir().unwrap();
        let sandbox = dir.path().join("sandbox");
        let source = dir.path().join("source");
        fs::create_dir_all(source.join("inner")).unwrap();
        fs::create_dir_all(&sandbox).unwrap();
        fs::write(source.join("inner/file.txt"), "hello").unwrap();
        fs::write(source.join("run.sh"), "#!/bin/sh\n").unwrap();
        let archive = source.join("pack.tar.gz");
        let status = std::process::Command::new("tar")
            .arg("-C")
            .arg(&source)
            .arg("-czf")
            .arg(&archive)
            .arg("inner")
            .status();
        assert!(status.unwrap().success());
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(b"plain").unwrap();
        fs::write(source.join("plain.txt.gz"), gzip.finish().unwrap()).unwrap();

        let uris = [
            v1::command_info::Uri {
                executable: Some(true),
                output_file: Some("bin/go".into()),
                ..uri(source.join("run.sh").to_str().unwrap())
            },
            uri(&format!("file://{}", archive.display())),
            uri(&format!("file://localhost{}", source.join("plain.txt.gz").display())),
            v1::command_info::Uri {
                extract: Some(false),
                output_file: Some("kept.tar.gz".into()),
                ..uri(archive.to_str().unwrap())
            },
        ];
        fetch(&uris, &sandbox).await.unwrap();
        assert_eq!(fs::metadata(sandbox.join("bin/go")).unwrap().permissions().mode() & 0o111, 0o111);
        assert_eq!(fs::read_to_string(sandbox.join("inner/file.txt")).unwrap(), "hello");
        assert_eq!(fs::read_to_string(sandbox.join("plain.txt")).unwrap(), "plain");
        assert!(sandbox.join("kept.tar.gz").exists());
    }

    #[tokio::test]
    async fn what_cannot_be_fetched_is_named() {
        let dir = tempfile::tempdir().unwrap();
        for (bad, text) in [
            (uri("/no/such/file"), "cannot copy /no/such/file"),
            (uri("hdfs://x/y"), "scheme"),
            (uri("relative/path"), "absolute"),
            (
                v1::command_info::Uri { output_file: Some("../x".into()), ..uri("/etc/hostname") },
                "stay in the sandbox",
            ),
            (uri("http://127.0.0.1:1/x"), "cannot download http://127.0.0.1:1/x"),
        ] {
            let error = fetch(std::slice::from_ref(&bad), dir.path()).await.unwrap_err();
            assert!(error.to_string().contains(text), "{error}");
        }
        fs::write(dir.path().join("bad.tar"), "no archive").unwrap();
        let error = fetch(&[uri(dir.path().join("bad.tar").to_str().unwrap())], &dir.path().join("s")).await;
        assert!(matches!(error, Err(FetchError::Unpack { .. })), "{error:?}");
    }
}
