//! Connections and bodies.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::CONTENT_ENCODING;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::response::BodySize;

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn encoded(encoding: &'static str, body: Vec<u8>) -> Answer {
    HttpResponse::builder()
        .header(CONTENT_ENCODING, encoding)
        .body(Full::new(Bytes::from(body)))
        .unwrap()
}

async fn read(answer: Answer, limit: usize) -> (Result<BodySize, Error>, Vec<u8>) {
    let server = Server::start(move |_| answer.clone()).await;
    let mut response = client(Config::default()).send(get(&server.url("/"))).await.unwrap();
    let mut body = b"kept ".to_vec();
    let result = response.read_body(limit, &mut body).await;
    (result, body)
}

#[tokio::test]
async fn a_connection_is_used_again_once_its_answer_has_been_read() {
    let server = Server::start(|_| answer(vec![b'x'; 300_000])).await;
    let client = client(Config::default());
    for _ in 0..3 {
        assert_eq!(text(&client, get(&server.url("/"))).await.len(), 300_000);
        assert_eq!(client.idle_connections(), 1);
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn an_answer_without_a_body_gives_its_connection_back_at_once() {
    let server = Server::start(|_| status(204, "")).await;
    let client = client(Config::default());
    let response = client.send(get(&server.url("/"))).await.unwrap();
    assert_eq!((response.status().as_u16(), client.idle_connections()), (204, 1));
}

#[tokio::test]
async fn an_answer_that_is_not_read_closes_its_connection() {
    let server = Server::start(|_| answer(vec![b'x'; 300_000])).await;
    let client = client(Config::default());
    drop(client.send(get(&server.url("/"))).await.unwrap());
    assert_eq!(client.idle_connections(), 0);
}

#[tokio::test]
async fn a_waiting_connection_that_the_server_closes_is_replaced() {
    // Each connection answers once with the promise to stay open, and is closed nevertheless.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = async {
        for _ in 0..3 {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            assert!(stream.read(&mut request).await.unwrap() > 0);
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
        }
    };
    let client = client(Config::default());
    let requests = async {
        for _ in 0..3 {
            assert_eq!(text(&client, get(&url)).await, "ok");
        }
    };
    tokio::join!(server, requests);
}

#[tokio::test]
async fn an_answer_before_the_request_is_read_does_not_keep_the_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let client = client(Config::default());
    let request = Request::post(&url).body(Bytes::from(vec![b'x'; 20 << 20])).unwrap();
    let server = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut some = [0; 1024];
        assert!(stream.read(&mut some).await.unwrap() > 0);
        let head = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno";
        stream.write_all(head).await.unwrap();
        // The end of the stream: the client has closed it, though most of its body is unread.
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.map_or(0, |read| read)
    };
    let send = async {
        let mut response = client.send(request).await.unwrap();
        assert_eq!(response.status(), 413);
        let mut body = Vec::new();
        response.read_body(10, &mut body).await.unwrap();
        assert_eq!((body, client.idle_connections()), (b"no".to_vec(), 0));
        drop(response);
    };
    let (unread, ()) = tokio::join!(server, send);
    assert!(unread < 20 << 20);
}

#[tokio::test]
async fn a_post_on_a_broken_connection_is_not_repeated() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let client = client(Config::default());
    let server = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 1024];
        assert!(stream.read(&mut request).await.unwrap() > 0);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
        // The second request arrives, and the connection breaks without an answer.
        assert!(stream.read(&mut request).await.unwrap() > 0);
    };
    let requests = async {
        assert_eq!(text(&client, get(&url)).await, "ok");
        let post = Request::post(&url).body(Bytes::from_static(b"once")).unwrap();
        client.send(post).await.unwrap_err()
    };
    let ((), error) = tokio::join!(server, requests);
    assert!(error.is_transient() && matches!(error, Error::Exchange { .. }), "{error:?}");
}

#[tokio::test]
async fn a_body_up_to_the_limit_is_appended_to_what_the_buffer_holds() {
    let (result, body) = read(answer("12345"), 5).await;
    assert_eq!(result.unwrap(), BodySize { wire: 5, decoded: 5 });
    assert_eq!(body, b"kept 12345");
}

#[tokio::test]
async fn a_body_past_the_limit_is_refused_and_not_transient() {
    let error = read(answer("123456"), 5).await.0.unwrap_err();
    assert!(matches!(error, Error::TooLarge { limit: 5 }), "{error:?}");
    assert!(!error.is_transient());
}

#[tokio::test]
async fn gzip_is_undone_and_both_sizes_are_told() {
    let page = "metric{a=\"b\"} 1\n".repeat(50_000);
    let packed = gzip(page.as_bytes());
    let wire = packed.len() as u64;
    let (result, body) = read(encoded("GZIP", packed), page.len()).await;
    assert_eq!(result.unwrap(), BodySize { wire, decoded: page.len() as u64 });
    assert_eq!(&body[5..], page.as_bytes());
}

#[tokio::test]
async fn a_gzip_bomb_is_cut_at_the_limit() {
    let (result, body) = read(encoded("gzip", gzip(&vec![0; 64 << 20])), 100_000).await;
    assert!(matches!(result, Err(Error::TooLarge { limit: 100_000 })));
    assert!(body.capacity() < 1 << 20, "{}", body.capacity());
}

#[tokio::test]
async fn gzip_that_breaks_off_or_is_none_is_an_error() {
    let mut packed = gzip(b"some text that does not end");
    packed.truncate(packed.len() - 9);
    for body in [packed, b"plain".to_vec(), Vec::new()] {
        let error = read(encoded("gzip", body), 1000).await.0.unwrap_err();
        assert!(matches!(error, Error::Gzip(_)), "{error:?}");
    }
}

#[tokio::test]
async fn an_encoding_that_was_not_asked_for_is_an_error() {
    let error = read(encoded("br", b"?".to_vec()), 1000).await.0.unwrap_err();
    assert!(matches!(&error, Error::Encoding(name) if name == "br"), "{error:?}");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_a_transient_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 1024];
        assert!(stream.read(&mut request).await.unwrap() > 0);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf").await.unwrap();
    };
    let request = async {
        let mut response = client(Config::default()).send(get(&url)).await.unwrap();
        let mut body = Vec::new();
        (response.read_body(100, &mut body).await, body)
    };
    let ((), (result, body)) = tokio::join!(server, request);
    assert!(
        matches!(&result, Err(error @ Error::Body { .. }) if error.is_transient()),
        "{result:?}"
    );
    assert_eq!(body, b"half");
}

#[tokio::test]
async fn an_excerpt_is_cut_and_made_text() {
    let server = Server::start(|_| answer(&b"  \xFFout of order sample, and more "[..])).await;
    let client = client(Config::default());
    let response = client.send(get(&server.url("/"))).await.unwrap();
    assert_eq!(response.excerpt(14).await, "\u{FFFD}out of orde");
}
