//! The grammars of arguments (`spec/cli.md` §3), as value parsers. Their errors are upstream's texts.

mod bindings;
mod instances;
mod keys;
mod numbers;
mod shared;

pub use instances::{InstanceSpec, instance_ranges, instance_spec};
pub use keys::{ClusterJobKey, ClusterRole, JobPattern, cluster_role, job_key, job_pattern};
pub use numbers::{cores, int, megabytes, port, time_span, time_span_text};
pub use shared::{ConfigOptions, HookConfig, Verbosity, WaitOptions, WaitUntil, wait_until};
