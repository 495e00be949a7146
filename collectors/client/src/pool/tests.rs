use tokio::io::AsyncWriteExt;

use super::*;

fn origin(host: &str) -> Arc<Origin> {
    Arc::new(Origin::of(&format!("http://{host}/").parse().unwrap()).unwrap())
}

fn pair() -> (Stream, tokio::io::DuplexStream) {
    let (ours, theirs) = tokio::io::duplex(64);
    (Stream::Memory(ours), theirs)
}

fn has(pool: &Pool, host: &str, generation: u64) -> bool {
    pool.take(&origin(host), generation).is_some()
}

#[tokio::test]
async fn a_connection_serves_its_origin_once() {
    let pool = Pool::new();
    let (stream, _server) = pair();
    pool.put(&origin("a"), stream, 0);
    assert!(!has(&pool, "b", 0));
    assert!(has(&pool, "a", 0));
    assert!(!has(&pool, "a", 0));
}

#[tokio::test]
async fn a_connection_of_an_older_generation_is_dropped() {
    let pool = Pool::new();
    let (stream, _server) = pair();
    pool.put(&origin("a"), stream, 0);
    assert!(!has(&pool, "a", 1));
    assert_eq!(pool.len(), 0);
}

#[tokio::test]
async fn a_connection_that_is_closed_or_talks_unasked_is_dropped() {
    let pool = Pool::new();
    let (closed, server) = pair();
    drop(server);
    let (talking, mut server) = pair();
    server.write_all(b"HTTP/1.1 408 Request Timeout\r\n").await.unwrap();
    pool.put(&origin("a"), closed, 0);
    pool.put(&origin("a"), talking, 0);
    assert!(!has(&pool, "a", 0));
    assert_eq!(pool.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn old_and_closed_connections_are_swept_without_a_request() {
    let pool = Pool::new();
    let (old, _old_server) = pair();
    let (closed, closed_server) = pair();
    pool.put(&origin("a"), old, 0);
    pool.put(&origin("b"), closed, 0);
    drop(closed_server);
    tokio::time::sleep(SWEEP_INTERVAL + Duration::from_secs(1)).await;
    assert_eq!(pool.len(), 1);
    tokio::time::sleep(IDLE_TIMEOUT).await;
    assert_eq!(pool.len(), 0);
    assert!(pool.lock().origins.is_empty());
}

#[tokio::test]
async fn an_origin_keeps_a_bounded_number_of_connections() {
    let pool = Pool::new();
    let mut servers = Vec::new();
    for _ in 0..MAX_PER_ORIGIN + 3 {
        let (stream, server) = pair();
        pool.put(&origin("a"), stream, 0);
        servers.push(server);
    }
    assert_eq!(pool.len(), MAX_PER_ORIGIN);
}

#[tokio::test]
async fn the_tasks_of_a_pool_end_with_it() {
    let pool = Pool::new();
    let (stream, _server) = pair();
    pool.put(&origin("a"), stream, 0);
    let tasks = pool.tasks.clone();
    assert_eq!(tasks.len(), 1);
    drop(pool);
    tasks.close();
    tasks.wait().await;
}
