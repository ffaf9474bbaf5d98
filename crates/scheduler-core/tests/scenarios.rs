//! Scripts of commands against the pure core, with golden output: `tests/scenarios/*.txt`.

#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "bench/bench.rs"]
mod bench;
#[path = "bench/cluster.rs"]
mod cluster;
#[path = "scenarios/script.rs"]
mod script;

macro_rules! scenarios {
    ($($name:ident)*) => {$(
        #[test]
        fn $name() {
            let script = include_str!(concat!("scenarios/", stringify!($name), ".txt"));
            insta::assert_snapshot!(script::run(script));
        }
    )*};
}

scenarios! {
    a_limit_keeps_one_instance_pending
    a_service_comes_back_from_a_lost_agent
    a_flapping_service_is_throttled
    an_ad_hoc_job_ends
    a_restarted_scheduler_carries_on
    more_instances_than_fit
}
