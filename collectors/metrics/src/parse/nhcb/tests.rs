use super::*;
use crate::parse::{Dialect, TextParser};

fn shown(page: &str, keep: bool) -> Vec<String> {
    let mut source = Collate::new(TextParser::new(page, Dialect::OpenMetrics), keep);
    let mut out = Vec::new();
    while let Some(event) = source.next_event().unwrap() {
        match event {
            Event::Sample(sample) => out.push(format!("{} {}", sample.series, sample.value)),
            Event::Histogram(sample) => {
                let h = &sample.histogram;
                assert_eq!(h.schema, CUSTOM);
                let exemplars: Vec<&str> = sample.exemplars.iter().map(|e| e.labels).collect();
                out.push(format!(
                    "{} {:?} sum {} {:?} {exemplars:?}",
                    sample.series, h.custom_bounds, h.sum, h.buckets
                ));
            }
            Event::Type { name, .. } => out.push(format!("type {name}")),
            Event::Help { .. } | Event::Unit { .. } => {}
        }
    }
    out
}

const PAGE: &str = concat!(
    "# TYPE h histogram\n",
    "h_bucket{x=\"1\",le=\"0.5\"} 1 # {id=\"a\"} 0.4 7\n",
    "h_bucket{x=\"1\",le=\"1\"} 3 # {id=\"b\"} 0.9\n",
    "h_bucket{x=\"1\",le=\"+Inf\"} 4\n",
    "h_sum{x=\"1\"} 2.5\n",
    "h_count{x=\"1\"} 4\n",
    "h_bucket{x=\"2\",le=\"+Inf\"} 1.5\n",
    "h_count{x=\"2\"} 1.5\n",
    "# TYPE g gauge\n",
    "g 1\n",
    "# EOF\n",
);

#[test]
fn the_series_of_a_histogram_become_one() {
    assert_eq!(
        shown(PAGE, false),
        [
            "type h",
            r#"{"h","x"="1"} [0.5, 1.0] sum 2.5 Integer { count: 4, zero_count: 0, positive_deltas: [1, 1, -1], negative_deltas: [] } ["{id=\"a\"}"]"#,
            r#"{"h","x"="2"} [] sum 0 Float { count: 1.5, zero_count: 0.0, positive_counts: [1.5], negative_counts: [] } []"#,
            "type g",
            "g 1",
        ]
    );
}

#[test]
fn classic_series_are_kept_where_that_is_wanted() {
    let kept = shown(PAGE, true);
    assert_eq!(kept.len(), 5 + 7);
    assert_eq!(kept[5], r#"h_count{x="1"} 4"#);
    assert!(kept[6].starts_with(r#"{"h","x"="1"}"#), "{}", kept[6]);
}

#[test]
fn what_does_not_fit_together_becomes_nothing() {
    for samples in [
        "h_bucket{le=\"1\"} 3\nh_bucket{le=\"2\"} 2\nh_count 3\n",
        "h_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_count 3\n",
        "h_bucket{le=\"1\"} -1\nh_count 3\n",
        "h_sum 3\n",
    ] {
        let page = format!("# TYPE h histogram\n{samples}# EOF\n");
        assert_eq!(shown(&page, false), ["type h"], "{samples}");
    }
}

#[test]
fn other_families_pass() {
    let page = "# TYPE h histogram\ni_count 1\nh 2\n# TYPE s summary\ns_count 3\n# EOF\n";
    assert_eq!(shown(page, false), ["type h", "i_count 1", "h 2", "type s", "s_count 3"]);
}
