//! What another node may have written, too, and what has to wait for it.

use super::*;

#[test]
fn overlaps_travel_alone_and_in_the_order_they_were_opened() {
    let up = [labels(&[("__name__", "up")])];
    for first in [true, false] {
        let mut writer = writer_of(&config(Protocol::V1), vec![]);
        let mut sealed = Vec::new();
        for overlap in [first, !first, first] {
            let batch = Batch { overlap, ..batch_of(&up) };
            writer.write(&batch, 0, &mut sealed);
        }
        writer.seal(&mut sealed);
        let order: Vec<(bool, u32)> =
            sealed.iter().map(|f| (f.lane.overlap == Overlap::Here, f.counts.samples)).collect();
        assert_eq!(order, [(first, 2), (!first, 1)]);
    }
}

/// What is plain waits for overlaps of the same target, and for no others.
#[test]
fn a_target_that_is_plain_again_waits_for_its_overlaps() {
    let target = |instance: &str| [labels(&[("__name__", "up"), ("instance", instance)])];
    for shards in [1, 3] {
        let mut writer = writer_of(&config(Protocol::V1), vec![]);
        writer.set_shards(shards, &mut Vec::new());
        let mut order = |instance: &str, overlap| {
            let frames = write(&mut writer, &Batch { overlap, ..batch_of(&target(instance)) });
            assert_eq!(frames.len(), 1);
            frames[0].lane.overlap
        };
        assert_eq!(order("a", false), Overlap::Before, "the log may have overlaps from before");
        assert_eq!(order("moved", true), Overlap::Here);
        assert_eq!(order("a", false), Overlap::Nowhere);
        assert_eq!(order("moved", false), Overlap::Before);
        assert_eq!(order("moved", false), Overlap::Nowhere, "by way of the frame before");
        assert_eq!(order("moved", true), Overlap::Here);
        writer.forget_overlaps();
        let frames = write(&mut writer, &batch_of(&target("moved")));
        assert_eq!(frames[0].lane.overlap, Overlap::Nowhere, "they are delivered");
    }
}

/// A new division of the series forgets nothing of that.
#[test]
fn a_new_division_keeps_who_waits_for_overlaps() {
    let target = |instance: &str| [labels(&[("__name__", "up"), ("instance", instance)])];
    let mut writer = writer_of(&config(Protocol::V1), vec![]);
    writer.forget_overlaps();
    let mut sealed = Vec::new();
    writer.write(&Batch { overlap: true, ..batch_of(&target("moved")) }, 0, &mut sealed);
    writer.set_shards(4, &mut sealed);
    writer.write(&batch_of(&target("moved")), 0, &mut sealed);
    writer.set_shards(2, &mut sealed);
    writer.write(&batch_of(&target("moved")), 0, &mut sealed);
    writer.seal(&mut sealed);
    let order: Vec<Overlap> = sealed.iter().map(|frame| frame.lane.overlap).collect();
    assert_eq!(order, [Overlap::Here, Overlap::Before, Overlap::Nowhere]);
}
