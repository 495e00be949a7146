//! Oracles that never complain would be worth nothing.

use super::*;

/// The violations of a world of three after `happens`.
fn violations(happens: impl FnOnce(&mut World)) -> Vec<String> {
    let mut world = formed(4, 3);
    happens(&mut world);
    world.checks().violations().to_vec()
}

/// Tells the oracle something about `host` that never happened.
fn pretend(world: &mut World, host: usize, event: &Event) {
    world.tell(Fact::Swim { host, event });
}

fn me(world: &World, host: usize) -> membership::Peer {
    world.core(host).expect("it runs").me().clone()
}

#[test]
fn a_zombie_is_seen_by_whoever_buried_it() {
    let found = violations(|world| {
        let dead = me(world, 1);
        world.crash(1);
        agreed_within(world, 60);
        pretend(world, 0, &Event::Up(dead));
    });
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("node-0 sees a zombie that it buried itself: node-1"), "{found:?}");
}

#[test]
fn a_zombie_is_a_zombie_for_a_newcomer_too_but_not_while_news_are_under_way() {
    let newcomer_sees_the_dead_after = |seconds| {
        violations(|world| {
            let dead = me(world, 1);
            world.crash(1);
            agreed_within(world, 60);
            world.crash(0);
            world.boot(0);
            agreed_within(world, 60);
            world.run_until(world.now() + Duration::from_secs(seconds));
            pretend(world, 0, &Event::Up(dead));
        })
    };
    assert_eq!(newcomer_sees_the_dead_after(1), Vec::<String>::new());
    let found = newcomer_sees_the_dead_after(300);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("nobody has seen since"), "{found:?}");
}

#[test]
fn a_node_that_comes_back_is_no_zombie() {
    let found = violations(|world| {
        world.crash(1);
        agreed_within(world, 60);
        world.boot(1);
        agreed_within(world, 60);
    });
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn datagrams_that_are_too_long_or_too_many_are_noticed() {
    let found = violations(|world| {
        world.tell(Fact::Sent { host: 0, length: membership::DATAGRAM_MAX });
        world.tell(Fact::Sent { host: 0, length: membership::DATAGRAM_MAX + 1 });
        for _ in 0..1000 {
            world.tell(Fact::Sent { host: 1, length: 1 });
        }
    });
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].contains("host 0 sent a datagram of 1401 bytes"), "{found:?}");
    assert!(found[1].contains("host 1 sent 600 datagrams within a second"), "{found:?}");
}

/// What a node of three is found to have done that sends so many datagrams of that length in each of ten
/// seconds, and compares so many bytes.
fn costs(datagrams: u64, length: usize, compared: usize, idle: bool) -> Vec<String> {
    violations(|world| {
        world.run_until(Duration::from_secs(100));
        world.oracle().bounds.rest(idle.then_some(Duration::from_secs(100)));
        for second in 100..110 {
            world.run_until(Duration::from_secs(second));
            (0..datagrams).for_each(|_| world.tell(Fact::Sent { host: 1, length }));
            world.tell(Fact::Compared { host: 1, length: compared });
        }
    })
}

#[test]
fn idling_that_costs_twice_as_much_is_noticed() {
    // On top of the seven datagrams a second that it really sends.
    let found = costs(14, 40, 0, true);
    assert!(found[0].contains("host 1 sent 200 datagrams within ten idle seconds"), "{found:?}");
    let found = costs(1, 1400, 0, true);
    assert!(found[0].contains("bytes of gossip within ten idle seconds"), "{found:?}");
    let found = costs(0, 0, 320, true);
    assert!(found[0].contains("bytes of state sync within ten idle seconds"), "{found:?}");
    assert_eq!(costs(3, 40, 200, true), Vec::<String>::new());
    assert_eq!(costs(40, 1400, 2000, false), Vec::<String>::new());
}

#[test]
fn too_many_bytes_in_a_second_are_noticed_at_any_time() {
    let found = costs(250, 1400, 0, false);
    assert!(found[0].contains("bytes of gossip within a second"), "{found:?}");
    let found = costs(0, 0, 21_000, false);
    assert!(found[0].contains("bytes of state sync within a second"), "{found:?}");
}

#[test]
fn what_is_acted_upon_twice_is_noticed_also_across_a_restart() {
    let found = violations(|world| {
        world.tell(Fact::Accepted { host: 0, message: b"one" });
        world.tell(Fact::Accepted { host: 0, message: b"other" });
        world.tell(Fact::Accepted { host: 1, message: b"one" });
        world.crash(0);
        world.boot(0);
        world.tell(Fact::Accepted { host: 0, message: b"one" });
    });
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("node-0 acts twice upon a sealed message of 3 bytes"), "{found:?}");
}

#[test]
fn a_key_that_is_started_twice_or_stopped_by_others_is_noticed() {
    let found = violations(|world| {
        // What moved while the cluster formed has been claimed by then.
        world.run_until(world.now() + Duration::from_secs(20));
        assert_eq!(world.checks().doubled(), 0);
        let component = "prometheus.scrape.simulated";
        let key = world.core(0).expect("it runs").running(component).next();
        let key = key.expect("it has a share");
        world.tell(Fact::Started { host: 1, key });
        assert_eq!(world.checks().doubled(), 1);
        world.tell(Fact::Stopped { host: 1, key });
        world.tell(Fact::Started { host: 0, key });
        world.tell(Fact::Stopped { host: 2, key });
    });
    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn a_view_with_a_node_of_another_cluster_is_noticed() {
    let settings = Settings { hosts: 2, neighbours: 1, seeds: 2, ..Settings::default() };
    let mut world = form(World::new(settings));
    let stranger = me(&world, 2);
    pretend(&mut world, 0, &Event::Up(stranger));
    let found = world.checks().violations();
    assert!(found[0].contains("node-0 sees neighbour-0"), "{found:?}");
}

#[test]
fn a_newcomer_that_takes_a_name_is_noticed() {
    let found = violations(|world| {
        world.oracle().names.guard(1);
        let peer = me(world, 1);
        pretend(world, 0, &Event::Down { peer, cause: Cause::Failed, last_heard: None });
    });
    assert!(found[0].contains("a newcomer of the same name disturbs node-1"), "{found:?}");
}

#[test]
fn a_verdict_about_the_living_is_told_from_one_about_the_dead() {
    let mut world = formed(5, 3);
    let peer = me(&world, 1);
    let (cause, last_heard) = (Cause::Failed, None);
    pretend(&mut world, 0, &Event::Down { peer: peer.clone(), cause, last_heard });
    assert_eq!((world.checks().verdicts.wrong, world.checks().verdicts.right), (1, 0));
    world.crash(1);
    pretend(&mut world, 2, &Event::Down { peer, cause: Cause::Failed, last_heard: None });
    assert_eq!((world.checks().verdicts.wrong, world.checks().verdicts.right), (1, 1));
}

#[test]
fn a_verdict_about_the_living_is_noticed_while_nothing_happens() {
    let found = |resting| {
        violations(|world| {
            let peer = me(world, 1);
            world.oracle().verdicts.rest(resting);
            pretend(world, 0, &Event::Down { peer, cause: Cause::Failed, last_heard: None });
        })
    };
    assert_eq!(found(false), Vec::<String>::new());
    let found = found(true);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("node-0 takes node-1"), "{found:?}");
}

#[test]
fn a_node_forms_no_cluster_before_it_could_have_found_one() {
    let forms_after = |seconds: u64, dns: Dns| {
        violations(|world| {
            world.crash(1);
            world.set_dns(1, dns);
            world.boot(1);
            world.run_until(world.now() + Duration::from_secs(seconds));
            pretend(world, 1, &Event::Formed);
        })
    };
    for dns in [Dns::Failing, Dns::Partly] {
        let found = forms_after(60, dns);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("knows not all of what its seeds lead to"), "{found:?}");
    }
    let found = forms_after(5, Dns::Honest);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("after it learnt where its seeds are"), "{found:?}");
    assert_eq!(forms_after(60, Dns::Honest), Vec::<String>::new());
}
