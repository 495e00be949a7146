//! Nodes that are killed while they adopt frames, and while they write gates: the test starts itself
//! as the child that is killed.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;
use std::sync::Mutex;

use model::Predecessor;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;

use super::*;
use crate::Consignment;
use crate::peers::{Later, Neighbours, Peers, Pending, Question, Refused};

const DIRECTORY: &str = "SHOAL_DELIVERY_ADOPTION_DIRECTORY";
const GIVEN: &str = "SHOAL_DELIVERY_ADOPTION_GIVEN";
const FIRST: &str = "SHOAL_DELIVERY_ADOPTION_FIRST";

/// Frames in one consignment: few, so that there are many moments in which a kill may fall.
const FRAMES: usize = 3;
/// How often the child is killed.
const KILLS: usize = 6;

/// They all say the same of what is waited for, and what is given is kept for the test.
#[derive(Debug)]
struct Keeps {
    pending: Pending,
    given: Mutex<Vec<Consignment>>,
}

impl Peers for Keeps {
    fn pending(&self, _: Question) -> Later<'_, Pending> {
        Box::pin(async { self.pending })
    }

    fn lives(&self, _: &str) -> bool {
        true
    }

    fn missing(&self) -> Option<Vec<Arc<str>>> {
        Some(Vec::new())
    }

    fn adopt(&self, consignment: Consignment) -> Later<'_, Result<Arc<str>, Refused>> {
        self.given.lock().unwrap().push(consignment);
        Box::pin(async { Ok("heir".into()) })
    }
}

fn neighbours(node: &str, peers: Arc<Keeps>) -> Neighbours {
    let hand_over = Duration::from_secs(60);
    Neighbours { node: node.into(), destination: "here".into(), peers, hand_over }
}

fn open(directory: &Path, node: &str, port: u16, pending: Pending) -> (Destination, Arc<Keeps>) {
    let url = format!("http://127.0.0.1:{port}/write").parse().unwrap();
    let mut config = EndpointConfig::new("test", url);
    config.overlap_protocol = Protocol::V1;
    config.queue.max_samples_per_send = 1;
    config.queue.min_backoff = Duration::from_millis(1);
    config.queue.max_backoff = Duration::from_millis(10);
    let client = Client::new(&client::Config::default()).unwrap();
    let mut destination = Destination::open(directory, config, client).unwrap();
    let keeps = Arc::new(Keeps { pending, given: Mutex::default() });
    destination.set_neighbours(neighbours(node, Arc::clone(&keeps)));
    (destination, keeps)
}

/// A sample of a series that another node collected before, every fourth time: then a gate goes
/// before it.
fn sometimes_moved(value: u32) -> Batch {
    let batch = batch(["s"], f64::from(value));
    if !value.is_multiple_of(4) {
        return batch;
    }
    let node = format!("before-{value}");
    Batch { predecessor: Some(Predecessor { node: node.into(), until: now_ms() }), ..batch }
}

/// What a node gives away that could send none of so many samples: frames and gates.
async fn given(samples: u32) -> Vec<Consignment> {
    let (_keep, path) = directory();
    // Nothing listens there, and what the first gate waits for is still to come.
    let pending = Pending::Since { oldest_ms: 0, accepting: false };
    let (destination, keeps) = open(&path, "giver", 1, pending);
    let (stop, input) = (CancellationToken::new(), destination.input());
    let mut task = JoinSet::new();
    task.spawn(destination.run(stop.clone(), Duration::ZERO));
    for value in 0..samples {
        input.send(Arc::new(sometimes_moved(value))).await.unwrap();
    }
    stop.cancel();
    assert_eq!(task.join_next().await.unwrap().unwrap(), Left::default());
    let whole = std::mem::take(&mut *keeps.given.lock().unwrap());
    let pieces = whole.iter().flat_map(|consignment| {
        consignment
            .frames
            .chunks(FRAMES)
            .map(|frames| Consignment { frames: frames.to_vec(), ..consignment.clone() })
    });
    pieces.collect()
}

/// Starts this test again as a child, in another role.
fn spawn(name: &str, directory: &Path, given: &Path, first: usize) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture", "--test-threads=1"])
        .env(DIRECTORY, directory)
        .env(GIVEN, given)
        .env(FIRST, first.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// Lets children do their work, killing one after the other once it has done some more, and the
/// last one when nothing is left. `done` is how much has been done by the line that says so.
async fn with_kills(
    work: usize,
    spawn: impl Fn(usize) -> Child,
    done: impl Fn(&str) -> Option<usize>,
) {
    let mut finished = 0;
    for round in 1..=KILLS {
        let mut child = spawn(finished);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let enough = work * round / KILLS;
        while let Ok(Some(line)) = lines.next_line().await {
            finished = done(&line).map_or(finished, |done| done.max(finished));
            if finished >= enough {
                child.start_kill().unwrap();
            }
        }
        child.wait().await.unwrap();
    }
    assert!(finished >= work, "{finished} of {work}");
}

/// Everything that arrives at a backend that is there now, from the log of a node.
async fn delivered(directory: &Path, node: &str, least: usize) -> Vec<u32> {
    let backend = Backend::start(|_, _| Reply::ok()).await;
    let (destination, _) = open(directory, node, backend.port, Pending::None);
    let stop = CancellationToken::new();
    let mut task = JoinSet::new();
    task.spawn(destination.run(stop.clone(), Duration::from_secs(60)));
    backend.until_accepted(least).await;
    stop.cancel();
    assert_eq!(task.join_next().await.unwrap().unwrap(), Left::default());
    backend.accepted().into_iter().map(|(_, value)| value as u32).collect()
}

/// In the child: adopts one consignment after the other, and says so of each.
async fn adopt_all(directory: &str) {
    let (destination, _) = open(Path::new(directory), "heir", 1, Pending::None);
    let handle = destination.handle();
    let mut task = JoinSet::new();
    task.spawn(destination.run(CancellationToken::new(), Duration::ZERO));
    let given = std::env::var(GIVEN).unwrap();
    let first: usize = std::env::var(FIRST).unwrap().parse().unwrap();
    println!();
    for index in first.. {
        let Ok(bytes) = std::fs::read(Path::new(&given).join(index.to_string())) else { break };
        let consignment = Consignment::decode(bytes.into()).unwrap();
        handle.adopt(consignment).await.unwrap();
        println!("adopted {}", index + 1);
    }
    // The end of the input, or a kill.
    task.spawn_blocking(|| {
        std::io::stdin().lines().count();
        Left::default()
    });
    task.join_next().await;
}

#[tokio::test]
async fn a_node_that_is_killed_while_it_adopts_loses_no_frame_and_keeps_none_twice() {
    const SAMPLES: u32 = 400;
    const NAME: &str = "destination::tests::adoption::a_node_that_is_killed_while_it_adopts_loses_no_frame_and_keeps_none_twice";
    if let Ok(directory) = std::env::var(DIRECTORY) {
        return adopt_all(&directory).await;
    }
    let consignments = given(SAMPLES).await;
    let gates = SAMPLES as usize / 4;
    let frames: usize = consignments.iter().map(|consignment| consignment.frames.len()).sum();
    assert_eq!(frames, SAMPLES as usize + gates, "gates travel, too");
    let shelf = tempfile::tempdir().unwrap();
    for (index, consignment) in consignments.iter().enumerate() {
        std::fs::write(shelf.path().join(index.to_string()), consignment.encode()).unwrap();
    }
    let (_keep, path) = directory();
    // What was not acknowledged is given again, in part once more: the giver cannot know.
    let heir = |done: usize| spawn(NAME, &path, shelf.path(), done.saturating_sub(2));
    let done = |line: &str| line.strip_prefix("adopted ").and_then(|done| done.parse().ok());
    with_kills(consignments.len(), heir, done).await;
    let delivered = delivered(&path, "heir", SAMPLES as usize).await;
    assert_eq!(delivered, (0..SAMPLES).collect::<Vec<_>>());
}

/// In the child: writes one sample after the other, of which many go behind a gate, and says when
/// each is in the log.
async fn write_gates(directory: &str) {
    let (destination, _) = open(Path::new(directory), "here", 1, Pending::None);
    let (input, telemetry) = (destination.input(), destination.telemetry());
    let mut task = JoinSet::new();
    task.spawn(destination.run(CancellationToken::new(), Duration::ZERO));
    let first: u32 = std::env::var(FIRST).unwrap().parse().unwrap();
    let before = telemetry.pending_samples.get();
    println!();
    for value in first.. {
        input.send(Arc::new(sometimes_moved(value))).await.unwrap();
        while telemetry.pending_samples.get() <= before + i64::from(value - first) {
            tokio::task::yield_now().await;
        }
        println!("sealed {}", value + 1);
    }
}

#[tokio::test]
async fn a_node_that_is_killed_while_it_writes_gates_goes_on_with_all_it_sealed() {
    const SAMPLES: usize = 400;
    const NAME: &str = "destination::tests::adoption::a_node_that_is_killed_while_it_writes_gates_goes_on_with_all_it_sealed";
    if let Ok(directory) = std::env::var(DIRECTORY) {
        return write_gates(&directory).await;
    }
    let (_keep, path) = directory();
    let sealed = Mutex::new(BTreeSet::new());
    // The one that was being written when the kill came may be there or not.
    let child = |done: usize| spawn(NAME, &path, &path, if done == 0 { 0 } else { done + 1 });
    let done = |line: &str| {
        let done: usize = line.strip_prefix("sealed ")?.parse().ok()?;
        sealed.lock().unwrap().insert(done as u32 - 1);
        Some(done)
    };
    with_kills(SAMPLES, child, done).await;
    let sealed = sealed.into_inner().unwrap();
    let delivered = delivered(&path, "here", sealed.len()).await;
    assert!(delivered.is_sorted(), "in order: {delivered:?}");
    let mut times: BTreeMap<u32, usize> = BTreeMap::new();
    delivered.iter().for_each(|value| *times.entry(*value).or_default() += 1);
    assert!(times.values().all(|times| *times == 1), "nothing twice: {delivered:?}");
    let lost: Vec<_> = sealed.iter().filter(|value| !times.contains_key(value)).collect();
    assert_eq!(lost, [&0; 0]);
}

#[tokio::test]
async fn what_was_adopted_is_forgotten_once_it_is_delivered_and_nobody_gives_it_again() {
    let given = given(2).await;
    let (_keep, path) = directory();
    let (mut destination, _) = open(&path, "heir", 1, Pending::None);
    for consignment in &given {
        let (answer, answered) = oneshot::channel();
        destination.adopt(consignment, answer);
        answered.await.unwrap().unwrap();
    }
    let age = |destination: &mut Destination, max_age| {
        let mut config = (*destination.config).clone();
        config.log.max_age = max_age;
        destination.config = Arc::new(config);
        destination.forget_adopted();
        (destination.adopted.len(), replicas(&path).len())
    };
    let kept = age(&mut destination, Duration::ZERO);
    assert!(kept.0 > 0 && kept.0 == kept.1, "nothing is delivered yet: {kept:?}");
    drop(destination);
    delivered(&path, "heir", 2).await;
    let (mut destination, _) = open(&path, "heir", 1, Pending::None);
    assert_eq!(age(&mut destination, Duration::from_secs(3600)), kept);
    assert_eq!(age(&mut destination, Duration::ZERO), (0, 0));
}
