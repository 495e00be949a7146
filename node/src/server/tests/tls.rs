//! TLS and its certificates.

use std::path::Path;

use super::super::config::{ClientAuth, Pem, TlsConfig, TlsVersion};
use super::*;

const CA: &str = include_str!("tls/ca.pem");
const FIRST: (&str, &str) = (include_str!("tls/first.pem"), include_str!("tls/first.key"));
const SECOND: (&str, &str) = (include_str!("tls/second.pem"), include_str!("tls/second.key"));
const CLIENT: (&str, &str) = (include_str!("tls/client.pem"), include_str!("tls/client.key"));

fn config((certificate, key): (&str, &str), client_auth: ClientAuth) -> TlsConfig {
    TlsConfig {
        certificate: Pem::Inline(certificate.to_owned()),
        key: Pem::Inline(key.to_owned()),
        client_ca: Some(Pem::Inline(CA.to_owned())),
        client_auth,
        min_version: TlsVersion::Tls12,
    }
}

fn serving(tls: TlsConfig) -> HttpConfig {
    HttpConfig { tls: Some(tls), ..HttpConfig::default() }
}

fn client(identity: Option<(&str, &str)>) -> Client {
    let inline = |text: &str| Source::Inline(Secret::new(text));
    let tls = client::Tls {
        ca: Some(inline(CA)),
        cert: identity.map(|(cert, _)| inline(cert)),
        key: identity.map(|(_, key)| inline(key)),
        ..client::Tls::default()
    };
    Client::new(&Config { tls, ..Config::default() }).expect("certificates that go together")
}

/// Whether an answer comes over a connection of its own.
async fn answers(world: &World, identity: Option<(&str, &str)>) -> bool {
    let url = format!("https://localhost:{}/-/ready", world.address.port());
    let request = Request::get(url).body(Bytes::new()).expect("a request");
    client(identity).send(request).await.is_ok_and(|answer| answer.status() == StatusCode::OK)
}

/// The name in the certificate that the server shows.
async fn shown(world: &World) -> Vec<u8> {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in super::super::tls::certificates(CA.as_bytes(), "CA").expect("PEM") {
        roots.add(certificate).expect("a CA");
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions of TLS")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = tokio::net::TcpStream::connect(world.address).await.expect("it listens");
    let name = "localhost".try_into().expect("a name");
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let stream = connector.connect(name, stream).await.expect("TLS");
    let chain = stream.get_ref().1.peer_certificates().expect("a certificate");
    chain[0].to_vec()
}

fn der(pem: &str) -> Vec<u8> {
    super::super::tls::certificates(pem.as_bytes(), "certificate").expect("PEM")[0].to_vec()
}

async fn until_shown(world: &World, pem: &str) {
    let wait = async {
        while shown(world).await != der(pem) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("in time");
}

#[tokio::test]
async fn tls_is_served_when_the_configuration_says_so() {
    let world =
        start(Setup { http: serving(config(FIRST, ClientAuth::None)), ..Setup::default() }).await;
    assert!(answers(&world, None).await);
    // Nobody is served in the clear.
    let url = format!("http://{}/-/ready", world.address);
    let request = Request::get(url).body(Bytes::new()).expect("a request");
    world.client.send(request).await.expect_err("plain HTTP to a TLS port");

    world.http.send_replace(Arc::new(serving(config(SECOND, ClientAuth::None))));
    until_shown(&world, SECOND.0).await;
}

#[tokio::test]
async fn clients_show_certificates_when_they_must() {
    let tls = |client_auth| Setup { http: serving(config(FIRST, client_auth)), ..Setup::default() };
    let required = start(tls(ClientAuth::Required)).await;
    assert!(!answers(&required, None).await);
    assert!(answers(&required, Some(CLIENT)).await);
    let optional = start(tls(ClientAuth::IfGiven)).await;
    assert!(answers(&optional, None).await);
    assert!(answers(&optional, Some(CLIENT)).await);
}

#[tokio::test]
async fn what_cannot_be_secured_is_not_served_at_all() {
    let broken = (FIRST.0, "no key");
    let world =
        start(Setup { http: serving(config(broken, ClientAuth::None)), ..Setup::default() }).await;
    assert!(!answers(&world, None).await);
    world.http.send_replace(Arc::new(serving(config(FIRST, ClientAuth::None))));
    until_shown_or_refused(&world).await;
}

/// Waits for the server to have taken over a configuration that works.
async fn until_shown_or_refused(world: &World) {
    let wait = async {
        while !answers(world, None).await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("in time");
}

#[tokio::test]
async fn certificate_files_are_read_again_when_they_change() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    let write = |(certificate, key): (&str, &str)| {
        std::fs::write(path("cert.pem"), certificate).expect("a file");
        std::fs::write(path("key.pem"), key).expect("a file");
    };
    let file = |path: &Path| Pem::File(path.to_owned());
    write(FIRST);
    let tls = TlsConfig {
        certificate: file(&path("cert.pem")),
        key: file(&path("key.pem")),
        client_ca: None,
        client_auth: ClientAuth::None,
        min_version: TlsVersion::Tls13,
    };
    let world = start(Setup { http: serving(tls), ..Setup::default() }).await;
    assert_eq!(shown(&world).await, der(FIRST.0));
    // Half of a rotation changes nothing: the key does not fit.
    std::fs::write(path("cert.pem"), SECOND.0).expect("a file");
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(11)).await;
    tokio::time::resume();
    assert_eq!(shown(&world).await, der(FIRST.0));
    write(SECOND);
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(11)).await;
    tokio::time::resume();
    until_shown(&world, SECOND.0).await;
}
