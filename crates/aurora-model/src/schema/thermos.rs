//! What one task is made of (`spec/config.md` §3.1).

use super::table::Constant::{Bool, EmptyList, Int, Text};
use super::table::TypeTable::{Boolean, Enum, Float, Integer, List, Map, String, Struct};
use super::table::{EnumTable, FieldTable, Layer, StructTable};

type F = FieldTable;

pub(super) static LOGGER_DESTINATION: EnumTable = EnumTable {
    name: "LoggerDestination",
    doc: "Where a process's output goes.",
    layer: Layer::Thermos,
    values: &["file", "console", "both", "none"],
};

pub(super) static LOGGER_MODE: EnumTable = EnumTable {
    name: "LoggerMode",
    doc: "Whether log files grow without end or rotate.",
    layer: Layer::Thermos,
    values: &["standard", "rotate"],
};

pub(super) static ROTATE_POLICY: StructTable = StructTable {
    name: "RotatePolicy",
    doc: "When a log file rotates and how many old ones are kept.",
    layer: Layer::Thermos,
    fields: &[
        F::default(
            "log_size",
            Integer,
            Int(100 << 20),
            "0.11",
            "Size at which a log file rotates, in bytes.",
        ),
        F::default("backups", Integer, Int(5), "0.11", "How many rotated files are kept."),
    ],
};

pub(super) static LOGGER: StructTable = StructTable {
    name: "Logger",
    doc: "How the output of a process is kept; overrides what the executor is configured to do.",
    layer: Layer::Thermos,
    fields: &[
        F::default("destination", Enum(&LOGGER_DESTINATION), Text("file"), "0.12", "Where the output goes."),
        F::default("mode", Enum(&LOGGER_MODE), Text("standard"), "0.11", "Whether log files rotate."),
        F::optional("rotate", Struct(&ROTATE_POLICY), "0.11", "How log files rotate, in mode `rotate`."),
    ],
};

pub(super) static RESOURCES: StructTable = StructTable {
    name: "Resources",
    doc: "What one instance of a task needs.",
    layer: Layer::Thermos,
    fields: &[
        F::required("cpu", Float, "0.7", "Processor cores; fractions are allowed."),
        F::required("ram", Integer, "0.7", "Memory in bytes: write `64*MB`."),
        F::required("disk", Integer, "0.7", "Disk space in bytes: write `1*GB`."),
        F::default("gpu", Integer, Int(0), "0.14", "Graphics processors."),
    ],
};

pub(super) static CONSTRAINT: StructTable = StructTable {
    name: "Constraint",
    doc: "An order between processes; `order(a, b)` makes one.",
    layer: Layer::Thermos,
    fields: &[F::optional(
        "order",
        List(&String),
        "0.7",
        "Names of processes, each started after the one before succeeded.",
    )],
};

pub(super) static PROCESS: StructTable = StructTable {
    name: "Process",
    doc: "One command of a task.",
    layer: Layer::Thermos,
    fields: &[
        F::required(
            "name",
            String,
            "0.7",
            "Name within the task; also a file name, so without `/` and not starting with `.`.",
        ),
        F::required("cmdline", String, "0.7", "What is run, by `/bin/bash -c`."),
        F::optional("resources", Struct(&RESOURCES), "0.7", "Reserved; has no effect."),
        F::default(
            "max_failures",
            Integer,
            Int(1),
            "0.7",
            "Failed runs after which the process is failed; 0 means never. A process runs at most 100 times.",
        ),
        F::default("daemon", Boolean, Bool(false), "0.7", "Run again after success too."),
        F::default(
            "ephemeral",
            Boolean,
            Bool(false),
            "0.7",
            "The task does not wait for it, and its failure is not the task's.",
        ),
        F::default(
            "min_duration",
            Integer,
            Int(5),
            "0.7",
            "Time between the starts of two runs, in seconds.",
        ),
        F::default("final", Boolean, Bool(false), "0.7", "Runs when the others are done, to clean up."),
        F::optional("logger", Struct(&LOGGER), "0.11", "How its output is kept."),
    ],
};

pub(super) static TASK: StructTable = StructTable {
    name: "Task",
    doc: "Processes that run together in one sandbox.",
    layer: Layer::Thermos,
    fields: &[
        F::default("name", String, Text("{{processes[0].name}}"), "0.7", "Name of the task."),
        F::optional(
            "processes",
            List(&Struct(&PROCESS)),
            "0.7",
            "The processes; at least one is needed to run.",
        ),
        F::default(
            "constraints",
            List(&Struct(&CONSTRAINT)),
            EmptyList,
            "0.7",
            "Orders between processes; without one, all start at once.",
        ),
        F::optional(
            "resources",
            Struct(&RESOURCES),
            "0.7",
            "What one instance needs; a job cannot do without it.",
        ),
        F::default(
            "max_failures",
            Integer,
            Int(1),
            "0.7",
            "Failed processes after which the task is failed; 0 means never.",
        ),
        F::default(
            "max_concurrency",
            Integer,
            Int(0),
            "0.7",
            "How many processes may run at a time; 0 means any number.",
        ),
        F::default(
            "finalization_wait",
            Integer,
            Int(30),
            "0.7",
            "Time for stopping and for final processes, in seconds.",
        ),
        F::optional("user", String, "0.7", "Has no effect: a job's tasks run as its role."),
    ],
};

pub(super) static THERMOS_CONTEXT: StructTable = StructTable {
    name: "ThermosContext",
    doc: "What the runner binds as `thermos`.",
    layer: Layer::Thermos,
    fields: &[
        F::optional(
            "ports",
            Map(&String, &Integer),
            "0.7",
            "Ports of this run by name: `{{thermos.ports[http]}}`.",
        ),
        F::optional("task_id", String, "0.7", "Id of this run."),
        F::optional("user", String, "0.7", "Account the processes run as."),
    ],
};
