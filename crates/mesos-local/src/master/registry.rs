//! What a master must remember over its own restart, in one file with a checksum.

use std::path::{Path, PathBuf};

use mesos_v1::messages as v1;
use prost::Message as _;

use crate::checkpoint::{self, CheckpointError, Durability};

/// The registry could not be read or written. The master ends: it must not go on with what it cannot keep.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The file could not be used.
    #[error("the master's registry cannot be used")]
    Checkpoint(#[source] CheckpointError),
    /// Its content is not a registry.
    #[error("the master's registry {} does not decode: remove it, and agents register again under their ids", path.display())]
    Decode {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: prost::DecodeError,
    },
}

/// The registry's content.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Registry {
    /// All agents that were admitted and not removed.
    #[prost(message, repeated, tag = "1")]
    pub agents: Vec<AgentRecord>,
    /// All frameworks that were subscribed and not removed.
    #[prost(message, repeated, tag = "2")]
    pub frameworks: Vec<v1::FrameworkInfo>,
    /// Frameworks that ended: their ids are refused.
    #[prost(message, repeated, tag = "3")]
    pub completed: Vec<v1::FrameworkInfo>,
    /// When which machines go down for maintenance.
    #[prost(message, optional, tag = "4")]
    pub schedule: Option<v1::maintenance::Schedule>,
    /// Machines that are down.
    #[prost(message, repeated, tag = "5")]
    pub down: Vec<v1::MachineId>,
}

/// One agent.
#[derive(Clone, PartialEq, prost::Message)]
pub struct AgentRecord {
    /// With its id.
    #[prost(message, required, tag = "1")]
    pub info: v1::AgentInfo,
    /// Since when it is unreachable, in nanoseconds since the epoch.
    #[prost(int64, optional, tag = "2")]
    pub unreachable_since_ns: Option<i64>,
}

fn path(work_dir: &Path) -> PathBuf {
    work_dir.join("registry")
}

/// Reads the registry; an empty one, if there is none yet.
pub fn load(work_dir: &Path) -> Result<Registry, RegistryError> {
    let path = path(work_dir);
    match checkpoint::read(&path).map_err(RegistryError::Checkpoint)? {
        None => Ok(Registry::default()),
        Some(bytes) => {
            Registry::decode(bytes.as_slice()).map_err(|source| RegistryError::Decode { path, source })
        }
    }
}

/// Replaces the registry.
pub fn save(work_dir: &Path, registry: &Registry) -> Result<(), RegistryError> {
    checkpoint::write(&path(work_dir), &registry.encode_to_vec(), Durability::Machine)
        .map_err(RegistryError::Checkpoint)
}
