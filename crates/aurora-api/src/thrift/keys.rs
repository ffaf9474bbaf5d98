//! Keys of jobs and instances, host attributes and constraints (`spec/api.md` §1.4).

use super::enums::MaintenanceMode;
use super::protocol::Set;
use crate::{thrift_struct, thrift_union};

thrift_struct! {
    /// The Unix user a job runs as, in the form of old clients (deprecated).
    #[derive(Eq, PartialOrd, Ord, Hash)]
    pub struct Identity {
        /// Name of the Unix user.
        2 "user" => user: String,
    }
}

thrift_struct! {
    /// One attribute of an agent.
    pub struct Attribute {
        /// Its name.
        1 "name" => name: String,
        /// Its values.
        2 "values" => values: Set<String>,
    }
}

thrift_struct! {
    /// What is stored about one agent host.
    pub struct HostAttributes {
        /// Host name.
        1 "host" => host: String,
        /// What the agent advertises.
        2 "attributes" => attributes: Set<Attribute>,
        /// Its maintenance mode.
        3 "mode" => mode: MaintenanceMode,
        /// Mesos id of the agent.
        4 "slaveId" => slave_id: String,
    }
}

thrift_struct! {
    /// Asks for, or forbids, hosts with certain attribute values.
    pub struct ValueConstraint {
        /// Whether the values are forbidden instead.
        1 "negated" => negated: bool,
        /// The values, of which one must match.
        2 "values" => values: Set<String>,
    }
}

thrift_struct! {
    /// Limits how many tasks of a job run on hosts that share an attribute value.
    pub struct LimitConstraint {
        /// Most active tasks per attribute value.
        1 "limit" => limit: i32,
    }
}

thrift_union! {
    /// Either kind of constraint.
    pub enum TaskConstraint {
        /// A rule on values.
        1 "value" => Value(ValueConstraint),
        /// A limit per value.
        2 "limit" => Limit(LimitConstraint),
    }
}

thrift_struct! {
    /// A rule on which hosts may run a task.
    pub struct Constraint {
        /// The attribute it is about: `host`, `rack`, `dedicated`, …
        1 "name" => name: String,
        /// The rule.
        2 "constraint" => constraint: TaskConstraint,
    }
}

thrift_struct! {
    /// A legacy type that nothing uses.
    pub struct Package {
        /// Role.
        1 "role" => role: String,
        /// Name.
        2 "name" => name: String,
        /// Version.
        3 "version" => version: i32,
    }
}

thrift_struct! {
    /// A free note on a task or an update.
    pub struct Metadata {
        /// Name of the note; may repeat.
        1 "key" => key: String,
        /// Its text.
        2 "value" => value: String,
    }
}

thrift_struct! {
    /// Names a job.
    #[derive(Eq, PartialOrd, Ord, Hash)]
    pub struct JobKey {
        /// Who runs it; like the others at most 255 word characters, dots and dashes.
        1 "role" => role: String,
        /// Which stage it belongs to.
        2 "environment" => environment: String,
        /// Its name within role and environment.
        3 "name" => name: String,
    }
}

thrift_union! {
    /// What a lock locks (deprecated, in no RPC).
    pub enum LockKey {
        /// A job.
        1 "job" => Job(JobKey),
    }
}

thrift_struct! {
    /// A lock on a job (deprecated, in no RPC).
    pub struct Lock {
        /// What is locked.
        1 "key" => key: LockKey,
        /// Proof of the lock.
        2 "token" => token: String,
        /// Who locked it.
        3 "user" => user: String,
        /// When, in epoch ms.
        4 "timestampMs" => timestamp_ms: i64,
        /// Why.
        5 "message" => message: String,
    }
}

thrift_struct! {
    /// Names one instance of a job.
    #[derive(Eq, PartialOrd, Ord, Hash)]
    pub struct InstanceKey {
        /// The job.
        1 "jobKey" => job_key: JobKey,
        /// The instance.
        2 "instanceId" => instance_id: i32,
    }
}
