//! The walk beside the page before comes to what a walk without one comes to.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::Labels;
use proptest::prelude::*;

use crate::{PageReader, ScrapeConfig};

/// A line of a generated page.
#[derive(Debug, Clone)]
struct Line {
    series: String,
    value: u32,
    timestamp: Option<u32>,
}

fn line() -> impl Strategy<Value = Line> {
    let series = prop_oneof![
        // Few names, so that pages share them; spellings of one label set are different texts.
        (0..12_u8).prop_map(|n| format!("s{n}")),
        (0..6_u8, 0..3_u8).prop_map(|(n, l)| format!("s{n}{{b=\"{l}\",a=\"x\"}}")),
        (0..6_u8, 0..3_u8).prop_map(|(n, l)| format!("s{n}{{a=\"x\",b=\"{l}\"}}")),
        (0..3_u8).prop_map(|n| format!("s{n}{{job=\"theirs\"}}")),
        (0..2_u8).prop_map(|n| format!("{{\"s{n}\",le=\"1\"}}")),
    ];
    let timestamp = prop_oneof![9 => Just(None), 1 => (1..5_u32).prop_map(Some)];
    (series, 0..5_u32, timestamp).prop_map(|(series, value, timestamp)| Line {
        series,
        value,
        timestamp,
    })
}

/// Pages as a target has them: each is the one before with a few changes.
fn pages() -> impl Strategy<Value = Vec<Vec<Line>>> {
    let change = (0..100_usize, prop_oneof![Just(None), line().prop_map(Some),], any::<bool>());
    let changes = prop::collection::vec(change, 0..4);
    (prop::collection::vec(line(), 0..24), prop::collection::vec(changes, 1..8)).prop_map(
        |(first, steps)| {
            let mut pages = vec![first];
            for changes in steps {
                let mut page = pages.last().expect("there is a first page").clone();
                for (at, line, replace) in changes {
                    let at = at % (page.len() + 1);
                    match line {
                        Some(line) if replace && at < page.len() => page[at] = line,
                        Some(line) => page.insert(at, line),
                        None if at < page.len() => drop(page.remove(at)),
                        None => page.clear(),
                    }
                }
                pages.push(page);
            }
            pages
        },
    )
}

fn text(page: &[Line]) -> String {
    let mut text = String::from("# TYPE s1 histogram\n# HELP s1 Help.\n");
    for (index, line) in page.iter().enumerate() {
        if index == 5 {
            text.push_str("# TYPE s2 gauge\n");
        }
        let Line { series, value, timestamp } = line;
        let timestamp = timestamp.map_or(String::new(), |timestamp| format!(" {timestamp}"));
        text.push_str(&format!("{series} {value}{timestamp}\n"));
    }
    text
}

fn reader(config: &ScrapeConfig) -> PageReader {
    let labels = Labels::from_pairs([("instance", "i"), ("job", "j")]);
    PageReader::new(Arc::new(config.clone()), labels)
}

/// Samples in order, the labels of staleness markers as a set, and the families of the samples.
type Read = (Vec<(String, String, i64, String)>, BTreeSet<String>);

fn read(reader: &mut PageReader, page: &str, at: i64) -> Read {
    let batches = reader.read(page.as_bytes(), Some("text/plain"), at).unwrap();
    let mut samples = Vec::new();
    let mut stale = BTreeSet::new();
    for batch in &batches {
        for sample in &batch.samples {
            let labels = batch.labels(sample.labels);
            assert!(labels.is_canonical());
            let labels = labels.to_string();
            if model::is_stale(sample.value) {
                assert_eq!(sample.timestamp, at);
                assert!(stale.insert(labels), "marked twice");
            } else {
                let family = batch.family(sample.family);
                let family = family.map_or(String::new(), |f| format!("{} {:?}", f.name, f.kind));
                samples.push((labels, sample.value.to_string(), sample.timestamp, family));
            }
        }
    }
    (samples, stale)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_is_known_changes_no_sample_and_marks_what_vanished(
        pages in pages(),
        honor_labels: bool,
        honor_timestamps: bool,
        track_timestamps_staleness: bool,
        enable_type_and_unit_labels: bool,
    ) {
        let config = ScrapeConfig {
            honor_labels,
            honor_timestamps,
            track_timestamps_staleness,
            enable_type_and_unit_labels,
            ..ScrapeConfig::default()
        };
        let mut knowing = reader(&config);
        let mut tracked = BTreeSet::new();
        for (index, page) in pages.iter().enumerate() {
            let page = text(page);
            let at = 1000 + i64::try_from(index).unwrap();
            let (samples, stale) = read(&mut knowing, &page, at);
            let (fresh, none) = read(&mut reader(&config), &page, at);
            prop_assert_eq!(&samples, &fresh, "page {}", index);
            prop_assert!(none.is_empty());
            let present: BTreeSet<String> = samples.iter().map(|s| s.0.clone()).collect();
            let vanished: BTreeSet<String> = tracked.difference(&present).cloned().collect();
            prop_assert_eq!(stale, vanished, "page {}", index);
            // A series is tracked when its first sample has no timestamp of its own, or always.
            let explicit = |at: i64| honor_timestamps && at < 1000;
            tracked = samples
                .iter()
                .filter(|s| track_timestamps_staleness || !explicit(s.2))
                .map(|s| s.0.clone())
                .collect();
        }
    }

    #[test]
    fn a_series_is_on_a_page_once(page in prop::collection::vec(line(), 0..24)) {
        let config = ScrapeConfig { honor_timestamps: false, ..ScrapeConfig::default() };
        let (samples, _) = read(&mut reader(&config), &text(&page), 1000);
        let distinct: BTreeSet<&String> = samples.iter().map(|s| &s.0).collect();
        prop_assert_eq!(distinct.len(), samples.len());
    }
}

#[test]
fn the_first_of_two_samples_of_a_series_wins() {
    let page = "a{x=\"1\",y=\"2\"} 1\na{y=\"2\",x=\"1\"} 2\na{x=\"1\",y=\"2\"} 3\n";
    let mut reader = reader(&ScrapeConfig::default());
    for at in 1000..1003 {
        let (samples, stale) = read(&mut reader, page, at);
        assert_eq!(samples.len(), 1);
        assert_eq!(samples[0].1, "1");
        assert!(stale.is_empty());
    }
}

#[test]
fn bounds_are_written_as_floats_in_histograms_only() {
    let page = "# TYPE h histogram\nh_bucket{le=\"1\"} 1\n# TYPE g gauge\ng{le=\"1\"} 1\n";
    let mut reader = reader(&ScrapeConfig::default());
    let (samples, _) = read(&mut reader, page, 1000);
    assert!(samples[0].0.contains("le=\"1.0\""), "{}", samples[0].0);
    assert!(samples[1].0.contains("le=\"1\""), "{}", samples[1].0);
    // A family that changes its type changes the series.
    let (samples, stale) = read(&mut reader, &page.replace("histogram", "gauge"), 1001);
    assert!(samples[0].0.contains("le=\"1\""), "{}", samples[0].0);
    assert_eq!(stale.len(), 1);
}

#[test]
fn metadata_is_of_the_last_page() {
    let mut reader = reader(&ScrapeConfig::default());
    let mut help = |text: &str, at| {
        let page = format!("# HELP a {text}\n# TYPE a counter\na_total 1\na 2\nab 3\n");
        let batches = reader.read(page.as_bytes(), None, at).unwrap();
        let batch = &batches[0];
        let of = |index: usize| batch.family(batch.samples[index].family).map(|f| &*f.help);
        assert_eq!(of(1), of(0));
        assert_eq!(of(2), None);
        of(0).unwrap().to_owned()
    };
    assert_eq!(help("One\\n\\\\", 1000), "One\n\\");
    assert_eq!(help("One\\n\\\\", 1001), "One\n\\");
    assert_eq!(help("Two", 1002), "Two");
}

/// The exemplars that a page brings at an instant, as text.
fn exemplars(reader: &mut PageReader, page: &str, at: i64) -> Vec<String> {
    let page = format!("{page}# EOF\n");
    let read = reader.read(page.as_bytes(), Some("application/openmetrics-text"), at);
    let mut shown = Vec::new();
    for batch in read.expect("a page that can be read") {
        for e in &batch.exemplars {
            let name = batch.labels(e.series).get("__name__").expect("a name");
            shown.push(format!("{name} {} {} @{}", batch.labels(e.labels), e.value, e.timestamp));
        }
    }
    shown
}

#[test]
fn exemplars_stand_behind_the_labels() {
    let page = "# TYPE a counter\na_total 1 # {z=\"1\",b=\"\\\"\"} 0.5 1.5\nb_total 2\n\
                c_total 3 # {t=\"x\"} 1\n";
    let mut reader = reader(&ScrapeConfig::default());
    let expected = [r#"a_total {b="\"", z="1"} 0.5 @1500"#, r#"c_total {t="x"} 1 @1000"#];
    assert_eq!(exemplars(&mut reader, page, 1000), expected);
}

#[test]
fn an_exemplar_comes_once_and_another_of_the_series_again() {
    let page =
        |a: &str, b: &str| format!("a_total 1 # {{t=\"{a}\"}} 1\nb_total 1 # {{t=\"{b}\"}} 1 7\n");
    let mut reader = reader(&ScrapeConfig::default());
    let first = exemplars(&mut reader, &page("x", "x"), 1000);
    assert_eq!(first, [r#"a_total {t="x"} 1 @1000"#, r#"b_total {t="x"} 1 @7000"#]);
    assert_eq!(exemplars(&mut reader, &page("x", "x"), 2000), [""; 0]);
    assert_eq!(exemplars(&mut reader, &page("y", "x"), 3000), [r#"a_total {t="y"} 1 @3000"#]);
    assert_eq!(exemplars(&mut reader, &page("y", "x"), 4000), [""; 0]);
    // A page that is refused was not sent.
    assert!(reader.read(b"a_total 1 # {t=\"z\"} 1\nwrong wrong\n", None, 5000).is_err());
    let page = "a_total 1 # {t=\"y\"} 2\n";
    assert_eq!(exemplars(&mut reader, page, 6000), [r#"a_total {t="y"} 2 @6000"#]);
    let long = format!("a_total 1 # {{t=\"{}\"}} 2\n", "é".repeat(128));
    assert_eq!(exemplars(&mut reader, &long, 7000), [""; 0]);
    let longest = format!("a_total 1 # {{t=\"{}\"}} 2\n", "é".repeat(127));
    assert_eq!(exemplars(&mut reader, &longest, 8000).len(), 1);
}

#[test]
fn a_counter_that_began_since_the_last_scrape_gets_a_zero() {
    let config = ScrapeConfig { start_timestamp_zero_ingestion: true, ..ScrapeConfig::default() };
    let labels = Labels::from_pairs([("instance", "i")]);
    let page = "# TYPE a counter\na_total{x=\"1\"} 5\na_created{x=\"1\"} 0.9\na_total{x=\"2\"} 6\n\
                a_created{x=\"2\"} 1.5\n# EOF\n";
    let mut reader = PageReader::new(Arc::new(config), labels);
    let batches = reader.read(page.as_bytes(), Some("application/openmetrics-text"), 1000).unwrap();
    let shown: Vec<_> = batches[0]
        .samples
        .iter()
        .map(|s| {
            (batches[0].labels(s.labels).get("x").unwrap(), s.value, s.timestamp, s.start_timestamp)
        })
        .collect();
    // The reader has no scrape before, so nothing began since.
    assert_eq!(shown, [("1", 5.0, 1000, 900), ("2", 6.0, 1000, 1500)]);
}

#[test]
fn samples_far_ahead_are_left_out() {
    let mut reader = reader(&ScrapeConfig::default());
    let (samples, _) = read(&mut reader, "a 1 600999\nb 1 601001\n", 1000);
    assert_eq!(samples.len(), 1);
}

#[test]
fn a_comment_that_is_no_text_harms_no_page() {
    let mut reader = reader(&ScrapeConfig::default());
    let batches = reader.read(b"# caf\xE9\na 1\n", Some("text/plain"), 1000);
    assert_eq!(batches.expect("a page")[0].samples.len(), 1);
    let error = reader.read(b"# caf\xE9\na{b=\"\xE9\"} 1\n", Some("text/plain"), 2000);
    assert_eq!(error.expect_err("no text").to_string(), "line 1, column 6: the page is not UTF-8");
}
