use aurora_api::amounts::{Megabytes, MilliCpus, Millis};

use super::*;
use crate::bench::{quiet_config, resources, service};

#[test]
fn sched_131_a_port_is_one_of_the_offered() {
    let mut rng = CoreRng::new(1);
    for _ in 0..50 {
        let port = take_port(&mut vec![(1, 5)], &mut rng).unwrap();
        assert!((1..=5).contains(&port));
    }
    assert_eq!(take_port(&mut vec![(9, 9)], &mut rng), Some(9));
    assert_eq!(take_port(&mut vec![], &mut rng), None);
    let config = service("r/prod/j");
    let mut ranges = vec![(1, 5)];
    assert!(take_ports(&mut ranges, &request(&config, false), &mut rng).is_empty());
    assert_eq!(ranges, [(1, 5)]);
}

#[test]
fn every_port_is_taken_once_until_none_is_left() {
    let mut rng = CoreRng::new(3);
    let mut ranges = vec![(80, 82), (90, 90), (65_534, 65_535)];
    let mut taken: Vec<u16> = std::iter::from_fn(|| take_port(&mut ranges, &mut rng)).collect();
    taken.sort_unstable();
    assert_eq!(taken, [80, 81, 82, 90, 65_534, 65_535]);
    assert!(ranges.is_empty());
}

fn request(config: &aurora_api::task::TaskConfig, is_revocable: bool) -> Request<'_> {
    Request { config, footprint: config.resources, is_revocable, unavailability_threshold: Millis::ZERO }
}

#[test]
fn pools_share_what_has_no_revocable_kind() {
    let config = service("r/prod/j");
    let all = resources(4.0, 4096, 4096);
    let space = Space { regular: all, revocable: Resources { cpus: MilliCpus(9000), ..all } };
    let after = |is_revocable| {
        let mut space = space;
        space.take(&request(&config, is_revocable), &quiet_config());
        space
    };
    let regular = after(false);
    assert_eq!((regular.regular.cpus, regular.revocable.cpus), (MilliCpus(3000), MilliCpus(9000)));
    assert_eq!((regular.regular.ram, regular.revocable.ram), (Megabytes(3072), Megabytes(3072)));
    let revocable = after(true);
    assert_eq!((revocable.regular.cpus, revocable.revocable.cpus), (MilliCpus(4000), MilliCpus(8000)));
    assert_eq!((revocable.regular.disk, revocable.revocable.disk), (Megabytes(3072), Megabytes(3072)));
}
