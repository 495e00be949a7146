use super::*;
use crate::State;

const PERIOD: Duration = Duration::from_millis(300);

fn suspect() -> Suspect {
    let peer = Peer {
        name: Name::new("a").expect("a name"),
        address: "10.0.0.1:1".parse().expect("an address"),
        generation: 1,
        state: State::Participant,
    };
    Suspect::new(peer, 0, Instant::now())
}

#[test]
fn each_confirmation_takes_time_away_down_to_the_minimum() {
    let patience = Patience::new(Duration::from_secs(1), 100);
    let millis: Vec<u128> = (0..6).map(|shared| patience.timeout(shared).as_millis()).collect();
    assert_eq!(millis, [6000, 3500, 2037, 1000, 1000, 1000]);
}

#[test]
fn where_few_can_confirm_few_have_to() {
    let expected = [1, 2, 3, 4, 5, 6].map(|size| Patience::new(Duration::ZERO, size).expected);
    assert_eq!(expected, [0, 0, 1, 2, 3, 3]);
}

#[test]
fn a_witness_counts_once_and_is_passed_on_only_while_that_matters() {
    let mut suspect = suspect();
    let news: Vec<bool> = (0..20u8).map(|by| suspect.witness([by; 8], false)).collect();
    assert_eq!(news.iter().filter(|news| **news).count(), CONFIRMATIONS as usize + 1);
    assert_eq!(suspect.confirmations() as usize, WITNESSES_MAX - 1);
    assert!(!suspect.witness([0; 8], false));
    assert!(suspect.witness([0; 8], true), "that the port is closed is news");
    assert!(!suspect.witness([0; 8], true));
}

#[test]
fn it_takes_two_who_found_the_port_closed_or_the_only_one_left_twice() {
    let mut suspect = suspect();
    suspect.witness([1; 8], true);
    suspect.refusals = 1;
    assert!(!suspect.is_certain(2) && !suspect.is_certain(1));
    suspect.refusals = 9;
    assert!(suspect.is_certain(1) && !suspect.is_certain(2));
    suspect.witness([2; 8], false);
    assert!(!suspect.is_certain(2));
    suspect.witness([2; 8], true);
    assert!(suspect.is_certain(2));
}

#[test]
fn a_message_of_the_suspect_discounts_what_was_found_before() {
    let mut suspect = suspect();
    for by in 1..=4 {
        suspect.witness([by; 8], true);
    }
    let later = suspect.since + Duration::from_secs(1);
    suspect.heard(later);
    assert_eq!((suspect.confirmations(), suspect.since), (0, later));
    assert!(!suspect.is_certain(2));
    suspect.witness([1; 8], true);
    assert!(!suspect.is_certain(2), "an echo of the past is no new finding");
}

#[test]
fn what_a_deaf_node_found_counts_no_more_when_it_hears_again_but_not_for_ever() {
    let mut suspicions = Suspicions::default();
    let Suspect { peer, started, .. } = suspect();
    let seconds = |count| started + Duration::from_secs(count);
    let limit = Duration::from_secs(60);
    for by in 1..=4 {
        suspicions.hold(&peer, 0, started).0.witness([by; 8], false);
    }
    let since = |suspicions: &Suspicions| suspicions.get(&peer.name).map(|held| held.since);
    suspicions.renew(seconds(600), Some(limit), PERIOD);
    let held = suspicions.get(&peer.name).expect("it is held");
    assert_eq!((held.confirmations(), held.since), (0, seconds(600)), "once, however late");
    suspicions.renew(seconds(603), Some(limit), PERIOD);
    assert_eq!(since(&suspicions), Some(seconds(600)), "and not for ever");
    suspicions.renew(seconds(606), None, PERIOD);
    assert_eq!(since(&suspicions), Some(seconds(606)), "but whenever it was taken for dead itself");

    let mut suspicions = Suspicions::default();
    suspicions.hold(&peer, 0, started);
    for second in [2, 5, 8] {
        suspicions.renew(seconds(second), Some(limit), PERIOD);
        assert_eq!(since(&suspicions), Some(seconds(second)));
    }
}

#[test]
fn a_deaf_node_that_holds_many_asks_them_one_after_the_other() {
    let mut suspicions = Suspicions::default();
    let Suspect { peer, started, .. } = suspect();
    for number in 0..100 {
        let name = Name::new(&format!("n{number}")).expect("a name");
        suspicions.hold(&Peer { name, ..peer.clone() }, 0, started);
    }
    suspicions.renew(started, Some(Duration::from_secs(60)), PERIOD);
    let at = |turn: u32| {
        let next = |suspect: &&Suspect| suspect.check.map(|check| check.next);
        suspicions.iter().filter(|suspect| next(suspect) == Some(started + PERIOD * turn)).count()
    };
    assert_eq!([at(0), at(1), at(2), at(3)], [32, 32, 32, 4]);
}
