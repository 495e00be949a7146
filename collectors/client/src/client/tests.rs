use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Response as HttpResponse;
use http::header::USER_AGENT;
use http_body_util::Full;

use super::*;
use crate::config::{Credentials, Proxy};
use crate::secret::{Secret, Source};
use crate::testing::{Answer, Server, answer, header, inline, pass, serve, status};

mod proxied;
mod redirects;
mod secured;
mod wire;

const SECOND: Duration = Duration::from_secs(1);

fn get(url: &str) -> Request<Bytes> {
    Request::get(url).body(Bytes::new()).unwrap()
}

fn client(config: Config) -> Client {
    Client::new(&config).unwrap()
}

fn with_credentials(credentials: Credentials) -> Config {
    Config { credentials: Some(credentials), ..Config::default() }
}

/// The text of an answer with status 200.
async fn text(client: &Client, request: Request<Bytes>) -> String {
    let mut response = client.send(request).await.unwrap();
    assert_eq!(response.status(), 200);
    let mut body = Vec::new();
    response.read_body(1 << 20, &mut body).await.unwrap();
    String::from_utf8(body).unwrap()
}

/// A server that answers with the value of one of the request's headers.
async fn mirror(name: &'static str) -> Server {
    Server::start(move |request| answer(header(&request, name).to_owned())).await
}

#[tokio::test]
async fn basic_credentials_are_sent() {
    let server = mirror("authorization").await;
    let client = client(with_credentials(Credentials::Basic {
        username: "ada".to_owned(),
        password: inline("love:lace"),
    }));
    // The words of RFC 7617, encoded by hand.
    assert_eq!(text(&client, get(&server.url("/"))).await, "Basic YWRhOmxvdmU6bGFjZQ==");
}

#[tokio::test]
async fn a_scheme_of_its_own_is_sent_as_it_is_written() {
    let server = mirror("authorization").await;
    let client = client(with_credentials(Credentials::Authorization {
        scheme: "Token".to_owned(),
        credentials: Source::Inline(Secret::new("abc")),
    }));
    assert_eq!(text(&client, get(&server.url("/"))).await, "Token abc");
}

#[tokio::test]
async fn a_rotated_token_file_is_used_a_second_later() {
    let server = mirror("authorization").await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("token");
    std::fs::write(&path, "old\n").unwrap();
    let client = client(with_credentials(Credentials::bearer(Source::File(path.clone()))));
    assert_eq!(text(&client, get(&server.url("/"))).await, "Bearer old");

    std::fs::write(&path, "new\n").unwrap();
    pass(SECOND).await;
    assert_eq!(text(&client, get(&server.url("/"))).await, "Bearer new");
}

#[tokio::test]
async fn a_secret_that_no_header_can_carry_is_an_error_that_does_not_show_it() {
    let secret = Source::Inline(Secret::new("line\nbreak"));
    let client = client(with_credentials(Credentials::bearer(secret)));
    let error = client.send(get("http://127.0.0.1:1/")).await.unwrap_err();
    assert!(matches!(error, Error::BadSecret(_)), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("break"));
}

#[tokio::test]
async fn an_authorization_of_the_request_wins() {
    let server = mirror("authorization").await;
    let client = client(with_credentials(Credentials::bearer(inline("configured").unwrap())));
    let mut request = get(&server.url("/"));
    request.headers_mut().insert(AUTHORIZATION, HeaderValue::from_static("own"));
    assert_eq!(text(&client, request).await, "own");
}

#[tokio::test]
async fn user_and_password_of_the_url_are_credentials_and_not_part_of_the_request() {
    let server = Server::start(|request| {
        answer(format!("{} {}", header(&request, "authorization"), header(&request, "host")))
    })
    .await;
    let client = client(Config::default());
    let url = format!("http://a%40b:pass@{}/", server.address);
    let expected = format!("Basic YUBiOnBhc3M= {}", server.address);
    assert_eq!(text(&client, get(&url)).await, expected);
}

#[tokio::test]
async fn configured_headers_replace_those_of_the_request() {
    let server = Server::start(|request| {
        let values = request.headers().get_all("x-scope").iter();
        answer(values.map(|value| value.to_str().unwrap()).collect::<Vec<_>>().join("|"))
    })
    .await;
    let client = client(Config {
        headers: vec![("X-Scope".to_owned(), vec!["one".into(), "two".into()])],
        ..Config::default()
    });
    let mut request = get(&server.url("/"));
    request.headers_mut().insert("x-scope", HeaderValue::from_static("zero"));
    assert_eq!(text(&client, request).await, "one|two");
}

#[tokio::test]
async fn the_user_agent_names_the_program_unless_the_request_does() {
    let server = mirror("user-agent").await;
    let client = client(Config::default());
    assert_eq!(text(&client, get(&server.url("/"))).await, crate::USER_AGENT);
    let mut request = get(&server.url("/"));
    request.headers_mut().insert(USER_AGENT, HeaderValue::from_static("mine"));
    assert_eq!(text(&client, request).await, "mine");
}

#[tokio::test]
async fn a_url_that_cannot_be_requested_is_refused_with_the_reason() {
    let client = client(Config::default());
    for (url, reason) in [
        ("/metrics", "no scheme"),
        ("ftp://host/", "neither http nor https"),
        ("http://host:99999/", "port"),
    ] {
        let error = client.send(get(url)).await.unwrap_err();
        assert!(error.to_string().contains(reason), "{url}: {error}");
        assert!(!error.is_transient());
    }
}

#[tokio::test]
async fn an_address_in_memory_is_reached_without_a_socket() {
    let (memory, mut accept) = MemoryDialer::bind("shoal.internal:12345");
    let client = Client::with_memory(&Config::default(), memory).unwrap();
    let handler = Arc::new(|request: Request<Bytes>| {
        answer(format!("{} {}", header(&request, "host"), request.uri()))
    });
    let served = AtomicUsize::new(0);
    let server = async {
        let stream = accept.recv().await.unwrap();
        served.fetch_add(1, Ordering::SeqCst);
        serve(stream, handler).await;
    };
    let requests = async {
        for _ in 0..2 {
            let url = "http://shoal.internal:12345/metrics?a=b";
            assert_eq!(text(&client, get(url)).await, "shoal.internal:12345 /metrics?a=b");
        }
    };
    tokio::select! {
        () = server => panic!("the connection is kept"),
        () = requests => {}
    }
    assert_eq!(served.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_address_in_memory_that_nobody_serves_is_a_transient_error() {
    let (memory, accept) = MemoryDialer::bind("shoal.internal:12345");
    drop(accept);
    let client = Client::with_memory(&Config::default(), memory).unwrap();
    let error = client.send(get("http://shoal.internal:12345/")).await.unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("nobody listens"), "{error}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_a_transient_error_that_names_it() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let url = format!("http://user:hunter2@{address}/");
    let error = client(Config::default()).send(get(&url)).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert!(error.to_string().contains(&address.to_string()), "{error}");
    assert!(error.to_string().contains("refused"), "{error}");
    assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
}

#[tokio::test]
async fn a_get_with_lent_headers_is_as_good_as_a_request() {
    let server = Server::start(|request| answer(header(&request, "accept").to_owned())).await;
    let config = Config {
        headers: vec![("x-tenant".to_owned(), vec![Secret::new("one")])],
        ..with_credentials(Credentials::bearer(Source::Inline(Secret::new("t0ken"))))
    };
    let client = client(config);
    let (url, mut headers) = (server.url("/page?x=1").parse().unwrap(), HeaderMap::new());
    headers.append("accept", HeaderValue::from_static("text/plain"));
    for _ in 0..2 {
        let mut response = client.get(&url, &headers).await.unwrap();
        let mut body = Vec::new();
        response.read_body(100, &mut body).await.unwrap();
        assert_eq!(body, b"text/plain");
    }
    assert_eq!((server.connections(), headers.len()), (1, 1));
}
