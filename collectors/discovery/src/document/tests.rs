use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use ::http::Response;
use bytes::Bytes;
use client::{Client, Secret};
use http_body_util::Full;

use super::*;
use crate::Health;
use crate::testing::{Running, Server};

const NEVER: Duration = Duration::from_secs(3600);
const SOON: Duration = Duration::from_millis(20);

fn file(path: std::path::PathBuf, detector: Detector, poll_frequency: Duration) -> Running<Secret> {
    let source = FileDocument::new(FileConfig { path, detector, poll_frequency }).unwrap();
    Running::start(|publisher, stop| source.run(publisher, stop))
}

#[tokio::test]
async fn a_file_is_published_byte_for_byte_and_again_when_it_changes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("value");
    for (detector, frequency) in [(Detector::Watch, NEVER), (Detector::Poll, SOON)] {
        std::fs::write(&path, " one\n").unwrap();
        let mut running = file(path.clone(), detector, frequency);
        running.export(|content| content.expose() == " one\n").await;
        std::fs::write(&path, "two").unwrap();
        running.export(|content| content.expose() == "two").await;
    }
}

#[tokio::test]
async fn a_file_that_vanishes_leaves_its_content_and_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("value");
    std::fs::write(&path, "one").unwrap();
    let mut running = file(path.clone(), Detector::Watch, NEVER);
    running.export(|content| content.expose() == "one").await;
    std::fs::remove_file(&path).unwrap();
    let reason = running.failure().await;
    assert!(reason.contains("value: No such file"), "{reason}");
    assert_eq!(running.current().unwrap().expose(), "one");
    std::fs::write(&path, "two").unwrap();
    running.export(|content| content.expose() == "two").await;
    running.status(|status| status.health == Health::Healthy).await;
}

#[tokio::test]
async fn a_file_that_is_no_text_is_a_failure() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("value");
    std::fs::write(&path, [0xFF]).unwrap();
    let mut running = file(path, Detector::Poll, SOON);
    assert!(running.failure().await.contains("UTF-8"));
    assert_eq!(running.current(), None);
}

fn http_config(url: String) -> HttpConfig {
    HttpConfig {
        url,
        method: "GET".to_owned(),
        headers: Vec::new(),
        body: String::new(),
        poll_frequency: SOON * 50,
        poll_timeout: SOON * 49,
    }
}

fn client() -> Client {
    Client::new(&client::Config::default()).unwrap()
}

fn http(config: &HttpConfig) -> Running<Secret> {
    let source = HttpDocument::new(config, client()).unwrap();
    Running::start(|publisher, stop| source.run(publisher, stop))
}

#[tokio::test]
async fn a_document_is_asked_for_as_configured_and_published_without_white_space() {
    let seen = Arc::new(Mutex::new(String::new()));
    let log = Arc::clone(&seen);
    let server = Server::start(move |request| {
        let header = request.headers()["x-a"].to_str().unwrap();
        *log.lock().unwrap() = format!("{} {header} {:?}", request.method(), request.body());
        Response::new(Full::new(Bytes::from_static(b"\n value \n")))
    })
    .await;
    let mut config = http_config(server.url("/"));
    config.method = "POST".to_owned();
    config.headers = vec![("X-A".to_owned(), vec![Secret::new("b")])];
    config.body = "ask".to_owned();
    assert_eq!(http(&config).export(|_| true).await.expose(), "value");
    assert_eq!(*seen.lock().unwrap(), "POST b b\"ask\"");
}

#[tokio::test]
async fn a_document_that_cannot_be_had_leaves_the_last_one_in_place() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let server = Server::start(move |_| {
        let (status, body) = match count.fetch_add(1, Ordering::SeqCst) {
            0 => (200, "one"),
            1 => (404, "gone"),
            _ => (200, "two"),
        };
        Response::builder()
            .status(status)
            .body(Full::new(Bytes::from_static(body.as_bytes())))
            .unwrap()
    })
    .await;
    let mut running = http(&http_config(server.url("/")));
    running.export(|content| content.expose() == "one").await;
    assert!(running.failure().await.contains("404"));
    assert_eq!(running.current().unwrap().expose(), "one");
    running.export(|content| content.expose() == "two").await;
}

#[test]
fn settings_that_no_request_can_be_made_of_are_refused() {
    let good = || http_config("http://h/".to_owned());
    for (config, words) in [
        (HttpConfig { poll_timeout: SOON * 50, ..good() }, "less than poll_frequency"),
        (HttpConfig { poll_frequency: Duration::ZERO, ..good() }, "greater than 0"),
        (HttpConfig { method: "A B".to_owned(), ..good() }, "A B"),
        (HttpConfig { url: "h".to_owned(), ..good() }, "absolute"),
        (HttpConfig { headers: vec![("a b".to_owned(), vec!["x".into()])], ..good() }, "a b"),
        (HttpConfig { headers: vec![("Host".to_owned(), vec!["x".into()])], ..good() }, "Host"),
    ] {
        let error = HttpDocument::new(&config, client()).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    let nothing = FileConfig { path: "".into(), detector: Detector::Poll, poll_frequency: SOON };
    assert!(FileDocument::new(nothing).is_err());
}
