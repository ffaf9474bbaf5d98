//! Two hundred runs hold, and a run repeats itself.

use sim::{Failure, Plan, Tally, run};

/// Runs seeds and names all that fail.
fn hold(seeds: std::ops::Range<u64>) -> Tally {
    let mut tally = Tally::default();
    let mut failures: Vec<Failure> = Vec::new();
    for seed in seeds {
        match run(&Plan::of_seed(seed), false) {
            Ok(report) => tally += report.tally,
            Err(failure) => failures.push(failure),
        }
    }
    let shown: Vec<String> = failures.iter().map(ToString::to_string).collect();
    assert!(failures.is_empty(), "{} seeds fail:\n{}", failures.len(), shown.join("\n"));
    tally
}

/// Holds a hundred seeds, in which everything happens that the simulator is for.
fn hold_hundred(first: u64) {
    let Tally {
        crashes,
        launches,
        preempted,
        drained,
        emptied,
        forgotten,
        over_quota,
        before_window,
        // Few: two conditions must meet.
        left: _,
        rogues,
        kept,
        throttled,
        failovers,
        lost,
        repeated,
        died,
        returned,
        cut_off,
        rescinded,
        disconnected,
        slow,
        failing,
        impossible,
        refused,
    } = hold(first..first + 100);
    let users = [launches, forgotten, over_quota, kept, throttled];
    let operators = [preempted, drained, emptied, before_window];
    let messages = [lost, repeated, rescinded, disconnected, refused];
    let machines = [died, returned, cut_off, slow, failing, impossible];
    let counts =
        [&users[..], &operators[..], &messages[..], &machines[..], &[crashes, rogues, failovers]].concat();
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
}

#[test]
fn the_first_hundred_seeds_hold() {
    hold_hundred(0);
}

#[test]
fn the_second_hundred_seeds_hold() {
    hold_hundred(100);
}

#[test]
fn the_same_seed_gives_the_same_run() {
    // A handful, and one of the larger clusters.
    for seed in [3, 17, 42, 80, 95] {
        let plan = Plan::of_seed(seed);
        let (first, second) = (run(&plan, false), run(&plan, false));
        assert_eq!(first, second, "seed {seed}");
    }
}

#[test]
fn another_seed_gives_another_run() {
    let hash = |seed| run(&Plan::of_seed(seed), false).map(|report| report.hash);
    assert_ne!(hash(1), hash(2));
}

#[test]
fn clusters_are_of_3_to_1000_agents() {
    let sizes: Vec<usize> = (0..200).map(|seed| Plan::of_seed(seed).agents).collect();
    assert!(sizes.iter().all(|size| (3..=1000).contains(size)));
    assert!(sizes.iter().filter(|size| **size >= 300).count() >= 2);
}
