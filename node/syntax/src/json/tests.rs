use std::collections::BTreeMap;
use std::time::Duration;

use expect_test::expect;

use crate::convert::IntoValue as _;
use crate::json::Body;
use crate::{Arguments, Evaluated, Host, Scope, Secret, Source, Stability, Value, parse};

#[derive(Arguments)]
#[expect(dead_code, reason = "only the reference is used")]
struct Example {
    #[arg(default = "x")]
    name: String,
    #[arg(default = Duration::from_secs(60))]
    interval: Duration,
    #[arg(default = Duration::from_secs(60))]
    timeout: Duration,
    password: Option<Secret>,
    #[arg(default)]
    headers: BTreeMap<String, Vec<Secret>>,
    #[arg(block)]
    rule: Vec<Rule>,
}

#[derive(Arguments)]
#[expect(dead_code, reason = "only the reference is used")]
struct Rule {
    #[arg(label)]
    label: String,
    #[arg(default = 1.5)]
    factor: f64,
}

#[test]
fn a_body_leaves_out_defaults_and_hides_secrets() {
    let text = r#"
        example {
            name = "x"
            interval = "1m"
            timeout = "90s"
            password = "hush"
            headers = { a = ["hush"] }
            rule "one" { factor = "2" }
            rule "two" { factor = 1.5 }
        }
    "#;
    let (file, diagnostics) = parse(&Source::new("test", text));
    assert!(diagnostics.is_empty(), "{diagnostics}");
    let scope = Scope::new(&Host::default(), Stability::GenerallyAvailable);
    let (evaluated, _) = Evaluated::new(file.body.blocks().next().unwrap(), &scope);
    let body = Body::of(&evaluated, &Example::reference());
    let json = serde_json::to_string(&body).unwrap().replace("},{\"", "},\n{\"");
    assert!(!json.contains("hush"));
    expect![[r#"
        [{"name":"timeout","type":"attr","value":{"type":"string","value":"1m30s"}},
        {"name":"password","type":"attr","value":{"type":"capsule","value":"(secret)"}},
        {"name":"headers","type":"attr","value":{"type":"object","value":[{"key":"a","value":{"type":"array","value":[{"type":"capsule","value":"(secret)"}]}}]}},
        {"body":[{"name":"factor","type":"attr","value":{"type":"number","value":2}}],"label":"one","name":"rule","type":"block"},
        {"body":[],"label":"two","name":"rule","type":"block"}]"#]].assert_eq(&json);
}

#[test]
fn every_kind_of_value_has_a_form() {
    let scope = Scope::new(&Host::default(), Stability::GenerallyAvailable);
    let exports = Value::object([
        ("null", Value::Null),
        ("list", Value::array([Value::Bool(true), Value::string("a")])),
        ("function", scope.lookup("coalesce").unwrap().clone()),
        ("map", Value::object([("k", Value::Secret("hush".into()))])),
    ]);
    let json = serde_json::to_string(&Body::of_object(&exports)).unwrap();
    expect![[r#"[{"name":"null","type":"attr","value":{"type":"null","value":null}},{"name":"list","type":"attr","value":{"type":"array","value":[{"type":"bool","value":true},{"type":"string","value":"a"}]}},{"name":"function","type":"attr","value":{"type":"function","value":"function(\"coalesce\")"}},{"name":"map","type":"attr","value":{"type":"object","value":[{"key":"k","value":{"type":"capsule","value":"(secret)"}}]}}]"#]].assert_eq(&json);
}

#[test]
fn a_long_list_can_be_cut_and_says_by_how_much() {
    let numbers = vec![0_u32, 1, 2, 3, 4].to_value();
    let mut body = Body::at_most(2);
    body.attribute("numbers", &numbers);
    body.left_out("target", 7);
    body.left_out("other", 0);
    let json = serde_json::to_string(&body).unwrap();
    expect![[r#"[{"name":"numbers","type":"attr","value":{"left_out":3,"type":"array","value":[{"type":"number","value":0},{"type":"number","value":1}]}},{"count":7,"name":"target","type":"left_out"}]"#]].assert_eq(&json);
    let mut whole = Body::new();
    whole.attribute("numbers", &numbers);
    assert!(!serde_json::to_string(&whole).unwrap().contains("left_out"));
}
