use super::*;

fn reader() -> PageReader {
    reader_with(ScrapeConfig::default())
}

fn reader_with(config: ScrapeConfig) -> PageReader {
    PageReader::new(Arc::new(config), Labels::from_pairs([("instance", "i"), ("job", "j")]))
}

/// Samples as text, one a line.
fn shown(batches: &[Batch]) -> Vec<String> {
    batches
        .iter()
        .flat_map(|batch| {
            batch.samples.iter().map(move |sample| {
                let value = if model::is_stale(sample.value) {
                    "stale".to_owned()
                } else {
                    sample.value.to_string()
                };
                format!("{} {value} @{}", batch.labels(sample.labels), sample.timestamp)
            })
        })
        .collect()
}

#[test]
fn a_page_becomes_labelled_samples() {
    let mut reader = reader();
    let page = "# HELP up Whether.\n# TYPE up gauge\nup 1\nup{zone=\"a\\nb\",Az=\"\"} 0.5 99\n";
    let batches = reader.read(page.as_bytes(), Some("text/plain"), 1000).unwrap();
    assert_eq!(
        shown(&batches),
        [
            r#"{__name__="up", instance="i", job="j"} 1 @1000"#,
            r#"{__name__="up", instance="i", job="j", zone="a\nb"} 0.5 @99"#,
        ]
    );
    assert_eq!(&*batches[0].family(batches[0].samples[1].family).unwrap().help, "Whether.");
}

#[test]
fn series_that_do_not_come_back_are_marked() {
    let mut reader = reader();
    let mut read = |page: &str, at| shown(&reader.read(page.as_bytes(), None, at).unwrap());
    let label = |name: &str| format!(r#"{{__name__="{name}", instance="i", job="j"}}"#);
    assert_eq!(read("a 1\nb 2\nc 3\n", 1).len(), 3);
    assert_eq!(read("a 1\nb 2\nc 3\n", 2).len(), 3);
    assert_eq!(
        read("a 1\nc 3\n", 3),
        [
            format!("{} 1 @3", label("a")),
            format!("{} 3 @3", label("c")),
            format!("{} stale @3", label("b"))
        ]
    );
    assert_eq!(
        read("a 1\nd 5\n", 4),
        [
            format!("{} 1 @4", label("a")),
            format!("{} 5 @4", label("d")),
            format!("{} stale @4", label("c"))
        ]
    );
    assert_eq!(read("", 5).len(), 2);
    assert_eq!(read("", 6).len(), 0);
    assert_eq!(read("d 5\na 1\n", 7).len(), 2);
}

#[test]
fn a_page_is_remembered_in_a_few_tens_of_bytes_per_series() {
    let page = include_str!("../../benches/node_exporter.txt");
    let mut reader = reader();
    let batches = reader.read(page.as_bytes(), Some("text/plain"), 1).unwrap();
    let series: usize = batches.iter().map(|batch| batch.samples.len()).sum();
    let each = reader.memory() / series;
    assert!(each < 64, "{each} bytes of each of {series} series");
}
