use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use http::Request;
use http::Response as HttpResponse;
use http_body_util::Full;

use super::*;
use crate::config::{Proxy, Tls};
use crate::secret::Source;
use crate::testing::{Answer, Server, answer, header, pass, status};
use crate::{Client, Config, Credentials};

fn config(token_url: String) -> OAuth2 {
    OAuth2 {
        client_id: "my id".to_owned(),
        client_secret: Source::Inline(Secret::new("s3cret")),
        scopes: vec!["read".to_owned(), "write".to_owned()],
        token_url,
        endpoint_params: vec![("audience".to_owned(), "a&b".to_owned())],
        tls: Tls::default(),
        proxy: Proxy::default(),
    }
}

fn source(server: &Server) -> TokenSource {
    TokenSource::new(&config(server.url("/token"))).unwrap()
}

fn json(body: String) -> Answer {
    HttpResponse::builder()
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))
        .unwrap()
}

/// An endpoint whose tokens are numbered, each valid for so many seconds.
async fn endpoint(lifetime: u64) -> (Server, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let server = Server::start(move |_| {
        let number = counted.fetch_add(1, Ordering::SeqCst) + 1;
        json(format!(r#"{{"access_token":"t{number}","expires_in":{lifetime}}}"#))
    })
    .await;
    (server, count)
}

#[tokio::test]
async fn the_question_is_the_standards_with_scopes_and_parameters() {
    let server = Server::start(|request| {
        let form = String::from_utf8(request.body().to_vec()).unwrap();
        assert_eq!(form, "grant_type=client_credentials&scope=read+write&audience=a%26b");
        // "my+id:s3cret": id and secret are form-encoded before they are put together.
        assert_eq!(header(&request, "authorization"), "Basic bXkraWQ6czNjcmV0");
        json(r#"{"access_token":"abc","token_type":"bearer","expires_in":"3600"}"#.to_owned())
    })
    .await;
    assert_eq!(source(&server).header().await.unwrap(), "Bearer abc");
}

#[tokio::test]
async fn an_endpoint_that_refuses_the_header_is_asked_with_the_form_from_then_on() {
    let headers = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&headers);
    let server = Server::start(move |request| {
        if !header(&request, "authorization").is_empty() {
            seen.fetch_add(1, Ordering::SeqCst);
            return status(401, r#"{"error":"invalid_client"}"#);
        }
        let form = String::from_utf8(request.body().to_vec()).unwrap();
        assert!(form.ends_with("&client_id=my+id&client_secret=s3cret"), "{form}");
        json(r#"{"access_token":"abc","expires_in":1}"#.to_owned())
    })
    .await;
    let source = source(&server);
    for _ in 0..3 {
        assert_eq!(source.header().await.unwrap(), "Bearer abc");
    }
    assert_eq!(headers.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_token_is_kept_until_shortly_before_it_expires() {
    let (server, count) = endpoint(60).await;
    let source = source(&server);
    assert_eq!(source.header().await.unwrap(), "Bearer t1");
    pass(Duration::from_secs(49)).await;
    assert_eq!(source.header().await.unwrap(), "Bearer t1");
    pass(Duration::from_secs(1)).await;
    assert_eq!(source.header().await.unwrap(), "Bearer t2");
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn many_requests_at_once_fetch_one_token() {
    let (server, count) = endpoint(3600).await;
    let source = Arc::new(source(&server));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let source = Arc::clone(&source);
        tasks.spawn(async move { source.header().await.unwrap() });
    }
    assert!(tasks.join_all().await.iter().all(|header| header == "Bearer t1"));
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn another_secret_gets_another_token() {
    let (server, _) = endpoint(3600).await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("secret");
    std::fs::write(&path, "one").unwrap();
    let mut config = config(server.url("/"));
    config.client_secret = Source::File(path.clone());
    let source = TokenSource::new(&config).unwrap();
    assert_eq!(source.header().await.unwrap(), "Bearer t1");
    std::fs::write(&path, "two").unwrap();
    pass(Duration::from_secs(1)).await;
    assert_eq!(source.header().await.unwrap(), "Bearer t2");
}

#[tokio::test]
async fn a_refused_token_is_forgotten_but_not_over_and_over() {
    let (server, _) = endpoint(3600).await;
    let mut source = source(&server);
    let first = source.header().await.unwrap();
    assert!(!source.forget(&first), "it is brand-new");
    source.renew_at_once();
    assert!(source.forget(&first));
    let second = source.header().await.unwrap();
    assert_eq!(second, "Bearer t2");
    assert!(source.forget(&first), "another request has renewed it already");
    assert_eq!(source.header().await.unwrap(), second);
}

#[tokio::test]
async fn a_request_that_is_refused_with_an_old_token_is_sent_again_with_a_new_one() {
    let (tokens, _) = endpoint(3600).await;
    let server = Server::start(|request| match header(&request, "authorization") {
        "Bearer t2" => answer("in"),
        _ => status(401, "out"),
    })
    .await;
    let credentials = Credentials::OAuth2(Box::new(config(tokens.url("/"))));
    let client =
        Client::new(&Config { credentials: Some(credentials), ..Config::default() }).unwrap();
    let get = || Request::get(server.url("/")).body(Bytes::new()).unwrap();
    // A token that was fetched for this request is not worth another try.
    assert_eq!(client.send(get()).await.unwrap().status(), 401);
    pass(RENEWAL_INTERVAL).await;
    assert_eq!(client.send(get()).await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_refusal_is_told_in_the_standards_words_without_the_secret() {
    for (code, transient) in [(403, false), (429, true), (503, true)] {
        let body = r#"{"error":"no_way","error_description":"ask\nada","echo":"s3cret"}"#;
        let server = Server::start(move |_| status(code, body)).await;
        let error = source(&server).header().await.unwrap_err();
        let message = error.to_string();
        assert!(message.contains("no_way: askada"), "{message}");
        assert!(message.contains(&code.to_string()) && !message.contains("s3cret"), "{message}");
        assert_eq!(error.is_transient(), transient);
    }
}

#[test]
fn answers_come_as_json_or_as_a_form() {
    let form = b"access_token=a%20b&token_type=MAC&expires_in=5".as_slice();
    let parsed = answer::parse(form, true).unwrap();
    assert_eq!((parsed.token.expose(), parsed.scheme.as_str()), ("a b", "MAC"));
    assert_eq!(parsed.lifetime, Some(Duration::from_secs(5)));
    for bad in ["", "[]", "{}", r#"{"access_token":""}"#, r#"{"access_token":{}}"#] {
        assert!(answer::parse(bad.as_bytes(), false).is_err(), "{bad}");
    }
    for unknown in ["", r#","expires_in":null"#, r#","expires_in":-1"#, r#","expires_in":"x""#] {
        let body = format!(r#"{{"access_token":"t"{unknown}}}"#);
        assert_eq!(answer::parse(body.as_bytes(), false).unwrap().lifetime, None, "{unknown}");
    }
}
