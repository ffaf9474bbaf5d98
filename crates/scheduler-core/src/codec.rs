//! How operations and snapshots are written: Thrift binary records, so that fields can be added and old ones read.
//!
//! The journal stores what this module writes, and the simulator recovers from the very same bytes. Field ids are for
//! ever: add new ones, never give an old one another meaning.

mod records;

use std::sync::Arc;

use aurora_api::convert::ConvertError;
use aurora_api::ids::{FrameworkId, TaskId};
use aurora_api::task::{Task, TaskConfig};
use aurora_api::thrift::{DecodeError, decode_binary, encode_binary};

use crate::handle::Core;
use crate::operation::{ConfigId, Operation};
use crate::state::{Inconsistent, State};
use records::{Snapshot, StoredConfig, StoredHost, StoredOperation, StoredQuota, StoredTask};
pub(crate) use records::{StoredResources, read_capacity, read_mode, stored_capacity, stored_mode};

/// The layout of snapshots that this program writes, and the newest it reads.
const SNAPSHOT_VERSION: i32 = 1;

/// Why bytes are no operation or snapshot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// They are not even Thrift, or an operation of a newer version.
    #[error("the record cannot be read; if a newer version wrote it, start that one")]
    Malformed(#[source] DecodeError),
    /// A field that is always written is not there.
    #[error("the record lacks `{0}`")]
    Missing(&'static str),
    /// A number is outside what its field allows.
    #[error("`{field}` is {value}, which its field cannot hold")]
    OutOfRange {
        /// The field.
        field: &'static str,
        /// What it holds.
        value: i64,
    },
    /// An instance of a job is named in no way that this version knows.
    #[error("{0:?} is no instance of a job: expected role/environment/name/instance")]
    Instance(String),
    /// A task configuration cannot be read.
    #[error("the configuration {} cannot be read", id.0)]
    Config {
        /// Its id.
        id: ConfigId,
        /// Why.
        #[source]
        source: ConvertError,
    },
    /// An event of a task cannot be read.
    #[error("an event of task {task} cannot be read")]
    Event {
        /// The task.
        task: TaskId,
        /// Why.
        #[source]
        source: ConvertError,
    },
    /// A newer version wrote the snapshot.
    #[error(
        "the snapshot has layout {found}, and this version reads up to {SNAPSHOT_VERSION}: start the newer version"
    )]
    NewerVersion {
        /// Its layout.
        found: i32,
    },
    /// The record contradicts what came before it, in the same snapshot or journal.
    #[error("the record contradicts what came before it")]
    Contradiction(#[source] Inconsistent),
}

/// An operation as the journal stores it.
pub fn encode_operation(operation: &Operation) -> Vec<u8> {
    encode_binary(&StoredOperation::from(operation))
}

/// Reads what [`encode_operation`] wrote. `state` knows the configurations that earlier operations saved.
pub(crate) fn decode_operation(bytes: &[u8], state: &State) -> Result<Operation, CodecError> {
    let stored: StoredOperation = decode_binary(bytes).map_err(CodecError::Malformed)?;
    stored.read(|id| state.configs().get(id).cloned())
}

/// The durable state at one moment, to be encoded elsewhere. It shares with the core what neither changes.
#[derive(Clone, Debug)]
pub struct Frozen(State);

impl Frozen {
    /// The whole state. [`Core::recover`] takes it, with the operations made since.
    pub fn encode(&self) -> Vec<u8> {
        encode_snapshot(&self.0)
    }
}

impl Core {
    /// The durable state as it is now, for a snapshot. Cheap: its cost is that of the configurations, not of the tasks.
    pub fn freeze(&self) -> Frozen {
        Frozen(self.state.clone())
    }

    /// The whole durable state, encoded. See [`Frozen::encode`].
    pub fn snapshot(&self) -> Vec<u8> {
        encode_snapshot(&self.state)
    }
}

pub(crate) fn encode_snapshot(state: &State) -> Vec<u8> {
    let tables = state.tables();
    encode_binary(&Snapshot {
        version: Some(SNAPSHOT_VERSION),
        framework: tables.framework().map(ToString::to_string),
        configs: Some(state.configs().iter().map(|(id, config)| StoredConfig::new(id, config)).collect()),
        tasks: Some(tables.tasks().map(|(task, config)| StoredTask::new(task, config)).collect()),
        hosts: Some(tables.hosts().map(|host| StoredHost::from(&**host)).collect()),
        quotas: Some(tables.quotas().map(|(role, quota)| StoredQuota::new(role, quota)).collect()),
    })
}

pub(crate) fn decode_snapshot(bytes: &[u8]) -> Result<State, CodecError> {
    let snapshot: Snapshot = decode_binary(bytes).map_err(CodecError::Malformed)?;
    let found = snapshot.version.ok_or(CodecError::Missing("version"))?;
    if found > SNAPSHOT_VERSION {
        return Err(CodecError::NewerVersion { found });
    }
    let mut state = State::default();
    let apply = |state: &mut State, operation| state.apply(&operation).map_err(CodecError::Contradiction);
    if let Some(framework) = snapshot.framework {
        apply(&mut state, Operation::SaveFramework(FrameworkId::new(framework)))?;
    }
    for config in snapshot.configs.into_iter().flatten() {
        let (id, config) = config.read()?;
        apply(&mut state, Operation::SaveConfig { id, config })?;
    }
    for host in snapshot.hosts.into_iter().flatten() {
        apply(&mut state, Operation::SaveHost(Arc::new(host.read()?)))?;
    }
    for quota in snapshot.quotas.into_iter().flatten() {
        apply(&mut state, quota.read()?)?;
    }
    for task in snapshot.tasks.into_iter().flatten() {
        let (task, config) = task.read(|id| state.configs().get(id).cloned())?;
        apply(&mut state, Operation::SaveTask { task: Arc::new(task), config })?;
    }
    Ok(state)
}

/// Gives the configuration of an id.
trait FindConfig: Fn(ConfigId) -> Option<Arc<TaskConfig>> {}

impl<F: Fn(ConfigId) -> Option<Arc<TaskConfig>>> FindConfig for F {}

/// A task and the id of its configuration.
type TaskRecord = (Task, ConfigId);

#[cfg(test)]
#[path = "codec_tests.rs"]
mod tests;
