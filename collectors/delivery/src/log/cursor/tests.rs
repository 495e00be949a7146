use super::*;
use crate::log::frame::{Content, FrameMeta};
use crate::log::lane::Lane;
use crate::telemetry::Counts;

fn window(finished: &[u64], last: u64) -> Window {
    let mut window = Window::default();
    for sequence in 1..=last {
        let meta = FrameMeta {
            sequence,
            sealed_ms: 0,
            oldest_ms: 0,
            newest_ms: 0,
            counts: Counts::default(),
            lane: Lane::UNORDERED,
            content: Content::WriteV1,
            payload_len: 0,
            payload_crc: 0,
        };
        window.push(meta, None);
    }
    finished.iter().for_each(|sequence| assert!(window.finish(*sequence)));
    window
}

#[test]
fn a_position_remembers_what_was_acknowledged_out_of_order() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cursor");
    let (mut file, none) = CursorFile::open(&path).unwrap();
    assert_eq!(none, None);
    let mut position = Position::start(7);
    position.update(&window(&[1, 2, 4, 9], 10), 11);
    file.write(&position).unwrap();

    let (_, read) = CursorFile::open(&path).unwrap();
    let read = read.unwrap();
    assert_eq!((read.log, read.first, read.above()), (7, 3, 10));
    let finished: Vec<u64> = (1..20).filter(|sequence| read.is_finished(*sequence)).collect();
    assert_eq!(finished, [1, 2, 4, 9]);
}

#[test]
fn everything_finished_is_a_position_behind_the_last() {
    let mut position = Position::start(7);
    position.update(&window(&[1, 2, 3], 3), 4);
    assert_eq!((position.first, position.above()), (4, 4));
}

#[test]
fn a_torn_slot_leaves_the_position_before_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cursor");
    let (mut file, _) = CursorFile::open(&path).unwrap();
    // The fifth generation lies in the second slot.
    for first in 1..=5 {
        file.write(&Position { first, ..Position::start(7) }).unwrap();
    }
    let newest_slot = SLOT;
    for byte in 0..BODY as u64 {
        let mut old = [0];
        file.file.read_exact_at(&mut old, newest_slot + byte).unwrap();
        file.file.write_all_at(&[!old[0]], newest_slot + byte).unwrap();
        let (_, read) = CursorFile::open(&path).unwrap();
        assert_eq!(read.unwrap().first, 4, "byte {byte}");
        file.file.write_all_at(&old, newest_slot + byte).unwrap();
    }
    assert_eq!(CursorFile::open(&path).unwrap().1.unwrap().first, 5);
}
