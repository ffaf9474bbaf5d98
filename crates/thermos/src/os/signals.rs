//! Carries out the signal orders of `plan::escalation` on the process table.

use std::collections::BTreeSet;

use super::kernel::{Kernel, ProcessTable};
use crate::plan::escalation::{SignalOrder, Strength, Target};

/// Who sends, and who of its children is not an orphan.
#[derive(Debug, Clone, Default)]
pub struct Sender {
    /// The sending process, which is never hit.
    pub own_pid: i32,
    /// Coordinators of runs that go on.
    pub coordinators: BTreeSet<i32>,
    /// Their shells. Other children of theirs are daemons that were re-parented to them.
    pub shells: BTreeSet<i32>,
}

/// Signals everybody that the orders name. All are looked up before the first is signalled. Returns how many there were.
pub fn carry_out(kernel: &impl Kernel, sender: &Sender, orders: &[SignalOrder]) -> usize {
    if orders.is_empty() {
        return 0;
    }
    let table = kernel.processes();
    let mut hit: BTreeSet<i32> = BTreeSet::new();
    for order in orders {
        let victims = victims(&table, sender, order.target);
        // A group is signalled as one, so that nobody forks out of it between look and shot.
        if let (Target::Session(leader), Strength::Kill) = (order.target, order.strength)
            && !victims.is_empty()
        {
            kernel.signal_group(leader, order.strength);
        }
        for pid in victims {
            if hit.insert(pid) {
                kernel.signal(pid, order.strength);
            }
        }
    }
    hit.len()
}

fn victims(table: &ProcessTable, sender: &Sender, target: Target) -> Vec<i32> {
    let live = table.values().filter(|process| !process.is_zombie && process.pid != sender.own_pid);
    match target {
        Target::OrphanedChildren => live
            .filter(|process| {
                let is_own = process.parent == sender.own_pid && !sender.coordinators.contains(&process.pid);
                is_own
                    || sender.coordinators.contains(&process.parent) && !sender.shells.contains(&process.pid)
            })
            .map(|process| process.pid)
            .collect(),
        Target::Session(leader) => live
            .filter(|process| process.session == leader || process.group == leader)
            .map(|process| process.pid)
            .collect(),
        Target::BelowShell { pid, coordinator } if is_shell(table, pid, coordinator) => {
            descendants(table, pid)
        }
        Target::Shell { pid, coordinator } if is_shell(table, pid, coordinator) => vec![pid],
        Target::BelowShell { .. } | Target::Shell { .. } => Vec::new(),
        Target::Coordinator(pid) => live
            .filter(|process| {
                process.pid == pid && (process.parent == sender.own_pid || process.session == pid)
            })
            .map(|process| process.pid)
            .collect(),
    }
}

/// Whether the number still means the shell of this coordinator: its child, or in its session.
fn is_shell(table: &ProcessTable, pid: i32, coordinator: i32) -> bool {
    table.get(&pid).is_some_and(|process| {
        !process.is_zombie && (process.parent == coordinator || process.session == coordinator)
    })
}

/// Everybody below a process, nearest first, zombies passed through.
pub fn descendants(table: &ProcessTable, root: i32) -> Vec<i32> {
    let mut found = Vec::new();
    let mut generation = vec![root];
    while !generation.is_empty() {
        let next: Vec<i32> = table
            .values()
            .filter(|process| generation.contains(&process.parent))
            .map(|process| process.pid)
            .collect();
        found.extend(
            next.iter().copied().filter(|pid| table.get(pid).is_some_and(|process| !process.is_zombie)),
        );
        generation = next;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::kernel::{ProcessFacts, RecordedKernel};

    /// (pid, parent, session) of a runner 10 with coordinators 20 and 30, shells 21 and 31, a child 22 of the first in a session
    /// of its own, and the orphans 40 and 32.
    fn kernel() -> RecordedKernel {
        let rows = [
            (1, 0, 1),
            (10, 1, 10),
            (20, 10, 20),
            (21, 20, 20),
            (22, 21, 22),
            (30, 10, 30),
            (31, 30, 30),
            (32, 30, 32),
            (40, 10, 40),
        ];
        let table = rows
            .into_iter()
            .map(|(pid, parent, session)| {
                (
                    pid,
                    ProcessFacts {
                        pid,
                        parent,
                        group: session,
                        session,
                        is_zombie: false,
                        start_secs: 0.0,
                        uid: Some(0),
                    },
                )
            })
            .collect();
        RecordedKernel { table, ..RecordedKernel::default() }
    }

    fn sender() -> Sender {
        Sender { own_pid: 10, coordinators: BTreeSet::from([20, 30]), shells: BTreeSet::from([21, 31]) }
    }

    fn kill(target: Target) -> SignalOrder {
        SignalOrder { target, strength: Strength::Kill }
    }

    #[test]
    fn orphans_are_children_that_are_neither_coordinators_nor_shells() {
        let kernel = kernel();
        assert_eq!(carry_out(&kernel, &sender(), &[kill(Target::OrphanedChildren)]), 2);
        assert_eq!(*kernel.sent.borrow(), [(32, Strength::Kill), (40, Strength::Kill)]);
    }

    #[test]
    fn a_run_is_killed_with_all_below_it_and_nothing_beside_it() {
        let kernel = kernel();
        let orders = [
            kill(Target::BelowShell { pid: 21, coordinator: 20 }),
            kill(Target::Session(20)),
            kill(Target::Coordinator(20)),
            kill(Target::Shell { pid: 21, coordinator: 20 }),
        ];
        assert_eq!(carry_out(&kernel, &sender(), &orders), 3);
        let expected =
            [(22, Strength::Kill), (-20, Strength::Kill), (20, Strength::Kill), (21, Strength::Kill)];
        assert_eq!(*kernel.sent.borrow(), expected);
    }

    #[test]
    fn nobody_is_signalled_when_nobody_is_left() {
        let kernel = kernel();
        assert_eq!(
            carry_out(
                &kernel,
                &sender(),
                &[kill(Target::Session(99)), kill(Target::Shell { pid: 31, coordinator: 20 })]
            ),
            0
        );
        assert!(kernel.sent.borrow().is_empty());
    }
}
