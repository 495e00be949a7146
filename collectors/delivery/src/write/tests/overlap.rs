//! What another node may have written, too, and what has to stay behind it.

use super::*;
use crate::log::Content;

fn target(instance: &str) -> [Labels; 1] {
    [labels(&[("__name__", "up"), ("instance", instance)])]
}

fn writer(shards: usize) -> Writer {
    let mut writer = writer_of(&config(Protocol::V1), vec![]);
    writer.set_behind_overlaps(false);
    writer.set_shards(shards, &mut Vec::new());
    writer
}

/// Which kind of frame gets a sample of the target, which gets this place in the log.
fn order(writer: &mut Writer, instance: &str, overlap: bool, sequence: u64) -> Overlap {
    let batch = Batch { overlap, ..batch_of(&target(instance)) };
    let [frame] = write(writer, &batch).try_into().expect("one frame");
    writer.appended(&frame.origins, sequence);
    frame.lane.overlap
}

#[test]
fn overlaps_travel_alone_and_behind_what_is_plain() {
    for (overlaps, expected) in [
        // Once a target overlaps it does until that is delivered.
        ([true, false, true], vec![(Overlap::Here, 3)]),
        ([false, true, false], vec![(Overlap::Nowhere, 1), (Overlap::Here, 2)]),
    ] {
        let mut writer = writer(1);
        let mut sealed = Vec::new();
        for overlap in overlaps {
            writer.write(&Batch { overlap, ..batch_of(&target("a")) }, 0, &mut sealed);
        }
        writer.seal(&mut sealed);
        let order: Vec<(Overlap, u32)> =
            sealed.iter().map(|frame| (frame.lane.overlap, frame.counts.samples)).collect();
        assert_eq!(order, expected);
    }
    // Another target is plain beside it.
    let mut writer = writer(1);
    let mut sealed = Vec::new();
    for (instance, overlap) in [("moved", true), ("steady", false), ("moved", false)] {
        writer.write(&Batch { overlap, ..batch_of(&target(instance)) }, 0, &mut sealed);
    }
    writer.seal(&mut sealed);
    let order: Vec<(Overlap, u32)> =
        sealed.iter().map(|frame| (frame.lane.overlap, frame.counts.samples)).collect();
    assert_eq!(order, [(Overlap::Nowhere, 1), (Overlap::Here, 2)]);
}

#[test]
fn overlaps_are_of_their_own_protocol_until_2_0_is_not_understood() {
    let config = EndpointConfig { overlap_protocol: Protocol::V2, ..config(Protocol::V1) };
    let mut writer = writer_of(&config, vec![]);
    let mut sealed = Vec::new();
    for is_known in [false, true] {
        if is_known {
            writer.speak_only_v1(&mut sealed);
        }
        for (instance, overlap) in [("steady", false), ("moved", true)] {
            writer.write(&Batch { overlap, ..batch_of(&target(instance)) }, 0, &mut sealed);
        }
    }
    writer.seal(&mut sealed);
    let contents: Vec<Content> = sealed.iter().map(|frame| frame.content).collect();
    assert_eq!(contents, [Content::WriteV1, Content::WriteV2, Content::WriteV1, Content::WriteV1]);
    assert_eq!(decoded_v1(&sealed[0]).timeseries.len(), 1);
    assert_eq!(decoded_v2(&sealed[1]).timeseries.len(), 1);
}

#[test]
fn a_target_stays_with_its_overlaps_until_they_are_delivered() {
    for shards in [1, 3] {
        let mut writer = writer(shards);
        assert_eq!(order(&mut writer, "a", false, 1), Overlap::Nowhere);
        assert_eq!(order(&mut writer, "moved", true, 2), Overlap::Here);
        writer.delivered_before(2);
        writer.tick();
        assert_eq!(order(&mut writer, "a", false, 3), Overlap::Nowhere);
        assert_eq!(order(&mut writer, "moved", false, 4), Overlap::Here, "the second waits");
        writer.delivered_before(3);
        writer.tick();
        assert_eq!(order(&mut writer, "moved", false, 5), Overlap::Here, "now the fourth does");
        writer.delivered_before(6);
        assert_eq!(order(&mut writer, "moved", false, 6), Overlap::Nowhere);
    }
}

/// Neither a new division of the series nor frames that are not sealed let anybody pass.
#[test]
fn a_new_division_keeps_who_stays_with_overlaps() {
    let mut writer = writer(1);
    let mut sealed = Vec::new();
    writer.write(&Batch { overlap: true, ..batch_of(&target("moved")) }, 0, &mut sealed);
    writer.set_shards(4, &mut sealed);
    writer.delivered_before(100);
    writer.tick();
    writer.write(&batch_of(&target("moved")), 0, &mut sealed);
    writer.seal(&mut sealed);
    assert!(
        sealed.iter().all(|frame| frame.lane.overlap == Overlap::Here),
        "no place, so it waits"
    );
    for (sequence, frame) in (100..).zip(sealed.drain(..)) {
        writer.appended(&frame.origins, sequence);
    }
    assert_eq!(order(&mut writer, "moved", false, 102), Overlap::Here);
    writer.delivered_before(103);
    assert_eq!(order(&mut writer, "moved", false, 103), Overlap::Nowhere);
}

#[test]
fn what_the_log_has_from_before_is_waited_for_in_each_shard() {
    let mut writer = writer_of(&config(Protocol::V1), vec![]);
    writer.set_shards(2, &mut Vec::new());
    let many: Vec<Labels> = (0..20).flat_map(|n| target(&n.to_string())).collect();
    for (behind, expected) in
        [(true, Overlap::Before), (true, Overlap::Before), (false, Overlap::Nowhere)]
    {
        writer.set_behind_overlaps(behind);
        let frames = write(&mut writer, &batch_of(&many));
        let order: Vec<Overlap> = frames.iter().map(|frame| frame.lane.overlap).collect();
        assert_eq!(order, [expected; 2]);
    }
}
