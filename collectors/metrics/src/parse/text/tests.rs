use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;

mod slow;

/// Events one a line, and the error that ends them.
fn shown(page: &str, dialect: Dialect) -> String {
    let mut parser = TextParser::new(page, dialect);
    let mut out = String::new();
    loop {
        match parser.next_event() {
            Ok(Some(Event::Help { name, help })) => out += &format!("help {name} {help:?}\n"),
            Ok(Some(Event::Type { name, kind })) => out += &format!("type {name} {kind:?}\n"),
            Ok(Some(Event::Unit { name, unit })) => out += &format!("unit {name} {unit}\n"),
            Ok(Some(Event::Histogram(_))) => unreachable!("text has no native histograms"),
            Ok(Some(Event::Sample(sample))) => {
                out += &format!("{} = {:?}", sample.series, sample.value);
                if let Some(timestamp) = sample.timestamp {
                    out += &format!(" @{timestamp}");
                }
                if let Some(exemplar) = sample.exemplar {
                    out += &format!(" # {} {:?}", exemplar.labels, exemplar.value);
                    if let Some(timestamp) = exemplar.timestamp {
                        out += &format!(" @{timestamp}");
                    }
                }
                out += "\n";
            }
            Ok(None) => return out,
            Err(error) => return out + &format!("error: {error}\n"),
        }
    }
}

fn check(page: &str, dialect: Dialect, expect: Expect) {
    expect.assert_eq(&shown(page, dialect));
}

#[test]
fn prometheus_text() {
    check(
        concat!(
            "# HELP go_gc_duration_seconds A \\\\summary\\n of pauses.\n",
            "# \tTYPE   go_gc_duration_seconds summary\n",
            "go_gc_duration_seconds{quantile=\"0\"} 4.9351e-05\n",
            "go_gc_duration_seconds{quantile=\"0.25\",} 7.424100000000001e-05\n",
            "go_gc_duration_seconds { quantile = \"0.9\" , a = \"b\" } 8.3835e-05 42\n",
            "# a comment\n#HELP not metadata\n#\n\n   \n",
            "# TYPE nohelp untyped\n",
            "some:aggregate:rate5m{a_b=\"c\\\"d\\\\\"}\t1\n",
            "_metric_starting_with_underscore 1\n",
            "{\"quoted.name\",\"l.abel\"=\"v\"} +Inf -5\n",
            "{a=\"b\",\"late\"} NaN\n",
            "no_gap{}1\n",
            "# HELP empty\n# HELP\n# HELP \"q.uoted\" text\n",
            "last 0x1",
        ),
        Dialect::Prometheus,
        expect![[r#"
            help go_gc_duration_seconds "A \\\\summary\\n of pauses."
            type go_gc_duration_seconds Summary
            go_gc_duration_seconds{quantile="0"} = 4.9351e-5
            go_gc_duration_seconds{quantile="0.25",} = 7.424100000000001e-5
            go_gc_duration_seconds { quantile = "0.9" , a = "b" } = 8.3835e-5 @42
            type nohelp Unknown
            some:aggregate:rate5m{a_b="c\"d\\"} = 1.0
            _metric_starting_with_underscore = 1.0
            {"quoted.name","l.abel"="v"} = inf @-5
            {a="b","late"} = NaN
            no_gap{} = 1.0
            help empty ""
            help q.uoted "text"
            error: line 20, column 6: expected a number as the value
        "#]],
    );
}

#[test]
fn openmetrics_text() {
    check(
        concat!(
            "# HELP go_seconds Help \\\"text\\\".\n# TYPE go_seconds counter\n# UNIT go_seconds seconds\n",
            "go_seconds_total{a=\"b\"} 4.5 1520879607.789 # {id=\"x\",\"q.q\"=\"y\"} 0.5 1.25\n",
            "go_seconds_total 4 # {} 5\n",
            "# TYPE s stateset\ns{s=\"a\"} 1\n# TYPE i info\n# TYPE g gaugehistogram\n# TYPE u unknown\n",
            "# HELP e \n# UNIT e \n",
            "# EOF\n",
        ),
        Dialect::OpenMetrics,
        expect![[r#"
            help go_seconds "Help \\\"text\\\"."
            type go_seconds Counter
            unit go_seconds seconds
            go_seconds_total{a="b"} = 4.5 @1520879607789 # {id="x","q.q"="y"} 0.5 @1250
            go_seconds_total = 4.0 # {} 5.0
            type s StateSet
            s{s="a"} = 1.0
            type i Info
            type g GaugeHistogram
            type u Unknown
            help e ""
            unit e 
        "#]],
    );
}

#[test]
fn malformed_pages_say_where_and_what() {
    let prometheus = [
        ("a", "line 1, column 2: expected a space and a value after the series"),
        ("a ", "line 1, column 3: expected a number as the value"),
        ("\n a 1 x", "line 2, column 6: expected a timestamp in milliseconds"),
        ("a 1 1.5", "line 1, column 5: expected a timestamp in milliseconds"),
        ("a 1 1 1", "line 1, column 7: expected the end of the line"),
        ("a 1\r\n", "line 1, column 3: expected a number as the value"),
        ("a{", "line 1, column 3: expected a label name or a closing brace"),
        ("a{b}", "line 1, column 4: expected an equals sign after the label name"),
        ("a{b=c}", "line 1, column 5: expected a label value in quotes"),
        ("a{b=\"c", "line 1, column 5: the quoted text does not end"),
        ("a{,b=\"c\"} 1", "line 1, column 3: expected a label name or a closing brace"),
        ("a{\"b\"} 1", "line 1, column 3: the series has two names"),
        ("{b=\"c\"} 1", "line 1, column 1: the series has no name"),
        ("a{b:c=\"d\"} 1", "line 1, column 4: expected an equals sign after the label name"),
        ("1a 1", "line 1, column 1: expected a metric name"),
        ("# TYPE a thing\n", "line 1, column 10: \"thing\" is no type of a metric family"),
        ("# TYPE a info\n", "line 1, column 10: \"info\" is no type of a metric family"),
        ("# HELP 1 x\n", "line 1, column 8: expected the name of a metric family"),
    ];
    let openmetrics = [
        ("a 1\n", "line 2, column 1: the page does not end with # EOF"),
        ("a 1", "line 1, column 4: the page does not end with # EOF"),
        ("a  1\n# EOF", "line 1, column 3: expected a number as the value"),
        ("a{b=\"c\"}1\n# EOF", "line 1, column 9: expected a space and a value after the series"),
        ("a{ b=\"c\"} 1\n", "line 1, column 3: expected a label name or a closing brace"),
        ("a{b=\"c\"d=\"e\"} 1\n", "line 1, column 8: expected a comma or a closing brace"),
        ("a{b=\"\n\"} 1\n", "line 1, column 6: the quoted text does not end in its line"),
        ("a{b=\"\\\n\"} 1\n", "line 1, column 7: the quoted text does not end in its line"),
        ("a 1 # {\"b\"} 1\n", "line 1, column 11: expected an equals sign after the label name"),
        ("a 1 # {} x\n", "line 1, column 10: expected a number as the value of the exemplar"),
        ("a 1 # {} 1 x\n", "line 1, column 12: expected a timestamp in seconds"),
        ("a 1 #\n", "line 1, column 5: expected a timestamp in seconds"),
        ("a 1 NaN\n", "line 1, column 5: expected a timestamp in seconds"),
        ("\n# EOF", "line 1, column 1: expected a metric name"),
        ("# comment\n# EOF", "line 1, column 3: expected HELP, TYPE, UNIT or EOF"),
        ("#\n# EOF", "line 1, column 2: expected a space after #"),
        ("# HELP a\n# EOF", "line 1, column 9: expected a space after the family"),
        ("# HELP a, x\n# EOF", "line 1, column 9: expected a space after the family"),
        ("# TYPE a\tgauge\n# EOF", "line 1, column 9: expected a space after the family"),
        (
            "# UNIT a_seconds meters\n",
            "line 1, column 18: the unit is not the last part of the family's name",
        ),
        ("# TYPE a untyped\n", "line 1, column 10: \"untyped\" is no type of a metric family"),
        ("# EOF\n\n", "line 2, column 1: unexpected text after # EOF"),
    ];
    for (cases, dialect) in
        [(&prometheus[..], Dialect::Prometheus), (&openmetrics[..], Dialect::OpenMetrics)]
    {
        for (page, error) in cases {
            assert_eq!(
                shown(page, dialect).lines().last(),
                Some(format!("error: {error}").as_str()),
                "{page:?}"
            );
        }
    }
}

#[test]
fn a_page_has_to_be_utf8() {
    let error = super::super::utf8(b"a 1\nb{c=\"\xFF\"} 1\n").unwrap_err();
    assert_eq!(error.to_string(), "line 2, column 6: the page is not UTF-8");
}

#[test]
fn a_plain_comment_may_be_anything() {
    let mended = super::super::with_legible_comments;
    let page = mended(b"# a \xFF\n #\xE4 b\n# HELP a \xC3\xA4\na{b=\"\xC3\xA4\"} 1\n");
    assert_eq!(page.unwrap(), "# a ?\n #? b\n# HELP a \u{e4}\na{b=\"\u{e4}\"} 1\n".as_bytes());
    assert_eq!(mended(b"# HELP a \xFF\na 1\n"), None);
    assert_eq!(mended(b"# a\nb{c=\"\xFF\"} 1\n"), None);
    assert_eq!(mended("# \u{e4}\na 1\n".as_bytes()), None);
}

#[test]
fn an_expected_series_is_recognised_only_where_it_ends() {
    let expected = |page: &str, series: &str| {
        let mut parser = TextParser::new(page, Dialect::Prometheus);
        parser.expect(series.len(), xxh3_64(series.as_bytes()));
        match parser.next_event() {
            Ok(Some(Event::Sample(sample))) => Some((sample.series.to_owned(), sample.expected)),
            _ => None,
        }
    };
    let found = |series: &str, expected| Some((series.to_owned(), expected));
    assert_eq!(expected("a 1", "a"), found("a", true));
    assert_eq!(expected("a{b=\"c\"} 1", "a{b=\"c\"}"), found("a{b=\"c\"}", true));
    assert_eq!(expected("ab 1", "a"), found("ab", false));
    assert_eq!(expected("a {b=\"c\"} 1", "a"), found("a {b=\"c\"}", false));
    assert_eq!(expected("b 1", "a"), found("b", false));
    assert_eq!(expected("a", "a{b=\"c\"}"), None);
}

/// What Debian's node_exporter says of a small machine.
const NODE_EXPORTER: &str = include_str!("../../../benches/node_exporter.txt");

#[test]
fn a_page_of_node_exporter_is_read_as_the_slow_reader_reads_it() {
    let (read, complete) = slow::collect(NODE_EXPORTER, Dialect::Prometheus);
    assert_eq!((&read, complete), (&slow::read(NODE_EXPORTER, Dialect::Prometheus).0, true));
    let lines = |what: &str| NODE_EXPORTER.lines().filter(|line| line.starts_with(what)).count();
    let count = |of: fn(&slow::Item) -> bool| read.iter().filter(|item| of(item)).count();
    assert_eq!(count(|item| matches!(item, slow::Item::Help(..))), lines("# HELP "));
    assert_eq!(count(|item| matches!(item, slow::Item::Type(..))), lines("# TYPE "));
    let samples = NODE_EXPORTER.lines().count() - lines("#");
    assert_eq!(count(|item| matches!(item, slow::Item::Sample(..))), samples);
    assert!(samples > 500, "{samples}");
}

/// Pieces that pages are made of, well-formed and not.
fn piece() -> impl Strategy<Value = String> {
    let token = prop::sample::select(vec![
        "a",
        "b:c",
        "_",
        "1",
        "{",
        "}",
        "\"",
        "=",
        ",",
        " ",
        "  ",
        "\t",
        "\n",
        "\\",
        "\\n",
        "\\\"",
        "x=\"y\"",
        "\"q.q\"",
        "{x=\"y\"}",
        "{\"q\",x=\"y\"}",
        " 1",
        " 2.5",
        " NaN",
        " +Inf",
        " 17",
        "#",
        "# ",
        "# HELP a text",
        "# TYPE a counter",
        "# TYPE a summary",
        "# UNIT a_s s",
        "# EOF",
        "# EOF\n",
        " # {x=\"y\"} 1",
        " # {} 1 2.5",
        "a 1\n",
        "a{b=\"c\"} 1 5\n",
        "ä",
        "# HELP \"q\" t\n",
        "0x1",
        "1e5",
        "-",
        ".",
        "\r",
        "\0",
    ]);
    token.prop_map(str::to_owned)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_fast_reader_reads_what_the_slow_one_reads(
        pieces in prop::collection::vec(piece(), 0..24),
        finish: bool,
    ) {
        let mut page = pieces.concat();
        if finish {
            page.push_str("\n# EOF\n");
        }
        for dialect in [Dialect::Prometheus, Dialect::OpenMetrics] {
            let fast = slow::collect(&page, dialect);
            let slow = slow::read(&page, dialect);
            prop_assert_eq!(fast, slow, "{:?} {:?}", dialect, &page);
        }
    }

    #[test]
    fn well_formed_lines_are_read_whatever_they_hold(
        name in "[a-zA-Z_:][a-zA-Z0-9_:]{0,8}",
        labels in prop::collection::vec(("[a-zA-Z_][a-zA-Z0-9_]{0,5}", ".{0,8}"), 0..5),
        value: f64,
        timestamp in prop::option::of(any::<i32>()),
    ) {
        let escape = |v: &str| v.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let text: Vec<String> =
            labels.iter().map(|(n, v)| format!("{n}=\"{}\"", escape(v))).collect();
        let series = if text.is_empty() { name.clone() } else { format!("{name}{{{}}}", text.join(",")) };
        let stamp = timestamp.map_or(String::new(), |t| format!(" {t}"));
        let page = format!("{series} {value}{stamp}\n# EOF\n");
        for dialect in [Dialect::Prometheus, Dialect::OpenMetrics] {
            let mut parser = TextParser::new(&page, dialect);
            let Some(Event::Sample(sample)) = parser.next_event().unwrap() else { panic!() };
            prop_assert_eq!(sample.series, &series);
            prop_assert!(sample.value == value || value.is_nan());
            let factor = if dialect == Dialect::OpenMetrics { 1000 } else { 1 };
            prop_assert_eq!(sample.timestamp, timestamp.map(|t| i64::from(t) * factor));
            let mut parsed = crate::parse::LabelList::new();
            let read = super::super::parse_series(sample.series, &mut parsed).unwrap();
            prop_assert_eq!(read, &name);
            let read: Vec<(String, String)> = parsed
                .iter()
                .map(|l| (l.name.to_owned(), super::super::unescape(l.value).into_owned()))
                .collect();
            prop_assert_eq!(&read, &labels);
            prop_assert_eq!(parser.next_event().unwrap(), None);
        }
    }
}
