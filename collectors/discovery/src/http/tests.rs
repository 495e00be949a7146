use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use http::Response;
use http_body_util::Full;

use super::*;
use crate::Health;
use crate::testing::{Running, Server, addresses, shown};

const SOON: Duration = Duration::from_millis(20);

fn json(status: u16, body: &str) -> Response<Full<Bytes>> {
    Response::builder()
        .status(status)
        .header(CONTENT_TYPE, "application/json; charset=utf-8")
        .body(Full::new(Bytes::from(body.to_owned())))
        .unwrap()
}

fn start(url: String, refresh_interval: Duration) -> Running<Targets> {
    let client = Client::new(&client::Config::default()).unwrap();
    let source = HttpDiscovery::new(&Config { url, refresh_interval }, client).unwrap();
    Running::start(|publisher, stop| source.run(publisher, stop))
}

#[tokio::test]
async fn the_answers_groups_become_targets_that_name_the_url() {
    let server =
        Server::start(|_| json(200, r#"[{"targets":["a:1"],"labels":{"job":"x"}}]"#)).await;
    let mut running = start(server.url("/sd?x=y"), SOON);
    let expected =
        format!("{{__address__=\"a:1\", __meta_url={:?}, job=\"x\"}}", server.url("/sd?x=y"));
    assert_eq!(shown(&running.export(|_| true).await), expected);
}

#[tokio::test]
async fn the_request_says_how_often_it_comes_and_what_it_wants() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let server = Server::start(move |request| {
        for name in ["accept", "x-prometheus-refresh-interval-seconds"] {
            let value = request.headers()[name].to_str().unwrap().to_owned();
            log.lock().unwrap().push(value);
        }
        json(200, "[]")
    })
    .await;
    let mut running = start(server.url("/"), Duration::from_millis(90_500));
    assert!(running.export(|_| true).await.is_empty());
    assert_eq!(*seen.lock().unwrap(), ["application/json", "90.5"]);
}

#[tokio::test]
async fn a_server_that_fails_leaves_the_last_targets_in_place() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let server = Server::start(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0 => json(200, r#"[{"targets":["a:1"]}]"#),
        1..4 => json(503, "[]"),
        _ => json(200, r#"[{"targets":["b:2"]}]"#),
    })
    .await;
    let mut running = start(server.url("/"), SOON);
    assert_eq!(addresses(&running.export(|_| true).await), ["a:1"]);
    let reason = running.failure().await;
    assert!(reason.contains("503"), "{reason}");
    assert_eq!(addresses(&running.current().unwrap()), ["a:1"]);
    running.export(|targets| addresses(targets) == ["b:2"]).await;
    running.status(|status| status.health == Health::Healthy).await;
}

#[tokio::test]
async fn what_is_no_list_of_targets_is_a_failure_and_not_an_empty_list() {
    let html = |_| {
        let response = Response::builder().header(CONTENT_TYPE, "text/html");
        response.body(Full::new(Bytes::from_static(b"[]"))).unwrap()
    };
    for (server, words) in [
        (Server::start(html).await, "text/html"),
        (Server::start(|_| json(200, "{}")).await, "line 1"),
        (Server::start(|_| json(404, "[]")).await, "404"),
    ] {
        let mut running = start(server.url("/"), SOON);
        let reason = running.failure().await;
        assert!(reason.contains(words), "{reason}");
        assert_eq!(running.current(), None);
    }
}

#[test]
fn content_types_other_than_json_in_utf_8_are_refused() {
    for (value, good) in [
        ("application/json", true),
        ("Application/JSON; charset=\"UTF-8\"", true),
        ("application/json;charset=utf-8", true),
        ("application/json; charset=latin1", false),
        ("application/jsonp", false),
        ("text/plain", false),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, value.parse().unwrap());
        assert_eq!(check_content_type(&headers).is_ok(), good, "{value}");
    }
    assert!(check_content_type(&HeaderMap::new()).is_err());
}

#[test]
fn a_url_is_shown_without_its_password() {
    let (_, shown) = parse_url("https://ada:hunter2@h/x").unwrap();
    assert_eq!(shown, "https://h/x");
    let (_, shown) = parse_url("http://h:80").unwrap();
    assert_eq!(shown, "http://h:80");
    for bad in ["h/x", "ftp://h/", "http://", "http://h:99999/"] {
        assert!(parse_url(bad).is_err(), "{bad}");
    }
}
