//! Ports to listen on.

use std::io;
use std::net::{Ipv4Addr, TcpListener};

use crate::exit_code::ExitCode;
use crate::failure::Failure;

/// The first of the ports tried for master and agents: far from those of a Mesos that may run here too.
const FIRST_MESOS_PORT: u16 = 15_050;
/// Where the observer listens on every agent.
const OBSERVER_PORT: u16 = 1338;
/// Between two tries.
const STEP: u16 = 50;

/// The scheduler's port: the one asked for, or any free one for 0.
///
/// # Errors
/// If the port is taken.
pub fn http_port(wanted: u16) -> Result<u16, Failure> {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, wanted)).and_then(|listener| listener.local_addr()) {
        Ok(address) => Ok(address.port()),
        Err(error) => Err(taken(wanted, "the scheduler's page and API", "--http-port", &error)),
    }
}

/// The observer's port: the one asked for, or any free one for 0; by default the usual one, if it is free.
///
/// # Errors
/// If the port is taken.
pub fn observer_port(wanted: Option<u16>) -> Result<u16, Failure> {
    let port =
        |wanted| TcpListener::bind((Ipv4Addr::LOCALHOST, wanted)).and_then(|listener| listener.local_addr());
    let found = match wanted {
        Some(wanted) => port(wanted),
        None => port(OBSERVER_PORT).or_else(|_| port(0)),
    };
    let found = found.map(|address| address.port());
    found.map_err(|error| taken(wanted.unwrap_or(0), "the observer", "--observer-port", &error))
}

/// The first of the consecutive ports of a master and its agents: the one asked for; else the one used before, so that
/// executors that outlived a crash find their agent; else the first range that is free.
///
/// # Errors
/// If a port that was asked for is taken, or none is free.
pub fn mesos_port(wanted: Option<u16>, before: Option<u16>, agents: u16) -> Result<u16, Failure> {
    let blocked = |first: u16| {
        (first..=first.saturating_add(agents)).find_map(|port| {
            let error = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).err()?;
            Some((port, error))
        })
    };
    if let Some(first) = wanted {
        return match blocked(first) {
            None => Ok(first),
            Some((port, error)) => Err(taken(port, "the embedded Mesos", "--mesos-port", &error)),
        };
    }
    let usual = (0..20).map(|step| FIRST_MESOS_PORT + step * STEP);
    before
        .into_iter()
        .chain(usual)
        .find(|first| blocked(*first).is_none())
        .ok_or_else(|| {
            Failure::new(
                ExitCode::CommandFailure,
                format!(
                    "no {} consecutive free ports above {FIRST_MESOS_PORT} for the embedded Mesos; name the first of some with --mesos-port",
                    agents + 1
                ),
            )
        })
}

fn taken(port: u16, what: &str, flag: &str, error: &io::Error) -> Failure {
    let text = match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "port {port} of 127.0.0.1, meant for {what}, is taken by another program\n  \
             `ss -ltnp 'sport = :{port}'` shows which; stop it, or choose another port with {flag}"
        ),
        _ => format!(
            "cannot listen on port {port} of 127.0.0.1, meant for {what}: {error}\n  choose another port with {flag}"
        ),
    };
    Failure::new(ExitCode::CommandFailure, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_named_with_the_way_out() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let failure = http_port(port).unwrap_err();
        assert!(failure.text.contains(&format!("port {port} ")), "{failure}");
        assert!(failure.text.contains("--http-port"), "{failure}");
        let failure = mesos_port(Some(port), None, 0).unwrap_err();
        assert!(failure.text.contains("--mesos-port"), "{failure}");
        assert_ne!(mesos_port(None, Some(port), 0).unwrap(), port);
    }

    #[test]
    fn any_free_port_can_be_asked_for() {
        assert_ne!(http_port(0).unwrap(), 0);
    }
}
