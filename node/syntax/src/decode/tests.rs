use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use expect_test::{Expect, expect};

use crate::{
    Arguments, Blocks, ByteSize, Capsule, Choice, Evaluated, Exports, Host, Problems, Scope,
    Secret, Source, Stability, Type, Value, Variables, check, decode, parse,
};

mod parts;
mod stand_ins;

#[derive(Debug, PartialEq)]
struct Receiver(u32);

impl Capsule for Receiver {
    fn type_name() -> &'static str {
        "Receiver"
    }
}

/// Where to send to.
#[derive(Arguments, Debug)]
#[arguments(validate = Self::check)]
struct Writer {
    /// The address.
    url: String,
    /// How long one request
    /// may take.
    #[arg(default = Duration::from_secs(30))]
    timeout: Duration,
    #[arg(default = ByteSize(1 << 20), rename = "batch_size")]
    batch: ByteSize,
    #[arg(default)]
    headers: BTreeMap<String, String>,
    #[arg(default = Mode::Fast)]
    mode: Mode,
    password: Option<Secret>,
    #[arg(default)]
    forward_to: Vec<Arc<Receiver>>,
    #[arg(squash)]
    client: Client,
    #[arg(block, default)]
    queue: Queue,
    #[arg(block, rename = "rule")]
    rules: Vec<Rule>,
    #[arg(block)]
    tls: Option<Tls>,
    #[arg(blocks)]
    stages: Vec<Stage>,
    #[arg(default = false, stability = experimental)]
    odd: bool,
    #[arg(serde, default = std::net::Ipv4Addr::LOCALHOST)]
    bind: std::net::Ipv4Addr,
}

impl Writer {
    fn check(&self, problems: &mut Problems<'_>) {
        if self.timeout.is_zero() {
            problems.field("timeout", "timeout must not be zero");
        }
    }
}

#[derive(Choice, Clone, Copy, Debug, PartialEq)]
enum Mode {
    Fast,
    #[choice("SLOW")]
    VerySlow,
}

#[derive(Arguments, Debug, PartialEq)]
#[arguments(default)]
struct Client {
    #[arg(default = true)]
    follow_redirects: bool,
    proxy_url: Option<String>,
}

#[derive(Arguments, Debug, PartialEq)]
#[arguments(default)]
struct Queue {
    #[arg(default = 10_000)]
    capacity: usize,
}

#[derive(Arguments, Debug)]
struct Rule {
    #[arg(default = "replace")]
    action: String,
    #[arg(default)]
    source_labels: Vec<String>,
}

#[derive(Arguments, Debug)]
struct Tls {
    ca_file: String,
}

#[derive(Blocks, Debug)]
#[expect(dead_code, reason = "read by Debug")]
enum Stage {
    /// Reads JSON.
    #[block("stage.json")]
    Json(Json),
    #[block("stage.match")]
    Match(Box<Match>),
    #[block("stage.custom")]
    Custom(Custom),
}

#[derive(Arguments, Debug)]
#[expect(dead_code, reason = "read by Debug")]
struct Json {
    #[arg(default)]
    source: String,
}

#[derive(Arguments, Debug)]
#[expect(dead_code, reason = "read by Debug")]
struct Match {
    selector: String,
    #[arg(blocks)]
    stages: Vec<Stage>,
}

#[derive(Arguments, Debug)]
#[expect(dead_code, reason = "read by Debug")]
struct Custom {
    #[arg(label)]
    name: String,
}

#[derive(Exports)]
struct Given {
    /// Receives.
    receiver: Arc<Receiver>,
    content: String,
}

fn scope() -> Scope {
    let mut variables = Variables::new();
    let given = Given { receiver: Arc::new(Receiver(7)), content: "text".to_owned() };
    variables.set(["given", "one"], Exports::to_value(&given));
    variables.set(["later", "one"], Given::unknown());
    variables.set(["secret"], Value::Secret(Secret::new("hush")));
    let computed = (0..10_000).map(|at| Value::string(format!("bad {at}")));
    variables.set(["computed"], Value::array(computed));
    Scope::new(&Host::default(), Stability::GenerallyAvailable).child(variables)
}

fn block(text: &str) -> Arc<crate::ast::Block> {
    let source = Source::new("test.alloy", format!("writer \"a\" {{\n{text}\n}}"));
    let (file, diagnostics) = parse(&source);
    assert!(!diagnostics.has_errors(), "{diagnostics}");
    file.body.blocks().next().unwrap().clone()
}

fn writer(text: &str) -> Writer {
    decode(&block(text), &scope()).unwrap_or_else(|errors| panic!("{errors}"))
}

fn wrong(text: &str, expected: Expect) {
    let errors = decode::<Writer>(&block(text), &scope()).expect_err("it is wrong");
    expected.assert_eq(&format!("{errors}\n"));
}

#[test]
fn what_is_not_written_has_its_default() {
    let writer = writer("url = \"http://a\"");
    assert_eq!(writer.url, "http://a");
    assert_eq!(writer.timeout, Duration::from_secs(30));
    assert_eq!(writer.batch, ByteSize(1 << 20));
    assert_eq!(writer.mode, Mode::Fast);
    assert_eq!(writer.client, Client { follow_redirects: true, proxy_url: None });
    assert_eq!(writer.client, Client::default());
    assert_eq!(writer.queue, Queue { capacity: 10_000 });
    assert_eq!(writer.queue, Queue::default());
    assert_eq!(writer.bind, std::net::Ipv4Addr::LOCALHOST);
    assert!(writer.password.is_none() && writer.tls.is_none() && writer.headers.is_empty());
    assert!(writer.rules.is_empty() && writer.stages.is_empty() && !writer.odd);
}

#[test]
fn everything_that_is_written_arrives() {
    let writer = writer(
        r#"
        url = given.one.content
        timeout = "1m30s"
        batch_size = "2MiB"
        headers = { "X-One" = 1 }
        mode = "SLOW"
        password = "p"
        forward_to = [given.one.receiver]
        follow_redirects = false
        bind = "10.0.0.1"
        queue {
            capacity = "5"
        }
        rule {
            source_labels = ["a", "b"]
        }
        rule {
            action = "keep"
        }
        tls {
            ca_file = "ca"
        }
        "#,
    );
    assert_eq!(writer.url, "text");
    assert_eq!(writer.timeout, Duration::from_secs(90));
    assert_eq!(writer.batch, ByteSize(2 << 20));
    assert_eq!(writer.headers["X-One"], "1");
    assert_eq!(writer.mode, Mode::VerySlow);
    assert_eq!(writer.password.unwrap().expose(), "p");
    assert_eq!(writer.forward_to, [Arc::new(Receiver(7))]);
    assert!(!writer.client.follow_redirects);
    assert_eq!(writer.queue.capacity, 5);
    assert_eq!(writer.rules[0].source_labels, ["a", "b"]);
    assert_eq!(writer.rules[0].action, "replace");
    assert_eq!(writer.rules[1].action, "keep");
    assert_eq!(writer.tls.unwrap().ca_file, "ca");
    assert_eq!(writer.bind, std::net::Ipv4Addr::new(10, 0, 0, 1));
}

#[test]
fn stages_keep_the_order_of_the_text() {
    let writer = writer(
        r#"
        url = ""
        stage.custom "x" { }
        stage.json { source = "s" }
        stage.match {
            selector = "{}"
            stage.json { }
            stage.custom "inner" { }
        }
        stage.json { }
        "#,
    );
    assert_eq!(
        format!("{:?}", writer.stages),
        "[Custom(Custom { name: \"x\" }), Json(Json { source: \"s\" }), \
         Match(Match { selector: \"{}\", stages: [Json(Json { source: \"\" }), \
         Custom(Custom { name: \"inner\" })] }), Json(Json { source: \"\" })]"
    );
}

#[test]
fn all_mistakes_of_a_block_are_reported_at_once() {
    wrong(
        "timeot = \"1s\"
timeout = 5
mode = \"slow\"
headers = { a = 1, b = [] }
follow_redirects = \"yes\"
password = 1
password = 2
bind = \"localhost\"
forward_to = [given.one.receiver, given.one.content]
queue { capacity = -1 }
queue { }
rule \"label\" { actoin = 1 }
tls = 3
stage.jsn { }
stage.custom { }
odd = true
nothing.at_all { }
batch_size = missing.name",
        expect![[r#"
            test.alloy:1:1: error: missing required attribute "url"
            1 | writer "a" {
              | ^^^^^^^^^^

            test.alloy:2:1: error: unknown attribute "timeot"
            2 | timeot = "…"
              | ^^^^^^
            hint: did you mean "timeout"?

            test.alloy:3:11: error: attribute "timeout": expected duration, got number
            3 | timeout = 5
              |           ^
            hint: a duration is a string such as "30s", "1m30s" or "500ms"

            test.alloy:4:8: error: attribute "mode": expected one of "fast", "SLOW", got "slow"
            4 | mode = "slow"
              |        ^^^^^^
            hint: did you mean "SLOW"?

            test.alloy:5:24: error: attribute "headers": expected string, got list
            5 | headers = { a = 1, b = [] }
              |                        ^^

            test.alloy:6:20: error: attribute "follow_redirects": expected bool, got string
            6 | follow_redirects = "yes"
              |                    ^^^^^

            test.alloy:8:1: error: attribute "password" is set twice
            8 | password = 2
              | ^^^^^^^^
            test.alloy:7:1: note: it is set first here

            test.alloy:9:8: error: attribute "bind": invalid IPv4 address syntax
            9 | bind = "localhost"
              |        ^^^^^^^^^^^

            test.alloy:10:35: error: attribute "forward_to": expected Receiver, got string
            10 | forward_to = [given.one.receiver, given.one.content]
               |                                   ^^^^^^^^^^^^^^^^^

            test.alloy:11:20: error: attribute "capacity": -1 is not between 0 and 18446744073709551615
            11 | queue { capacity = -1 }
               |                    ^^

            test.alloy:12:1: error: block "queue" is written twice
            12 | queue { }
               | ^^^^^
            test.alloy:11:1: note: it is written first here

            test.alloy:13:6: error: block "rule" takes no label
            13 | rule "label" { actoin = 1 }
               |      ^^^^^^^

            test.alloy:13:16: error: unknown attribute "actoin"
            13 | rule "label" { actoin = 1 }
               |                ^^^^^^
            hint: did you mean "action"?

            test.alloy:14:1: error: unknown attribute "tls"
            14 | tls = 3
               | ^^^
            hint: "tls" is a block: tls { … }

            test.alloy:15:1: error: unknown block "stage.jsn"
            15 | stage.jsn { }
               | ^^^^^^^^^
            hint: did you mean "stage.json"?

            test.alloy:16:1: error: this block needs a label
            16 | stage.custom { }
               | ^^^^^^^^^^^^
            hint: name "label" { … }

            test.alloy:17:1: error: "odd" is experimental
            17 | odd = true
               | ^^^
            hint: start with --stability.level=experimental

            test.alloy:18:1: error: unknown block "nothing.at_all"
            18 | nothing.at_all { }
               | ^^^^^^^^^^^^^^
            hint: the blocks here are queue, rule, tls, stage.json, stage.match, stage.custom

            test.alloy:19:14: error: "missing" does not exist
            19 | batch_size = missing.name
               |              ^^^^^^^
        "#]],
    );
}

#[test]
fn an_attribute_that_cannot_be_read_is_not_missing() {
    for value in ["\"\\'\"", "1e400", "[1, \"\\'\"]", "'x'", "= 1", "{a: 1}", "\"open"] {
        let text = format!("writer \"a\" {{\n url = {value}\ntls {{ ca_file = {value} }}\n}}");
        let (file, found) = parse(&Source::new("test.alloy", text));
        assert!(found.has_errors(), "{value}");
        for block in file.body.blocks() {
            assert_eq!(check::<Writer>(block, &scope()).to_string(), "", "{value}");
            assert!(decode::<Writer>(block, &scope()).is_err(), "{value}");
        }
    }
}

#[test]
fn a_validation_points_at_its_field() {
    wrong(
        "url = \"\"\ntimeout = \"0s\"",
        expect![[r#"
        test.alloy:3:11: error: timeout must not be zero
        3 | timeout = "0s"
          |           ^^^^
    "#]],
    );
}

#[test]
fn what_is_known_only_when_running_is_checked_by_its_type() {
    let checked = |text: &str| check::<Writer>(&block(text), &scope()).to_string();
    assert_eq!(checked("url = later.one.content\nforward_to = [later.one.receiver]"), "");
    assert_eq!(checked("url = later.one.content + \"/x\"\ntimeout = later.one.content"), "");
    let wrong = checked("url = later.one.receiver\nforward_to = [later.one.content]");
    expect![[r#"
        test.alloy:2:7: error: attribute "url": expected string, got Receiver
        2 | url = later.one.receiver
          |       ^^^^^^^^^^^^^^^^^^

        test.alloy:3:15: error: attribute "forward_to": expected Receiver, got string
        3 | forward_to = [later.one.content]
          |               ^^^^^^^^^^^^^^^^^"#]]
    .assert_eq(&wrong);
}

#[test]
fn a_gated_attribute_at_its_default_needs_no_flag() {
    assert!(!writer("url = \"\"\nodd = false").odd);
}

#[test]
fn the_reference_is_the_declaration() {
    let fields = Writer::reference();
    let shown: Vec<String> = fields
        .iter()
        .map(|field| {
            let kind = match &field.kind {
                crate::FieldKind::Attribute(kind) => kind.to_string(),
                crate::FieldKind::Block { repeated, nested } => {
                    format!("block of {} (repeated: {repeated})", nested().len())
                }
                crate::FieldKind::Label => "label".to_owned(),
            };
            let default = field.default_text().unwrap_or_default();
            format!("{} {kind} {} {default} {}", field.name, field.required, field.doc)
        })
        .collect();
    expect![[r#"
        url string true  The address.
        timeout duration false "30s" How long one request may take.
        batch_size bytes false "1MiB" 
        headers map(string) false {} 
        mode one of "fast", "SLOW" false "fast" 
        password secret false  
        forward_to list(Receiver) false [] 
        follow_redirects bool false true 
        proxy_url string false  
        queue block of 1 (repeated: false) false  
        rule block of 2 (repeated: true) false  
        tls block of 1 (repeated: false) false  
        stage.json block of 1 (repeated: true) false  Reads JSON.
        stage.match block of 4 (repeated: true) false  
        stage.custom block of 1 (repeated: true) false  
        odd bool false false 
        bind string false "127.0.0.1" "#]]
    .assert_eq(&shown.join("\n"));
}

#[test]
fn equal_blocks_are_equal_wherever_they_stand() {
    let (one, _) = Evaluated::new(&block("url = \"a\" + \"b\"\nrule { }"), &scope());
    let (two, _) = Evaluated::new(&block("\n\n  url = \"ab\" // the same\n  rule {\n}"), &scope());
    let (three, _) = Evaluated::new(&block("url = \"ac\"\nrule { }"), &scope());
    assert_eq!(one, two);
    assert_ne!(one, three);
}

#[test]
fn exports_know_their_types_before_they_have_values() {
    let kinds: Vec<_> = Given::reference().into_iter().map(|field| field.kind).collect();
    assert!(matches!(&kinds[0], crate::FieldKind::Attribute(Type::Capsule("Receiver"))));
    assert!(Given::unknown().is_unknown());
}
