//! Connections that a peer resets: one that died does, and one that lives may.

use std::sync::Mutex;

use super::checkpoints::{Collector, TARGETS, two_of};
use super::*;

/// How much of a request tells its path.
const BEGINNING: usize = 48;

/// How many resets are enough, and how many may come to that: another question, or a look for another
/// reason, may come between a reset and the look that follows it.
const RESETS: (usize, usize) = (3, 5);

/// A connection that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Came {
    /// It was reset.
    Reset,
    /// It said nothing, to find out whether anybody listens.
    Knock,
    /// It was answered.
    Question,
}

/// Answers as every node does, but hands over the connections that ask for `path`. What came is told.
async fn divert(
    listener: TcpListener,
    handle: Handle,
    path: &'static str,
    diverted: impl Fn(TcpStream),
    tell: impl Fn(Came),
) {
    let begins = format!("POST {path} ");
    let mut connections = JoinSet::new();
    while let Ok((stream, source)) = listener.accept().await {
        let mut beginning = [0; BEGINNING];
        while stream.peek(&mut beginning).await.is_ok_and(|read| (1..BEGINNING).contains(&read)) {
            tokio::task::yield_now().await;
        }
        if beginning[0] == 0 {
            tell(Came::Knock);
        } else if beginning.starts_with(begins.as_bytes()) {
            tell(Came::Reset);
            diverted(stream);
        } else {
            tell(Came::Question);
            connections.spawn(converse(stream, source.ip(), handle.clone()));
        }
    }
}

/// What the kernel does to the connections of a process that is killed with unread data.
fn reset(stream: TcpStream) {
    stream.set_zero_linger().expect("a connection");
}

/// A series of one number.
fn count(node: &TestNode, series: &str) -> String {
    let page = node.registry.text();
    let line = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.expect("it is there").to_owned()
}

/// Nobody took anybody for dead, and both collect what they did.
fn assert_unmoved(a: &Collector, b: &Collector) {
    for node in [&a.node, &b.node] {
        let state = node.started.handle.state().borrow().clone();
        assert_eq!(state.count("participant"), 2, "{state:?}");
        assert_eq!(count(node, "shoal_cluster_suspicions_confirmed_total"), "0");
    }
    assert_eq!(a.running.len() + b.running.len(), TARGETS as usize);
}

async fn resets(path: &'static str) {
    let came = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&came);
    let tell = move |what| told.lock().expect("nobody panics with it").push(what);
    let serve = move |listener, handle| divert(listener, handle, path, reset, tell);
    let (a, b) = two_of(serve).await;
    let looks = async {
        let mut rhythm = tokio::time::interval(Duration::from_millis(20));
        for beat in 1.. {
            rhythm.tick().await;
            a.says(beat);
            let came = came.lock().expect("nobody panics with it").clone();
            let resets = came.iter().filter(|what| **what == Came::Reset).count();
            let looks = came.windows(2).filter(|two| *two == [Came::Reset, Came::Knock]).count();
            if looks >= RESETS.0 {
                break;
            }
            assert!(resets <= RESETS.1, "it did not look: {came:?}");
        }
    };
    tokio::time::timeout(3 * PATIENCE, looks).await.expect("it asks, and looks");
    // Somebody listens, and that is all.
    assert_unmoved(&a, &b);
}

#[tokio::test]
async fn a_checkpoint_whose_connection_is_reset_makes_a_node_look_and_moves_nothing() {
    resets(CHECKPOINT_PATH).await;
}

#[tokio::test]
async fn an_audit_whose_connection_is_reset_makes_a_node_look_and_moves_nothing() {
    resets(AUDIT_PATH).await;
}

#[tokio::test]
async fn a_reset_with_a_closed_port_behind_it_is_evidence_that_a_live_node_refutes() {
    let (divert_to, mut diverted) = tokio::sync::mpsc::channel(1);
    let serve = move |listener, handle| {
        let diverted = move |stream| {
            // The first is enough.
            let _ = divert_to.try_send(stream);
        };
        divert(listener, handle, CHECKPOINT_PATH, diverted, |_| {})
    };
    let (a, mut b) = two_of(serve).await;
    a.says(1);
    let asked = tokio::time::timeout(PATIENCE, diverted.recv()).await.expect("in time");
    let asked = asked.expect("it serves");
    // All that is seen of a process that is killed: its port is closed, and what was under way is
    // reset. But it says that it lives, by datagrams.
    b.node._server.shutdown().await;
    reset(asked);
    a.node.until_counted("shoal_cluster_evidence_of_death_total").await;
    a.node.until_counted("shoal_cluster_suspicions_refuted_total").await;
    assert_unmoved(&a, &b);
}
