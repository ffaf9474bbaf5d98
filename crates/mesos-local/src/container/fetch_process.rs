//! The fetch helper: this program started again as `__fetch URIS`, for the time that one executor's files take.
//!
//! The agent starts processes all the time, and a child holds its parent's open files until it executes its own program.
//! If the agent wrote a fetched program itself, some child would hold it open for writing now and then, just when the
//! executor is to execute it ("Text file busy"). So another process writes, which starts nothing but archive programs
//! that it waits for. It ends with the agent, whose end of its standard input then closes.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use mesos_v1::messages as v1;
use prost::Message as _;

use super::fetcher::{self, FetchError};
use crate::checkpoint::{self, CheckpointError, Durability};

/// The hidden sub-command. Its current folder is the sandbox.
pub const FETCH_COMMAND: &str = "__fetch";

/// The fetch helper could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum FetchHelperError {
    /// The list of URIs is missing or damaged.
    #[error("cannot use the list of URIs {}: {problem}", path.display())]
    List {
        /// Where it is.
        path: PathBuf,
        /// Why not.
        problem: String,
    },
    /// The list of URIs cannot be read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The current folder or the runtime cannot be had.
    #[error("cannot prepare to fetch")]
    Prepare(#[source] std::io::Error),
    /// One of the files.
    #[error(transparent)]
    Fetch(#[from] FetchError),
}

/// Fetches into the current folder what the list names.
///
/// # Errors
/// The first file that cannot be fetched.
pub fn run(list: &Path) -> Result<(), FetchHelperError> {
    let bytes = checkpoint::read(list)?.ok_or_else(|| FetchHelperError::List {
        path: list.to_owned(),
        problem: "it does not exist".to_owned(),
    })?;
    let command = v1::CommandInfo::decode(bytes.as_slice())
        .map_err(|error| FetchHelperError::List { path: list.to_owned(), problem: error.to_string() })?;
    let sandbox = std::env::current_dir().map_err(FetchHelperError::Prepare)?;
    std::thread::spawn(|| {
        // The agent writes nothing: this ends when the agent does, or wants no more.
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(1);
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(FetchHelperError::Prepare)?;
    Ok(runtime.block_on(fetcher::fetch(&command.uris, &sandbox))?)
}

/// Has a fetch helper bring the files into the sandbox. Dropping the future ends the helper.
///
/// # Errors
/// What the helper said, or why there is none.
pub async fn fetch_apart(
    program: &Path,
    uris: Vec<v1::command_info::Uri>,
    list: &Path,
    sandbox: &Path,
) -> Result<(), String> {
    if uris.is_empty() {
        return Ok(());
    }
    let command = v1::CommandInfo { uris, ..v1::CommandInfo::default() };
    checkpoint::write(list, &command.encode_to_vec(), Durability::Process)
        .map_err(|error| mesos_v1::chain(&error))?;
    let cannot =
        |error: std::io::Error| format!("cannot run the fetch helper {}: {error}", program.display());
    let mut child = tokio::process::Command::new(program)
        .arg(FETCH_COMMAND)
        .arg(list)
        .current_dir(sandbox)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(cannot)?;
    // As long as this end is open the helper goes on.
    let _lifeline = child.stdin.take();
    let output = child.wait_with_output().await.map_err(cannot)?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    match said.trim() {
        "" => Err(format!("the fetch helper ended with {}", output.status)),
        problem => Err(problem.to_owned()),
    }
}
