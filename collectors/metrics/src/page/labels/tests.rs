use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn written(series: &str, target: &[(&str, &str)], config: &ScrapeConfig) -> Result<String, String> {
    let target = Labels::from_pairs(target.iter().copied());
    let shape = Shape::new(config, &target);
    let mut arena = Vec::new();
    shape
        .write(series, FamilyContext::default(), &mut arena)
        .map(|()| LabelsRef::from_encoded(&arena).to_string())
        .map_err(|error| error.to_string())
}

const TARGET: [(&str, &str); 2] = [("instance", "i"), ("job", "j")];

#[test]
fn the_label_of_the_target_wins_and_the_other_is_exported() {
    let config = ScrapeConfig::default();
    for (series, labels) in [
        ("a", r#"{__name__="a", instance="i", job="j"}"#),
        (r#"a{job="x"}"#, r#"{__name__="a", exported_job="x", instance="i", job="j"}"#),
        (
            r#"a{job="x",exported_job="y"}"#,
            r#"{__name__="a", exported_exported_job="x", exported_job="y", instance="i", job="j"}"#,
        ),
        (r#"a{job=""}"#, r#"{__name__="a", instance="i", job="j"}"#),
        (r#"a{z="",A="1"}"#, r#"{A="1", __name__="a", instance="i", job="j"}"#),
    ] {
        assert_eq!(written(series, &TARGET, &config).as_deref(), Ok(labels), "{series}");
    }
}

#[test]
fn honoured_labels_win_even_when_they_are_empty() {
    let config = ScrapeConfig { honor_labels: true, ..ScrapeConfig::default() };
    for (series, labels) in [
        ("a", r#"{__name__="a", instance="i", job="j"}"#),
        (r#"a{job="x"}"#, r#"{__name__="a", instance="i", job="x"}"#),
        (r#"a{job=""}"#, r#"{__name__="a", instance="i"}"#),
    ] {
        assert_eq!(written(series, &TARGET, &config).as_deref(), Ok(labels), "{series}");
    }
}

#[test]
fn exported_names_that_are_taken_by_the_target_are_avoided() {
    let target = [("exported_a", "t2"), ("a", "t1")];
    assert_eq!(
        written(r#"m{a="p1",exported_a="p2"}"#, &target, &ScrapeConfig::default()).as_deref(),
        Ok(concat!(
            r#"{__name__="m", a="t1", exported_a="t2", exported_exported_a="p1", "#,
            r#"exported_exported_exported_a="p2"}"#
        ))
    );
}

#[test]
fn names_are_held_to_the_scheme() {
    let legacy = ScrapeConfig::default();
    let utf8 = ScrapeConfig { name_validation: Scheme::Utf8, ..ScrapeConfig::default() };
    let series = r#"{"a.b","c.d"="e"}"#;
    assert!(written(series, &[], &legacy).unwrap_err().starts_with("\"a.b\" is not a metric name"));
    assert_eq!(written(series, &[], &utf8).as_deref(), Ok(r#"{__name__="a.b", c.d="e"}"#));
    assert!(written(r#"{""}"#, &[], &utf8).is_err());
    assert!(written(r#"a{""="x"}"#, &[], &utf8).is_err());
}

#[test]
fn a_label_twice_is_no_label_set() {
    let config = ScrapeConfig::default();
    assert_eq!(
        written(r#"a{b="1",b="2"}"#, &[], &config).unwrap_err(),
        "the label \"b\" occurs twice in a series"
    );
    assert!(written(r#"a{__name__="b"}"#, &[], &config).is_err());
}

#[test]
fn limits_name_what_exceeds_them() {
    let limited = |edit: fn(&mut ScrapeConfig)| {
        let mut config = ScrapeConfig::default();
        edit(&mut config);
        written(r#"metric{label="value"}"#, &TARGET, &config)
    };
    assert_eq!(
        limited(|c| c.label_limit = 3).unwrap_err(),
        "label_limit exceeded (metric: metric, number of labels: 4, limit: 3)"
    );
    assert_eq!(
        limited(|c| c.label_name_length_limit = 7).unwrap_err(),
        "label_name_length_limit exceeded (metric: metric, label name: __name__, length: 8, limit: 7)"
    );
    assert_eq!(
        limited(|c| c.label_value_length_limit = 5).unwrap_err(),
        "label_value_length_limit exceeded (metric: metric, label name: __name__, length: 6, limit: 5)"
    );
    assert!(limited(|c| c.label_limit = 4).is_ok());
}

/// The merge by the words of the documentation, on maps.
fn obvious(
    page: &BTreeMap<String, String>,
    target: &BTreeMap<String, String>,
    honor: bool,
) -> BTreeMap<String, String> {
    let mut merged = page.clone();
    if honor {
        for (name, value) in target {
            merged.entry(name.clone()).or_insert_with(|| value.clone());
        }
    } else {
        merged.extend(target.clone());
        let mut beaten: Vec<_> =
            page.iter().filter(|(n, v)| target.contains_key(*n) && !v.is_empty()).collect();
        beaten.sort_by_key(|(name, _)| name.len());
        for (name, value) in beaten {
            let mut name = name.clone();
            loop {
                name.insert_str(0, "exported_");
                if merged.get(&name).is_none_or(String::is_empty) {
                    break;
                }
            }
            merged.insert(name, value.clone());
        }
    }
    merged.retain(|_, value| !value.is_empty());
    merged
}

fn label_map(value: &'static str) -> impl Strategy<Value = BTreeMap<String, String>> {
    prop::collection::btree_map("(exported_){0,2}[Aabz]", value, 0..6)
}

proptest! {
    #[test]
    fn merging_is_what_the_documentation_says(
        page in label_map("[xy\"\\\\\n]{0,2}"),
        target in label_map("[tu]{1,2}"),
        honor_labels: bool,
    ) {
        let labels: Vec<String> = page
            .iter()
            .rev()
            .map(|(n, v)| {
                let v = v.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
                format!("{n}=\"{v}\"")
            })
            .collect();
        let series = format!("m{{{}}}", labels.join(","));
        let pairs: Vec<(&str, &str)> =
            target.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let config = ScrapeConfig { honor_labels, ..ScrapeConfig::default() };
        let mut expected = obvious(&page, &target, honor_labels);
        expected.insert("__name__".into(), "m".into());
        let expected = Labels::from_pairs(expected).to_string();
        prop_assert_eq!(written(&series, &pairs, &config), Ok(expected));
    }
}

#[test]
fn type_and_unit_of_the_family_become_labels() {
    let config = ScrapeConfig { enable_type_and_unit_labels: true, ..ScrapeConfig::default() };
    let target = Labels::default();
    let shape = Shape::new(&config, &target);
    let family = FamilyContext {
        kind: MetricKind::Counter,
        metadata: Some((MetricKind::Counter, "seconds")),
    };
    let mut arena = Vec::new();
    shape.write(r#"a{__type__="x",b="c"}"#, family, &mut arena).unwrap();
    assert_eq!(
        LabelsRef::from_encoded(&arena).to_string(),
        r#"{__name__="a", __type__="counter", __unit__="seconds", b="c"}"#
    );
}

proptest! {
    #[test]
    fn a_bound_that_looks_normal_is_normal(value in "[0-9]{1,8}(\\.[0-9]{1,8})?") {
        if is_normal(&value) {
            prop_assert_eq!(crate::parse::format_float(value.parse().unwrap()), value);
        }
    }
}
