//! Upstream's flags that have no effect here. They are accepted, so that an old command line starts, and named in the
//! log, so that nobody counts on them.

use clap::{Arg, ArgAction, ArgMatches, Command};

/// Flags of the JVM, its plug-ins and libraries, ZooKeeper and the replicated log (`spec/scheduler.md` §10.2).
const NEVER: &[&str] = &[
    "async_task_stat_update_interval",
    "async_slot_stat_update_interval",
    "async_worker_threads",
    "cron_scheduler_num_threads",
    "dlog_max_entry_size",
    "kerberos_debug",
    "max_leading_duration",
    "max_registration_delay",
    "max_status_update_batch_size",
    "max_task_event_batch_size",
    "mesos_driver",
    "native_log_election_retries",
    "native_log_election_timeout",
    "native_log_quorum_size",
    "native_log_read_timeout",
    "native_log_write_timeout",
    "native_log_zk_group_path",
    "offer_set_module",
    "preemption_slot_finder_modules",
    "scheduling_max_batch_size",
    "serverset_path",
    "shiro_after_auth_filter",
    "shiro_credentials_matcher",
    "shiro_realm_modules",
    "stat_retention_period",
    "stat_sampling_interval",
    "task_assigner_modules",
    "thrift_method_interceptor_modules",
    "zk_chroot_path",
    "zk_connection_timeout",
    "zk_digest_credentials",
    "zk_endpoints",
    "zk_in_proc",
    "zk_session_timeout",
];

/// Flags of features that this version does not have yet.
const NOT_YET: &[&str] = &[
    "cron_scheduling_max_batch_size",
    "cron_start_initial_backoff",
    "cron_start_max_backoff",
    "cron_timezone",
    "enable_cors_for",
    "host_maintenance_polling_interval",
    "job_update_history_per_job_threshold",
    "job_update_history_pruning_interval",
    "job_update_history_pruning_threshold",
    "kerberos_server_keytab",
    "kerberos_server_principal",
    "max_parallel_coordinated_maintenance",
    "max_update_instance_failures",
    "shiro_ini_path",
    "sla_aware_action_max_batch_size",
    "sla_aware_kill_retry_max_delay",
    "sla_aware_kill_retry_min_delay",
    "sla_coordinator_timeout",
    "sla_non_prod_metrics",
    "sla_prod_metrics",
    "sla_stat_refresh_interval",
    "webhook_config",
];

/// Adds the flags to a command, hidden from its help.
pub fn accept(command: Command) -> Command {
    NEVER.iter().chain(NOT_YET).fold(command, |command, name| {
        command.arg(Arg::new(*name).long(*name).hide(true).num_args(0..=1).action(ArgAction::Append))
    })
}

/// What to tell about those that were given.
pub fn warnings(matches: &ArgMatches) -> Vec<String> {
    let given =
        |names: &'static [&'static str]| names.iter().filter(|name| matches.value_source(name).is_some());
    let never = given(NEVER)
        .map(|name| format!("-{name} has no effect: it steers a part that this scheduler does not have"));
    let not_yet = given(NOT_YET)
        .map(|name| format!("-{name} has no effect: this version does not have its feature yet"));
    never.chain(not_yet).collect()
}
