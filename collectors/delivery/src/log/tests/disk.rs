//! A disk that takes nothing.

use super::*;

/// Lets every write of the log fail as on a full disk.
fn fill_disk(log: &mut Log) {
    let full = Arc::new(File::options().read(true).write(true).open("/dev/full").unwrap());
    log.writer.as_mut().expect("something has been written").file = full;
}

fn free_disk(log: &mut Log) {
    let writer = log.writer.as_mut().expect("the writer stays");
    let path = Segment::path(&log.directory, writer.segment);
    writer.file = Arc::new(File::options().read(true).write(true).open(path).unwrap());
}

#[test]
fn frames_are_sent_from_memory_while_the_disk_is_full() {
    let directory = tempfile::tempdir().unwrap();
    let (mut log, telemetry) = open(directory.path());
    append(&mut log, "frame 0");
    fill_disk(&mut log);
    for name in names(1..5) {
        append(&mut log, &name);
    }
    assert!(telemetry.append_failures.get() >= 4);
    assert_eq!(telemetry.queue_frames.get(), 5);
    assert_eq!(drain(&mut log), names(0..5));
    assert!(log.is_empty());
    assert_eq!(telemetry.dropped(DropReason::DiskFull).samples.get(), 0);
}

#[test]
fn what_the_disk_refused_is_written_when_there_is_room_again_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let (mut log, _) = open(directory.path());
    append(&mut log, "frame 0");
    fill_disk(&mut log);
    for name in names(1..5) {
        append(&mut log, &name);
    }
    free_disk(&mut log);
    append(&mut log, "frame 5");
    drop(log);
    let (mut log, _) = open(directory.path());
    assert_eq!(drain(&mut log), names(0..6));
}

#[test]
fn time_alone_writes_what_the_disk_refused() {
    let directory = tempfile::tempdir().unwrap();
    let (mut log, _) = open(directory.path());
    append(&mut log, "frame 0");
    fill_disk(&mut log);
    append(&mut log, "frame 1");
    free_disk(&mut log);
    log.tick(2_000);
    drop(log);
    assert_eq!(drain(&mut open(directory.path()).0), names(0..2));
}

#[test]
fn a_full_disk_and_full_memory_lose_what_they_count() {
    let directory = tempfile::tempdir().unwrap();
    let config = LogConfig { unwritten_bytes: 1_000, ..LogConfig::default() };
    let (mut log, telemetry) = open_with(directory.path(), config);
    append(&mut log, "frame 0");
    fill_disk(&mut log);
    for name in names(1..100) {
        append(&mut log, &name);
    }
    let lost = telemetry.dropped(DropReason::DiskFull).samples.get() as usize / 2;
    assert!((80..95).contains(&lost), "{lost}");
    assert_eq!(drain(&mut log), names(0..100 - lost));
    // What was delivered has made room.
    append(&mut log, "after");
    assert_eq!(drain(&mut log), ["after"]);
}

#[test]
fn a_directory_that_vanishes_is_survived() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let config = LogConfig { segment_bytes: 200, ..LogConfig::default() };
    let (mut log, telemetry) = open_with(&path, config);
    append(&mut log, "frame 0");
    fs::remove_dir_all(&path).unwrap();
    for name in names(1..6) {
        append(&mut log, &name);
    }
    assert!(telemetry.append_failures.get() > 0);
    assert_eq!(drain(&mut log), names(0..6));
    fs::create_dir(&path).unwrap();
    append(&mut log, "after");
    assert_eq!(drain(&mut log), ["after"]);
    assert!(log.is_empty());
}

#[test]
fn what_is_delivered_makes_room_on_a_full_disk_however_little_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let (mut log, telemetry) = open(directory.path());
    append(&mut log, "frame 0");
    assert_eq!(drain(&mut log), names(0..1));
    let first = Segment::path(directory.path(), 1);
    assert!(first.exists(), "a small segment is used again");
    fill_disk(&mut log);
    append(&mut log, "frame 1");
    assert_eq!(drain(&mut log), names(1..2));
    assert!(!first.exists());
    append(&mut log, "frame 2");
    assert_eq!(telemetry.append_failures.get(), 1);
    assert_eq!(telemetry.unwritten_bytes.get(), 0);
    drop(log);
    assert_eq!(drain(&mut open(directory.path()).0), names(2..3));
}

#[test]
fn it_says_why_the_disk_takes_nothing_for_as_long_as_that_is_so() {
    let directory = tempfile::tempdir().unwrap();
    let (mut log, telemetry) = open(directory.path());
    let refusal = log.refusal();
    append(&mut log, "frame 0");
    assert_eq!(*refusal.borrow(), None);
    fill_disk(&mut log);
    append(&mut log, "frame 1");
    let path = directory.path().display();
    let expected =
        format!("cannot write to the log in {path}: No space left on device (os error 28)");
    assert_eq!(refusal.borrow().as_ref(), Some(&expected));
    assert!(telemetry.unwritten_bytes.get() > 0);
    free_disk(&mut log);
    log.tick(2_000);
    assert_eq!(*refusal.borrow(), None);
    assert_eq!(telemetry.unwritten_bytes.get(), 0);
}

#[test]
fn what_the_disk_refuses_to_the_end_is_lost_and_counted() {
    let directory = tempfile::tempdir().unwrap();
    let (mut log, telemetry) = open(directory.path());
    append(&mut log, "frame 0");
    fill_disk(&mut log);
    for name in names(1..4) {
        append(&mut log, &name);
    }
    log.give_up_unwritten(2_000);
    assert_eq!(telemetry.dropped(DropReason::DiskFull).samples.get(), 6);
    assert_eq!((log.queued().frames, telemetry.unwritten_bytes.get()), (1, 0));
    drop(log);
    assert_eq!(drain(&mut open(directory.path()).0), names(0..1));
}
