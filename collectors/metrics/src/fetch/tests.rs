use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::*;

/// Answers every request of one connection with these bytes; gives back the address and the task.
async fn server(answer: &'static [u8]) -> (String, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            if stream.read_buf(&mut request).await.unwrap() == 0 {
                return;
            }
        }
        stream.write_all(answer).await.unwrap();
    });
    (address, tasks)
}

async fn fetched(answer: &'static [u8], limit: u64) -> (Result<Fetched, FetchError>, Vec<u8>) {
    let (address, _tasks) = server(answer).await;
    let client = client::Client::new(&client::Config::default()).unwrap();
    let url = format!("http://{address}/metrics").parse().unwrap();
    let mut body = Vec::new();
    let result = client.fetch(&url, &HeaderMap::new(), limit, &mut body).await;
    (result, body)
}

#[tokio::test]
async fn a_page_is_fetched() {
    let answer = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 4\r\n\r\na 1\n";
    let (head, body) = fetched(answer, 0).await;
    assert_eq!(head.unwrap().content_type.as_deref(), Some("text/plain"));
    assert_eq!(body, b"a 1\n");
}

#[tokio::test]
async fn what_is_no_page_says_why() {
    let (head, _) = fetched(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", 0).await;
    assert_eq!(head, Err(FetchError::Status(http::StatusCode::NOT_FOUND)));
    let (head, _) = fetched(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\na 1\n", 3).await;
    assert_eq!(head, Err(FetchError::TooLong(3)));
    let (head, _) = fetched(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\na 1\n", 0).await;
    assert!(matches!(head, Err(FetchError::Transport(_))), "{head:?}");
}
