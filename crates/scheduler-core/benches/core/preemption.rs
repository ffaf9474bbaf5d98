//! `PreemptorSlotSearchBenchmark`: one run of the slot finder for tasks that no agent may take.

use aurora_api::amounts::Millis;
use aurora_api::task::TaskConfig;
use scheduler_core::effect::TimerKey;
use scheduler_core::input::Input;

use crate::cluster::{Cluster, production, value};
use crate::report::{Meter, Report};

/// 10,000 full hosts; 1 to 1,000 pending tasks.
pub fn slot_search(report: &mut Report) {
    for (pending, upstream) in [(1, 41.8), (10, 46.0), (100, 44.2), (1000, 38.7)] {
        let mut cluster = Cluster::filled(10_000, 1000, 9000);
        let config =
            TaskConfig { constraints: [value("host", "denied")].into(), ..production("jmh/dev/pending") };
        cluster.create(config, pending);
        let mut meter = Meter::default();
        while !meter.is_enough() {
            meter.time(10, || {
                for _ in 0..10 {
                    cluster.now = cluster.now + Millis(60_000);
                    cluster.input(Input::Timer(TimerKey::PreemptionSearch));
                    cluster.settle();
                }
            });
        }
        report.add(&format!("PreemptorSlotSearch ({pending} pending)"), &meter, 1, Some(upstream));
    }
}
