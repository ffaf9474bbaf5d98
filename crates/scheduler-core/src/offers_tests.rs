use aurora_api::amounts::{Millis, Resources, Timestamp};
use aurora_api::ids::{AgentId, HostName};

use super::*;
use crate::CoreConfig;
use crate::bench::*;
use crate::config::OfferOrder;
use crate::input::{FailedCall, MesosEvent};

fn four(name: &str) -> Offer {
    offer(name, resources(4.0, 4096, 4096), &[])
}

fn ordered_by(order: &[OfferOrder]) -> CoreConfig {
    CoreConfig { offer_order: order.to_vec(), ..quiet_config() }
}

/// The agents whose offers may be used, best first.
fn order(bench: &Bench) -> Vec<String> {
    bench.core.offers.in_order().map(|held| held.offer.agent.to_string()).collect()
}

fn set_mode(bench: &mut Bench, host: &str, mode: MaintenanceMode) {
    let stored = bench.core.state.tables().host(&HostName::new(host)).unwrap();
    let changed = HostAttributes { mode, ..HostAttributes::clone(stored) };
    bench.core.state.apply(&Operation::SaveHost(Arc::new(changed))).unwrap();
    bench.core.on_host_changed(&HostName::new(host));
}

fn id(name: &str) -> OfferId {
    OfferId::new(name)
}

#[test]
fn sched_67_offers_without_an_end_come_first_and_maintenance_last() {
    let mut bench = Bench::subscribed(quiet_config());
    let ending = |name, at| Offer { unavailable_from: Some(Timestamp(at)), ..four(name) };
    let (soon, later) = (START.0 + 1_000_000_000, START.0 + 2_000_000_000);
    bench.mesos(MesosEvent::Offers(vec![ending("B", soon), four("A"), ending("C", later)]));
    assert_eq!(order(&bench), ["A", "C", "B"]);
    set_mode(&mut bench, "A", MaintenanceMode::Draining);
    assert_eq!(order(&bench), ["C", "B", "A"]);
}

#[test]
fn sched_68_a_mode_that_changes_sorts_the_offer_again() {
    let mut bench = Bench::subscribed(quiet_config());
    bench.mesos(MesosEvent::Offers(vec![four("A"), four("B"), four("gone")]));
    bench.mesos(MesosEvent::Rescinded(id("o-gone")));
    set_mode(&mut bench, "A", MaintenanceMode::Draining);
    assert_eq!(order(&bench), ["B", "A"]);
    set_mode(&mut bench, "A", MaintenanceMode::None);
    set_mode(&mut bench, "B", MaintenanceMode::Draining);
    assert_eq!(order(&bench), ["A", "B"]);
    set_mode(&mut bench, "gone", MaintenanceMode::Draining);
    assert_eq!(order(&bench), ["A", "B"]);
}

#[test]
fn sched_69_offers_are_tried_in_the_configured_order() {
    let with = |name: &str, cpus: f64, ram, revocable: f64| {
        let mut offer = offer(name, resources(cpus, ram, 1), &[]);
        offer.revocable = Resources { cpus: resources(revocable, 0, 0).cpus, ..offer.resources };
        offer
    };
    let check = |keys: &[OfferOrder], offers: Vec<Offer>, expected: &[&str]| {
        for turn in 0..offers.len() {
            let mut offers = offers.clone();
            offers.rotate_left(turn);
            let mut bench = Bench::subscribed(ordered_by(keys));
            bench.mesos(MesosEvent::Offers(offers));
            assert_eq!(order(&bench), expected);
        }
    };
    let by_cpu = vec![with("5", 5.0, 1, 0.0), with("10", 10.0, 1, 0.0), with("1", 1.0, 1, 24.0)];
    check(&[OfferOrder::Cpu], by_cpu, &["1", "5", "10"]);
    let revocable = vec![with("24", 1.0, 1, 24.0), with("none", 1.0, 1, 0.0), with("23", 1.0, 1, 23.0)];
    check(&[OfferOrder::RevocableCpu], revocable, &["23", "24", "none"]);
    let both = vec![with("1,3", 1.0, 3, 0.0), with("10,1", 10.0, 1, 0.0), with("1,2", 1.0, 2, 0.0)];
    check(&[OfferOrder::Cpu, OfferOrder::Memory], both.clone(), &["1,2", "1,3", "10,1"]);
    check(&[OfferOrder::Memory], both, &["10,1", "1,2", "1,3"]);
    let disks = vec![offer("d9", resources(1.0, 1, 9), &[]), offer("d2", resources(1.0, 1, 2), &[])];
    check(&[OfferOrder::Disk], disks, &["d2", "d9"]);
}

#[test]
fn sched_70_equal_offers_are_both_held() {
    let mut bench = Bench::subscribed(ordered_by(&[OfferOrder::Cpu]));
    bench.mesos(MesosEvent::Offers(vec![four("B"), four("A")]));
    assert_eq!(order(&bench), ["A", "B"]);
}

#[test]
fn sched_71_a_second_offer_of_an_agent_sends_both_back() {
    let mut bench = Bench::subscribed(quiet_config());
    bench.offer(four("A"));
    let effects = bench.offer(again(four("A"), "second"));
    assert_eq!(declined(&effects), [(vec!["o-A".to_owned(), "second".to_owned()], 5000)]);
    assert_eq!(bench.core.offers.len(), 0);
    assert!(bench.timers.keys().all(|key| !matches!(key, TimerKey::OfferHold(_))));
}

#[test]
fn sched_72_a_banned_offer_still_stands_for_its_agent() {
    let mut bench = Bench::subscribed(quiet_config());
    bench.mesos(MesosEvent::Rescinded(id("o-A")));
    bench.offer(four("A"));
    let effects = bench.offer(again(four("A"), "X"));
    assert_eq!(declined(&effects)[0].0, ["o-A", "X"]);
    bench.mesos(MesosEvent::Rescinded(id("o-A")));
    assert_eq!(bench.counter("offer_cancel_failures"), 2);
    bench.offer(again(four("A"), "Y"));
    assert_eq!(
        bench.core.offers.shown().iter().map(|(_, offer)| offer.id.clone()).collect::<Vec<_>>(),
        [id("Y")]
    );
}

#[test]
fn sched_73_a_banned_offer_is_hidden_until_it_is_cancelled() {
    let mut bench = Bench::subscribed(quiet_config());
    bench.mesos(MesosEvent::Rescinded(id("o-A")));
    bench.offer(four("A"));
    assert_eq!((bench.core.offers.len(), bench.core.offers.banned_len()), (1, 1));
    assert!(order(&bench).is_empty());
    assert!(bench.core.offers.usable(&id("o-A")).is_none());
    assert_eq!(bench.core.view().offers().count(), 0);
    bench.mesos(MesosEvent::Rescinded(id("o-A")));
    bench.offer(four("A"));
    assert_eq!((order(&bench), bench.core.offers.banned_len()), (vec!["A".to_owned()], 0));
    bench.mesos(MesosEvent::Rescinded(id("unknown")));
    assert_eq!(bench.counter("offer_cancel_failures"), 2);
}

#[test]
fn sched_74_an_offer_that_comes_after_its_rescission_is_never_used() {
    let mut bench = Bench::subscribed(quiet_config());
    bench.create(service("r/prod/j"), 1);
    bench.mesos(MesosEvent::Rescinded(id("o-A")));
    bench.offer(four("A"));
    assert!(launched(&bench.tick(Millis(10_000))).is_empty());
    assert_eq!((bench.counter("offers_rescinded"), bench.counter("offer_cancel_failures")), (1, 1));
}

/// The held offers that are banned for a group.
fn banned(bench: &Bench, group: crate::operation::ConfigId) -> Vec<OfferId> {
    let bans = bench.core.groups.bans(group).unwrap();
    let offers = bench.core.offers.in_order().map(|held| held.offer.id.clone());
    offers
        .filter(|id| bench.core.offers.class_of(id).is_some_and(|class| bans.contains_key(&class)))
        .collect()
}

#[test]
fn sched_75_a_lasting_veto_is_not_looked_for_again() {
    let mut bench = Bench::subscribed(ordered_by(&[OfferOrder::Cpu]));
    let config =
        aurora_api::task::TaskConfig { constraints: [limit("rack", 1)].into(), ..service("r/prod/j") };
    let rack = |name: &str, rack: &str, dedicated: bool| {
        let attributes: &[(&str, &[&str])] = &[("dedicated", &["x"]), ("rack", &[rack])];
        offer(name, resources(4.0, 4096, 4096), &attributes[usize::from(!dedicated)..])
    };
    // One task of the job is on rack c already.
    bench.create(config, 3);
    bench.offer(rack("c1", "c", false));
    bench.tick(Millis(10));
    let evaluated = bench.counter("veto_evaluated_offers");
    bench.mesos(MesosEvent::Offers(vec![rack("A", "a", true), rack("B", "b", false), rack("C", "c", false)]));
    let effects = bench.tick(Millis(20));
    assert_eq!(launched(&effects).len(), 1);
    assert_eq!(launched(&effects)[0].0, "B");
    assert_eq!(bench.counter("veto_evaluated_offers") - evaluated, 3 + 1, "A, B, C, then C again");
    let group = bench.core.state.configs().iter().next().unwrap().0;
    assert_eq!(banned(&bench, group), [id("o-A")]);
}

#[test]
fn sched_76_bans_end_with_the_offer() {
    let mut bench = Bench::subscribed(quiet_config());
    bench.create(service("r/prod/j"), 1);
    bench.offer(offer("A", resources(0.5, 4096, 4096), &[]));
    bench.tick(Millis(10_000));
    let group = bench.core.state.configs().iter().next().unwrap().0;
    assert_eq!(banned(&bench, group), [id("o-A")]);
    bench.mesos(MesosEvent::Rescinded(id("unknown")));
    bench.mesos(MesosEvent::Disconnected);
    assert_eq!((bench.core.offers.len(), bench.core.offers.banned_len()), (0, 0));
    assert!(bench.core.groups.bans(group).unwrap().is_empty());
    bench.mesos(MesosEvent::Subscribed { framework: aurora_api::ids::FrameworkId::new("framework") });
    bench.offer(again(four("A"), "o-A"));
    assert_eq!(launched(&bench.tick(Millis(60_000))).len(), 1);

    // An offer's time is up before its bans could be.
    let mut bench = Bench::subscribed(quiet_config());
    bench.create(service("r/prod/j"), 1);
    bench.offer(offer("A", resources(0.5, 4096, 4096), &[]));
    bench.tick(Millis(5 * 60_000));
    bench.offer(again(four("A"), "o-A2"));
    assert_eq!(launched(&bench.tick(Millis(60_000))).len(), 1);
}

#[test]
fn bans_beyond_their_number_are_looked_at_again() {
    let mut bench = Bench::subscribed(CoreConfig { static_bans_max: 1, ..quiet_config() });
    bench.create(service("r/prod/j"), 1);
    bench.offer(offer("A", resources(0.5, 4096, 4096), &[]));
    bench.offer(offer("B", resources(0.25, 4096, 4096), &[]));
    for _ in 0..2 {
        bench.tick(Millis(10_000));
        assert_eq!(bench.core.groups.ban_count(), 1);
        let task = bench.active(&job_key("r/prod/j"), 0).unwrap();
        let reasons = bench.core.view().pending_lines(&task.id);
        assert!(reasons[0].starts_with("2 of 2 agents: not enough CPU"), "{reasons:?}");
    }
}

#[test]
fn sched_77_the_end_of_maintenance_lifts_its_bans() {
    let mut bench = Bench::subscribed(quiet_config());
    bench.create(service("r/prod/j"), 1);
    bench.offer(offer("A", resources(0.5, 512, 512), &[]));
    bench.mesos(MesosEvent::Rescinded(id("o-A")));
    let maintain = |bench: &mut Bench, call| {
        let hosts = [HostName::new("A")].into();
        bench.request(crate::Change::Maintain { hosts, call });
    };
    maintain(&mut bench, crate::input::MaintenanceCall::Drain);
    bench.offer(four("A"));
    bench.tick(Millis(60_000));
    let group = bench.core.state.configs().iter().next().unwrap().0;
    assert_eq!(banned(&bench, group), [id("o-A")]);
    maintain(&mut bench, crate::input::MaintenanceCall::End);
    assert!(banned(&bench, group).is_empty());
    assert_eq!(launched(&bench.tick(Millis(1))).len(), 1, "at once, with the offer that was held");
}

#[test]
fn sched_79_offers_that_can_hold_nothing_are_not_looked_at() {
    let mut bench = Bench::subscribed(quiet_config());
    let mut revocable = offer("revocable", resources(0.0, 4096, 4096), &[]);
    revocable.revocable.cpus = resources(10.0, 0, 0).cpus;
    let no_cpus = offer("cpu0", resources(0.0, 4096, 4096), &[]);
    let mut no_ram = offer("mem0", resources(4.0, 0, 4096), &[]);
    no_ram.revocable.cpus = no_ram.resources.cpus;
    bench.mesos(MesosEvent::Offers(vec![no_cpus, no_ram, revocable]));
    let config = aurora_api::task::TaskConfig { tier: Arc::from("revocable"), ..service("r/prod/j") };
    bench.create(config, 1);
    assert_eq!(bench.core.view().offers().count(), 3);
    let effects = bench.tick(Millis(10));
    assert_eq!(launched(&effects)[0].0, "revocable");
    assert_eq!(bench.counter("veto_evaluated_offers"), 1);
}

#[test]
fn sched_80_a_launch_that_fails_is_a_lost_task() {
    let mut bench = Bench::subscribed(quiet_config());
    bench.create(service("r/prod/j"), 1);
    bench.offer(four("A"));
    let task = launched(&bench.tick(Millis(10)))[0].1[0].clone();
    assert_eq!(bench.core.offers.len(), 0);
    let failed =
        MesosEvent::CallFailed { call: FailedCall::Launch(vec![task.clone()]), reason: Arc::from("") };
    let effects = bench.mesos(failed);
    assert_eq!(kills(&effects), [task]);
    assert_eq!(bench.counter("assigner_launch_failures"), 1);
}

#[test]
fn sched_81_an_offer_is_declined_when_it_was_held_long_enough() {
    let mut bench = Bench::subscribed(quiet_config());
    bench.offer(four("A"));
    assert!(declined(&bench.tick(Millis(5 * 60_000 - 1))).is_empty());
    assert_eq!(declined(&bench.tick(Millis(1))), [(vec!["o-A".to_owned()], 5000)]);
    assert_eq!(bench.core.offers.len(), 0);

    let mut bench = Bench::subscribed(quiet_config());
    bench.offer(four("A"));
    bench.create(service("r/prod/j"), 1);
    let effects = bench.tick(Millis(10 * 60_000));
    assert_eq!((launched(&effects).len(), declined(&effects).len()), (1, 0));
}

#[test]
fn sched_82_the_hold_time_is_spread() {
    let held_for = |min: i64, jitter: i64| {
        let mut bench = Bench::subscribed(CoreConfig {
            offer_hold_min: Millis(min),
            offer_hold_jitter: Millis(jitter),
            ..quiet_config()
        });
        bench.offer(four("A"));
        bench.timer_in(&TimerKey::OfferHold(id("o-A"))).unwrap()
    };
    assert!((100..300).contains(&held_for(100, 200)));
    assert_eq!((held_for(100, 0), held_for(0, 0)), (100, 0));
    assert!(CoreConfig { offer_hold_min: Millis(-1), ..quiet_config() }.check().is_err());
    assert!(CoreConfig { offer_hold_jitter: Millis(-1), ..quiet_config() }.check().is_err());
}

#[test]
fn offers_can_be_held_for_ever() {
    let mut bench = Bench::subscribed(CoreConfig { hold_offers_forever: true, ..quiet_config() });
    bench.offer(four("A"));
    assert!(declined(&bench.tick(Millis(86_400_000))).is_empty());
    assert_eq!(order(&bench), ["A"]);
}

#[test]
fn sched_161_offers_are_counted_and_their_hosts_remembered() {
    let mut bench = Bench::subscribed(quiet_config());
    let before = bench.operations.len();
    assert!(bench.mesos(MesosEvent::Offers(vec![])).is_empty());
    assert_eq!(bench.operations.len(), before);
    bench.mesos(MesosEvent::Offers(vec![four("A"), four("B")]));
    assert_eq!(bench.counter("scheduler_resource_offers"), 2);
    assert_eq!(bench.core.view().host(&HostName::new("A")).unwrap().mode, MaintenanceMode::None);

    set_mode(&mut bench, "A", MaintenanceMode::Draining);
    bench.mesos(MesosEvent::Rescinded(id("o-A")));
    bench.offer(offer("A", resources(4.0, 4096, 4096), &[("rack", &["r"])]));
    assert_eq!(bench.core.view().host(&HostName::new("A")).unwrap().mode, MaintenanceMode::Draining);
    let held = bench.core.offers.of_agent(&AgentId::new("A")).unwrap();
    assert_eq!(held.mode, MaintenanceMode::Draining);
}

#[test]
fn while_tasks_wait_declined_offers_may_come_back_at_once() {
    let mut bench = Bench::subscribed(quiet_config());
    bench.create(service("r/prod/j"), 1);
    bench.offer(offer("A", resources(0.5, 512, 512), &[]));
    let effects = bench.offer(again(offer("A", resources(0.5, 512, 512), &[]), "second"));
    assert_eq!(declined(&effects)[0].1, 0);
}

#[test]
fn an_offer_that_comes_twice_is_used_once() {
    let mut bench = Bench::subscribed(quiet_config());
    bench.offer(four("A"));
    assert!(declined(&bench.offer(four("A"))).is_empty());
    assert_eq!(order(&bench), ["A"]);
    bench.create(service("r/prod/j"), 1);
    assert_eq!(launched(&bench.tick(Millis(10))).len(), 1);
    bench.create(service("r/prod/k"), 1);
    bench.offer(four("A"));
    assert!(launched(&bench.tick(Millis(120_000))).is_empty());

    bench.offer(offer("B", resources(0.1, 512, 512), &[]));
    bench.offer(again(offer("B", resources(0.1, 512, 512), &[]), "o-B2"));
    bench.mesos(MesosEvent::Offers(vec![offer("B", resources(4.0, 4096, 4096), &[])]));
    assert!(order(&bench).is_empty(), "it was declined");
}

#[test]
fn an_offer_that_is_rescinded_after_its_use_leaves_no_ban() {
    let mut bench = Bench::subscribed(quiet_config());
    bench.create(service("r/prod/j"), 1);
    bench.offer(four("A"));
    assert_eq!(launched(&bench.tick(Millis(10))).len(), 1);
    bench.mesos(MesosEvent::Rescinded(id("o-A")));
    assert_eq!((bench.counter("offer_cancel_failures"), bench.core.offers.banned_len()), (1, 0));
    bench.offer(four("A"));
    assert!(order(&bench).is_empty(), "it is not held again");
}

#[test]
fn the_capacity_of_an_agent_is_what_it_offers_and_what_runs_there() {
    let mut bench = Bench::subscribed(quiet_config());
    bench.offer(four("A"));
    let capacity = |bench: &Bench| bench.core.view().host(&HostName::new("A")).unwrap().capacity.unwrap();
    assert_eq!(capacity(&bench).regular, four("A").resources);
    bench.create(service("r/prod/j"), 1);
    assert_eq!(launched(&bench.tick(Millis(10))).len(), 1);
    let rest = four("A").resources - service("r/prod/j").resources;
    let mut left = again(offer("A", rest, &[]), "o-A2");
    left.revocable.cpus = resources(7.0, 0, 0).cpus;
    let before = bench.operations.len();
    bench.offer(left);
    assert_eq!(bench.operations.len(), before + 1, "revocable processors are new");
    assert_eq!(capacity(&bench).regular, four("A").resources);
    assert_eq!(capacity(&bench).revocable.cpus, resources(7.0, 0, 0).cpus);
    assert_eq!(capacity(&bench).revocable.ram, four("A").resources.ram);
    bench.restart();
    assert_eq!(capacity(&bench).regular, four("A").resources);
}
