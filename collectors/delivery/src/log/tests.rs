use std::path::Path;

use super::*;

mod crash;
mod damage;
mod disk;
mod gates;

fn open_with(directory: &Path, config: LogConfig) -> (Log, Arc<Telemetry>) {
    let telemetry = Arc::new(Telemetry::default());
    let mut log = Log::open(directory, config, Arc::clone(&telemetry)).unwrap();
    log.hold_at_most(10);
    (log, telemetry)
}

fn open(directory: &Path) -> (Log, Arc<Telemetry>) {
    open_with(directory, LogConfig::default())
}

fn frame(payload: &[u8], shard: u16, shards: u16) -> NewFrame {
    NewFrame {
        bytes: [&[0; HEADER], payload].concat(),
        oldest_ms: 1,
        newest_ms: 2,
        counts: Counts { samples: 2, ..Counts::default() },
        lane: Lane { shard, shards, overlap: Overlap::Nowhere },
        content: Content::WriteV1,
        origins: Vec::new(),
    }
}

fn append(log: &mut Log, payload: &str) {
    log.append(frame(payload.as_bytes(), 0, 1), 1_000);
}

/// Takes and finishes everything, as text.
fn drain(log: &mut Log) -> Vec<String> {
    let mut drained = Vec::new();
    while let Some((meta, payload)) = log.take(Wanted::ALL, 1_000).unwrap() {
        drained.push(String::from_utf8(payload.to_vec()).unwrap());
        log.finish(&meta, 1_000);
    }
    drained
}

fn names(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|index| format!("frame {index}")).collect()
}

#[test]
fn frames_come_out_as_they_went_in() {
    let directory = tempfile::tempdir().unwrap();
    let (mut log, telemetry) = open(directory.path());
    for name in names(0..100) {
        append(&mut log, &name);
    }
    assert_eq!(telemetry.queue_frames.get(), 100);
    assert_eq!(telemetry.pending_samples.get(), 200);
    assert_eq!(telemetry.queue_oldest.get(), 1_000);
    assert_eq!(drain(&mut log), names(0..100));
    assert!(log.is_empty());
    assert_eq!(telemetry.queue_bytes.get(), 0);
    assert_eq!(telemetry.queue_oldest.get(), 0);
}

#[test]
fn what_was_not_acknowledged_is_there_after_a_restart_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let (mut log, _) = open(directory.path());
    for index in 0..10u16 {
        log.append(frame(format!("frame {index}").as_bytes(), index, 10), 1_000);
    }
    let taken: Vec<FrameMeta> = std::iter::from_fn(|| log.take(Wanted::ALL, 1_000).unwrap())
        .map(|(meta, _)| meta)
        .collect();
    assert_eq!(taken.len(), 10);
    for index in [0, 1, 4, 9] {
        log.finish(&taken[index], 1_000);
    }
    let id = log.id();
    drop(log);

    let (mut log, telemetry) = open(directory.path());
    assert_eq!(log.id(), id);
    assert_eq!(telemetry.queue_frames.get(), 6);
    append(&mut log, "after the restart");
    let expected = ["frame 2", "frame 3", "frame 5", "frame 6", "frame 7", "frame 8"];
    assert_eq!(drain(&mut log)[..6], expected);
    assert!(log.is_empty());
    drop(log);

    let (mut log, _) = open(directory.path());
    assert_eq!(drain(&mut log), Vec::<String>::new());
    append(&mut log, "new");
    assert_eq!(drain(&mut log), ["new"], "an old acknowledgement does not hide a new frame");
}

#[test]
fn a_sequence_is_never_used_twice() {
    let directory = tempfile::tempdir().unwrap();
    let mut last = 0;
    for _ in 0..5 {
        let (mut log, _) = open(directory.path());
        append(&mut log, "one");
        append(&mut log, "two");
        let (meta, _) = log.take(Wanted::ALL, 1_000).unwrap().unwrap();
        assert!(meta.sequence > last);
        last = meta.sequence + 1;
        log.finish(&meta, 1_000);
        let (meta, _) = log.take(Wanted::ALL, 1_000).unwrap().unwrap();
        log.finish(&meta, 1_000);
    }
}

#[test]
fn a_directory_has_one_log_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let (log, _) = open(directory.path());
    let again = Log::open(directory.path(), LogConfig::default(), Arc::default());
    assert!(matches!(again, Err(OpenError::Busy(_))));
    drop(log);
    open(directory.path());
}

#[test]
fn frames_span_segments_and_the_disk_is_given_back() {
    let directory = tempfile::tempdir().unwrap();
    let config = LogConfig { segment_bytes: 1_000, ..LogConfig::default() };
    let (mut log, _) = open_with(directory.path(), config.clone());
    for name in names(0..100) {
        append(&mut log, &name);
    }
    let segments = |directory: &Path| Segment::list(directory).unwrap().len();
    assert!(segments(directory.path()) >= 9, "{}", segments(directory.path()));
    drop(log);
    let (mut log, telemetry) = open_with(directory.path(), config);
    assert_eq!(telemetry.pending_samples.get(), 200);
    append(&mut log, "frame 100");
    assert_eq!(drain(&mut log), names(0..101));
    assert!(log.is_empty());
    assert_eq!(segments(directory.path()), 1);
    assert_eq!(telemetry.corruptions.get(), 0);
}

#[test]
fn more_frames_than_the_window_spans_keep_their_order() {
    let directory = tempfile::tempdir().unwrap();
    let (mut log, _) = open(directory.path());
    let count = 3 * SPAN as usize;
    for name in names(0..count) {
        append(&mut log, &name);
    }
    assert_eq!(drain(&mut log), names(0..count));
}

#[test]
fn the_size_cap_drops_the_oldest_and_says_what() {
    let directory = tempfile::tempdir().unwrap();
    let config = LogConfig { max_bytes: 10_000, segment_bytes: 1_000, ..LogConfig::default() };
    let (mut log, telemetry) = open_with(directory.path(), config);
    for name in names(0..500) {
        append(&mut log, &name);
    }
    assert!(telemetry.log_bytes.get() <= 10_000);
    let dropped = telemetry.dropped(DropReason::LogFull).samples.get() as usize / 2;
    assert!(dropped > 300, "{dropped}");
    assert_eq!(drain(&mut log), names(dropped..500));
    assert!(log.is_empty());
}

#[test]
fn the_size_cap_leaves_what_is_in_flight_to_its_sender() {
    let directory = tempfile::tempdir().unwrap();
    let config = LogConfig { max_bytes: 10_000, segment_bytes: 1_000, ..LogConfig::default() };
    let (mut log, telemetry) = open_with(directory.path(), config);
    append(&mut log, "frame 0");
    let (flying, _) = log.take(Wanted::ALL, 1_000).unwrap().unwrap();
    for name in names(1..500) {
        append(&mut log, &name);
    }
    assert!(log.take(Wanted::ALL, 1_000).unwrap().is_none(), "its lane is still taken");
    log.finish(&flying, 1_000);
    let dropped = telemetry.dropped(DropReason::LogFull).samples.get() as usize / 2;
    assert_eq!(drain(&mut log), names(dropped + 1..500));
    assert!(log.is_empty(), "what was in flight is not queued for ever");
}

#[test]
fn frames_past_the_age_cap_are_dropped_and_counted() {
    let directory = tempfile::tempdir().unwrap();
    let hour = 3_600_000;
    let (mut log, telemetry) = open(directory.path());
    append(&mut log, "old");
    log.append(frame(b"young", 0, 1), 8 * hour);
    let (meta, payload) = log.take(Wanted::ALL, 8 * hour + 2_000).unwrap().unwrap();
    assert_eq!(&payload[..], b"young");
    log.finish(&meta, 8 * hour);
    assert_eq!(telemetry.dropped(DropReason::LogAge).samples.get(), 2);

    append(&mut log, "old");
    log.append(frame(b"old too", 0, 1), 1_000);
    log.tick(20 * hour);
    assert!(log.is_empty());
    assert_eq!(telemetry.dropped(DropReason::LogAge).samples.get(), 6);
    append(&mut log, "new");
    assert_eq!(drain(&mut log), ["new"]);
}

#[test]
fn what_was_given_up_in_flight_and_does_not_come_back_is_counted_as_what_was_given_up() {
    let directory = tempfile::tempdir().unwrap();
    let (mut log, telemetry) = open(directory.path());
    append(&mut log, "old");
    let (flying, _) = log.take(Wanted::ALL, 1_000).unwrap().unwrap();
    log.tick(20 * 3_600_000);
    assert_eq!(telemetry.dropped(DropReason::LogAge).samples.get(), 0, "it may still arrive");
    log.put_back(flying.sequence);
    assert_eq!(telemetry.dropped(DropReason::LogAge).samples.get(), 2);
    assert_eq!(telemetry.dropped(DropReason::LogFull).samples.get(), 0);
}

#[test]
fn a_wholly_acknowledged_segment_does_not_grow_for_ever() {
    let directory = tempfile::tempdir().unwrap();
    let (mut log, telemetry) = open(directory.path());
    let payload = "x".repeat(1 << 20);
    for _ in 0..40 {
        append(&mut log, &payload);
        assert_eq!(drain(&mut log).len(), 1);
        assert!(telemetry.log_bytes.get() < (RECYCLE + (2 << 20)).cast_signed());
    }
}

#[test]
fn there_is_nothing_to_sync_once_everything_is_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let (mut log, _) = open(directory.path());
    assert!(log.sync_work().unwrap().is_none());
    append(&mut log, "one");
    log.sync_work().unwrap().unwrap().run().unwrap();
    assert!(log.sync_work().unwrap().is_none());
    append(&mut log, "two");
    drain(&mut log);
    assert!(log.sync_work().unwrap().is_none());
}
