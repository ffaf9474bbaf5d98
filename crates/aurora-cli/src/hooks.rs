//! Hooks that config files declare, called around calls of the scheduler's API (`spec/cli.md` §6.1).

use std::future::Future;
use std::path::Path;

use aurora_api::thrift::{Response, ResponseCode};
use aurora_client::ClientError;
use aurora_config::{HookCall, HookEvent, HookOutcome, JobSelector, LoadOptions, run_hooks};

use crate::arguments::{ClusterJobKey, ConfigOptions};
use crate::configuration::{invalid, load_options, report};
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::output;

/// The hooks of a config file for one call about one job.
pub struct Hooks<'a> {
    path: &'a Path,
    options: LoadOptions,
    selector: JobSelector,
    call: HookCall,
}

impl<'a> Hooks<'a> {
    /// The hooks of a file.
    #[must_use]
    pub fn of(path: &'a Path, options: &ConfigOptions, key: &ClusterJobKey, call: HookCall) -> Self {
        let ClusterJobKey { cluster, role, environment, name } = key;
        let selector = JobSelector::new(cluster, role, environment, name);
        Self { path, options: load_options(options), selector, call }
    }

    /// Makes a call unless a hook refuses it, and tells the hooks what came of it.
    ///
    /// # Errors
    /// A hook refused the call, the file is at fault, or the call got no answer.
    pub async fn around(
        &self,
        call: impl Future<Output = Result<Response, ClientError>>,
    ) -> Result<Response, Failure> {
        if self.run(&HookEvent::Before)?.is_stopped {
            let text = format!("Pre hooks stopped call to {}", self.call.name());
            return Err(Failure::new(ExitCode::CommandFailure, text));
        }
        let result = call.await;
        let event = match &result {
            Ok(response) if response.response_code == Some(ResponseCode::Ok) => {
                HookEvent::After(said(response))
            }
            Ok(response) => HookEvent::Failed(said(response)),
            Err(error) => HookEvent::Failed(error.to_string()),
        };
        self.run(&event)?;
        Ok(result?)
    }

    fn run(&self, event: &HookEvent) -> Result<HookOutcome, Failure> {
        let outcome = run_hooks(self.path, &self.options, &self.selector, &self.call, event)
            .map_err(|problems| invalid(report::problems(&problems)))?;
        if !outcome.printed.is_empty() {
            output::print_error(outcome.printed.trim_end());
        }
        if let Some(problems) = &outcome.problems {
            output::print_error(&format!("a hook failed: {}", report::problems(problems)));
        }
        Ok(outcome)
    }
}

fn said(response: &Response) -> String {
    let details = response.details.iter().flatten().filter_map(|detail| detail.message.clone());
    details.collect::<Vec<_>>().join("\n")
}
