use client::{Secret, Source, Tls};

use super::*;
use crate::server::config::{TlsConfig, TlsVersion};

fn http(client_auth: Option<ClientAuth>) -> HttpConfig {
    let pem = || Source::Inline(Secret::default());
    let tls = client_auth.map(|client_auth| TlsConfig {
        certificate: pem(),
        key: pem(),
        client_ca: Some(pem()),
        client_auth,
        min_version: TlsVersion::Tls12,
        max_version: TlsVersion::Tls13,
    });
    HttpConfig { tls, ..HttpConfig::default() }
}

fn cluster(tls: Option<Tls>) -> cluster::Options {
    cluster::Options { enabled: true, tls, ..cluster::Options::default() }
}

#[test]
fn what_is_served_and_what_is_spoken_must_go_together() {
    use ClientAuth::{Asked, IfGiven, None as Never, Required, RequiredUnchecked};
    let certified = || Tls { cert: Some(Source::Inline(Secret::new(""))), ..Tls::default() };
    let keyed = |options| cluster::Options { key_file: Some("keys".into()), ..options };
    let bare = || cluster(Some(Tls::default()));
    let cases = [
        (cluster(None), http(None), None),
        (bare(), http(None), Some("has no http block")),
        (cluster(None), http(Some(Never)), Some("add --cluster.enable-tls")),
        (bare(), http(Some(Never)), None),
        (bare(), http(Some(Required)), Some("--cluster.tls-cert-path")),
        (keyed(bare()), http(Some(Required)), Some("--cluster.tls-cert-path")),
        (bare(), http(Some(IfGiven)), Some("--cluster.tls-cert-path")),
        (keyed(bare()), http(Some(IfGiven)), None),
        (keyed(bare()), http(Some(RequiredUnchecked)), Some("--cluster.tls-cert-path")),
        (bare(), http(Some(Asked)), None),
        (cluster(Some(certified())), http(Some(Required)), None),
        (cluster::Options { enabled: false, ..bare() }, http(None), None),
    ];
    for (at, (cluster, http, expected)) in cases.into_iter().enumerate() {
        let problem = problem(&cluster, &http);
        match expected {
            None => assert_eq!(problem, None, "case {at}"),
            Some(words) => assert!(problem.is_some_and(|text| text.contains(words)), "case {at}"),
        }
    }
}
