//! Where the output of a process goes (`spec/thermos.md` §1.9).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::TaskError;
use super::field::Fields;

/// Size at which a log is rotated when nothing else is said: 100 MiB.
pub const DEFAULT_LOG_BYTES: i64 = 100 << 20;

/// Rotated files kept when nothing else is said.
pub const DEFAULT_BACKUPS: i64 = 5;

/// Which way output goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Destination {
    /// Into files.
    File,
    /// To the runner's own output.
    Console,
    /// Both.
    Both,
    /// Nowhere.
    None,
}

impl Destination {
    /// By its name in configurations and flags.
    ///
    /// # Errors
    /// [`LoggerError::Destination`].
    pub fn parse(text: &str) -> Result<Self, LoggerError> {
        match text {
            "file" => Ok(Self::File),
            "console" => Ok(Self::Console),
            "both" => Ok(Self::Both),
            "none" => Ok(Self::None),
            other => Err(LoggerError::Destination(other.to_owned())),
        }
    }
}

/// Whether files are rotated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogMode {
    /// One file that grows.
    Standard,
    /// Files of limited size.
    Rotate,
}

impl LogMode {
    /// By its name in configurations and flags.
    ///
    /// # Errors
    /// [`LoggerError::Mode`].
    pub fn parse(text: &str) -> Result<Self, LoggerError> {
        match text {
            "standard" => Ok(Self::Standard),
            "rotate" => Ok(Self::Rotate),
            other => Err(LoggerError::Mode(other.to_owned())),
        }
    }
}

/// Limits of rotated files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    /// Bytes at which a file is closed.
    pub log_bytes: i64,
    /// Closed files kept.
    pub backups: i64,
}

impl Default for Rotation {
    fn default() -> Self {
        Self { log_bytes: DEFAULT_LOG_BYTES, backups: DEFAULT_BACKUPS }
    }
}

/// Settings that make no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoggerError {
    /// Rotation at no size.
    #[error("Log size cannot be less than one byte.")]
    Size,
    /// Rotation into nothing.
    #[error("Log backups cannot be less than one.")]
    Backups,
    /// An unknown destination.
    #[error("Logger destination {0} is invalid.")]
    Destination(String),
    /// An unknown mode.
    #[error("Logger mode {0} is invalid.")]
    Mode(String),
}

impl From<LoggerError> for TaskError {
    fn from(error: LoggerError) -> Self {
        Self::Field { detail: error.to_string() }
    }
}

/// The output settings of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logger {
    /// Which way.
    pub destination: Destination,
    /// Rotated or not.
    pub mode: LogMode,
    /// Only used when rotated.
    pub rotation: Rotation,
}

impl Default for Logger {
    fn default() -> Self {
        Self { destination: Destination::File, mode: LogMode::Standard, rotation: Rotation::default() }
    }
}

impl Logger {
    /// Reads a process's `logger`.
    ///
    /// # Errors
    /// [`TaskError::Field`].
    pub fn from_json(value: &Value) -> Result<Self, TaskError> {
        let fields = Fields::of("Logger", value)?;
        let mut logger = Self::default();
        if let Some(destination) = fields.text("destination")? {
            logger.destination = Destination::parse(&destination)?;
        }
        if let Some(mode) = fields.text("mode")? {
            logger.mode = LogMode::parse(&mode)?;
        }
        if let Some(rotate) = value.get("rotate").filter(|rotate| !rotate.is_null()) {
            let rotate = Fields::of("RotatePolicy", rotate)?;
            logger.rotation.log_bytes = rotate.integer("log_size")?.unwrap_or(DEFAULT_LOG_BYTES);
            logger.rotation.backups = rotate.integer("backups")?.unwrap_or(DEFAULT_BACKUPS);
        }
        Ok(logger)
    }

    /// Checks the limits, which matter only when files are rotated.
    ///
    /// # Errors
    /// [`LoggerError::Size`], [`LoggerError::Backups`].
    pub fn check(&self) -> Result<(), LoggerError> {
        if self.mode == LogMode::Standard {
            return Ok(());
        }
        if self.rotation.log_bytes < 1 {
            return Err(LoggerError::Size);
        }
        if self.rotation.backups < 1 {
            return Err(LoggerError::Backups);
        }
        Ok(())
    }
}
