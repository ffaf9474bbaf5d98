//! Carries out the signal orders of `plan::escalation` on the process table.

use std::collections::BTreeSet;

use super::kernel::{Kernel, ProcessTable};
use crate::plan::birth::{Birth, Place, ProcessId};
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
    let view = View { table: kernel.processes(), place: kernel.place() };
    let mut hit: BTreeSet<i32> = BTreeSet::new();
    for order in orders {
        let victims = view.victims(sender, order.target);
        // A group is signalled as one, so that nobody forks out of it between look and shot.
        if let (Target::Session { coordinator, .. }, Strength::Kill) = (order.target, order.strength)
            && !victims.is_empty()
        {
            kernel.signal_group(coordinator.pid, order.strength);
        }
        for pid in victims {
            if hit.insert(pid) {
                kernel.signal(pid, order.strength);
            }
        }
    }
    hit.len()
}

/// All processes, and where they are.
struct View {
    table: ProcessTable,
    place: Option<Place>,
}

impl View {
    fn victims(&self, sender: &Sender, target: Target) -> Vec<i32> {
        let live = self.table.values().filter(|process| !process.is_zombie && process.pid != sender.own_pid);
        match target {
            Target::OrphanedChildren => live
                .filter(|process| {
                    let is_own =
                        process.parent == sender.own_pid && !sender.coordinators.contains(&process.pid);
                    is_own
                        || sender.coordinators.contains(&process.parent)
                            && !sender.shells.contains(&process.pid)
                })
                .map(|process| process.pid)
                .collect(),
            Target::Session { coordinator, shell } if self.is_session(coordinator, shell) => live
                .filter(|process| process.session == coordinator.pid || process.group == coordinator.pid)
                .map(|process| process.pid)
                .collect(),
            Target::BelowShell { shell, coordinator } if self.is_shell(shell, coordinator) => {
                descendants(&self.table, shell.pid)
            }
            Target::Shell { shell, coordinator } if self.is_shell(shell, coordinator) => vec![shell.pid],
            Target::Coordinator(coordinator) => live
                .filter(|process| process.pid == coordinator.pid)
                .filter(|process| match coordinator.birth {
                    Some(birth) => self.is_same(coordinator.pid, birth),
                    None => process.parent == sender.own_pid || process.session == coordinator.pid,
                })
                .map(|process| process.pid)
                .collect(),
            Target::BelowGuard(guard) if self.is_guard(guard) => descendants(&self.table, guard.pid),
            Target::BesideGuard(guard) if self.is_guard(guard) => live
                .filter(|process| process.session == guard.pid && process.pid != guard.pid)
                .map(|process| process.pid)
                .collect(),
            Target::Session { .. }
            | Target::BelowShell { .. }
            | Target::Shell { .. }
            | Target::BelowGuard(_)
            | Target::BesideGuard(_) => Vec::new(),
        }
    }

    /// Whether this number means the process of this birth here. A zombie still holds its number.
    fn is_same(&self, pid: i32, birth: Birth) -> bool {
        self.place == Some(birth.place)
            && self.table.get(&pid).is_some_and(|process| process.start_ticks == birth.start_ticks)
    }

    /// Whether a guard is there. Records name them exactly or, where births cannot be read, not at all.
    fn is_guard(&self, guard: ProcessId) -> bool {
        guard.birth.is_some_and(|birth| self.is_same(guard.pid, birth))
    }

    /// Whether the number still means this shell; without its birth, whether it is a child of the coordinator or in its session.
    fn is_shell(&self, shell: ProcessId, coordinator: ProcessId) -> bool {
        self.table.get(&shell.pid).is_some_and(|process| {
            let is_same = match shell.birth {
                Some(birth) => self.is_same(shell.pid, birth),
                None => process.parent == coordinator.pid || process.session == coordinator.pid,
            };
            is_same && !process.is_zombie
        })
    }

    /// Whether the session of this number is the one the coordinator began. Its number is not given again as long as anybody
    /// is in it, so the shell in it proves it as well.
    fn is_session(&self, coordinator: ProcessId, shell: Option<ProcessId>) -> bool {
        let Some(birth) = coordinator.birth else { return true };
        let has_shell = || {
            let (shell, birth) = shell.and_then(|shell| Some((shell.pid, shell.birth?)))?;
            let process = self.table.get(&shell)?;
            Some(process.session == coordinator.pid && self.is_same(shell, birth))
        };
        self.is_same(coordinator.pid, birth)
            || !self.table.contains_key(&coordinator.pid) && has_shell().unwrap_or(false)
    }
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
    use crate::plan::birth::BootId;

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
                let facts = ProcessFacts::for_tests(pid, parent, session);
                (pid, ProcessFacts { start_ticks: i64::from(pid) * 100, ..facts })
            })
            .collect();
        RecordedKernel { table, ..RecordedKernel::default() }
    }

    fn sender() -> Sender {
        Sender { own_pid: 10, coordinators: BTreeSet::from([20, 30]), shells: BTreeSet::from([21, 31]) }
    }

    const fn id(pid: i32) -> ProcessId {
        ProcessId { pid, birth: None }
    }

    fn place(boot: &str) -> Place {
        Place { boot: BootId::parse(&boot.repeat(32)).unwrap(), namespace: 7 }
    }

    /// A process that began in this tick, on a machine started as `a`.
    fn born(pid: i32, start_ticks: i64) -> ProcessId {
        ProcessId { pid, birth: Some(Birth { place: place("a"), start_ticks }) }
    }

    /// Everything that the end of a run hits.
    fn hit_at_the_end(
        kernel: &RecordedKernel,
        coordinator: ProcessId,
        shell: ProcessId,
    ) -> Vec<(i32, Strength)> {
        let orders = [
            kill(Target::BelowShell { shell, coordinator }),
            kill(Target::Session { coordinator, shell: Some(shell) }),
            kill(Target::Coordinator(coordinator)),
            kill(Target::Shell { shell, coordinator }),
        ];
        carry_out(kernel, &Sender { own_pid: 99, ..Sender::default() }, &orders);
        kernel.sent.take()
    }

    #[test]
    fn d17_a_number_that_was_given_again_is_not_signalled() {
        let kernel = RecordedKernel { place: Some(place("a")), ..kernel() };
        let all = [22, -20, 20, 21].map(|pid| (pid, Strength::Kill));
        assert_eq!(hit_at_the_end(&kernel, born(20, 2000), born(21, 2100)), all);
        // One of the two is another process by now.
        assert_eq!(
            hit_at_the_end(&kernel, born(20, 1999), born(21, 2100)),
            [22, 21].map(|pid| (pid, Strength::Kill))
        );
        assert_eq!(
            hit_at_the_end(&kernel, born(20, 2000), born(21, 2099)),
            [-20, 20, 21].map(|pid| (pid, Strength::Kill))
        );
        // Both are.
        assert_eq!(hit_at_the_end(&kernel, born(20, 1999), born(21, 2099)), []);
        // The coordinator is gone, and the shell proves that the session is still the old one; or nobody does.
        let mut orphaned = kernel;
        orphaned.table.remove(&20);
        assert_eq!(
            hit_at_the_end(&orphaned, born(20, 1), born(21, 2100)),
            [22, -20, 21].map(|pid| (pid, Strength::Kill))
        );
        assert_eq!(hit_at_the_end(&orphaned, born(20, 1), born(21, 2099)), []);
    }

    #[test]
    fn d17_nothing_lives_after_another_start_of_the_machine_or_in_another_namespace() {
        let rebooted = RecordedKernel { place: Some(place("b")), ..kernel() };
        assert_eq!(hit_at_the_end(&rebooted, born(20, 2000), born(21, 2100)), []);
        let elsewhere = Place { namespace: 8, ..place("a") };
        let inside = RecordedKernel { place: Some(elsewhere), ..kernel() };
        assert_eq!(hit_at_the_end(&inside, born(20, 2000), born(21, 2100)), []);
    }

    #[test]
    fn a_guard_stays_while_what_it_guards_is_hit() {
        let mut kernel = RecordedKernel { place: Some(place("a")), ..kernel() };
        // 23 came back to the guard 20 from a session of its own, 24 is left of the guard's session.
        for (pid, session) in [(23, 23), (24, 20)] {
            kernel.table.insert(pid, ProcessFacts::for_tests(pid, 20, session));
        }
        let hit = |target| {
            carry_out(&kernel, &Sender { own_pid: 10, ..Sender::default() }, &[kill(target)]);
            kernel.sent.take().into_iter().map(|(pid, _)| pid).collect::<Vec<_>>()
        };
        assert_eq!(hit(Target::BesideGuard(born(20, 2000))), [21, 24]);
        assert_eq!(hit(Target::BelowGuard(born(20, 2000))), [21, 23, 24, 22]);
        for target in [Target::BesideGuard, Target::BelowGuard] {
            assert_eq!(hit(target(born(20, 1999))), [0; 0]);
            assert_eq!(hit(target(id(20))), [0; 0]);
        }
    }

    #[test]
    fn d17_old_records_go_by_family() {
        let kernel = RecordedKernel { place: Some(place("b")), ..kernel() };
        let all = [22, -20, 20, 21].map(|pid| (pid, Strength::Kill));
        assert_eq!(hit_at_the_end(&kernel, id(20), id(21)), all);
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
            kill(Target::BelowShell { shell: id(21), coordinator: id(20) }),
            kill(Target::Session { coordinator: id(20), shell: Some(id(21)) }),
            kill(Target::Coordinator(id(20))),
            kill(Target::Shell { shell: id(21), coordinator: id(20) }),
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
                &[
                    kill(Target::Session { coordinator: id(99), shell: None }),
                    kill(Target::Shell { shell: id(31), coordinator: id(20) })
                ]
            ),
            0
        );
        assert!(kernel.sent.borrow().is_empty());
    }
}
