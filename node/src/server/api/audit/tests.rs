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
