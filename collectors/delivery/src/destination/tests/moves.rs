//! Destinations of one name on several nodes, and series that move between them.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use model::Predecessor;

use super::*;
use crate::orphans::orphans;
use crate::peers::{Later, Neighbours, Peers, Pending, Question, Refused};
use crate::{Consignment, Handle};

/// The nodes of a test, by name.
#[derive(Debug, Default)]
struct Nodes(Mutex<BTreeMap<String, Handle>>);

/// The others, as one of them sees them.
#[derive(Debug)]
struct Others {
    me: &'static str,
    nodes: Arc<Nodes>,
}

impl Others {
    fn live(&self) -> Vec<(String, Handle)> {
        let mut nodes = self.nodes.0.lock().unwrap().clone();
        nodes.remove(self.me);
        nodes.into_iter().filter(|(_, handle)| !handle.is_closed()).collect()
    }

    async fn pending_of(&self, question: Question) -> Pending {
        let mut live = self.live();
        live.sort_by_key(|(name, _)| **name != *question.origin);
        let mut lives = live.iter().any(|(name, _)| **name == *question.origin);
        for (_, handle) in live {
            let Ok(report) = handle.pending(&question.origin).await else {
                return Pending::Unknown;
            };
            if let Some(oldest_ms) = report.oldest_ms {
                let accepting = report.accepting.unwrap_or(false);
                return Pending::Since { oldest_ms, accepting };
            }
            lives &= !report.passes;
        }
        if lives { Pending::None } else { Pending::Gone }
    }

    async fn give(&self, consignment: Consignment) -> Result<Arc<str>, Refused> {
        for (name, handle) in self.live() {
            if handle.adopt(consignment.clone()).await.is_ok() {
                return Ok(name.as_str().into());
            }
        }
        Err(Refused { reason: "nobody".to_owned(), is_transient: false })
    }
}

impl Peers for Others {
    fn pending(&self, question: Question) -> Later<'_, Pending> {
        Box::pin(self.pending_of(question))
    }

    fn lives(&self, node: &str) -> bool {
        self.live().iter().any(|(name, _)| name == node)
    }

    fn missing(&self) -> Option<Vec<Arc<str>>> {
        let nodes = self.nodes.0.lock().unwrap();
        let dead = nodes.iter().filter(|(name, node)| **name != *self.me && node.is_closed());
        Some(dead.map(|(name, _)| name.as_str().into()).collect())
    }

    fn adopt(&self, consignment: Consignment) -> Later<'_, Result<Arc<str>, Refused>> {
        Box::pin(self.give(consignment))
    }
}

/// A node of the test, whose destination runs.
fn start(
    nodes: &Arc<Nodes>,
    me: &'static str,
    path: &Path,
    config: EndpointConfig,
    drain: Duration,
) -> Running {
    let client = Client::new(&client::Config::default()).unwrap();
    let mut destination = Destination::open(&path.join(me), config, client).unwrap();
    destination.set_neighbours(Neighbours {
        node: me.into(),
        destination: "here".into(),
        peers: Arc::new(Others { me, nodes: Arc::clone(nodes) }),
        hand_over: Duration::from_secs(60),
    });
    nodes.0.lock().unwrap().insert(me.to_owned(), destination.handle());
    let stop = CancellationToken::new();
    let (input, telemetry) = (destination.input(), destination.telemetry());
    let mut task = JoinSet::new();
    task.spawn(destination.run(stop.clone(), drain));
    Running { input, telemetry, stop, task }
}

/// A batch of a series that `node` collected before.
fn moved(name: &str, value: f64, node: &str) -> Batch {
    let predecessor = Some(Predecessor { node: node.into(), until: now_ms() });
    Batch { predecessor, ..batch([name], value) }
}

/// A backend like Prometheus without an out-of-order window, that can be away.
async fn strict() -> (Backend, Arc<AtomicBool>) {
    let away = Arc::new(AtomicBool::new(true));
    let is_away = Arc::clone(&away);
    let mut newest: BTreeMap<String, f64> = BTreeMap::new();
    let backend = Backend::start(move |_, received| {
        if is_away.load(Relaxed) {
            return Reply::status(503, "away");
        }
        let samples = received.samples();
        if samples.iter().any(|(name, value)| newest.get(name).is_some_and(|last| value < last)) {
            return Reply::status(400, "out of order sample");
        }
        newest.extend(samples);
        Reply::ok()
    })
    .await;
    (backend, away)
}

/// Waits until `b` waits for `a`, and what it had on the way to the backend has got there: that was
/// before a's next attempt.
async fn until_only_one_tries(a: &Running, b: &Running) {
    until("b waits", || b.telemetry.holds.get() >= 1).await;
    let before = a.telemetry.retried.samples.get();
    until("a tries", || a.telemetry.retried.samples.get() > before + 1).await;
}

fn no_loss(telemetry: &Telemetry) {
    assert_eq!(telemetry.dropped(DropReason::OutOfOrder).samples.get(), 0);
    assert_eq!(telemetry.failed.samples.get(), 0);
}

#[tokio::test]
async fn a_series_that_moves_while_the_backend_is_away_arrives_in_order() {
    let (_keep, path) = directory();
    let (backend, away) = strict().await;
    let nodes = Arc::new(Nodes::default());
    let mut config = config(&backend);
    config.queue.max_samples_per_send = 1;
    let drain = Duration::from_secs(60);
    let a = start(&nodes, "a", &path, config.clone(), drain);
    let b = start(&nodes, "b", &path, config, drain);
    for value in 0..10 {
        a.send(batch(["s"], f64::from(value))).await;
    }
    until("a sealed", || a.telemetry.pending_samples.get() == 10).await;
    b.send(moved("s", 10.0, "a")).await;
    b.send(batch(["s"], 11.0)).await;
    until("b waits", || b.telemetry.holds.get() >= 1).await;
    assert_eq!(b.telemetry.retried.samples.get(), 0, "it has not even tried");
    away.store(false, Relaxed);
    backend.until_accepted(12).await;
    let expected: Vec<(String, f64)> = (0..12).map(|n| ("s".to_owned(), f64::from(n))).collect();
    assert_eq!(backend.accepted(), expected);
    no_loss(&a.telemetry);
    no_loss(&b.telemetry);
    assert_eq!(b.telemetry.holds_expired.get(), 0);
}

#[tokio::test]
async fn a_move_while_the_backend_answers_waits_for_one_answer_alone() {
    let (_keep, path) = directory();
    let (backend, away) = strict().await;
    away.store(false, Relaxed);
    let nodes = Arc::new(Nodes::default());
    let drain = Duration::from_secs(60);
    let a = start(&nodes, "a", &path, config(&backend), drain);
    let b = start(&nodes, "b", &path, config(&backend), drain);
    a.send(batch(["s"], 1.0)).await;
    backend.until_accepted(1).await;
    b.send(moved("s", 2.0, "a")).await;
    backend.until_accepted(2).await;
    assert_eq!(b.telemetry.holds.get(), 0);
    assert_eq!(b.stop().await, Left::default());
}

#[tokio::test]
async fn a_node_that_leaves_while_the_backend_is_away_is_delivered_by_another_first() {
    let (_keep, path) = directory();
    let (backend, away) = strict().await;
    let nodes = Arc::new(Nodes::default());
    let mut config = config(&backend);
    config.queue.max_samples_per_send = 1;
    let a = start(&nodes, "a", &path, config.clone(), Duration::from_millis(10));
    let b = start(&nodes, "b", &path, config.clone(), Duration::from_millis(10));
    for value in 0..5 {
        a.send(batch(["s"], f64::from(value))).await;
    }
    until("a sealed", || a.telemetry.pending_samples.get() == 5).await;
    b.send(moved("s", 5.0, "a")).await;
    let of_a = Arc::clone(&a.telemetry);
    assert_eq!(a.stop().await, Left::default(), "everything is with b");
    assert_eq!(of_a.handed_over.samples.get(), 5);
    assert_eq!(b.telemetry.adopted.samples.get(), 5);

    // What was adopted survives whoever adopted it, and changes hands again.
    b.kill().await;
    let b = start(&nodes, "b", &path, config.clone(), Duration::from_millis(10));
    assert_eq!(b.telemetry.adopted_frames.get(), 5);
    let c = start(&nodes, "c", &path, config, Duration::from_secs(60));
    c.send(moved("s", 6.0, "b")).await;
    assert_eq!(b.stop().await, Left::default(), "everything is with c");
    assert_eq!(c.telemetry.adopted.samples.get(), 6);

    away.store(false, Relaxed);
    backend.until_accepted(7).await;
    let expected: Vec<(String, f64)> = (0..7).map(|n| ("s".to_owned(), f64::from(n))).collect();
    assert_eq!(backend.accepted(), expected);
    no_loss(&c.telemetry);
    assert_eq!(c.stop().await, Left::default());
}

#[tokio::test]
async fn a_killed_node_goes_first_when_it_comes_back_in_time() {
    let (_keep, path) = directory();
    let (backend, away) = strict().await;
    let nodes = Arc::new(Nodes::default());
    let mut config = config(&backend);
    config.queue.max_samples_per_send = 1;
    let drain = Duration::from_secs(60);
    let a = start(&nodes, "a", &path, config.clone(), drain);
    for value in 0..3 {
        a.send(batch(["s"], f64::from(value))).await;
    }
    until("a sealed", || a.telemetry.pending_samples.get() == 3).await;
    a.kill().await;
    let b = start(&nodes, "b", &path, config.clone(), drain);
    b.send(moved("s", 3.0, "a")).await;
    // Nobody knows whether the dead come back, so it tries.
    until("b tries", || b.telemetry.retried.samples.get() > 2).await;
    let a = start(&nodes, "a", &path, config, drain);
    until_only_one_tries(&a, &b).await;
    away.store(false, Relaxed);
    backend.until_accepted(4).await;
    let expected: Vec<(String, f64)> = (0..4).map(|n| ("s".to_owned(), f64::from(n))).collect();
    assert_eq!(backend.accepted(), expected);
    no_loss(&a.telemetry);
    no_loss(&b.telemetry);
}

#[tokio::test]
async fn what_a_node_collected_all_along_is_not_late_because_another_failed() {
    let (_keep, path) = directory();
    let (backend, away) = strict().await;
    away.store(false, Relaxed);
    let nodes = Arc::new(Nodes::default());
    let b = start(&nodes, "b", &path, config(&backend), Duration::from_secs(60));
    // Each of these would have what follows wait for the better part of a second, and one another.
    for failed in 0..20 {
        let node: Arc<str> = format!("failed-{failed}").into();
        let predecessor = Some(Predecessor { node, until: now_ms() });
        let moved = Batch { predecessor, overlap: true, ..batch([format!("s{failed}")], 1.0) };
        b.send(moved).await;
    }
    let began = Instant::now();
    b.send(batch(["own"], 1.0)).await;
    backend.until_accepted(21).await;
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    assert_eq!(b.telemetry.holds.get(), 0);
}

#[tokio::test]
async fn a_failed_node_goes_first_when_it_comes_back_before_the_backend_does() {
    let (_keep, path) = directory();
    let (backend, away) = strict().await;
    let nodes = Arc::new(Nodes::default());
    let mut config = config(&backend);
    config.queue.max_samples_per_send = 1;
    let drain = Duration::from_secs(60);
    let a = start(&nodes, "a", &path, config.clone(), drain);
    a.send(batch(["s"], 0.0)).await;
    until("a sealed", || a.telemetry.pending_samples.get() == 1).await;
    a.kill().await;
    let b = start(&nodes, "b", &path, config.clone(), drain);
    b.send(Batch { overlap: true, ..moved("s", 1.0, "a") }).await;
    until("b tries", || b.telemetry.retried.samples.get() > 2).await;
    let a = start(&nodes, "a", &path, config, drain);
    until_only_one_tries(&a, &b).await;
    away.store(false, Relaxed);
    backend.until_accepted(2).await;
    assert_eq!(backend.accepted(), [("s".to_owned(), 0.0), ("s".to_owned(), 1.0)]);
    no_loss(&a.telemetry);
    no_loss(&b.telemetry);
}

#[tokio::test]
async fn the_heir_of_nodes_that_left_goes_first_though_it_was_gone_when_they_came_back() {
    let (_keep, path) = directory();
    let (backend, away) = strict().await;
    let nodes = Arc::new(Nodes::default());
    let mut config = config(&backend);
    config.queue.max_samples_per_send = 1;
    let drain = Duration::from_millis(10);
    let a = start(&nodes, "a", &path, config.clone(), drain);
    let c = start(&nodes, "c", &path, config.clone(), drain);
    a.send(batch(["s"], 0.0)).await;
    until("a sealed", || a.telemetry.pending_samples.get() == 1).await;
    c.send(moved("s", 1.0, "a")).await;
    until("c sealed", || c.telemetry.pending_samples.get() == 1).await;
    assert_eq!(a.stop().await, Left::default(), "everything is with c");
    c.kill().await;
    // There is nobody to ask who had the series before.
    let a = start(&nodes, "a", &path, config.clone(), drain);
    a.send(batch(["s"], 2.0)).await;
    until("a tries", || a.telemetry.retried.samples.get() > 2).await;
    let c = start(&nodes, "c", &path, config, drain);
    until_only_one_tries(&c, &a).await;
    away.store(false, Relaxed);
    backend.until_accepted(3).await;
    let expected: Vec<(String, f64)> = (0..3).map(|n| ("s".to_owned(), f64::from(n))).collect();
    assert_eq!(backend.accepted(), expected);
    no_loss(&a.telemetry);
    no_loss(&c.telemetry);
}

#[tokio::test]
async fn a_failed_node_that_is_back_goes_first_though_nobody_has_asked_about_it() {
    let (_keep, path) = directory();
    let (backend, away) = strict().await;
    let nodes = Arc::new(Nodes::default());
    let mut config = config(&backend);
    config.queue.max_samples_per_send = 1;
    let drain = Duration::from_secs(60);
    let a = start(&nodes, "a", &path, config.clone(), drain);
    for value in 0..200 {
        a.send(batch(["s"], f64::from(value))).await;
    }
    until("a sealed", || a.telemetry.pending_samples.get() == 200).await;
    let b = start(&nodes, "b", &path, config.clone(), drain);
    // These are in the way, so that the gate is not looked at while the backend is away.
    for value in 0..5 {
        b.send(batch(["own"], f64::from(value))).await;
    }
    until("b sealed its own", || b.telemetry.pending_samples.get() == 5).await;
    a.kill().await;
    b.send(Batch { overlap: true, ..moved("s", 200.0, "a") }).await;
    until("b sealed", || b.telemetry.pending_samples.get() == 6).await;
    let a = start(&nodes, "a", &path, config, drain);
    away.store(false, Relaxed);
    backend.until_accepted(206).await;
    let mut moved = backend.accepted();
    moved.retain(|(name, _)| name == "s");
    let expected: Vec<(String, f64)> = (0..=200).map(|n| ("s".to_owned(), f64::from(n))).collect();
    assert_eq!(moved, expected);
    no_loss(&a.telemetry);
    no_loss(&b.telemetry);
}

#[tokio::test]
async fn a_gate_with_nothing_behind_it_is_gone_once_nothing_is_waited_for() {
    let (_keep, path) = directory();
    let (backend, _away) = strict().await;
    let nodes = Arc::new(Nodes::default());
    let _a = start(&nodes, "a", &path, config(&backend), Duration::from_secs(60));
    let b = start(&nodes, "b", &path, config(&backend), Duration::from_secs(60));
    let handle = nodes.0.lock().unwrap()["b"].clone();
    let predecessor = Some(Predecessor { node: "a".into(), until: now_ms() });
    b.send(Batch { predecessor, ..Batch::default() }).await;
    let (mut held, mut gone) = (false, false);
    let looking = async {
        while !gone {
            let report = handle.pending("b").await.unwrap();
            held |= report.oldest_ms.is_some();
            gone = held && report.oldest_ms.is_none() && !report.passes;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(60), looking).await.is_ok(), "held: {held}");
}

#[tokio::test]
async fn a_node_that_stays_dead_holds_up_nobody() {
    let (_keep, path) = directory();
    let (backend, away) = strict().await;
    away.store(false, Relaxed);
    let nodes = Arc::new(Nodes::default());
    let b = start(&nodes, "b", &path, config(&backend), Duration::from_secs(60));
    b.send(moved("s", 1.0, "never there")).await;
    backend.until_accepted(1).await;
    assert_eq!(b.stop().await, Left::default());
}

#[tokio::test]
async fn an_end_in_a_hurry_sends_nothing_and_loses_nothing() {
    let (_keep, path) = directory();
    let (backend, away) = strict().await;
    let client = || Client::new(&client::Config::default()).unwrap();
    let destination = Destination::open(&path, config(&backend), client()).unwrap();
    let (stop, hurry, input) = (CancellationToken::new(), destination.hurry(), destination.input());
    let mut task = JoinSet::new();
    task.spawn(destination.run(stop.clone(), Duration::from_secs(3600)));
    input.send(Arc::new(batch(["s"], 1.0))).await.unwrap();
    stop.cancel();
    hurry.cancel();
    assert_eq!(task.join_next().await.unwrap().unwrap().samples, 1);
    away.store(false, Relaxed);
    let running = Running::start(&path, config(&backend));
    backend.until_accepted(1).await;
    assert_eq!(running.stop().await, Left::default());
}

#[tokio::test]
async fn what_was_adopted_for_an_endpoint_that_is_gone_counts_as_left_and_is_gone_on_with() {
    let (_keep, path) = directory();
    let (backend, away) = strict().await;
    let nodes = Arc::new(Nodes::default());
    let config = config(&backend);
    let a = start(&nodes, "a", &path, config.clone(), Duration::from_millis(10));
    let b = start(&nodes, "b", &path, config.clone(), Duration::from_millis(10));
    a.send(batch(["s"], 1.0)).await;
    assert_eq!(a.stop().await, Left::default(), "it is with b");
    assert!(orphans(&path, &["a".to_owned()]).is_empty(), "b is in use");
    b.kill().await;

    let [orphan] = orphans(&path, &["a".to_owned()]).try_into().expect("that of b");
    assert_eq!((orphan.left.frames, orphan.left.samples), (1, 1));
    let client = Client::new(&client::Config::default()).unwrap();
    let mut renamed = Destination::open(&path.join("c"), config, client).unwrap();
    renamed.take_over(&orphan.directory).unwrap();
    let stop = CancellationToken::new();
    let mut task = JoinSet::new();
    task.spawn(renamed.run(stop.clone(), Duration::from_secs(60)));
    away.store(false, Relaxed);
    backend.until_accepted(1).await;
    stop.cancel();
    assert_eq!(task.join_next().await.unwrap().unwrap(), Left::default());
}
