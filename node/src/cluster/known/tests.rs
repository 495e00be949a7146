use membership::State;

use super::file::{FILE_MAX, File};
use super::*;

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

fn peer(text: &str, port: u16) -> Peer {
    let address = SocketAddr::from(([10, 0, 0, 1], port));
    Peer { name: name(text), address, generation: 1, state: State::Participant }
}

fn open(directory: &tempfile::TempDir, cluster: &str, unix_seconds: u64) -> Known {
    let file = File::of(directory.path()).read();
    Known::new(file.as_deref(), cluster, &name("me"), unix_seconds)
}

fn ports(known: &mut Known, unix_seconds: u64) -> Vec<u16> {
    known.addresses(unix_seconds).iter().map(SocketAddr::port).collect()
}

const DAY: u64 = 24 * 3600;

#[test]
fn peers_are_remembered_across_a_restart_by_the_same_cluster_only() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut known = open(&directory, "sea", 1000);
    known.up(&peer("me", 1), 1000);
    known.up(&peer("a", 2), 1000);
    known.up(&peer("b", 3), 1000);
    known.left(&name("b"));
    assert_eq!(ports(&mut known, 1000), [0; 0], "who lives needs no looking for");
    File::of(directory.path()).write(&known.file(5000)).expect("it can be written");
    assert_eq!(ports(&mut open(&directory, "sea", 5000 + DAY - 1), 5000 + DAY - 1), [2]);
    assert_eq!(ports(&mut open(&directory, "sea", 5000 + DAY), 5000 + DAY), [0; 0]);
    assert_eq!(ports(&mut open(&directory, "lake", 5000), 5000), [0; 0]);
    // The clock went back: it was seen just now, and is forgotten in a day.
    let mut known = open(&directory, "sea", 100);
    assert_eq!(ports(&mut known, 100), [2]);
    assert_eq!(ports(&mut known, 100 + DAY), [0; 0]);
}

#[test]
fn who_is_gone_without_a_farewell_is_missed_for_an_hour() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut known = open(&directory, "", 0);
    known.up(&peer("a", 1), 0);
    known.up(&peer("b", 2), 0);
    known.lost(&name("a"), 50);
    let missing = |known: &Known, at| known.missing(at).into_iter().map(|(name, _)| name).collect();
    let names: Vec<String> = missing(&known, 50 + 3599);
    assert_eq!(names, ["a"]);
    let names: Vec<String> = missing(&known, 50 + 3600);
    assert_eq!(names, [""; 0]);
    assert_eq!(ports(&mut known, 50 + 3600), [1], "it is looked for a little longer");
    known.up(&peer("a", 7), 60);
    assert_eq!(known.missing(60), []);
}

#[test]
fn who_takes_an_address_over_takes_the_place() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut known = open(&directory, "", 0);
    known.up(&peer("pod-x", 1), 0);
    known.lost(&name("pod-x"), 1);
    known.up(&peer("pod-y", 1), 2);
    assert_eq!(known.missing(2), []);
}

#[test]
fn the_memory_is_bounded_and_keeps_the_latest() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut known = open(&directory, "", 0);
    for n in 0..200u16 {
        known.up(&peer(&format!("n{n}"), n + 1), 0);
    }
    File::of(directory.path()).write(&known.file(0)).expect("it can be written");
    assert_eq!(ports(&mut open(&directory, "", 0), 0).len(), KEPT);
    for n in 0..200u16 {
        known.lost(&name(&format!("n{n}")), u64::from(n));
    }
    let kept = ports(&mut known, 200);
    assert_eq!((kept.len(), kept[0], kept[KEPT - 1]), (KEPT, 200, 137));
}

#[test]
fn nodes_of_a_large_cluster_keep_different_peers() {
    let of = |me: &str| {
        let mut known = Known::new(None, "", &name(me), 0);
        (0..500u16).for_each(|n| known.up(&peer(&format!("n{n}"), n + 1), 0));
        known.file(0)
    };
    assert_ne!(of("a"), of("b"));
    assert_eq!(of("a"), of("a"));
}

#[test]
fn garbage_on_disk_counts_as_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("peers.json");
    let long = format!(r#"{{"cluster":"","peers":[]{}}}"#, " ".repeat(FILE_MAX as usize));
    for garbage in
        ["", "{", "\u{0}", r#"{"cluster":"","peers":[{"name":"","address":"x"}]}"#, &long]
    {
        std::fs::write(&path, garbage).expect("a file");
        assert_eq!(ports(&mut open(&directory, "", 0), 0), [0; 0]);
    }
}

#[test]
fn the_file_is_written_when_somebody_came_or_went_and_then_now_and_then() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut known = open(&directory, "", 0);
    let begin = Instant::now();
    let at = |seconds| begin + Duration::from_secs(seconds);
    assert!(known.writing(0, at(0)).is_none(), "there is nothing to say");
    known.up(&peer("a", 1), 0);
    assert!(known.writing(0, at(1)).is_some());
    known.up(&peer("b", 2), 0);
    assert!(known.writing(0, at(2)).is_none(), "not twice in so short a time");
    assert!(known.writing(0, at(3)).is_some());
    assert!(known.writing(0, at(602)).is_none());
    assert!(known.writing(0, at(603)).is_some(), "it says who was seen when");
}

#[test]
fn where_to_look_is_told_when_it_is_news() {
    let mut known = Known::new(None, "", &name("me"), 0);
    let a = peer("a", 1);
    known.hear(&Event::Up(a.clone()), 0);
    assert_eq!(known.places(0), None, "who lives needs no looking for");
    known.hear(&Event::Down { peer: a.clone(), cause: Cause::Failed, last_heard: None }, 1);
    assert_eq!(known.places(1), Some(vec![a.address]));
    assert_eq!(known.places(2), None);
    known.hear(&Event::Up(a.clone()), 3);
    assert_eq!(known.places(3), Some(Vec::new()));
    known.hear(&Event::Down { peer: a, cause: Cause::Left, last_heard: None }, 4);
    assert_eq!((known.places(4), known.is_empty()), (None, true));
}
