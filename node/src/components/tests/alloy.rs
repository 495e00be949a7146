//! What Alloy's components take, held against the declarations: a configuration of Alloy's is
//! understood argument by argument, or the argument is refused by name.

use std::collections::BTreeMap;

use syntax::{FieldDoc, FieldKind, Stability};

use super::arguments::problems;
use crate::components::Registry;

/// Each list by its name: an argument, `*` where it is required, `=` before its default where Alloy
/// documents one that is not empty (but for `protobuf_message`, whose default is neither of its two
/// values here); a block with the list of what is in it; `@` before a list that
/// is part of this one.
const ALLOY: &str = r#"
prometheus.scrape: targets* forward_to* job_name honor_labels=false honor_timestamps=true
  track_timestamps_staleness=false params scrape_interval="1m0s" scrape_timeout="10s" scrape_protocols
  scrape_fallback_protocol="PrometheusText0.0.4" metrics_path="/metrics" scheme="http" body_size_limit
  sample_limit=0 target_limit=0 label_limit=0 label_name_length_limit=0 label_value_length_limit=0
  extra_metrics=false enable_protobuf_negotiation=false enable_compression=true
  metric_name_validation_scheme="legacy" metric_name_escaping_scheme
  convert_classic_histograms_to_nhcb=false native_histogram_bucket_limit=0
  native_histogram_min_bucket_factor=0 scrape_classic_histograms=false scrape_native_histograms=false
  scrape_failure_log_file honor_metadata=false enable_type_and_unit_labels=false
  start_timestamp_zero_ingestion=false clustering{clustering} @http
clustering: enabled*
prometheus.relabel: forward_to* rule{rule} max_cache_size=100000 cache_ttl
rule: source_labels separator=";" regex="(.*)" modulus target_label replacement="$1" action="replace"
prometheus.exporter.self:
prometheus.remote_write: external_labels endpoint{endpoint} wal{wal}
endpoint: url* name remote_timeout="30s" headers send_exemplars=true send_native_histograms=false
  protobuf_message round_robin_dns=false @http
  write_relabel_config{rule} sigv4{sigv4} azuread{azuread} google_iam{google_iam}
  queue_config{queue_config} metadata_config{metadata_config}
sigv4: region access_key secret_key profile role_arn external_id use_fips_sts_endpoint service_name
azuread: cloud scope managed_identity{identity} workload_identity{identity} oauth{identity} sdk{identity}
identity:
google_iam: credentials_file
queue_config: capacity=10000 min_shards=1 max_shards=50 max_samples_per_send=2000
  batch_send_deadline="5s" min_backoff="30ms" max_backoff="5s" retry_on_http_429=true
  sample_age_limit="0s"
metadata_config: send=true send_interval="1m0s" max_samples_per_send=2000
wal: truncate_frequency="2h0m0s" min_keepalive_time="5m0s" max_keepalive_time="8h0m0s"
discovery.relabel: targets* rule{rule}
discovery.file: files* refresh_interval="5m0s"
discovery.http: url* refresh_interval="1m0s" @http
discovery.dns: names* type="SRV" port refresh_interval="30s"
local.file: filename* detector="fsnotify" poll_frequency="1m0s" is_secret=false
remote.http: url* poll_frequency="1m0s" poll_timeout="10s" is_secret=false method="GET" headers body
  client{client}
client: @http
http: bearer_token bearer_token_file basic_auth{basic_auth} authorization{authorization} oauth2{oauth2}
  tls_config{tls_config} follow_redirects=true enable_http2 @proxy http_headers
basic_auth: username password password_file
authorization: type="Bearer" credentials credentials_file
oauth2: client_id* client_secret client_secret_file scopes token_url* endpoint_params @proxy
  tls_config{tls_config}
proxy: proxy_url no_proxy proxy_from_environment=false proxy_connect_header
tls_config: ca_pem ca_file cert_pem cert_file key_pem key_file server_name insecure_skip_verify=false
  min_version
"#;

/// What is known and refused where it asks for anything but the default: the component, where the
/// argument stands in it, and the argument.
const REFUSED: [(&str, &str, &str); 9] = [
    ("prometheus.remote_write", ENDPOINT, "sigv4 { }"),
    ("prometheus.remote_write", ENDPOINT, "azuread { }"),
    ("prometheus.remote_write", ENDPOINT, "google_iam { }"),
    ("prometheus.remote_write", ENDPOINT, "round_robin_dns = true"),
    ("prometheus.remote_write", "wal {\nHERE\n}", "truncate_frequency = \"1h\""),
    ("prometheus.remote_write", "wal {\nHERE\n}", "min_keepalive_time = \"1m\""),
    ("prometheus.scrape", SCRAPE, "honor_metadata = true"),
    ("prometheus.scrape", SCRAPE_TLS, "min_version = \"TLS10\""),
    ("prometheus.scrape", SCRAPE_TLS, "min_version = \"TLS11\""),
];

const ENDPOINT: &str = "endpoint {\nurl = \"http://there/\"\nHERE\n}";
const SCRAPE: &str = "targets = []\nforward_to = []\nHERE";
const SCRAPE_TLS: &str = "targets = []\nforward_to = []\ntls_config {\nHERE\n}";

/// The lists by their names.
fn lists() -> BTreeMap<&'static str, Vec<&'static str>> {
    let mut lists = BTreeMap::<_, Vec<_>>::new();
    let mut current = "";
    for word in ALLOY.split_whitespace() {
        match word.strip_suffix(':') {
            Some(name) => {
                current = name;
                assert!(lists.insert(name, Vec::new()).is_none(), "{name} comes twice");
            }
            None => lists.get_mut(current).expect("a list has begun").push(word),
        }
    }
    lists
}

type Lists = BTreeMap<&'static str, Vec<&'static str>>;

/// Holds the fields of a body against a list; what is wrong goes to `wrong`.
fn compare(at: &str, list: &str, fields: &[FieldDoc], lists: &Lists, wrong: &mut Vec<String>) {
    for word in &lists[list] {
        if let Some(part) = word.strip_prefix('@') {
            compare(at, part, fields, lists, wrong);
            continue;
        }
        let name = word.split(['*', '=', '{']).next().expect("there is a first part");
        let rest = &word[name.len()..];
        let Some(field) = fields.iter().find(|field| field.name == name) else {
            wrong.push(format!("{at}: {name} is not declared"));
            continue;
        };
        if field.required != (rest == "*") {
            wrong.push(format!("{at}: {name} is required: {}", field.required));
        }
        if let Some(default) = rest.strip_prefix('=')
            && field.default_text().as_deref() != Some(default)
        {
            wrong.push(format!("{at}: {name} is {:?} by default", field.default_text()));
        }
        match (&field.kind, rest.strip_prefix('{')) {
            (FieldKind::Block { nested, .. }, Some(list)) => {
                let list = list.strip_suffix('}').expect("a brace closes");
                compare(&format!("{at}/{name}"), list, &nested(), lists, wrong);
            }
            (FieldKind::Attribute(_), None) => {}
            (kind, _) => wrong.push(format!("{at}: {name} is {kind:?}")),
        }
    }
}

#[test]
fn every_argument_and_block_of_alloys_components_is_declared() {
    let (lists, registry) = (lists(), Registry::shoal());
    let mut wrong = Vec::new();
    for kind in registry.kinds() {
        assert!(lists.contains_key(kind.name()), "{} is not in the table", kind.name());
        compare(kind.name(), kind.name(), &kind.arguments(), &lists, &mut wrong);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_is_refused_of_alloys_arguments_is_named_at_its_place() {
    for (kind, body, argument) in REFUSED {
        let config =
            |argument| format!("{kind} \"a\" {{\n{}\n}}\n", body.replace("HERE", argument));
        let without = problems(Stability::Experimental, &config(""));
        assert_eq!(without, "", "{kind} without {argument}");
        let told = problems(Stability::Experimental, &config(argument));
        assert_eq!(told.matches(": error: ").count(), 1, "{argument}: {told}");
        let name = argument.split(' ').next().expect("a name");
        let line = config(argument).lines().position(|line| line == argument).expect("it is there");
        assert!(told.contains(&format!(":{}:", line + 1)), "{argument}: {told}");
        assert!(told.contains(name), "{argument}: {told}");
    }
}
