//! TLS, and HTTP/2 over it.

use std::sync::Arc;

use super::*;
use crate::config::{Tls, TlsVersion};
use crate::testing::{ALICE, BOB, CA, NAMED, SERVER, server_tls};

fn trusting() -> Tls {
    Tls { ca: inline(CA), ..Tls::default() }
}

fn with_tls(tls: Tls) -> Config {
    Config { tls, ..Config::default() }
}

fn version(request: &Request<Bytes>) -> Answer {
    answer(format!("{:?} {}", request.version(), request.uri().path()))
}

#[tokio::test]
async fn http2_is_spoken_where_both_sides_offer_it() {
    let server = Server::start_tls(server_tls(SERVER, true, false), |r| version(&r)).await;
    let client = client(with_tls(trusting()));
    for _ in 0..3 {
        assert_eq!(text(&client, get(&server.https("/x"))).await, "HTTP/2.0 /x");
    }
    assert_eq!((server.connections(), client.idle_connections()), (1, 1));
}

#[tokio::test]
async fn http2_is_not_offered_when_it_is_switched_off() {
    let server = Server::start_tls(server_tls(SERVER, true, false), |r| version(&r)).await;
    let client = client(Config { enable_http2: false, ..with_tls(trusting()) });
    for _ in 0..2 {
        assert_eq!(text(&client, get(&server.https("/x"))).await, "HTTP/1.1 /x");
    }
    assert_eq!((server.connections(), client.idle_connections()), (1, 1));
}

#[tokio::test]
async fn many_requests_at_once_share_one_http2_connection() {
    let server = Server::start_tls(server_tls(SERVER, true, false), |r| version(&r)).await;
    let client = client(with_tls(trusting()));
    text(&client, get(&server.https("/first"))).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (client, url) = (client.clone(), server.https("/x"));
        tasks.spawn(async move { text(&client, get(&url)).await });
    }
    assert!(tasks.join_all().await.iter().all(|text| text == "HTTP/2.0 /x"));
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn an_http2_connection_that_breaks_is_replaced() {
    let server = Server::start_tls(server_tls(SERVER, true, false), |r| version(&r)).await;
    let client = client(with_tls(trusting()));
    for connections in 1..4 {
        assert_eq!(text(&client, get(&server.https("/x"))).await, "HTTP/2.0 /x");
        assert_eq!(server.connections(), connections);
        server.cut_connections();
    }
}

#[tokio::test]
async fn an_http2_connection_that_leaves_a_caller_waiting_is_not_used_again() {
    let config = server_tls(SERVER, true, false);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let client = client(with_tls(trusting()));
    // The server takes connections and says nothing above TLS.
    let tls = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let accept = async || tls.accept(listener.accept().await.unwrap().0).await.unwrap();
    for _ in 0..2 {
        // A connection each time: the one of the caller who gave up is not offered again.
        let _silent = tokio::select! {
            _ = client.send(get(&url)) => panic!("nobody answers"),
            stream = async {
                let mut stream = accept().await;
                let mut preface = [0; 24];
                tokio::io::AsyncReadExt::read_exact(&mut stream, &mut preface).await.unwrap();
                stream
            } => stream,
        };
    }
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_is_refused() {
    let server = Server::start_tls(server_tls(SERVER, false, false), |r| version(&r)).await;
    let other_ca = Tls { ca: inline(ALICE.0), ..Tls::default() };
    let error = client(with_tls(other_ca)).send(get(&server.https("/"))).await.unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
}

#[tokio::test]
async fn any_certificate_will_do_when_verification_is_switched_off() {
    let server = Server::start_tls(server_tls(NAMED, false, false), |r| version(&r)).await;
    let client = client(with_tls(Tls { insecure_skip_verify: true, ..Tls::default() }));
    assert_eq!(text(&client, get(&server.https("/"))).await, "HTTP/1.1 /");
}

#[tokio::test]
async fn the_server_name_stands_for_the_host_of_the_url() {
    let server = Server::start_tls(server_tls(NAMED, false, false), |r| version(&r)).await;
    let error = client(with_tls(trusting())).send(get(&server.https("/"))).await.unwrap_err();
    assert!(error.to_string().contains("not valid for name"), "{error}");

    let server_name = Some("target.example".to_owned());
    let client = client(with_tls(Tls { server_name, ..trusting() }));
    assert_eq!(text(&client, get(&server.https("/"))).await, "HTTP/1.1 /");
}

#[tokio::test]
async fn a_client_certificate_is_shown_to_those_who_ask() {
    let server = Server::start_tls(server_tls(SERVER, false, true), |r| version(&r)).await;
    let client =
        client(with_tls(Tls { cert: inline(ALICE.0), key: inline(ALICE.1), ..trusting() }));
    assert_eq!(text(&client, get(&server.https("/"))).await, "HTTP/1.1 /");
}

#[tokio::test]
async fn a_rotated_key_pair_gets_new_connections_and_half_a_rotation_changes_nothing() {
    let server = Server::start_tls(server_tls(SERVER, false, true), |r| version(&r)).await;
    let dir = tempfile::tempdir().unwrap();
    let [cert, key] = ["cert", "key"].map(|name| dir.path().join(name));
    std::fs::write(&cert, ALICE.0).unwrap();
    std::fs::write(&key, ALICE.1).unwrap();
    let client = client(with_tls(Tls {
        cert: Some(Source::File(cert.clone())),
        key: Some(Source::File(key.clone())),
        ..trusting()
    }));
    text(&client, get(&server.https("/"))).await;

    // Bob's certificate does not go with Alice's key.
    std::fs::write(&cert, BOB.0).unwrap();
    pass(SECOND).await;
    text(&client, get(&server.https("/"))).await;
    assert_eq!(server.connections(), 1);

    std::fs::write(&key, BOB.1).unwrap();
    pass(SECOND).await;
    text(&client, get(&server.https("/"))).await;
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn an_older_server_is_refused_by_a_client_that_wants_tls_1_3() {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut old = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(server_tls(SERVER, false, false).cert_resolver);
    old.alpn_protocols.clear();
    let server = Server::start_tls(old, |r| version(&r)).await;
    text(&client(with_tls(trusting())), get(&server.https("/"))).await;

    let strict = Tls { min_version: Some(TlsVersion::Tls13), ..trusting() };
    let error = client(with_tls(strict)).send(get(&server.https("/"))).await.unwrap_err();
    assert!(error.to_string().contains("TLS"), "{error}");
}
