//! The command line: all flags, each declared beside the code that reads it, flattened into one struct.
//!
//! Names and defaults are those of `spec/scheduler.md` §10.2. Below `main` nobody sees these structs: every part gets a
//! plain configuration.

pub mod amounts;
mod arguments;
mod core;
mod unused;

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches};

pub use self::core::CoreFlags;
use crate::api::ApiFlags;
use crate::backups::BackupFlags;
use crate::http::HttpFlags;
use crate::journal::JournalFlags;
use crate::mesos::{CollectorFlags, ExecutorFlags, MesosFlags};

/// Keeps services, cron jobs and one-off jobs running on a Mesos cluster.
#[derive(clap::Parser, Debug)]
#[command(name = "aurora-scheduler", version, max_term_width = 110)]
pub struct Flags {
    /// Who we are and who may ask.
    #[command(flatten)]
    pub api: ApiFlags,
    /// Where we listen.
    #[command(flatten)]
    pub http: HttpFlags,
    /// Where the state is kept.
    #[command(flatten)]
    pub journal: JournalFlags,
    /// When and where copies of it are made.
    #[command(flatten)]
    pub backups: BackupFlags,
    /// Which cluster we use, and as whom.
    #[command(flatten)]
    pub mesos: MesosFlags,
    /// What runs tasks on agents.
    #[command(flatten)]
    pub executor: ExecutorFlags,
    /// What collects old task state.
    #[command(flatten)]
    pub collector: CollectorFlags,
    /// How decisions are made.
    #[command(flatten)]
    pub core: CoreFlags,
}

/// Parsed flags, and what the log should say about some of them.
#[derive(Debug)]
pub struct Parsed {
    /// The flags.
    pub flags: Flags,
    /// One line for each flag without effect, or hardly with the one that was meant.
    pub warnings: Vec<String>,
}

/// Reads the command line, the program's name first.
///
/// # Errors
/// A flag is unknown, missing or malformed; or help was asked for, which clap treats alike.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Parsed, clap::Error> {
    let command = unused::accept(Flags::command()).args_override_self(true);
    let arguments = arguments::with_two_dashes(&command, arguments);
    let mut command = command;
    let matches = command.try_get_matches_from_mut(&arguments).map_err(|error| {
        let whole = arguments::with_two_dashes_all(&arguments);
        let of_whole = command.try_get_matches_from_mut(whole).err();
        of_whole.filter(|_| error.kind() == ErrorKind::UnknownArgument).unwrap_or(error)
    })?;
    let flags = Flags::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
    let warnings = unused::warnings(&matches).into_iter().chain(flags.core.warnings()).collect();
    Ok(Parsed { flags, warnings })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_texts(texts: &[&str]) -> Result<Parsed, clap::Error> {
        parse(std::iter::once("aurora-scheduler").chain(texts.iter().copied()).map(OsString::from))
    }

    const REQUIRED: [&str; 2] = ["-cluster_name=c", "-mesos_master_address=m:5050"];

    fn with_required(texts: &[&str]) -> Result<Parsed, clap::Error> {
        parse_texts(&[&REQUIRED, texts].concat())
    }

    #[test]
    fn the_command_line_is_well_formed() {
        unused::accept(Flags::command()).debug_assert();
    }

    #[test]
    fn missing_flags_are_named() {
        let error = parse_texts(&[]).unwrap_err().to_string();
        assert!(error.contains("--cluster_name") && error.contains("--mesos_master_address"), "{error}");
    }

    #[test]
    fn a_bad_address_of_masters_is_explained_without_its_secret() {
        let address = "-mesos_master_address=zk://aurora:hidden@z1:2181";
        let error = parse_texts(&["-cluster_name=c", address]).unwrap_err().to_string();
        assert!(error.contains("-mesos_master_address") && error.contains("names no path"), "{error}");
        assert!(!error.contains("hidden"), "{error}");
    }

    #[test]
    fn one_dash_two_dashes_and_a_separate_value_all_work() {
        let flags = parse_texts(&[
            "-cluster_name",
            "c",
            "--mesos_master_address=m:1",
            "-http_port=0",
            "-partition_aware",
            "-hold_offers_forever=true",
            "-enable_revocable_cpus",
            "false",
        ])
        .unwrap()
        .flags;
        assert_eq!(flags.api.cluster_name, "c");
        assert_eq!(flags.http.http_port, 0);
        assert!(flags.mesos.partition_aware && flags.core.hold_offers_forever);
        assert!(!flags.core.enable_revocable_cpus);
    }

    #[test]
    fn flags_without_effect_are_accepted_and_named() {
        let parsed = with_required(&[
            "-zk_endpoints=localhost:2181",
            "-serverset_path",
            "/aurora",
            "-native_log_quorum_size=1",
            "-cron_timezone=GMT",
        ])
        .unwrap();
        assert_eq!(parsed.warnings.len(), 4);
        assert!(parsed.warnings.iter().any(|line| line.starts_with("-zk_endpoints has no effect")));
        assert!(with_required(&[]).unwrap().warnings.is_empty());
    }

    #[test]
    fn values_that_hardly_work_as_meant_are_told() {
        let warnings = |texts: &[&str]| with_required(texts).unwrap().warnings;
        assert!(warnings(&["-unavailability_threshold=6mins"]).is_empty());
        let told = warnings(&["-unavailability_threshold=359secs", "-enable_update_affinity"]);
        assert!(told[0].starts_with("-unavailability_threshold is less than"), "{told:?}");
        assert!(told[1].starts_with("-enable_update_affinity has no effect yet"), "{told:?}");
    }

    #[test]
    fn unknown_flags_and_bad_values_are_refused() {
        let error = with_required(&["-no_such_flag=1"]).unwrap_err().to_string();
        assert!(error.contains("unexpected argument '--no_such_flag'"), "{error}");
        let error = with_required(&["-preemption_dely=5mins"]).unwrap_err().to_string();
        assert!(error.contains("'--preemption_delay'"), "it names the flag that was meant: {error}");
        let error = with_required(&["-min_offer_hold_time=5"]).unwrap_err().to_string();
        assert!(error.contains("5mins"), "{error}");
    }

    #[test]
    fn the_last_of_a_repeated_flag_counts() {
        assert_eq!(with_required(&["-cluster_name=d"]).unwrap().flags.api.cluster_name, "d");
    }

    /// Names and defaults of `spec/scheduler.md` §10.2 that this version heeds; where there is none, none is named here.
    const HEEDED: &[(&str, &str)] = &[
        ("serverset_endpoint_name", "http"),
        ("framework_name", "Aurora"),
        ("framework_announce_principal", "false"),
        ("framework_failover_timeout", "21days"),
        ("executor_user", "root"),
        ("receive_revocable_resources", "false"),
        ("partition_aware", "false"),
        ("allow_gpu_resource", "false"),
        ("max_schedule_attempts_per_sec", "40"),
        ("max_tasks_per_schedule_attempt", "5"),
        ("first_schedule_delay", "1ms"),
        ("initial_schedule_penalty", "1secs"),
        ("max_schedule_penalty", "1mins"),
        ("offer_reservation_duration", "3mins"),
        ("flapping_task_threshold", "5mins"),
        ("initial_flapping_task_delay", "30secs"),
        ("max_flapping_task_delay", "5mins"),
        ("max_reschedule_task_delay_on_startup", "30secs"),
        ("hold_offers_forever", "false"),
        ("min_offer_hold_time", "5mins"),
        ("offer_hold_jitter_window", "1mins"),
        ("offer_filter_duration", "5secs"),
        ("offer_order", "RANDOM"),
        ("offer_static_ban_cache_max_size", "9223372036854775807"),
        ("unavailability_threshold", "6mins"),
        ("enable_revocable_cpus", "true"),
        ("enable_revocable_ram", "false"),
        ("enable_preemptor", "true"),
        ("preemption_delay", "3mins"),
        ("preemption_slot_hold_time", "5mins"),
        ("preemption_slot_search_initial_delay", "3mins"),
        ("preemption_slot_search_interval", "1mins"),
        ("preemption_reservation_max_batch_size", "5"),
        ("max_tasks_per_job", "4000"),
        ("allowed_container_types", "MESOS"),
        ("allow_docker_parameters", "false"),
        ("require_docker_use_executor", "true"),
        ("allow_container_volumes", "false"),
        ("enable_mesos_fetcher", "false"),
        ("thermos_home_in_sandbox", "false"),
        ("populate_discovery_info", "false"),
        ("enable_update_affinity", "false"),
        ("update_affinity_reservation_hold_time", "3mins"),
        ("min_required_instances_for_sla_check", "20"),
        ("max_sla_duration_secs", "2hrs"),
        ("sla_aware_kill_non_prod", "false"),
        ("transient_task_state_timeout", "5mins"),
        ("initial_task_kill_retry_interval", "15secs"),
        ("reconciliation_initial_delay", "1mins"),
        ("reconciliation_explicit_interval", "60mins"),
        ("reconciliation_implicit_interval", "60mins"),
        ("reconciliation_schedule_spread", "30mins"),
        ("reconciliation_explicit_batch_size", "1000"),
        ("reconciliation_explicit_batch_interval", "5secs"),
        ("history_prune_threshold", "2days"),
        ("history_max_per_job_threshold", "100"),
        ("history_min_retention_threshold", "1hrs"),
        ("backup_interval", "1hrs"),
        ("max_saved_backups", "48"),
        ("dlog_snapshot_interval", "1hrs"),
        ("enable_legacy_constraints", "true"),
        // Ours: the port that upstream's guides give, and what this executor needs.
        ("http_port", "8081"),
        ("thermos_executor_cpu", "0.01"),
        ("thermos_executor_ram", "16MB"),
    ];

    #[test]
    fn flags_have_upstreams_names_and_defaults_and_say_what_they_do() {
        let command = Flags::command();
        let has = |name: &str, default: &str| {
            let flag = command.get_arguments().find(|flag| flag.get_long() == Some(name));
            flag.is_some_and(|flag| *flag.get_default_values() == [default])
        };
        let others: Vec<_> = HEEDED.iter().filter(|(name, default)| !has(name, default)).collect();
        assert!(others.is_empty(), "{others:?}");
        for flag in command.get_arguments() {
            assert!(flag.get_help().is_some(), "{:?} does not say what it does", flag.get_long());
        }
    }

    #[test]
    fn values_out_of_range_are_refused_with_the_flag_that_has_them() {
        let refusal = |texts: &[&str]| {
            let flags = with_required(texts).unwrap().flags;
            flags.core.config(&flags.executor, &flags.collector).unwrap_err().to_string()
        };
        // P of the table: nothing but more than 0.
        for name in [
            "max_tasks_per_schedule_attempt",
            "preemption_reservation_max_batch_size",
            "max_tasks_per_job",
            "reconciliation_explicit_batch_size",
            "max_schedule_attempts_per_sec",
        ] {
            let told = refusal(&[&format!("-{name}=0")]);
            assert!(told.contains(&format!("-{name}")), "{told}");
        }
        for name in [
            "first_schedule_delay",
            "initial_schedule_penalty",
            "preemption_delay",
            "preemption_slot_hold_time",
            "preemption_slot_search_initial_delay",
            "preemption_slot_search_interval",
            "max_sla_duration_secs",
            "reconciliation_explicit_interval",
            "reconciliation_implicit_interval",
            "reconciliation_explicit_batch_interval",
        ] {
            let told = refusal(&[&format!("-{name}=0secs")]);
            assert!(told.contains(&format!("-{name}")), "{told}");
        }
        for (texts, name) in [
            (&["-max_schedule_penalty=999ms"][..], "max_schedule_penalty"),
            (&["-max_flapping_task_delay=29secs"], "max_flapping_task_delay"),
            (&["-transient_task_state_timeout=14secs"], "transient_task_state_timeout"),
            (&["-allowed_job_environments=("], "allowed_job_environments"),
            (&["-tier_config=/nonexistent"], "tier_config"),
        ] {
            let told = refusal(texts);
            assert!(told.contains(&format!("-{name}")), "{told}");
        }
        for text in
            ["-min_offer_hold_time=-1secs", "-offer_order=CPU,SIZE", "-history_max_per_job_threshold=-1"]
        {
            let told = with_required(&[text]).unwrap_err().to_string();
            let name = text.split(['-', '=']).nth(1).unwrap();
            assert!(told.contains(name), "{told}");
        }
    }

    #[test]
    fn defaults_of_the_core_are_the_cores_own() {
        let flags = with_required(&[]).unwrap().flags;
        let config = flags.core.config(&flags.executor, &flags.collector).unwrap();
        let default = scheduler_core::config::CoreConfig {
            executor_overhead: config.executor_overhead.clone(),
            ..scheduler_core::config::CoreConfig::default()
        };
        assert_eq!(format!("{config:?}"), format!("{default:?}"));
    }
}
