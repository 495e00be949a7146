//! TLS and its certificates.

use std::path::Path;

use client::pem::{Document, Part};

use super::super::config::{ClientAuth, TlsConfig, TlsVersion};
use super::super::tls::Material;
use super::*;

const CA: &str = include_str!("tls/ca.pem");
const FIRST: (&str, &str) = (include_str!("tls/first.pem"), include_str!("tls/first.key"));
const SECOND: (&str, &str) = (include_str!("tls/second.pem"), include_str!("tls/second.key"));
/// Of an authority that nobody trusts.
const OTHER: (&str, &str) = (include_str!("tls/other.pem"), include_str!("tls/other.key"));
const CLIENT: (&str, &str) = (include_str!("tls/client.pem"), include_str!("tls/client.key"));

fn inline(text: &str) -> Source {
    Source::Inline(text.into())
}

fn config((certificate, key): (&str, &str), client_auth: ClientAuth) -> TlsConfig {
    TlsConfig {
        certificate: inline(certificate),
        key: inline(key),
        client_ca: Some(inline(CA)),
        client_auth,
        min_version: TlsVersion::Tls12,
        max_version: TlsVersion::Tls13,
    }
}

fn serving(tls: TlsConfig) -> HttpConfig {
    HttpConfig { tls: Some(tls), ..HttpConfig::default() }
}

fn trust(identity: Option<(&str, &str)>) -> client::Tls {
    client::Tls {
        ca: Some(inline(CA)),
        cert: identity.map(|(cert, _)| inline(cert)),
        key: identity.map(|(_, key)| inline(key)),
        ..client::Tls::default()
    }
}

/// Trust in an authority that has signed nothing of ours.
fn distrust() -> client::Tls {
    client::Tls { ca: Some(inline(OTHER.0)), ..trust(Some(CLIENT)) }
}

fn client(identity: Option<(&str, &str)>) -> Client {
    let config = Config { tls: trust(identity), ..Config::default() };
    Client::new(&config).expect("certificates that go together")
}

/// Whether an answer comes over a connection of its own.
async fn answers(world: &World, identity: Option<(&str, &str)>) -> bool {
    let url = format!("https://localhost:{}/-/ready", world.address.port());
    let request = Request::get(url).body(Bytes::new()).expect("a request");
    client(identity).send(request).await.is_ok_and(|answer| answer.status() == StatusCode::OK)
}

/// The certificate that the server shows.
async fn shown(world: &World) -> Vec<u8> {
    let stream = connected(world).await;
    let chain = stream.get_ref().1.peer_certificates().expect("a certificate");
    chain[0].to_vec()
}

async fn connected(world: &World) -> tokio_rustls::client::TlsStream<tokio::net::TcpStream> {
    let ca = Document::inline(Part::Authorities, &inline(CA)).expect("it is spelt out");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions of TLS")
        .with_root_certificates(ca.authorities().expect("a CA"))
        .with_no_client_auth();
    let stream = tokio::net::TcpStream::connect(world.address).await.expect("it listens");
    let name = "localhost".try_into().expect("a name");
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    connector.connect(name, stream).await.expect("TLS")
}

fn der(pem: &str) -> Vec<u8> {
    let document = Document::inline(Part::Certificate, &inline(pem)).expect("it is spelt out");
    document.chain().expect("PEM")[0].to_vec()
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
    assert!(!answers(&optional, Some(OTHER)).await);
}

#[tokio::test]
async fn clients_show_any_certificate_where_it_is_not_checked() {
    let tls = |client_auth| {
        let config = TlsConfig { client_ca: None, ..config(FIRST, client_auth) };
        Setup { http: serving(config), ..Setup::default() }
    };
    let required = start(tls(ClientAuth::RequiredUnchecked)).await;
    assert!(!answers(&required, None).await);
    assert!(answers(&required, Some(OTHER)).await);
    let asked = start(tls(ClientAuth::Asked)).await;
    assert!(answers(&asked, None).await);
    assert!(answers(&asked, Some(OTHER)).await);
}

#[tokio::test]
async fn only_the_versions_that_are_wanted_are_spoken() {
    use rustls::ProtocolVersion::{TLSv1_2, TLSv1_3};
    for (min_version, max_version, expected) in [
        (TlsVersion::Tls12, TlsVersion::Tls13, TLSv1_3),
        (TlsVersion::Tls12, TlsVersion::Tls12, TLSv1_2),
        (TlsVersion::Tls13, TlsVersion::Tls13, TLSv1_3),
    ] {
        let tls = TlsConfig { min_version, max_version, ..config(FIRST, ClientAuth::None) };
        let world = start(Setup { http: serving(tls), ..Setup::default() }).await;
        let stream = connected(&world).await;
        assert_eq!(stream.get_ref().1.protocol_version(), Some(expected));
    }
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

/// Lets the server do all it has to, and look at its files once more. Virtual time goes on only when
/// nothing else is left to do.
async fn settle() {
    tokio::time::pause();
    tokio::time::sleep(Duration::from_secs(11)).await;
    tokio::time::resume();
}

#[tokio::test]
async fn tls_that_works_outlives_a_configuration_that_cannot_be_secured() {
    let world =
        start(Setup { http: serving(config(FIRST, ClientAuth::None)), ..Setup::default() }).await;
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("key.pem");
    let second = TlsConfig { key: Source::File(path.clone()), ..config(SECOND, ClientAuth::None) };
    for broken in [config((SECOND.0, FIRST.1), ClientAuth::None), second] {
        world.http.send_replace(Arc::new(serving(broken)));
        settle().await;
        assert_eq!(shown(&world).await, der(FIRST.0));
    }
    // It is in force as soon as it can be.
    std::fs::write(path, SECOND.1).expect("a file");
    settle().await;
    until_shown(&world, SECOND.0).await;
}

#[tokio::test]
async fn nobody_is_served_in_the_clear_once_tls_was_asked_for() {
    let world = start(Setup::default()).await;
    assert_eq!(world.get("/-/healthy").await.0, StatusCode::OK);
    let broken = config((FIRST.0, SECOND.1), ClientAuth::None);
    world.http.send_replace(Arc::new(serving(broken)));
    settle().await;
    let mut stream = tokio::net::TcpStream::connect(world.address).await.expect("it listens");
    let mut answer = Vec::new();
    // It may be reset before it is written to.
    let _ = stream.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let _ = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut answer).await;
    assert!(answer.is_empty(), "{}", String::from_utf8_lossy(&answer));
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
    let file = |path: &Path| Source::File(path.to_owned());
    write(FIRST);
    let tls = TlsConfig {
        certificate: file(&path("cert.pem")),
        key: file(&path("key.pem")),
        client_ca: None,
        client_auth: ClientAuth::None,
        min_version: TlsVersion::Tls13,
        max_version: TlsVersion::Tls13,
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

#[tokio::test]
async fn the_next_connection_to_a_peer_shows_a_renewed_certificate() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    let write = |(certificate, key): (&str, &str)| {
        std::fs::write(path("cert.pem"), certificate).expect("a file");
        std::fs::write(path("key.pem"), key).expect("a file");
    };
    write(CLIENT);
    let tls = client::Tls {
        cert: Some(Source::File(path("cert.pem"))),
        key: Some(Source::File(path("key.pem"))),
        ..trust(None)
    };
    let (_http, http) = watch::channel(Arc::default());
    let seal = cluster::PeerSeal::new("", membership::Keyring::default());
    let access = PeerAccess::new(Some(tls), http, seal).expect("settings that fit");
    // A peer that takes any certificate, and hangs up when it has seen it.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let peer = listener.local_addr().expect("it is bound");
    let tls = TlsConfig { client_ca: None, ..config(FIRST, ClientAuth::RequiredUnchecked) };
    let material = Material::read(&tls).expect("it is spelt out");
    let acceptor = material.acceptor(&tls).expect("a certificate and its key");
    let shown = async || {
        let asked = access.post(peer, "/api/v1/peer/sync", Bytes::new(), 1, PATIENCE);
        let seen = async {
            let (stream, _) = listener.accept().await.expect("somebody asks");
            let stream = acceptor.accept(stream).await.expect("TLS");
            stream.get_ref().1.peer_certificates().expect("a certificate")[0].to_vec()
        };
        let (asked, seen) = tokio::join!(asked, seen);
        asked.expect_err("it hangs up");
        seen
    };
    assert_eq!(shown().await, der(CLIENT.0));
    write(SECOND);
    // Files are looked at once a second.
    let renewed = async { while shown().await != der(SECOND.0) {} };
    tokio::time::timeout(PATIENCE, renewed).await.expect("in time");
}

#[tokio::test]
async fn nodes_join_and_ask_each_other_over_mutual_tls_with_a_password() {
    let http = || HttpConfig {
        auth: Some(AuthConfig {
            username: "me".to_owned(),
            password: "secret".to_owned(),
            paths: Vec::new(),
            authenticate_matching_paths: true,
        }),
        ..serving(config(FIRST, ClientAuth::Required))
    };
    let setup = |name, join| Setup {
        clustered: true,
        name,
        join,
        http: http(),
        peer_tls: Some(trust(Some(CLIENT))),
        ..Setup::default()
    };
    let a = start(setup("a", Vec::new())).await;
    let b = start(setup("b", vec![a.address])).await;
    let mut state = a.cluster.handle.state();
    let both = state.wait_for(|state| state.count("participant") == 2);
    tokio::time::timeout(PATIENCE, both).await.expect("in time").expect("the loop runs");

    // Without a socket there is neither TLS nor a password, and peers are asked all the same.
    let url = format!("http://{}/api/v1/targets", b.memory.address());
    let (status, body) = exchange(&b.client, Method::GET, &url, "").await;
    assert_eq!(status, StatusCode::OK);
    assert!(body.contains("\"partial\":false"), "{body}");
}

#[tokio::test]
async fn a_node_that_speaks_otherwise_is_refused_and_does_not_take_itself_for_a_cluster() {
    let encrypted = Setup {
        clustered: true,
        http: serving(config(FIRST, ClientAuth::Required)),
        ..Setup::default()
    };
    let encrypted = start(encrypted).await;
    let plain = start(Setup { clustered: true, ..Setup::default() }).await;
    let mut strangers = Vec::new();
    for (what, seed, peer_tls) in [
        ("no certificate", &encrypted, Some(trust(None))),
        ("a certificate of another authority", &encrypted, Some(trust(Some(OTHER)))),
        ("trust in another authority", &encrypted, Some(distrust())),
        ("no TLS", &encrypted, None),
        ("TLS where there is none", &plain, Some(trust(None))),
    ] {
        let join = vec![seed.address];
        let stranger = Setup { clustered: true, name: "x", join, peer_tls, ..Setup::default() };
        let stranger = begin(Setup { bootstrap_timeout: SHORT, ..stranger }).await;
        let mut state = stranger.cluster.handle.state();
        let refused = |state: &Arc<cluster::ClusterState>| {
            state.seeds.iter().any(|seed| seed.result.starts_with("refused: "))
        };
        match tokio::time::timeout(PATIENCE, state.wait_for(refused)).await {
            Ok(told) => drop(told.expect("the loop runs")),
            Err(_) => panic!("{what}: {:?}", stranger.cluster.handle.state().borrow().seeds),
        }
        strangers.push(stranger);
    }
    outwait().await;
    for (stranger, seed) in
        strangers.iter().zip([&encrypted, &encrypted, &encrypted, &encrypted, &plain])
    {
        stranger.assert_out(&[&seed.address.to_string(), "refused"]).await;
    }
}

#[tokio::test]
async fn where_certificates_are_optional_the_peer_api_asks_for_one_all_the_same() {
    let optional = serving(config(FIRST, ClientAuth::IfGiven));
    let world = start(Setup { clustered: true, http: optional, ..Setup::default() }).await;
    let post = async |identity, path: &str| {
        let url = format!("https://localhost:{}{path}", world.address.port());
        exchange(&client(identity), Method::POST, &url, "x").await
    };
    let (status, text) = post(None, "/api/v1/peer/targets").await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(text.contains("--cluster.tls-cert-path"), "{text}");
    let refused = "shoal_cluster_refused_total{reason=\"certificate\"} 1\n";
    let url = format!("http://{}/metrics", world.memory.address());
    let metrics = || exchange(&world.client, Method::GET, &url, "");
    let (_, page) = metrics().await;
    assert!(page.contains(refused), "{page}");
    let (_, text) = post(Some(CLIENT), "/api/v1/peer/targets").await;
    assert!(text.contains("short"), "it is no question: {text}");
    let (_, page) = metrics().await;
    assert!(page.contains(refused), "it showed one: {page}");
    assert!(answers(&world, None).await, "pages are for everybody");
}
