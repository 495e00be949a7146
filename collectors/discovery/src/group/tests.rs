use proptest::prelude::*;

use super::*;

fn shown(document: &str, format: Format) -> Vec<String> {
    let targets = parse(document, format, &[("__meta_filepath", "f")]).unwrap();
    targets.iter().map(ToString::to_string).collect()
}

#[test]
fn both_formats_say_the_same() {
    let json = r#"[{"targets":["a:1","b:2"],"labels":{"job":"x","port":"80"}},{"targets":["c"]}]"#;
    let yaml = "# two groups\n- targets: ['a:1', 'b:2']\n  labels:\n    job: x\n    port: 80\n- targets:\n  - c\n";
    let expected = [
        r#"{__address__="a:1", __meta_filepath="f", job="x", port="80"}"#,
        r#"{__address__="b:2", __meta_filepath="f", job="x", port="80"}"#,
        r#"{__address__="c", __meta_filepath="f"}"#,
    ];
    assert_eq!(shown(json, Format::Json), expected);
    assert_eq!(shown(yaml, Format::Yaml), expected);
}

#[test]
fn a_document_without_groups_has_no_targets() {
    for (document, format) in [
        ("[]", Format::Json),
        ("null", Format::Json),
        ("", Format::Yaml),
        ("# only a comment\n", Format::Yaml),
        ("[]", Format::Yaml),
        ("- targets:\n  labels:\n", Format::Yaml),
    ] {
        assert!(shown(document, format).is_empty(), "{document:?}");
    }
}

#[test]
fn a_label_without_a_value_takes_no_target_away() {
    let json = r#"[{"targets":["a"],"labels":{"b":null,"c":"d"}}]"#;
    let yaml = "- targets: [a]\n  labels: {b: ~, c: d}\n";
    for (document, format) in [(json, Format::Json), (yaml, Format::Yaml)] {
        let expected = [r#"{__address__="a", __meta_filepath="f", c="d"}"#];
        assert_eq!(shown(document, format), expected, "{document}");
    }
}

#[test]
fn an_address_is_the_targets_own_whatever_its_group_says() {
    let json = r#"[{"targets":["a"],"labels":{"__address__":"b","__meta_filepath":"g"}}]"#;
    assert_eq!(shown(json, Format::Json), [r#"{__address__="a", __meta_filepath="f"}"#]);
}

#[test]
fn a_document_of_another_shape_is_refused_with_its_place() {
    for (document, format, words) in [
        ("", Format::Json, "line 1"),
        ("{}", Format::Json, "line 1"),
        ("[{\"targets\":[1]}]", Format::Json, "line 1"),
        ("[{\"target\":[]}]", Format::Json, "unknown field `target`"),
        ("[null]", Format::Json, "group 0 is null"),
        ("[{\"targets\":[],\"labels\":{\"\":\"x\"}}]", Format::Json, "no name"),
        ("- targets: [a]\n  label: {}\n", Format::Yaml, "label"),
        ("targets: [a]\n", Format::Yaml, "line 1"),
        ("- targets: [a\n", Format::Yaml, "line"),
        ("[]\n---\n[]\n", Format::Yaml, "only single YAML document expected"),
        ("- labels: {a: b, a: c}\n", Format::Yaml, "duplicate mapping key `a` is not allowed"),
    ] {
        let error = parse(document, format, &[]).unwrap_err();
        assert!(error.contains(words), "{document:?}: {error}");
    }
}

#[test]
fn a_document_larger_than_the_librarys_default_is_read() {
    let yaml = "- targets: [a]\n  labels: {b: c}\n".repeat(60_000);
    assert_eq!(parse(&yaml, Format::Yaml, &[]).unwrap().len(), 60_000);
}

proptest! {
    #[test]
    fn noise_is_targets_or_an_error(noise in "\\PC{0,60}|[-\\[\\]{}:,\"a \\n]{0,40}") {
        drop(parse(&noise, Format::Json, &[]));
        drop(parse(&noise, Format::Yaml, &[]));
    }
}
