//! How a job is updated and what it is promised (`spec/config.md` §3.3 and §3.5).

use super::table::Constant::{Bool, Int, Text};
use super::table::TypeTable::{Boolean, Choice, Float, Integer, List, String, Struct};
use super::table::{FieldTable, Layer, StructTable};

type F = FieldTable;

pub(super) static QUEUE_UPDATE_STRATEGY: StructTable = StructTable {
    name: "QueueUpdateStrategy",
    doc: "Updates a fixed number of instances at a time, starting the next as soon as one is done.",
    layer: Layer::Aurora,
    fields: &[F::default("batch_size", Integer, Int(1), "0.22", "How many instances are updated at a time.")],
};

pub(super) static BATCH_UPDATE_STRATEGY: StructTable = StructTable {
    name: "BatchUpdateStrategy",
    doc: "Updates instances in batches of one size, waiting for each batch to be done.",
    layer: Layer::Aurora,
    fields: &[
        F::default("batch_size", Integer, Int(1), "0.22", "How many instances make a batch."),
        F::default(
            "autopause_after_batch",
            Boolean,
            Bool(false),
            "0.22",
            "Pause after every batch until resumed.",
        ),
    ],
};

pub(super) static VARIABLE_BATCH_UPDATE_STRATEGY: StructTable = StructTable {
    name: "VariableBatchUpdateStrategy",
    doc: "Updates instances in batches of given sizes.",
    layer: Layer::Aurora,
    fields: &[
        F::required(
            "batch_sizes",
            List(&Integer),
            "0.22",
            "Size of each batch; the last repeats until all are done.",
        ),
        F::default(
            "autopause_after_batch",
            Boolean,
            Bool(false),
            "0.22",
            "Pause after every batch until resumed.",
        ),
    ],
};

pub(super) static UPDATE_CONFIG: StructTable = StructTable {
    name: "UpdateConfig",
    doc: "How a job's instances are replaced by an update.",
    layer: Layer::Aurora,
    fields: &[
        F::default(
            "batch_size",
            Integer,
            Int(1),
            "0.7",
            "How many instances are updated at a time; above 0.",
        ),
        F::default(
            "watch_secs",
            Integer,
            Int(45),
            "0.7",
            "How long a new instance must stay running, in seconds; 0 relies on health checks.",
        ),
        F::default(
            "max_per_shard_failures",
            Integer,
            Int(0),
            "0.7",
            "How often one instance may fail and be tried again.",
        ),
        F::default(
            "max_total_failures",
            Integer,
            Int(0),
            "0.7",
            "How many instances may fail; less than the number of instances.",
        ),
        F::default(
            "rollback_on_failure",
            Boolean,
            Bool(true),
            "0.7",
            "Whether a failed update is rolled back.",
        ),
        F::default(
            "wait_for_batch_completion",
            Boolean,
            Bool(false),
            "0.7",
            "Wait for a whole batch before the next one starts.",
        ),
        F::optional(
            "pulse_interval_secs",
            Integer,
            "0.8",
            "Stop the update unless a pulse arrives this often, in seconds; at least 60.",
        ),
        F::default(
            "sla_aware",
            Boolean,
            Bool(false),
            "0.21",
            "Keep the job's `sla_policy` during the update.",
        ),
        F::optional(
            "update_strategy",
            Choice(&[
                Struct(&QUEUE_UPDATE_STRATEGY),
                Struct(&BATCH_UPDATE_STRATEGY),
                Struct(&VARIABLE_BATCH_UPDATE_STRATEGY),
            ]),
            "0.22",
            "In which portions instances are updated; instead of `batch_size` and `wait_for_batch_completion`.",
        ),
    ],
};

pub(super) static METADATA: StructTable = StructTable {
    name: "Metadata",
    doc: "A label of a job, for people and other programs.",
    layer: Layer::Aurora,
    fields: &[
        F::required("key", String, "0.19", "Key; several labels may have the same."),
        F::required("value", String, "0.19", "Value."),
    ],
};

pub(super) static PARTITION_POLICY: StructTable = StructTable {
    name: "PartitionPolicy",
    doc: "What happens to an instance whose agent is unreachable.",
    layer: Layer::Aurora,
    fields: &[
        F::default("reschedule", Boolean, Bool(true), "0.20", "Whether it is started elsewhere."),
        F::default("delay_secs", Integer, Int(0), "0.20", "How long to wait before that, in seconds."),
    ],
};

pub(super) static COUNT_SLA_POLICY: StructTable = StructTable {
    name: "CountSlaPolicy",
    doc: "A number of instances that must stay up during maintenance.",
    layer: Layer::Aurora,
    fields: &[
        F::required("count", Integer, "0.21", "How many instances."),
        F::required(
            "duration_secs",
            Integer,
            "0.21",
            "How long an instance must have run to count, in seconds.",
        ),
    ],
};

pub(super) static PERCENTAGE_SLA_POLICY: StructTable = StructTable {
    name: "PercentageSlaPolicy",
    doc: "A share of the instances that must stay up during maintenance.",
    layer: Layer::Aurora,
    fields: &[
        F::required("percentage", Float, "0.21", "Share of the instances, in percent."),
        F::required(
            "duration_secs",
            Integer,
            "0.21",
            "How long an instance must have run to count, in seconds.",
        ),
    ],
};

pub(super) static COORDINATOR_SLA_POLICY: StructTable = StructTable {
    name: "CoordinatorSlaPolicy",
    doc: "A service that is asked before an instance is taken down for maintenance.",
    layer: Layer::Aurora,
    fields: &[
        F::required("coordinator_url", String, "0.21", "URL the question is posted to."),
        F::default("status_key", String, Text("drain"), "0.21", "Key of the answer that says yes."),
    ],
};
