//! Series that move between logs, and come out in order at a backend that insists on it.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

fn sample(now: i64) -> NewFrame {
    NewFrame { oldest_ms: now, newest_ms: now, ..frame(b"sample", 0, 1) }
}

#[test]
fn a_closed_gate_holds_what_is_behind_it_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let (mut log, telemetry) = open(directory.path());
    append(&mut log, "before");
    let gate = log.depend("other", 1_000, false, 1_000).unwrap();
    append(&mut log, "behind");
    assert_eq!(telemetry.queue_frames.get(), 2, "a gate is nothing that waits");
    assert!(log.reached_gates().is_empty(), "something waits before it");
    assert_eq!(drain(&mut log), ["before"]);
    let reached = log.reached_gates();
    assert_eq!((reached.len(), reached[0].sequence, &*reached[0].origin), (1, gate, "other"));

    assert!(log.judge(gate, Verdict::Hold, 1_000).is_empty());
    assert_eq!(drain(&mut log), Vec::<String>::new());
    log.judge(gate, Verdict::Clear, 1_000);
    assert_eq!(drain(&mut log), ["behind"]);
    assert!(!log.has_gates() && log.is_empty());
}

#[test]
fn a_gate_survives_a_restart_with_its_stamp() {
    let directory = tempfile::tempdir().unwrap();
    let (mut log, _) = open(directory.path());
    log.depend("other", 5_000, false, 1_000).unwrap();
    log.append(sample(1_000), 1_000);
    drop(log);
    let (mut log, _) = open(directory.path());
    assert!(log.take(Wanted::ALL, 1_000).unwrap().is_none());
    let gate = log.reached_gates().remove(0);
    assert_eq!((&*gate.origin, gate.until), ("other", 5_000 + MARGIN_MS));
    assert_eq!(log.stamp_at(1_000), gate.until + 1, "what comes now is behind it, too");
    log.judge(gate.sequence, Verdict::Clear, 1_000);
    assert_eq!(drain(&mut log).len(), 1);
    drop(log);
    assert!(!open(directory.path()).0.has_gates());
}

#[test]
fn moves_that_come_together_share_a_gate() {
    let directory = tempfile::tempdir().unwrap();
    let (mut log, _) = open(directory.path());
    let gate = log.depend("other", 1_000, false, 1_000);
    for now in 1_000..1_500 {
        assert_eq!(log.depend("other", now, false, now), gate);
    }
    assert_ne!(log.depend("other", 3_000, false, 3_000), gate);
    assert_ne!(log.depend("another", 1_000, false, 1_000), gate);
}

#[test]
fn a_gate_of_the_dead_lets_pass_until_they_come_back() {
    let directory = tempfile::tempdir().unwrap();
    let (mut log, _) = open(directory.path());
    let gate = log.depend("dead", 1_000, false, 1_000).unwrap();
    append(&mut log, "one");
    append(&mut log, "two");
    log.judge(gate, Verdict::Pass, 1_000);
    let (flying, _) = log.take(Wanted::ALL, 1_000).unwrap().unwrap();
    assert_eq!(log.judge(gate, Verdict::Hold, 1_000), [flying.sequence], "it is called back");
    log.put_back(flying.sequence);
    assert!(log.take(Wanted::ALL, 1_000).unwrap().is_none());

    log.judge(gate, Verdict::Pass, 1_000);
    let (flying, _) = log.take(Wanted::ALL, 1_000).unwrap().unwrap();
    log.finish(&flying, 1_000);
    assert!(!log.has_gates(), "the backend has what the gate was for");
    assert_eq!(drain(&mut log), ["two"]);
}

#[test]
fn the_size_cap_takes_gates_along() {
    let directory = tempfile::tempdir().unwrap();
    let config = LogConfig { max_bytes: 10_000, segment_bytes: 1_000, ..LogConfig::default() };
    let (mut log, _) = open_with(directory.path(), config);
    log.depend("other", 1_000, false, 1_000).unwrap();
    for name in names(0..500) {
        append(&mut log, &name);
    }
    assert!(!log.has_gates());
    assert!(!drain(&mut log).is_empty());
}

#[test]
fn what_is_given_twice_is_adopted_once_with_its_gates() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (mut log, telemetry) = open(from.path());
    append(&mut log, "one");
    log.depend("other", 1_000, false, 1_000).unwrap();
    append(&mut log, "two");
    let open_replica = |id| {
        let config = LogConfig::default();
        Log::open_replica(to.path(), id, config, Arc::default()).unwrap()
    };
    let mut replica = open_replica(log.id());
    let given = log.export(1 << 20, 0, 1_000).unwrap();
    assert_eq!(given.len(), 3);
    for expected in [true, false] {
        for (_, bytes) in &given {
            assert_eq!(replica.adopt(bytes, 1_000).unwrap(), expected);
        }
    }
    replica.adoption_sync().unwrap().run().unwrap();
    drop(replica);
    // The giver did not hear of it, and gives it again to the same node, which was restarted.
    let mut replica = open_replica(0);
    assert_eq!(replica.id(), log.id());
    assert!(!replica.adopt(&given[2].1, 1_000).unwrap());
    let metas: Vec<FrameMeta> = given.iter().map(|(meta, _)| *meta).collect();
    log.handed_over(&metas, 1_000);
    assert!(log.is_empty() && !log.has_gates());
    assert_eq!(telemetry.handed_over.samples.get(), 4);

    assert_eq!(drain(&mut replica), ["one"]);
    let gate = replica.reached_gates().remove(0);
    replica.judge(gate.sequence, Verdict::Clear, 1_000);
    assert_eq!(drain(&mut replica), ["two"]);
    drop(replica);
    let mut replica = open_replica(0);
    assert!(!replica.adopt(&given[0].1, 1_000).unwrap(), "even when it was sent long ago");
}

#[test]
fn a_frame_that_was_damaged_on_its_way_is_refused() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (mut log, _) = open(from.path());
    append(&mut log, "one");
    let (_, bytes) = log.export(1 << 20, 0, 1_000).unwrap().remove(0);
    let mut replica =
        Log::open_replica(to.path(), log.id(), LogConfig::default(), Arc::default()).unwrap();
    for at in 0..bytes.len() {
        let mut damaged = bytes.to_vec();
        damaged[at] ^= 1;
        assert!(matches!(replica.adopt(&damaged, 1_000), Err(AdoptError::Damaged)), "{at}");
        assert!(replica.adopt(&bytes[..at], 1_000).is_err());
    }
    assert!(replica.adopt(&bytes, 1_000).unwrap());
}

#[test]
fn a_large_frame_is_exported_alone_and_in_its_turn_and_one_that_is_too_large_stays() {
    let directory = tempfile::tempdir().unwrap();
    let (mut log, _) = open(directory.path());
    for length in [100, 6_000, 100, 9_000, 100] {
        log.append(frame(&vec![7; length], 0, 1), 1_000);
    }
    let mut given = Vec::new();
    loop {
        let batch = log.export(5_000, 8_000, 1_000).unwrap();
        if batch.is_empty() {
            break;
        }
        given.push(batch.iter().map(|(_, bytes)| bytes.len() - HEADER).collect::<Vec<_>>());
        let metas: Vec<FrameMeta> = batch.into_iter().map(|(meta, _)| meta).collect();
        log.handed_over(&metas, 1_000);
    }
    assert_eq!(given, [vec![100], vec![6_000], vec![100, 100]]);
    assert_eq!(log.queued().frames, 1, "the one of 9,000 bytes");
}

#[test]
fn an_export_is_bounded_and_goes_on_where_it_ended() {
    let directory = tempfile::tempdir().unwrap();
    let (mut log, _) = open(directory.path());
    let all = names(0..3 * SPAN as usize);
    all.iter().for_each(|name| append(&mut log, name));
    let mut given = Vec::new();
    loop {
        let batch = log.export(10_000, 0, 1_000).unwrap();
        if batch.is_empty() {
            break;
        }
        assert!(batch.iter().map(|(_, bytes)| bytes.len()).sum::<usize>() <= 10_000);
        let text = |bytes: &Bytes| String::from_utf8(bytes[HEADER..].to_vec()).unwrap();
        given.extend(batch.iter().map(|(_, bytes)| text(bytes)));
        let metas: Vec<FrameMeta> = batch.into_iter().map(|(meta, _)| meta).collect();
        log.handed_over(&metas, 1_000);
    }
    assert_eq!(given, all);
}

/// Nodes, their logs, and a backend that takes no sample that is older than the last one of its
/// series.
struct World {
    keep: TempDir,
    nodes: Vec<Node>,
    owner: BTreeMap<usize, usize>,
    now: i64,
    up: bool,
    written: BTreeMap<usize, Vec<i64>>,
    stored: BTreeMap<usize, Vec<i64>>,
}

struct Node {
    /// How far its clock is ahead.
    skew: i64,
    lives: bool,
    /// Its own log first; each with the name of who wrote it.
    logs: Vec<(usize, PathBuf, Option<Log>)>,
    flying: Vec<(usize, FrameMeta, Bytes)>,
}

const SERIES: usize = 4;

impl World {
    fn new(skews: &[i64]) -> Self {
        let keep = tempfile::tempdir().unwrap();
        let node = |(index, skew): (usize, &i64)| {
            let path = keep.path().join(index.to_string());
            let log = Some(open(&path).0);
            let logs = vec![(index, path, log)];
            Node { skew: *skew, lives: true, logs, flying: Vec::new() }
        };
        let nodes: Vec<Node> = skews.iter().enumerate().map(node).collect();
        let owner = (0..SERIES).map(|series| (series, series % nodes.len())).collect();
        let (written, stored) = (BTreeMap::new(), BTreeMap::new());
        Self { keep, nodes, owner, now: 1_000_000, up: false, written, stored }
    }

    fn living(&self) -> Vec<usize> {
        (0..self.nodes.len()).filter(|node| self.nodes[*node].lives).collect()
    }

    /// Every owner collects its series.
    fn collect(&mut self) {
        self.now += 1_000;
        for (series, owner) in &self.owner {
            let node = &mut self.nodes[*owner];
            let mut new = sample(self.now);
            new.bytes.truncate(HEADER);
            new.bytes.extend_from_slice(format!("{series} {}", self.now).as_bytes());
            let log = node.logs[0].2.as_mut().unwrap();
            log.append(new, self.now + node.skew);
            self.written.entry(*series).or_default().push(self.now);
        }
    }

    fn move_to(&mut self, series: usize, to: usize) {
        let from = self.owner.insert(series, to).unwrap();
        if from == to {
            return;
        }
        // Longer than clocks differ: see the module about what the margin allows for.
        self.now += 700;
        // The old owner's clock where it could be asked, else one's own.
        let own = self.now + self.nodes[to].skew;
        let until = if self.nodes[from].lives { self.now + self.nodes[from].skew } else { own };
        let log = self.nodes[to].logs[0].2.as_mut().unwrap();
        log.depend(&from.to_string(), until, false, own).unwrap();
    }

    fn kill(&mut self, node: usize) {
        if self.living().len() < 2 || !self.nodes[node].lives {
            return;
        }
        self.nodes[node].lives = false;
        self.nodes[node].flying.clear();
        self.nodes[node].logs.iter_mut().for_each(|(_, _, log)| *log = None);
        self.spread(node);
    }

    /// Gives the series of a node to those that live.
    fn spread(&mut self, node: usize) {
        let heirs: Vec<usize> = self.living().into_iter().filter(|n| *n != node).collect();
        for series in 0..SERIES {
            if self.owner[&series] == node {
                self.move_to(series, heirs[series % heirs.len()]);
            }
        }
    }

    fn restart(&mut self, node: usize) {
        if !self.nodes[node].lives {
            self.nodes[node].lives = true;
            for (_, path, log) in &mut self.nodes[node].logs {
                *log = Some(open(path).0);
            }
        }
    }

    /// A node gives everything to another, and goes.
    fn leave(&mut self, node: usize, heir: usize) {
        if node == heir || !self.nodes[node].lives || !self.nodes[heir].lives {
            return;
        }
        self.spread(node);
        for (log, meta, _) in std::mem::take(&mut self.nodes[node].flying) {
            self.nodes[node].logs[log].2.as_mut().unwrap().put_back(meta.sequence);
        }
        for index in 0..self.nodes[node].logs.len() {
            let origin = self.nodes[node].logs[index].0;
            let log = self.nodes[node].logs[index].2.as_mut().unwrap();
            let id = log.id();
            let from = self.nodes[node].logs[index].1.file_name().unwrap().to_owned();
            let path = self.keep.path().join(format!("{heir}-{}", from.to_string_lossy()));
            let known = self.nodes[heir].logs.iter().position(|(_, p, _)| *p == path);
            let known = known.unwrap_or_else(|| {
                let config = LogConfig::default();
                let replica = Log::open_replica(&path, id, config, Arc::default()).unwrap();
                self.nodes[heir].logs.push((origin, path, Some(replica)));
                self.nodes[heir].logs.len() - 1
            });
            loop {
                let log = self.nodes[node].logs[index].2.as_mut().unwrap();
                let batch = log.export(300, 0, self.now).unwrap();
                if batch.is_empty() {
                    break;
                }
                let replica = self.nodes[heir].logs[known].2.as_mut().unwrap();
                for (_, bytes) in &batch {
                    replica.adopt(bytes, self.now).unwrap();
                }
                let metas: Vec<FrameMeta> = batch.into_iter().map(|(meta, _)| meta).collect();
                let log = self.nodes[node].logs[index].2.as_mut().unwrap();
                log.handed_over(&metas, self.now);
            }
        }
        self.nodes[node].lives = false;
        self.nodes[node].logs.iter_mut().for_each(|(_, _, log)| *log = None);
    }

    /// What the nodes that live have of an origin.
    fn oldest(&mut self, origin: usize) -> Oldest {
        let logs = self.nodes.iter_mut().flat_map(|node| &mut node.logs);
        let logs = logs.filter(|(of, _, _)| *of == origin).filter_map(|(_, _, log)| log.as_mut());
        logs.fold(Oldest::default(), |sum, log| sum.and(log.oldest_pending().unwrap()))
    }

    /// One node does what it can; whether that was anything.
    fn send(&mut self, node: usize) -> bool {
        if !self.nodes[node].lives {
            return false;
        }
        let mut progress = false;
        for index in 0..self.nodes[node].logs.len() {
            let gates = self.nodes[node].logs[index].2.as_ref().unwrap().reached_gates();
            for gate in gates {
                let origin: usize = gate.origin.parse().unwrap();
                let oldest = self.oldest(origin);
                let verdict = match oldest.stamp_ms {
                    Some(stamp) if stamp <= gate.until => Verdict::Hold,
                    _ => Verdict::Pass,
                };
                let log = self.nodes[node].logs[index].2.as_mut().unwrap();
                let recalled = log.judge(gate.sequence, verdict, self.now);
                recalled.iter().for_each(|sequence| log.put_back(*sequence));
                let is_recalled =
                    |of: usize, meta: &FrameMeta| of == index && recalled.contains(&meta.sequence);
                self.nodes[node].flying.retain(|(of, meta, _)| !is_recalled(*of, meta));
            }
            let log = self.nodes[node].logs[index].2.as_mut().unwrap();
            if let Some((meta, payload)) = log.take(Wanted::ALL, self.now).unwrap() {
                self.nodes[node].flying.push((index, meta, payload));
            }
        }
        if !self.up {
            return false;
        }
        for (log, meta, payload) in std::mem::take(&mut self.nodes[node].flying) {
            let text = String::from_utf8(payload.to_vec()).unwrap();
            let (series, at) = text.split_once(' ').unwrap();
            self.stored.entry(series.parse().unwrap()).or_default().push(at.parse().unwrap());
            self.nodes[node].logs[log].2.as_mut().unwrap().finish(&meta, self.now);
            progress = true;
        }
        progress
    }

    /// What was learned while somebody was dead is learned anew. It takes nodes a moment to ask; who
    /// comes back in the same moment as the backend comes too late.
    fn meet(&mut self) {
        self.up = false;
        for _ in 0..self.nodes.len() {
            (0..self.nodes.len()).for_each(|node| {
                self.send(node);
            });
        }
    }

    /// Everybody lives and the backend takes everything; then everything has come, in order.
    fn settle(&mut self) {
        (0..self.nodes.len()).for_each(|node| self.restart(node));
        self.meet();
        self.up = true;
        // A log that has just been opened knows its gates only once it was asked for frames, and a
        // gate that opens lets others open that wait for it.
        let mut idle = 0;
        while idle < 10 {
            let progress: BTreeSet<bool> = (0..self.nodes.len()).map(|n| self.send(n)).collect();
            idle = if progress.contains(&true) { 0 } else { idle + 1 };
        }
        assert!(self.stored == self.written, "missing, out of order or doubled");
    }
}

#[derive(Debug, Clone)]
enum Step {
    Collect,
    Move {
        series: usize,
        to: usize,
    },
    Kill(usize),
    Restart(usize),
    Leave {
        node: usize,
        heir: usize,
    },
    Send(usize),
    /// The backend is there for as long as it takes to send a few frames, if everybody lives.
    Up(usize),
}

fn step(nodes: usize) -> impl Strategy<Value = Step> {
    let node = move || 0..nodes;
    prop_oneof![
        4 => Just(Step::Collect),
        3 => (0..SERIES, node()).prop_map(|(series, to)| Step::Move { series, to }),
        1 => node().prop_map(Step::Kill),
        2 => node().prop_map(Step::Restart),
        1 => (node(), node()).prop_map(|(node, heir)| Step::Leave { node, heir }),
        3 => node().prop_map(Step::Send),
        1 => (0..6usize).prop_map(Step::Up),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn series_that_move_during_outages_arrive_whole_and_in_order(
        skews in prop::collection::vec(-300..300i64, 4),
        steps in prop::collection::vec(step(4), 1..60),
    ) {
        let mut world = World::new(&skews);
        for step in steps {
            match step {
                Step::Collect => world.collect(),
                Step::Move { series, to } if world.nodes[to].lives => world.move_to(series, to),
                Step::Move { .. } => {}
                Step::Kill(node) => world.kill(node),
                Step::Restart(node) => world.restart(node),
                Step::Leave { node, heir } => world.leave(node, heir),
                Step::Send(node) => { world.send(node); }
                Step::Up(times) => {
                    // What a node that is dead has, nobody can wait for when the backend is there.
                    world.meet();
                    world.up = world.living().len() == world.nodes.len();
                    for _ in 0..times {
                        (0..world.nodes.len()).for_each(|node| { world.send(node); });
                    }
                    world.up = false;
                }
            }
        }
        world.settle();
    }
}
