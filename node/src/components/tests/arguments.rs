//! Every argument there is, by the kind: the whole of them decodes, an unknown one does not.

use syntax::{Host, Stability};

use crate::components::Registry;
use crate::graph;

/// Checks a configuration as `validate` does.
fn problems(stability: Stability, config: &str) -> String {
    let directory = tempfile::tempdir().expect("a directory for the test");
    let path = directory.path().join("config.alloy");
    std::fs::write(&path, config).expect("write the configuration");
    graph::validate(&path, &Registry::shoal(), &Host::default(), stability)
        .err()
        .map(|problems| problems.to_string())
        .unwrap_or_default()
}

const CLIENT: &str = r#"
    basic_auth {
        username = "u"
        password = "p"
    }
    tls_config {
        ca_file              = "/ca"
        cert_pem             = "CERT"
        key_pem              = "KEY"
        server_name          = "there"
        insecure_skip_verify = true
        min_version          = "TLS12"
    }
    follow_redirects     = false
    enable_http2         = false
    proxy_url            = "http://proxy:3128"
    no_proxy             = "localhost"
    proxy_connect_header = { "X-A" = ["b"] }
    http_headers         = { "X-C" = ["d"] }
"#;

/// Everything that is generally available, by kind.
fn everything() -> Vec<(&'static str, String)> {
    vec![
        (
            "local.file",
            r#"
            filename       = "/f"
            detector       = "poll"
            poll_frequency = "1m"
            is_secret      = true
            "#
            .to_owned(),
        ),
        (
            "remote.http",
            format!(
                r#"
                url            = "http://there/x"
                poll_frequency = "1m"
                poll_timeout   = "10s"
                is_secret      = true
                method         = "POST"
                headers        = {{ "X-A" = "b" }}
                body           = "text"
                client {{ {CLIENT} }}
                "#
            ),
        ),
        ("discovery.file", "files = [\"/a/*.json\"]\nrefresh_interval = \"5m\"".to_owned()),
        (
            "discovery.http",
            format!("url = \"http://there/x\"\nrefresh_interval = \"1m\"\n{CLIENT}"),
        ),
        (
            "discovery.dns",
            "names = [\"a\"]\ntype = \"A\"\nport = 80\nrefresh_interval = \"30s\"".to_owned(),
        ),
        (
            "discovery.relabel",
            r#"
            targets = [{ __address__ = "a" }]
            rule {
                source_labels = ["a"]
                separator     = ";"
                regex         = "(.*)"
                target_label  = "b"
                replacement   = "$1"
                action        = "replace"
            }
            "#
            .to_owned(),
        ),
        (
            "prometheus.relabel",
            r#"
            forward_to     = []
            max_cache_size = 5
            rule {
                regex  = "b"
                action = "labeldrop"
            }
            "#
            .to_owned(),
        ),
        ("prometheus.exporter.self", String::new()),
    ]
}

#[test]
fn every_argument_of_every_kind_is_taken() {
    let everything = everything();
    for (kind, body) in &everything {
        let config = format!("{kind} \"a\" {{\n{body}\n}}\n");
        assert_eq!(problems(Stability::GenerallyAvailable, &config), "", "{kind}");
    }
    let covered: Vec<&str> = everything.iter().map(|(kind, _)| *kind).collect();
    for kind in Registry::shoal().names() {
        assert!(covered.contains(&kind), "{kind} is not tested");
    }
}

#[test]
fn an_unknown_argument_or_block_of_any_kind_is_refused() {
    for (kind, body) in everything() {
        let config = format!("{kind} \"a\" {{\n{body}\nnonsense = 1\nrubbish {{ }}\n}}\n");
        let problems = problems(Stability::GenerallyAvailable, &config);
        assert!(problems.contains("unknown attribute \"nonsense\""), "{kind}: {problems}");
        assert!(problems.contains("unknown block \"rubbish\""), "{kind}: {problems}");
    }
}

#[test]
fn what_cannot_be_honoured_is_refused_at_its_place() {
    for (config, expected) in [
        ("local.file \"a\" { filename = \"\" }", "filename must not be empty"),
        ("local.file \"a\" {\nfilename = \"b\"\npoll_frequency = \"0s\"\n}", ":3:18: error"),
        ("remote.http \"a\" { url = \"nonsense\" }", ":1:25: error: url is not an absolute"),
        (
            "remote.http \"a\" {\nurl = \"http://b\"\npoll_timeout = \"2m\"\n}",
            "less than poll_freq",
        ),
        ("remote.http \"a\" {\nurl = \"http://b\"\nmethod = \"a b\"\n}", "not a method"),
        ("discovery.http \"a\" { url = \"ftp://b\" }", "url is not an absolute http"),
        ("discovery.file \"a\" { files = [\"b.txt\"] }", "b.txt"),
        ("discovery.dns \"a\" {\nnames = [\"b\"]\ntype = \"MX\"\n}", "need port"),
        ("discovery.dns \"a\" {\nnames = []\n}", "names must not be empty"),
        ("prometheus.relabel \"a\" {\nforward_to = []\ncache_ttl = \"1s\"\n}", "at least 1m"),
        (
            "prometheus.relabel \"a\" {\nforward_to = []\ncache_ttl = \"1m\"\nmax_cache_size = 1\n}",
            "exclude each other",
        ),
        ("prometheus.relabel \"a\" {\nforward_to = []\nmax_cache_size = 0\n}", "greater than 0"),
        (
            "prometheus.relabel \"a\" { forward_to = [\"b\"] }",
            "expected MetricsReceiver, got string",
        ),
        ("discovery.relabel \"a\" { targets = [{ a = [] }] }", ":1:42: error"),
    ] {
        let problems = problems(Stability::GenerallyAvailable, config);
        assert!(problems.contains(expected), "{config}\n{problems}");
    }
}
