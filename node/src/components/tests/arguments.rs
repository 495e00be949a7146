//! Every argument there is, by the kind: the whole of them decodes, an unknown one does not.

use syntax::{Host, Stability};

use crate::components::Registry;
use crate::graph;

mod broken;
mod pem;

/// Checks a configuration as `validate` does.
pub(super) fn problems(stability: Stability, config: &str) -> String {
    let directory = tempfile::tempdir().expect("a directory for the test");
    let path = directory.path().join("config.alloy");
    std::fs::write(&path, config).expect("write the configuration");
    graph::validate(&path, &Registry::shoal(), &Host::default(), stability)
        .err()
        .map(|problems| problems.to_string())
        .unwrap_or_default()
}

/// What every client of HTTP takes. One line for each argument.
fn client() -> String {
    format!(
        r#"
    basic_auth {{
        username = "u"
        password = "p"
    }}
    tls_config {{
        ca_file              = "/ca"
        cert_pem             = {:?}
        key_pem              = {:?}
        server_name          = "there"
        insecure_skip_verify = true
        min_version          = "TLS12"
    }}
    follow_redirects     = false
    enable_http2         = false
    proxy_url            = "http://proxy:3128"
    no_proxy             = "localhost"
    proxy_connect_header = {{ "X-A" = ["b"] }}
    http_headers         = {{ "X-C" = ["d"] }}
"#,
        include_str!("../../server/tests/tls/client.pem"),
        include_str!("../../server/tests/tls/client.key"),
    )
}

const SCRAPE: &str = r#"
    targets                            = [{ __address__ = "a" }]
    forward_to                         = []
    job_name                           = "b"
    honor_labels                       = true
    honor_timestamps                   = false
    track_timestamps_staleness         = true
    params                             = { module = ["a", "b"] }
    scrape_interval                    = "5s"
    scrape_timeout                     = "2s"
    scrape_protocols                   = ["PrometheusText0.0.4", "PrometheusProto"]
    scrape_fallback_protocol           = "OpenMetricsText0.0.1"
    metrics_path                       = "/m"
    scheme                             = "https"
    body_size_limit                    = "10MiB"
    sample_limit                       = 1
    target_limit                       = 2
    label_limit                        = 3
    label_name_length_limit            = 4
    label_value_length_limit           = 5
    extra_metrics                      = true
    enable_protobuf_negotiation        = false
    enable_compression                 = false
    metric_name_validation_scheme      = "utf8"
    metric_name_escaping_scheme        = "allow-utf-8"
    scrape_native_histograms           = true
    scrape_classic_histograms          = true
    convert_classic_histograms_to_nhcb = true
    native_histogram_bucket_limit      = 100
    native_histogram_min_bucket_factor = 1.1
    scrape_failure_log_file            = "/log"
    honor_metadata                     = false
    enable_type_and_unit_labels        = false
    start_timestamp_zero_ingestion     = false
    clustering {
        enabled = true
    }
"#;

/// Everything that is generally available, by kind.
fn everything() -> Vec<(&'static str, String)> {
    let client = client();
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
                poll_frequency = "5s"
                poll_timeout   = "2s"
                is_secret      = true
                method         = "POST"
                headers        = {{ "X-A" = "b" }}
                body           = "text"
                client {{ {client} }}
                "#
            ),
        ),
        ("discovery.file", "files = [\"/a/*.json\"]\nrefresh_interval = \"5m\"".to_owned()),
        (
            "discovery.http",
            format!("url = \"http://there/x\"\nrefresh_interval = \"1m\"\n{client}"),
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
        ("prometheus.scrape", SCRAPE.to_owned() + &client),
        (
            "prometheus.remote_write",
            format!(
                r#"
                external_labels = {{ cluster = "a" }}
                endpoint {{
                    url                    = "http://there/write"
                    name                   = "there"
                    remote_timeout         = "30s"
                    headers                = {{ "X-A" = "b" }}
                    send_exemplars         = true
                    send_native_histograms = true
                    protobuf_message       = "io.prometheus.write.v2.Request"
                    round_robin_dns        = false
                    queue_config {{
                        capacity             = 10000
                        min_shards           = 1
                        max_shards           = 50
                        max_samples_per_send = 2000
                        batch_send_deadline  = "5s"
                        min_backoff          = "30ms"
                        max_backoff          = "5s"
                        retry_on_http_429    = true
                        sample_age_limit     = "1h"
                    }}
                    metadata_config {{
                        send                 = true
                        send_interval        = "1m"
                        max_samples_per_send = 2000
                    }}
                    write_relabel_config {{
                        regex  = "a"
                        action = "labeldrop"
                    }}
                    {client}
                }}
                wal {{
                    truncate_frequency = "2h"
                    min_keepalive_time = "5m"
                    max_keepalive_time = "1h"
                    max_size           = "1MiB"
                }}
                "#
            ),
        ),
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

/// A scrape with something more in its third line.
fn scrape(more: &str) -> String {
    format!("prometheus.scrape \"a\" {{\ntargets = []\n{more}\nforward_to = []\n}}")
}

/// An endpoint whose arguments begin in the third line.
fn write(endpoint: &str) -> String {
    format!("prometheus.remote_write \"a\" {{\nendpoint {{\n{endpoint}\n}}\n}}")
}

#[test]
fn what_cannot_be_honoured_is_refused_at_its_place() {
    for (config, expected) in &[
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
        (&scrape("scrape_interval = \"1s\""), "scrape_timeout (10s) must not be longer"),
        (&scrape("scheme = \"gopher\""), ":3:10: error"),
        (&scrape("metric_name_escaping_scheme = \"allow-utf-8\""), "needs metric_name_valid"),
        (&scrape("scrape_protocols = [\"Carrier\"]"), ":3:21: error"),
        (
            &scrape(
                "scrape_protocols = [\"PrometheusText0.0.4\"]\nscrape_native_histograms = true",
            ),
            ":4:28: error: scrape_native_histograms needs PrometheusProto in scrape_protocols",
        ),
        (
            &scrape("scrape_protocols = [\"PrometheusProto\"]\nenable_protobuf_negotiation = true"),
            ":4:31: error: enable_protobuf_negotiation and scrape_protocols exclude each other",
        ),
        (&scrape("honor_metadata = true"), "--stability.level=experimental"),
        (&scrape("enable_type_and_unit_labels = true"), "--stability.level=experimental"),
        (&scrape("start_timestamp_zero_ingestion = true"), "--stability.level=experimental"),
        (&scrape("clustering { }"), "missing required attribute \"enabled\""),
        (&write("url = \"nonsense\""), ":3:7: error: url is not"),
        (&write("url = \"http://a\"\nround_robin_dns = true"), ":4:19: error"),
        (&write("url = \"http://a\"\nsigv4 { }"), "sigv4 is not available"),
        (&write("url = \"http://a\"\nazuread { }"), "azuread is not available"),
        (&write("url = \"http://a\"\ngoogle_iam { }"), "google_iam is not available"),
        (&write("url = \"http://a\"\nqueue_config { max_shards = 0 }"), ":4:29: error: `max_sh"),
        (&write("url = \"http://a\"\nheaders = { \"a b\" = \"c\" }"), "cannot be sent"),
        (&write("url = \"http://a\"\nwrite_relabel_config { regex = \"(\" }"), ":4:32: error"),
        (
            "prometheus.remote_write \"a\" {\nwal { truncate_frequency = \"1m\" }\n}",
            "gives back what was delivered",
        ),
        (
            "prometheus.remote_write \"a\" {\nwal { min_keepalive_time = \"1m\" }\n}",
            "gives back what was delivered",
        ),
        (
            "prometheus.remote_write \"a\" {\nwal { max_size = \"1023KiB\" }\n}",
            ":2:18: error: max_size must be at least 1MiB",
        ),
        (&write("url = \"http://a\"\nheaders = { \"Host\" = \"c\" }"), ":4:13: error"),
        (
            "prometheus.remote_write \"a\" {\nendpoint { url = \"http://a\" }\n\
             endpoint { url = \"http://a\" \n name = \"b\" }\nendpoint { url = \"http://c\" \n name = \"b\" }\n}",
            ":5:1: error: another endpoint has the name \"b\", too",
        ),
        (
            "prometheus.remote_write \"a\" { external_labels = { \"a-b\" = \"c\" } }",
            "no label name",
        ),
    ] {
        let problems = problems(Stability::GenerallyAvailable, config);
        assert!(problems.contains(expected), "{config}\n{problems}");
    }
}

#[test]
fn metadata_need_not_be_honoured_because_it_is() {
    let problems = problems(Stability::Experimental, &scrape("honor_metadata = true"));
    assert!(problems.contains(":3:18: error: metadata travels with every batch"), "{problems}");
}

/// Components whose targets, receivers and secrets come from other components, as in every real
/// configuration.
fn wired(scrape: &str, write: &str) -> String {
    format!(
        r#"
        local.file "token" {{
            filename  = "/token"
            is_secret = true
        }}
        discovery.file "f" {{ files = ["/t.json"] }}
        prometheus.scrape "a" {{
            targets      = discovery.file.f.targets
            forward_to   = [prometheus.remote_write.b.receiver]
            bearer_token = local.file.token.content
            {scrape}
        }}
        prometheus.remote_write "b" {{
            endpoint {{
                url          = "http://there/"
                bearer_token = local.file.token.content
                proxy_url    = local.file.token.content
                http_headers = {{ "X-Token" = [local.file.token.content] }}
                {write}
            }}
        }}
        "#
    )
}

#[test]
fn what_others_export_is_no_mistake_before_it_is_known() {
    assert_eq!(problems(Stability::GenerallyAvailable, &wired("", "")), "");
}

#[test]
fn what_others_export_is_held_against_operators_and_functions_by_its_type() {
    let others =
        "discovery.file \"f\" { files = [\"/t.json\"] }\nlocal.file \"a\" { filename = \"/a\" }\n";
    for (targets, expected) in [
        (
            "array.concat(discovery.file.f.targets, [{a = string.trim_space(local.file.a.content)}])",
            "",
        ),
        ("discovery.file.f.targets + 1", "not list(map(string)) and number"),
        ("[{a = local.file.a.content + 1}]", "not string or secret and number"),
        ("array.concat(discovery.file.f.targets, 3)", "expected list(any), got number"),
        (
            "[{a = string.to_upper(discovery.file.f.targets)}]",
            "expected string, got list(map(string))",
        ),
        ("string.split(local.file.a.content)", "string.split: takes 2 arguments, not 1"),
    ] {
        let config = format!("{others}discovery.relabel \"r\" {{ targets = {targets} }}");
        let problems = problems(Stability::GenerallyAvailable, &config);
        assert!(problems.contains(expected), "{targets}\n{problems}");
        assert_eq!(problems.is_empty(), expected.is_empty(), "{targets}\n{problems}");
    }
}

#[test]
fn arguments_are_held_against_each_other_although_some_are_known_only_when_running() {
    let write =
        "queue_config { max_shards = 0 }\nround_robin_dns = true\nheaders = { \"a b\" = \"\" }";
    let scrape = "scrape_timeout = \"2m\"\nscheme = \"gopher\"\nno_proxy = \"x\"";
    let problems = problems(Stability::GenerallyAvailable, &wired(scrape, write));
    for mistake in [
        "scrape_timeout (120s) must not be longer",
        "gopher",
        "no_proxy needs proxy_url",
        "`max_shards`",
        "requests cannot be spread",
        "cannot be sent",
    ] {
        assert!(problems.contains(mistake), "{mistake}\n{problems}");
    }
}

#[test]
fn two_ways_to_authenticate_exclude_each_other_although_one_is_known_only_when_running() {
    let config = wired("basic_auth { password = local.file.token.content }", "");
    let problems = problems(Stability::GenerallyAvailable, &config);
    assert!(problems.contains("at most one of basic_auth, bearer_token can be set"), "{problems}");
}

/// A component that asks a server with the credentials that it is given, if any.
fn declared(argument: &str, given: &str) -> String {
    format!(
        r#"
        local.file "token" {{
            filename  = "/token"
            is_secret = true
        }}
        declare "asked" {{
            argument "token" {{ {argument} }}
            argument "file" {{ {argument} }}
            argument "password" {{ {argument} }}
            discovery.http "it" {{
                url               = "http://there/"
                bearer_token      = argument.token.value
                bearer_token_file = argument.file.value
            }}
            discovery.http "other" {{
                url = "http://there/"
                basic_auth {{
                    username      = "u"
                    password      = argument.password.value
                    password_file = argument.file.value
                }}
            }}
        }}
        {given}
        "#
    )
}

#[test]
fn a_declaration_may_pass_both_of_two_arguments_that_exclude_each_other() {
    let by_default = "optional = true\ndefault = \"\"";
    for (argument, given, expected) in [
        (by_default, "", ""),
        (by_default, "asked \"it\" { }", ""),
        (by_default, "asked \"it\" { file = \"/t\" }", ""),
        (by_default, "asked \"it\" { token = local.file.token.content }", ""),
        (
            by_default,
            "asked \"it\" {\ntoken = local.file.token.content\nfile = \"/t\"\n}",
            "at most one of bearer_token, bearer_token_file can be set",
        ),
        (
            by_default,
            "asked \"it\" {\npassword = local.file.token.content\nfile = \"/t\"\n}",
            "password and password_file exclude each other",
        ),
        ("optional = true", "", ""),
        ("optional = true", "asked \"it\" { }", ""),
        ("optional = true", "asked \"it\" { file = \"/t\" }", ""),
    ] {
        let problems = problems(Stability::GenerallyAvailable, &declared(argument, given));
        assert!(problems.contains(expected), "{argument} {given}\n{problems}");
        assert_eq!(problems.is_empty(), expected.is_empty(), "{argument} {given}\n{problems}");
    }
}
