//! Positions that survive the crash of the node that knew them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use super::*;
use crate::cluster::driver::CHECKPOINTS_EVERY as EVERY;

/// Targets of these tests.
pub(super) const TARGETS: u64 = 60;

/// A position that takes more bytes than 1.
const LONG: i64 = 1_000_000;

/// How long a checkpoint may be on its way beyond the rhythm, on a busy machine: less than another beat.
const SLACK: Duration = Duration::from_secs(3);

/// A node with one component, which collects by doing nothing.
pub(super) struct Collector {
    pub(super) node: TestNode,
    subscription: Subscription,
    /// What runs, and what was left for it.
    pub(super) running: BTreeMap<Key, (Option<model::Seal>, Option<String>)>,
}

impl Collector {
    async fn start(name: &str, join: &[SocketAddr]) -> Self {
        Self::of(start(options(name, join)).await).await
    }

    async fn of(node: TestNode) -> Self {
        let subscription = node.started.handle.subscribe("c").await;
        subscription.announce(targets(TARGETS));
        Self { node, subscription, running: BTreeMap::new() }
    }

    /// Takes deltas until so many targets run.
    async fn runs(&mut self, count: usize) {
        while self.running.len() != count {
            let next = tokio::time::timeout(PATIENCE, self.subscription.next()).await;
            match next.expect("a change in time").expect("the cluster runs") {
                Delta::Start { key, seal, from, .. } => {
                    self.running.insert(key, (seal, from.map(|from| from.to_string())));
                }
                Delta::Stop { key, seal, .. } => {
                    self.running.remove(&key);
                    if let Some(wanted) = seal {
                        let _ = wanted.send(position(0));
                    }
                }
            }
        }
    }

    pub(super) fn says(&self, at: i64) {
        let checkpoints = self.subscription.checkpoints();
        self.running.keys().for_each(|key| checkpoints.put(*key, position(at)));
    }

    /// Waits until this node keeps so many checkpoints for others.
    async fn keeps(&self, count: usize) {
        let line = format!("shoal_checkpoints {count}\n");
        let kept = async {
            let mut rhythm = tokio::time::interval(Duration::from_millis(20));
            while !self.node.registry.text().contains(&line) {
                rhythm.tick().await;
            }
        };
        tokio::time::timeout(PATIENCE, kept).await.expect("they arrive");
    }

    /// Waits until the checkpoints that this node keeps for others are of another length than `before`.
    async fn keeps_other_bytes_than(&self, before: &str) {
        let kept = async {
            let mut rhythm = tokio::time::interval(Duration::from_millis(20));
            while self.kept_bytes() == before {
                rhythm.tick().await;
            }
        };
        tokio::time::timeout(PATIENCE, kept).await.expect("they arrive");
    }

    /// How long the checkpoints are that this node keeps for others, as its metrics say.
    fn kept_bytes(&self) -> String {
        let page = self.node.registry.text();
        let line = page.lines().find(|line| line.starts_with("shoal_checkpoints_bytes "));
        line.expect("there is such a metric").to_owned()
    }

    /// Ends as a killed process does. What is on its disk is left.
    async fn crash(self) -> tempfile::TempDir {
        let TestNode { started, _server, storage, .. } = self.node;
        drop(_server);
        tokio::task::spawn_blocking(|| started.crash()).await.expect("the loop ends");
        storage
    }
}

/// What a collector knows of a target at some time.
fn position(at: i64) -> model::Seal {
    model::Seal { version: 1, last_tick: at, payload: Bytes::from(at.to_string()) }
}

/// Two nodes that share the targets.
async fn two() -> (Collector, Collector) {
    two_of(serve).await
}

/// The same, the second of which is served so.
pub(super) async fn two_of<F: Future<Output = ()> + Send + 'static>(
    serve: impl FnOnce(TcpListener, Handle) -> F,
) -> (Collector, Collector) {
    let mut a = Collector::start("a", &[]).await;
    a.node.until_participants(&["a"]).await;
    a.runs(TARGETS as usize).await;
    let storage = tempfile::tempdir().expect("a directory");
    let b = start_behind(options("b", &[a.node.address]), storage, serve).await;
    let mut b = Collector::of(b).await;
    a.node.until_participants(&["a", "b"]).await;
    let state = a
        .node
        .until("shares are counted", |state| state.peers.iter().all(|peer| peer.targets > 0))
        .await;
    let of = |name: &str| state.components["c"].owners[name];
    tokio::join!(a.runs(of("a")), b.runs(of("b")));
    (a, b)
}

#[tokio::test]
async fn a_crash_loses_at_most_one_rhythm_of_positions() {
    let (mut a, b) = two().await;
    let of_b: BTreeSet<Key> = b.running.keys().copied().collect();
    b.says(1);
    a.keeps(of_b.len()).await;
    // Said right after a beat, and so under way as late as can be: a longer position is seen to arrive.
    let (said, before) = (Instant::now(), a.kept_bytes());
    b.says(LONG);
    a.keeps_other_bytes_than(&before).await;
    let took = said.elapsed();
    assert!(took <= EVERY + SLACK, "{took:?} for a rhythm of {EVERY:?}");
    // This much is lost: it was said after the last beat, or on its way.
    b.says(LONG + 1);
    b.crash().await;
    a.runs(TARGETS as usize).await;
    for key in of_b {
        let (seal, from) = &a.running[&key];
        let at = seal.as_ref().map(|seal| seal.last_tick);
        assert!(at == Some(LONG) || at == Some(LONG + 1), "{key}: {at:?}");
        assert_eq!(from.as_deref(), Some("b"));
    }
    a.keeps(0).await;
}

#[tokio::test]
async fn a_deputy_that_is_killed_and_restarted_has_what_it_kept() {
    let (a, b) = two().await;
    let of_b: BTreeSet<Key> = b.running.keys().copied().collect();
    b.says(1);
    a.keeps(of_b.len()).await;
    let shelf = a.node.storage.path().join("cluster/checkpoints");
    let written = async {
        let mut rhythm = tokio::time::interval(Duration::from_millis(20));
        while !std::fs::read(&shelf).is_ok_and(|shelf| !shelf.is_empty()) {
            rhythm.tick().await;
        }
    };
    tokio::time::timeout(PATIENCE, written).await.expect("it is written down");
    // The owner is gone for good, so that nobody can tell the deputy again.
    b.crash().await;
    let storage = a.crash().await;
    // It remembers its peer, and waits for it for a while.
    let hasty = Options { bootstrap_timeout: Duration::from_millis(500), ..options("a", &[]) };
    let mut a = Collector::of(start_with(hasty, storage).await).await;
    a.runs(TARGETS as usize).await;
    for (key, (seal, _)) in &a.running {
        let at = seal.as_ref().map(|seal| seal.last_tick);
        assert_eq!(at, of_b.contains(key).then_some(1), "{key}");
    }
}

/// It was not missed, and what stands still is not said again.
#[tokio::test]
async fn a_deputy_that_comes_back_at_once_with_nothing_is_sent_it_again() {
    let (a, b) = two().await;
    let of_b = b.running.len();
    b.says(1);
    a.keeps(of_b).await;
    drop(a.crash().await);
    let a = Collector::start("a", &[b.node.address]).await;
    a.keeps(of_b).await;
}

#[tokio::test]
async fn a_position_that_stands_still_follows_to_the_next_deputy() {
    let (mut a, mut b) = two().await;
    let mut c = Collector::start("c", &[a.node.address]).await;
    for node in [&a.node, &b.node, &c.node] {
        node.until_participants(&["a", "b", "c"]).await;
    }
    let state = a
        .node
        .until("shares are counted", |state| {
            state.peers.len() == 3 && state.peers.iter().all(|peer| peer.targets > 0)
        })
        .await;
    let of = |name: &str| state.components["c"].owners[name];
    tokio::join!(a.runs(of("a")), b.runs(of("b")), c.runs(of("c")));
    let of_b: BTreeSet<Key> = b.running.keys().copied().collect();
    b.says(1);
    let placed = a.node.started.handle.place(of_b.iter().copied().collect()).await;
    let placed = placed.expect("it runs");
    let with_c = placed.iter().filter(|placed| placed.deputy == "c").count();
    assert!(with_c < of_b.len(), "some are with a");
    tokio::join!(a.keeps(of_b.len() - with_c), c.keeps(with_c));
    // Nobody says anything any more, and c becomes the deputy of all.
    a.crash().await;
    for node in [&b.node, &c.node] {
        node.until_participants(&["b", "c"]).await;
    }
    c.keeps(of_b.len()).await;
    b.crash().await;
    c.runs(TARGETS as usize).await;
    for key in of_b {
        let at = c.running[&key].0.as_ref().map(|seal| seal.last_tick);
        assert_eq!(at, Some(1), "{key}");
    }
}

/// How soon a position is with a deputy that has none yet: a crash is no more likely after a beat than before.
const AT_ONCE: Duration = EVERY.checked_div(2).expect("two is not zero");

#[tokio::test]
async fn a_new_deputy_and_the_deputy_of_a_new_owner_have_positions_before_the_next_beat() {
    let (a, mut b) = two().await;
    b.says(1);
    let of_b: Vec<Key> = b.running.keys().copied().collect();
    // That was a beat.
    a.keeps(of_b.len()).await;
    let mut c = Collector::start("c", &[a.node.address]).await;
    a.node.until_participants(&["a", "b", "c"]).await;
    b.node.until_participants(&["a", "b", "c"]).await;
    let joined = Instant::now();
    let placed = a.node.started.handle.place(of_b).await.expect("it runs");
    let at = |owner: &str, deputy: &str| {
        let there = |place: &&Placed| place.owner == owner && place.deputy == deputy;
        placed.iter().filter(there).count()
    };
    let (with_a, with_c) = (at("b", "a"), at("b", "c"));
    assert!(0 < with_c && with_a != with_c, "{with_a} {with_c}");
    c.keeps(with_c).await;
    assert!(joined.elapsed() < AT_ONCE, "{:?} after c joined", joined.elapsed());

    // What b gives to a is c's to keep now, as of the moment at which a begins with it.
    b.node.started.handle.leave().await.expect("it runs");
    let left = Instant::now();
    let (mut gone, drained) = (false, b.node.started.handle.drained());
    tokio::pin!(drained);
    while !gone {
        tokio::select! {
            done = &mut drained => { done.expect("it runs"); gone = true; }
            Some(delta) = b.subscription.next() => {
                if let Delta::Stop { seal: Some(wanted), .. } = delta {
                    let _ = wanted.send(position(2));
                }
            }
            Some(_) = c.subscription.next() => {}
        }
    }
    c.keeps(with_a).await;
    assert!(left.elapsed() < AT_ONCE, "{:?} after b left", left.elapsed());
}
