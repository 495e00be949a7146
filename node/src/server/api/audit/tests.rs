use model::Labels;
use ownership::{ComponentId, Key};

use super::*;

fn announced(number: u64, url: &str, env: &str) -> Announced {
    let labels = Labels::from_pairs([("env", env), ("job", "x")]);
    Announced { labels, ..Announced::new(Key::from(number), url) }
}

fn described(url: &str, labels: &[(&str, &str)]) -> Described {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Described { url: url.to_owned(), labels: labels.iter().map(own).collect() }
}

fn counts(lacking: &[u64], dropped: usize, extra: usize) -> Counts {
    Counts {
        component: ComponentId::from("c"),
        lacking: lacking.len(),
        dropped,
        extra,
        truncated: false,
        lacking_examples: lacking.iter().copied().map(Key::from).collect(),
        extra_examples: Vec::new(),
    }
}

#[test]
fn an_address_that_both_know_shows_the_labels_that_differ() {
    let here = [announced(1, "http://a", "blue"), announced(2, "http://b", "blue")];
    let there = [described("http://a", &[("env", "green"), ("job", "x"), ("zone", "z")])];
    let found = examples(&counts(&[1, 2], 0, 1), &here, &there);
    let differ = |label: &str, here: Option<&str>, there: Option<&str>| Difference {
        label: label.to_owned(),
        here: here.map(str::to_owned),
        there: there.map(str::to_owned),
    };
    assert_eq!(found.len(), 2);
    assert_eq!((found[0].known.as_str(), found[1].known.as_str()), ("both", "here"));
    assert_eq!(
        found[0].labels,
        [differ("env", Some("blue"), Some("green")), differ("zone", None, Some("z"))]
    );
    let unknown = examples(&counts(&[], 0, 1), &here, &[described("http://c", &[])]);
    assert_eq!(unknown[0].known, "there");
}

#[test]
fn whose_discovery_is_behind_is_said() {
    let meaning = |drifted, counts: &Counts| divergence("b", drifted, counts, None, &[]).meaning;
    assert_eq!(meaning(false, &counts(&[1], 0, 0)), "b's discovery is behind");
    assert_eq!(meaning(false, &counts(&[], 0, 3)), "this node's discovery is behind");
    let lost = meaning(false, &counts(&[1], 1, 0));
    assert!(lost.starts_with("b lost targets"), "{lost}");
    assert!(meaning(false, &counts(&[1], 0, 1)).contains("different targets"));
    assert_eq!(meaning(true, &counts(&[1], 0, 1)), "the configurations differ");
}

#[test]
fn a_target_that_two_nodes_collect_is_told_with_both_names_its_address_and_its_age() {
    let component = ComponentId::from("c");
    let known = Arc::from([announced(1, "http://a", "blue")]);
    let listed = [Listed::fixed(component.clone(), known)];
    let now = Instant::now();
    let finding = |key: u64| Finding {
        target: ownership::handover::Target::new(&component, Key::from(key)),
        peer: membership::Name::new("beta").expect("a valid name"),
        why: None,
        since: now.checked_sub(Duration::from_secs(3)),
    };
    // Discovery has lost the second one meanwhile.
    let report = Report { doubled: vec![finding(1), finding(2)], ..Report::default() };
    let told = targets("alpha", &report, &listed, now);
    for (told, url) in told.iter().zip(["http://a", ""]) {
        assert_eq!(
            (told.state.as_str(), told.why.as_str()),
            ("double", "alpha and beta collect it")
        );
        assert_eq!((told.node.as_str(), told.peer.as_str()), ("alpha", "beta"));
        assert_eq!((told.url.as_str(), told.for_seconds), (url, Some(3.0)));
    }
    assert_eq!((told.len(), told[0].labels["env"].as_str()), (2, "blue"));
    let audit = Audit { double_owned: 2, targets: told, ..Audit::default() };
    assert_eq!(audit.notes(), ["2 targets are collected twice"]);
}

/// What one node found: so many targets, each with a long name.
fn found(node: &str, targets: usize, length: usize) -> Audit {
    let target = |number: usize| Target {
        state: "covered".to_owned(),
        node: node.to_owned(),
        component: "c".to_owned(),
        key: format!("{number:016x}"),
        url: "x".repeat(length),
        labels: BTreeMap::new(),
        peer: "other".to_owned(),
        why: String::new(),
        for_seconds: None,
    };
    let divergence = divergence("other", false, &counts(&[1], 0, 0), None, &[]);
    let peer = |name: &str| Peer {
        name: name.to_owned(),
        answered_seconds_ago: None,
        config_sha256: None,
        config_differs: false,
        clock_skew_seconds: None,
        clock_error_seconds: None,
        clock_differs: false,
        divergences: vec![divergence.clone()],
    };
    Audit {
        node: node.to_owned(),
        covered: targets,
        targets: (0..targets).map(target).collect(),
        peers: vec![peer("a"), peer("z")],
        ..Audit::default()
    }
}

#[test]
fn what_nodes_found_is_summed_and_told_by_whom() {
    let mut audit = found("a", 2, 10);
    audit.add(everybody::Found::of(found("b", 3, 10)));
    assert_eq!((audit.covered, audit.targets.len()), (5, 5));
    assert_eq!(audit.targets.iter().filter(|target| target.node == "b").count(), 3);
    // Of how b differs from a, a says itself what it sees.
    let between: Vec<_> =
        audit.divergences.iter().map(|d| (d.node.as_str(), d.peer.as_str())).collect();
    assert_eq!((audit.peers.len(), between), (2, vec![("b", "z")]));
}

#[test]
fn what_a_node_found_travels_in_full_or_in_part_but_with_its_counts() {
    let of = |targets, length| everybody::Found::of(found("b", targets, length));
    let travelled = |found: everybody::Found| {
        everybody::Found::decode(&found.encode().expect("it fits")).expect("it is one")
    };
    assert_eq!(travelled(of(1500, 1000)), of(1500, 1000));
    let cut = travelled(of(1500, 5000));
    assert_eq!((cut.covered, cut.targets.len()), (1500, 375));
    assert!(everybody::Found::decode(&[0xFF; 40]).is_err());
}
