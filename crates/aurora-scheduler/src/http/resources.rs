//! What tasks take and what roles may take (`spec/scheduler.md` §10.3).
//!
//! Upstream counts once an hour; here it is counted when somebody asks.

use std::collections::BTreeMap;

use scheduler_core::View;
use scheduler_core::quota::{Consumption, Plans, Quota};

/// The gauges `resources_…` and `quota_per_role_…`, in whole cores and MB.
pub fn gauges(view: &View) -> BTreeMap<String, i64> {
    let mut gauges = BTreeMap::new();
    let mut totals = kinds(&Consumption::default());
    for role in view.roles() {
        let of_role = kinds(&view.consumption(role, &Plans::default()));
        for ((kind, amount), (_, total)) in of_role.into_iter().zip(&mut totals) {
            add(&mut gauges, &format!("resources_per_role_{kind}_{role}"), amount);
            *total = sum(*total, amount);
        }
    }
    for (kind, total) in totals {
        add(&mut gauges, &format!("resources_{kind}"), total);
    }
    let mut allocated = Quota::default();
    for (role, quota) in view.quotas() {
        add(&mut gauges, &format!("quota_per_role_{role}"), quota);
        allocated = sum(allocated, quota);
    }
    add(&mut gauges, "resources_allocated_quota", allocated);
    gauges
}

/// What is told apart: everything, what is on dedicated hosts, what counts against the quota, and the rest.
fn kinds(consumption: &Consumption) -> [(&'static str, Quota); 4] {
    let Consumption { production_shared, production_dedicated, other_shared, other_dedicated } = *consumption;
    let dedicated = sum(production_dedicated, other_dedicated);
    [
        ("total_consumed", sum(sum(production_shared, other_shared), dedicated)),
        ("dedicated_consumed", dedicated),
        ("quota_consumed", production_shared),
        ("free_pool_consumed", other_shared),
    ]
}

fn sum(a: Quota, b: Quota) -> Quota {
    Quota { cpus: a.cpus + b.cpus, ram: a.ram + b.ram, disk: a.disk + b.disk }
}

fn add(gauges: &mut BTreeMap<String, i64>, name: &str, amount: Quota) {
    let Quota { cpus, ram, disk } = amount;
    for (unit, value) in [("cpu_cores", cpus.0 / 1000), ("ram_mb", ram.0), ("disk_mb", disk.0)] {
        gauges.insert(format!("{name}_{unit}").to_lowercase(), value);
    }
}
