//! A real HTTP connection over a pipe, in virtual time.

use bytes::Bytes;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::task::JoinSet;

use super::*;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";

/// A client's end of a connection whose requests take `answer` to be answered.
fn connect(answer: Duration) -> (DuplexStream, JoinSet<()>) {
    let (client, server) = tokio::io::duplex(1024);
    let pace = Pace::new();
    let stream = TokioIo::new(Paced::new(server, pace.clone()));
    let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
        let answering = pace.asked(request.version());
        async move {
            tokio::time::sleep(answer).await;
            drop(answering);
            Ok::<_, std::convert::Infallible>(http::Response::new(Full::new(Bytes::new())))
        }
    });
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder.http1().header_read_timeout(None);
        // How it ends is seen at the other end.
        let _ = builder.serve_connection(stream, service).await;
    });
    (client, tasks)
}

/// Waits for an answer; nothing when the connection was closed instead.
async fn answered(client: &mut DuplexStream) -> Option<String> {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if client.read(&mut byte).await.unwrap_or(0) == 0 {
            return None;
        }
        text.push(byte[0]);
    }
    Some(String::from_utf8_lossy(&text).into_owned())
}

/// How long the connection lives on when the client says nothing more.
async fn lives(client: &mut DuplexStream) -> Duration {
    let began = Instant::now();
    let mut rest = Vec::new();
    // A reset is an end, too.
    let _ = client.read_to_end(&mut rest).await;
    began.elapsed()
}

fn about(found: Duration, expected: Duration) {
    let slack = Duration::from_millis(50);
    assert!(found >= expected && found < expected + slack, "{found:?}, not {expected:?}");
}

#[tokio::test(start_paused = true)]
async fn a_scraper_keeps_its_connection_from_one_minute_to_the_next() {
    let (mut client, _tasks) = connect(Duration::ZERO);
    for _ in 0..5 {
        client.write_all(REQUEST).await.expect("it is open");
        assert!(answered(&mut client).await.is_some_and(|head| head.contains("200 OK")));
        tokio::time::sleep(Duration::from_secs(90)).await;
    }
    about(lives(&mut client).await, IDLE_TIMEOUT - Duration::from_secs(90));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_says_nothing_at_all_is_not_waited_for() {
    let (mut client, _tasks) = connect(Duration::ZERO);
    about(lives(&mut client).await, HEAD_TIMEOUT);
}

#[tokio::test(start_paused = true)]
async fn a_head_that_trickles_in_has_no_more_time_than_any_other() {
    for requests_before in [0, 1] {
        let (mut client, _tasks) = connect(Duration::ZERO);
        for _ in 0..requests_before {
            client.write_all(REQUEST).await.expect("it is open");
            assert!(answered(&mut client).await.is_some());
        }
        for byte in b"GE" {
            client.write_all(&[*byte]).await.expect("it is open");
            tokio::time::sleep(Duration::from_secs(4)).await;
        }
        about(lives(&mut client).await, HEAD_TIMEOUT - Duration::from_secs(8));
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_takes_the_time_that_it_takes() {
    let (mut client, _tasks) = connect(Duration::from_secs(300));
    client.write_all(REQUEST).await.expect("it is open");
    assert!(answered(&mut client).await.is_some_and(|head| head.contains("200 OK")));
}
