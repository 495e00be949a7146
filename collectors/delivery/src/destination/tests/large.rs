//! What no request holds.

use super::rules::deliver;
use super::*;

/// A text that cannot be compressed.
fn noise(length: usize) -> String {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            char::from(letters[(state >> 58) as usize])
        })
        .collect()
}

/// A scrape of three series, of which the one in the middle has a text of this length.
fn scrape_with_noise(length: usize) -> Batch {
    let mut scrape = batch(["before"], 1.0);
    let noisy =
        Labels::from_pairs([("n".to_owned(), "noisy".to_owned()), ("x".to_owned(), noise(length))]);
    scrape.push(noisy.borrowed(), 1_001, 1.0);
    let after = batch(["after"], 1.0);
    scrape.push(after.labels(after.samples[0].labels), 1_001, 1.0);
    scrape
}

#[tokio::test]
async fn what_no_request_holds_costs_itself_and_nothing_else() {
    let scrape = scrape_with_noise(66 << 20);
    let script = |_, _: &Received| Reply::ok();
    let (backend, telemetry) = deliver(|_| {}, vec![scrape, batch(["next"], 1.0)], script).await;
    let mut names: Vec<String> = backend.accepted().into_iter().map(|(name, _)| name).collect();
    names.sort();
    assert_eq!(names, ["after", "before", "next"]);
    assert_eq!(telemetry.dropped(DropReason::TooLarge).samples.get(), 1);
    assert_eq!(telemetry.sent.samples.get(), 3);
}

#[tokio::test]
async fn what_is_large_goes_alone() {
    let scrape = scrape_with_noise(2 << 20);
    // A backend that takes no such labels.
    let script = |_, received: &Received| match received.body.len() > 1 << 20 {
        true => Reply::status(400, "label value too long"),
        false => Reply::ok(),
    };
    let (_, telemetry) = deliver(|_| {}, vec![scrape], script).await;
    assert_eq!((telemetry.sent.samples.get(), telemetry.failed.samples.get()), (2, 1));
}
