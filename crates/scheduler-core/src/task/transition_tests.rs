use std::fmt::Write;

use aurora_api::task::TaskStatus::{self, *};

use super::Action::*;
use super::{Outcome, transition};

fn targets() -> impl Iterator<Item = Option<TaskStatus>> {
    TaskStatus::ALL.into_iter().map(Some).chain([None])
}

fn name(status: Option<TaskStatus>) -> &'static str {
    status.map_or("-", TaskStatus::as_str)
}

/// The whole table, to be read by people. `-` is a task that is not stored.
#[test]
fn the_matrix_is_as_reviewed() {
    let mut matrix = String::new();
    for from in targets() {
        for to in targets() {
            let line = match transition(from, to) {
                Outcome::Legal(actions) => format!("{actions:?}"),
                Outcome::Illegal([]) => continue,
                Outcome::Illegal(actions) => format!("refused, but {actions:?}"),
                Outcome::Same => "same".to_owned(),
            };
            writeln!(matrix, "{:11} -> {:11} {line}", name(from), name(to)).unwrap();
        }
    }
    insta::assert_snapshot!(matrix);
}

#[test]
fn actions_are_in_the_declared_order() {
    for from in targets() {
        for to in targets() {
            if let Outcome::Legal(actions) | Outcome::Illegal(actions) = transition(from, to) {
                assert!(actions.is_sorted(), "{from:?} -> {to:?}: {actions:?}");
            }
        }
    }
}

#[test]
fn the_table_has_the_right_number_of_each_outcome() {
    let (mut legal, mut same, mut kill, mut illegal) = (0, 0, 0, 0);
    for from in TaskStatus::ALL.into_iter().map(Some) {
        for to in targets() {
            match transition(from, to) {
                Outcome::Legal(actions) => {
                    assert!(!actions.is_empty());
                    legal += 1;
                }
                Outcome::Same => {
                    assert_eq!(from, to);
                    same += 1;
                }
                Outcome::Illegal([]) => illegal += 1,
                Outcome::Illegal(actions) => {
                    assert_eq!(actions, [Kill]);
                    assert!(matches!(to, Some(Assigned | Starting | Running)));
                    kill += 1;
                }
            }
        }
    }
    assert_eq!((legal, same, kill, illegal), (73, 15, 24, 128));
    for (from, to) in [(Init, Killing), (Pending, Running), (Assigned, Partitioned), (Partitioned, Killed)] {
        assert_eq!(transition(Some(from), Some(to)), Outcome::Illegal(&[]));
    }
}
