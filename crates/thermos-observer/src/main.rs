//! `thermos_observer`: shows the tasks, processes, logs and sandboxes of one machine over HTTP (`spec/thermos.md` §4).
//!
//! `tasks.rs` keeps what is found on disk, `sampling.rs` what it uses, `routes.rs` answers. It reads what users of the machine may
//! have prepared for it: every file is opened below its folder (`thermos::os::beneath`), every text is escaped, and nothing is
//! ever written.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod access;
mod data;
mod disk;
mod files;
mod flags;
mod html;
mod pages;
mod reply;
mod routes;
mod sampling;
mod tasks;
mod vars;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use axum::middleware::from_fn_with_state;
use tracing::info;

use access::Credentials;
use flags::Flags;
use sampling::Samples;
use tasks::Tasks;

/// Everything that is answered from.
pub struct Observer {
    flags: Flags,
    tasks: Tasks,
    samples: Samples,
    vars: vars::Vars,
}

fn main() -> ExitCode {
    let flags = match Flags::try_read(std::env::args_os()) {
        Ok(flags) => flags,
        Err(error) => return thermos::command_line::answer(&error),
    };
    match observe(flags) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("thermos_observer: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn observe(flags: Flags) -> anyhow::Result<()> {
    thermos::daemon::prepare();
    let disk = disk::Source::new(&flags).context("cannot measure disks")?;
    let credentials = flags.credentials.as_deref().map(Credentials::read).transpose()?;
    let address = SocketAddr::new(flags.ip, flags.port);
    let observer = Arc::new(Observer {
        tasks: Tasks::new(flags.places()),
        samples: Samples::new(!flags.disable_task_resource_collection),
        vars: vars::Vars::new(),
        flags,
    });
    observer.tasks.refresh();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(routes::BLOCKING_MAX)
        .enable_all()
        .build()
        .context("cannot start")?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(address).await.with_context(|| {
            format!("cannot listen on {address}: another program may have the port; choose one with --port, an address with --ip")
        })?;
        info!(address = %listener.local_addr().unwrap_or(address), roots = ?observer.flags.places(), "observing");
        tokio::spawn(tasks::keep_fresh(Arc::clone(&observer)));
        tokio::spawn(sampling::keep_sampling(Arc::clone(&observer)));
        tokio::spawn(disk::keep_measuring(Arc::clone(&observer), disk));
        let mut router = routes::router(observer);
        if let Some(credentials) = credentials {
            router = router.layer(from_fn_with_state(Arc::new(credentials), access::guard));
        }
        axum::serve(listener, router).with_graceful_shutdown(ended()).await.context("cannot serve")
    })
}

/// Until somebody asks the program to end.
async fn ended() {
    let mut terminate = match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(terminate) => terminate,
        Err(_) => return std::future::pending().await,
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
