use std::collections::BTreeMap;

use crate::{Host, Scope, Source, Stability, Value, evaluate, parse_expression};

fn scope(stability: Stability) -> Scope {
    let environment = BTreeMap::from([("HOME".to_owned(), "/root".to_owned())]);
    let host = Host {
        environment,
        hostname: "host-1".to_owned(),
        os: "linux".to_owned(),
        arch: "amd64".to_owned(),
        version: "v1".to_owned(),
    };
    let mut variables = crate::Variables::new();
    variables.set(["hush"], Value::Secret("s3cret".into()));
    Scope::new(&host, stability).child(variables)
}

fn run(text: &str, stability: Stability) -> Result<Value, String> {
    let source = Source::new("test", text);
    let expr = parse_expression(&source).unwrap_or_else(|errors| panic!("{text}: {errors}"));
    evaluate(&expr, &scope(stability)).map_err(|problems| {
        problems.iter().map(|problem| problem.message.as_str()).collect::<Vec<_>>().join("; ")
    })
}

/// Each line is an expression, ` => `, and its value, or `error: ` and the message.
fn table(cases: &str) {
    for case in cases.lines().map(str::trim).filter(|case| !case.is_empty()) {
        let (text, expected) = case.split_once(" => ").expect("expression => value");
        let shown = match run(text, Stability::Experimental) {
            Ok(value) => value.to_string(),
            Err(message) => format!("error: {message}"),
        };
        assert_eq!(shown, expected, "{text}");
    }
}

#[test]
fn strings() {
    table(
        r#"
        string.join(["a", "b", 3], "-") => "a-b-3"
        string.join([], "-") => ""
        string.split("a,b,,c", ",") => ["a", "b", "", "c"]
        string.split("äb", "") => ["ä", "b"]
        string.split("", ",") => [""]
        string.replace("a.b.c", ".", "") => "abc"
        string.replace("ab", "", "-") => "-a-b-"
        string.to_lower("ÄB") => "äb"
        string.to_upper("straße ᾳŉ") => "STRAßE ᾼŉ"
        string.to_lower("ΟΔΟΣ İ") => "οδοσ i"
        string.trim("?!hello!?", "!?") => "hello"
        string.trim_prefix("helloworld", "hello") => "world"
        string.trim_prefix("world", "hello") => "world"
        string.trim_suffix("helloworld", "world") => "hello"
        string.trim_space("  a \n\t") => "a"
        string.trim_space(1, 2) => error: string.trim_space: takes 1 arguments, not 2
        string.join("a", "-") => error: string.join: expected list(string), got string
        string.join(["a", []], "-") => error: string.join: element 1: expected string, got list
        string.to_lower(hush) => error: string.to_lower: expected string, got secret
        "#,
    );
}

#[test]
fn formatting_is_go_s() {
    table(
        r#"
        string.format("%s is %d%%", "it", 5) => "it is 5%"
        string.format("%v %v %v %v", 1, "a", true, 1.5) => "1 a true 1.5"
        string.format("%v", [1, "a", [true]]) => "[1 a [true]]"
        string.format("%v", {b = 1, a = null}) => "map[a:<nil> b:1]"
        string.format("%q", "a\"b") => "\"a\\\"b\""
        string.format("%x %X", "hi", "hi") => "6869 6869"
        string.format("%x %#x %X %o %b", 255, 255, 255, 8, 5) => "ff 0xff FF 10 101"
        string.format("%5d|%-5d|%05d|%+d", 42, 42, -42, 42) => "   42|42   |-0042|+42"
        string.format("%8.3f|%-8.2f|%08.3f", 3.14159, 2.5, -3.14159) => "   3.142|2.50    |-003.142"
        string.format("%f", 1) => "1.000000"
        string.format("%e %E", 1234.5, 0.00012) => "1.234500e+03 1.200000E-04"
        string.format("%g %g %g %g", 100000.0, 1000000.0, 0.0001, 0.00001) => "100000 1e+06 0.0001 1e-05"
        string.format("%.3g %.3g", 1234.5678, 0.5) => "1.23e+03 0.5"
        string.format("%v %v", 123456789.0, 0.1) => "1.23456789e+08 0.1"
        string.format("%.2s|%5s|%-5s|", "abc", "ab", "ab") => "ab|   ab|ab   |"
        string.format("%*d", 5, 1) => "    1"
        string.format("%[2]s %[1]s", "a", "b") => "b a"
        string.format("%t", false) => "false"
        string.format("%c%U", 228, 228) => "äU+00E4"
        string.format("%d", 3.0) => "3"
        string.format("%d", 3.5) => error: string.format: %d does not take a number
        string.format("%d", "a") => error: string.format: %d does not take a string
        string.format("%s") => error: string.format: there is no argument for %s
        string.format("x", 1) => error: string.format: the format does not use argument 1
        string.format("%") => error: string.format: the format ends within a directive
        string.format("%y", 1) => error: string.format: %y is no directive
        string.format("%99999d", 1) => error: string.format: a width or precision is at most 1000
        string.format("%s", hush) => error: string.format: %s does not take a secret
        "#,
    );
}

#[test]
fn encodings() {
    table(
        r#"
        encoding.from_json("{\"a\": [1, 2.5, null, true], \"b\": {}}") => {a = [1, 2.5, null, true], b = {}}
        encoding.from_json("7") / 2 => 3.5
        [encoding.from_json("9007199254740993"), encoding.from_json("1e3")] => [9007199254740992, 1000]
        encoding.from_json("{\"a\": [1]}").a[0] / 2 => 0.5
        encoding.to_json(encoding.from_json("{\"a\": [1, 18446744073709551615]}")) => "{\"a\":[1,18446744073709552000]}"
        json_path("{\"a\": 7}", ".a")[0] / 2 => 3.5
        encoding.from_json("{") => error: encoding.from_json: not JSON: EOF while parsing an object at line 1 column 1
        encoding.from_yaml("a: 1\nb:\n  - x\n  - 2.5\n3: ~\n") => {a = 1, b = ["x", 2.5], "3" = null}
        encoding.from_base64("aGVsbG8=") => "hello"
        encoding.from_base64("aGVs\nbG8=") => "hello"
        encoding.from_base64("_") => error: encoding.from_base64: not base64: Invalid symbol 95, offset 0.
        encoding.from_URLbase64("Pz8-") => "??>"
        encoding.to_base64("??>") => "Pz8+"
        encoding.to_URLbase64("??>") => "Pz8-"
        encoding.to_json({b = 1, a = [true, null, "<x>\n"]}) => "{\"a\":[true,null,\"\\u003cx\\u003e\\n\"],\"b\":1}"
        encoding.to_json([1]) => error: encoding.to_json: expected object, got list
        encoding.to_json({a = hush}) => error: encoding.to_json: a secret cannot be written as JSON
        encoding.url_encode("a b&c=ä/~") => "a+b%26c%3D%C3%A4%2F~"
        encoding.url_decode("a+b%26c%3D%C3%A4%2F~") => "a b&c=ä/~"
        encoding.url_decode("%4") => error: encoding.url_decode: % without two hexadecimal digits
        "#,
    );
}

#[test]
fn yaml_means_what_go_makes_of_it() {
    table(
        r#"
        encoding.from_yaml("country: NO\non: 1\nx: y\no: 010\nq: off\nu: Yes") => {country = "NO", on = 1, x = "y", o = 8, q = "off", u = "Yes"}
        yaml_decode("[yes, No, on, OFF, y, N]") => ["yes", "No", "on", "OFF", "y", "N"]
        encoding.from_yaml("[true, True, TRUE, false, False, FALSE, tRUE]") => [true, true, true, false, false, false, "tRUE"]
        encoding.from_yaml("[010, 0o10, -010, 0x10, 0b10, 0, 09, 1_000, 0_10]") => [8, 8, -8, 16, 2, 0, 9, 1000, 8]
        encoding.from_yaml("[1.5, 1e3, .5, \"1\", '010']") => [1.5, 1000, 0.5, "1", "010"]
        encoding.from_yaml("[.inf, -.inf, +.Inf, .nan]") => [+Inf, -Inf, +Inf, NaN]
        encoding.from_yaml("[~, null, Null, NULL, nULL, '~']") => [null, null, null, null, "nULL", "~"]
        encoding.from_yaml("{010: a, 0x1: b, True: c, 1.50: d, no: e, ~: f}") => {"010" = "a", "0x1" = "b", True = "c", "1.50" = "d", no = "e", "null" = "f"}
        encoding.from_yaml("a: 1\n---\nb: 2") => error: encoding.from_yaml: not YAML: error: line 3 column 1: only single YAML document expected but multiple found
        encoding.from_yaml("{a: 1, a: 2}") => error: encoding.from_yaml: not YAML: error: line 1 column 8: duplicate mapping key `a` is not allowed here
        encoding.from_yaml("? [1]\n: a") => error: encoding.from_yaml: not YAML: error: line 1 column 3: expected string scalar
        "#,
    );
}

#[test]
fn lists_of_targets() {
    table(
        r#"
        array.concat() => []
        array.concat([1], [], [2, [3]]) => [1, 2, [3]]
        array.concat([1]) => [1]
        array.concat([1], 2) => error: array.concat: expected list(any), got number
        array.combine_maps([{a = 1, b = 1}, {a = 2}], [{a = 1, c = 3}, {a = 1, b = 9}], ["a"]) => [{a = 1, b = 1, c = 3}, {a = 1, b = 9}]
        array.combine_maps([{a = 1}, {a = 2}], [{a = 1, c = 3}], ["a"], true) => [{a = 1, c = 3}, {a = 2}]
        array.combine_maps([{a = 1}], [], []) => error: array.combine_maps: the list of keys is empty
        array.group_by([{a = "x", n = 1}, {a = "y"}, {a = "x", n = 2}, {n = 3}], "a", true) => [{a = "x", items = [{a = "x", n = 1}, {a = "x", n = 2}]}, {a = "y", items = [{a = "y"}]}]
        array.group_by([{n = 3}], "a", false) => [{a = "", items = [{n = 3}]}]
        "#,
    );
}

#[test]
fn the_rest() {
    table(
        r#"
        constants.hostname + constants.os + constants.arch + constants.version => "host-1linuxamd64v1"
        sys.env("HOME") => "/root"
        sys.env("MISSING") => ""
        coalesce(sys.env("MISSING"), constants.hostname) => "host-1"
        coalesce() => null
        coalesce(null, 0, "", [], {}, false) => false
        coalesce(null, [1]) => [1]
        convert.nonsensitive(hush) => "s3cret"
        hush + "x" => (secret)
        convert.nonsensitive("a" + hush + hush) => "as3crets3cret"
        file.path_join("a", "b", "../c", "", "./d/") => "a/c/d"
        file.path_join("/", "..", "a") => "/a"
        file.path_join("a", "..") => "."
        file.path_join("", "") => ""
        file.path_join() => ""
        "#,
    );
}

#[test]
fn former_names_still_work() {
    table(
        r#"
        env("HOME") => "/root"
        nonsensitive(hush) => "s3cret"
        concat([1], [2]) => [1, 2]
        json_decode("[1]") => [1]
        yaml_decode("- 1") => [1]
        base64_decode("YQ==") => "a"
        format("%d", 1) => "1"
        join(["a"], "") => "a"
        replace("a", "a", "b") => "b"
        split("a b", " ") => ["a", "b"]
        to_lower("A") => "a"
        to_upper("a") => "A"
        trim("xax", "x") => "a"
        trim_prefix("xa", "x") => "a"
        trim_suffix("ax", "x") => "a"
        trim_space(" a ") => "a"
        "#,
    );
}

#[test]
fn paths_pick_values_of_a_document() {
    let document = r#"{"store": {"book": [{"t": "A", "p": 8}, {"t": "B", "p": 12.5, "i": 1}, {"t": "C", "p": 9}], "bike": {"p": 20}}, "odd name": [0, 1, 2, 3, 4]}"#;
    let cases = [
        ("$.store.book[0].t", r#"["A"]"#),
        (".store.book[-1].t", r#"["C"]"#),
        ("store.bike.p", "[20]"),
        ("$.store.book[*].t", r#"["A", "B", "C"]"#),
        ("$..p", "[8, 12.5, 9, 20]"),
        ("$.store.*.p", "[20]"),
        ("$['odd name'][1:3]", "[1, 2]"),
        ("$[\"odd name\"][::2]", "[0, 2, 4]"),
        ("$['odd name'][::-1]", "[4, 3, 2, 1, 0]"),
        ("$['odd name'][-2:]", "[3, 4]"),
        ("$['odd name'][3,0]", "[3, 0]"),
        ("$.store.book[?(@.p < 10)].t", r#"["A", "C"]"#),
        ("$.store.book[?(@.i)].t", r#"["B"]"#),
        ("$.store.book[?(!@.i && (@.t == 'A' || @.p >= 9))].t", r#"["A", "C"]"#),
        ("$..book[?@.t != \"A\"].p", "[12.5, 9]"),
        ("$.missing.at.all", "[]"),
        ("$", &format!("[{}]", crate::stdlib::json::parse(document).unwrap())),
    ];
    for (path, expected) in cases {
        let values = [Value::string(document), Value::string(path)];
        let picked = super::json_path::json_path(&values).map(|picked| picked.to_string());
        assert_eq!(picked.as_deref(), Ok(expected), "{path}");
    }
}

#[test]
fn a_path_that_is_not_supported_is_refused() {
    for path in ["$.a[(@.length-1)]", "$.a.length()", "$[", "$.", "$[?(1)]", "$['a", "$[0:1:0]", ""]
    {
        let values = [Value::string("{}"), Value::string(path)];
        let error = super::json_path::json_path(&values).expect_err(path);
        assert_eq!(error.argument, Some(1), "{path}");
    }
    let deep = format!("$[?({}@.a{})]", "(".repeat(100), ")".repeat(100));
    let values = [Value::string("{}"), Value::string(deep)];
    assert!(super::json_path::json_path(&values).is_err());
}

#[test]
fn an_experimental_function_names_its_flag() {
    let error = run("array.group_by([], \"a\", true)", Stability::PublicPreview);
    assert_eq!(error, Err("array.group_by is experimental".to_owned()));
    assert!(run("array.group_by([], \"a\", true)", Stability::Experimental).is_ok());
}

#[test]
fn a_capsule_is_passed_on_and_joined_without_looking_inside() {
    use std::sync::Arc;

    #[derive(Debug)]
    struct Targets(usize);
    impl crate::Capsule for Targets {
        fn type_name() -> &'static str {
            "targets"
        }
        fn concat(&self, parts: &[Value]) -> Option<Value> {
            Some(Value::capsule(Arc::new(Self(parts.len()))))
        }
    }

    let targets = Value::capsule(Arc::new(Targets(0)));
    let alone = super::arrays::concat(std::slice::from_ref(&targets)).unwrap();
    assert_eq!(alone, targets);
    let joined = super::arrays::concat(&[Value::array([]), targets]).unwrap();
    let Value::Capsule(joined) = joined else { panic!("{joined}") };
    assert_eq!(joined.downcast::<Targets>().unwrap().0, 2);
}
