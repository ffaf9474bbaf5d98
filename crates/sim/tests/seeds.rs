//! Two hundred runs hold, and a run repeats itself.

use scheduler_core::{LayerSizes, SearchSizes};
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
    // Two conditions must meet for a task to be sent away: not in every hundred.
    let is_rare = |what: &str| what == "tasks sent away for a window";
    let tally = hold(first..first + 100);
    let missing: Vec<&str> =
        tally.counts().filter(|(what, count)| *count == 0 && !is_rare(what)).map(|(what, _)| what).collect();
    assert!(missing.is_empty(), "none of: {missing:?}; {tally}");
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
fn sizes_that_are_for_speed_change_no_decision() {
    for seed in [3, 5, 42, 80, 95] {
        let with = |layers, search| {
            let mut plan = Plan::of_seed(seed);
            (plan.config.layers, plan.config.search) = (layers, search);
            run(&plan, false).map(|report| report.hash)
        };
        let usual = with(LayerSizes::default(), SearchSizes::default());
        assert_eq!(with(LayerSizes::SMALL, SearchSizes::SMALL), usual, "seed {seed}");
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
