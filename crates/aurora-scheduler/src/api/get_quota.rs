//! `getQuota`: a role's quota and what its tasks take (`spec/scheduler.md` §4.2).

use aurora_api::thrift::rpc::GetQuota;
use aurora_api::thrift::{self, GetQuotaResult, Resource, ResourceAggregate, Response};
use scheduler_core::quota::{Consumption, Plans, Quota};

use super::envelope;
use crate::app::App;

pub fn answer(app: &App, call: &GetQuota) -> Response {
    let Some(role) = call.owner_role.as_deref().filter(|role| !role.trim().is_empty()) else {
        return envelope::error("Argument cannot be blank");
    };
    let view = app.view();
    let Consumption { production_shared, production_dedicated, other_shared, other_dedicated } =
        view.consumption(role, &Plans::default());
    envelope::ok(thrift::Result::GetQuotaResult(GetQuotaResult {
        quota: Some(aggregate(view.quota(role))),
        prod_shared_consumption: Some(aggregate(production_shared)),
        non_prod_shared_consumption: Some(aggregate(other_shared)),
        prod_dedicated_consumption: Some(aggregate(production_dedicated)),
        non_prod_dedicated_consumption: Some(aggregate(other_dedicated)),
    }))
}

fn aggregate(quota: Quota) -> ResourceAggregate {
    let resources = vec![
        Resource::NumCpus(quota.cpus.cores()),
        Resource::RamMb(quota.ram.0),
        Resource::DiskMb(quota.disk.0),
    ];
    ResourceAggregate { resources: Some(resources) }
}
