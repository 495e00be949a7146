use super::*;

fn targets(keys: &[u64]) -> Snapshot {
    keys.iter()
        .map(|key| Announced::new(Key::from(*key), format!("http://target-{key}/")))
        .collect()
}

async fn next(subscription: &mut Subscription) -> (bool, u64) {
    match subscription.next().await.expect("a delta") {
        Delta::Start { key, .. } => (true, key.as_u64()),
        Delta::Stop { key, reason, .. } => {
            assert_eq!(reason, Reason::Gone);
            (false, key.as_u64())
        }
    }
}

#[tokio::test]
async fn a_local_subscription_starts_what_appears_and_stops_what_vanishes() {
    let mut subscription = Subscription::local();
    subscription.announce(targets(&[3, 1, 1]));
    assert_eq!(next(&mut subscription).await, (true, 1));
    assert_eq!(next(&mut subscription).await, (true, 3));
    subscription.announce(targets(&[3, 4]));
    assert_eq!(next(&mut subscription).await, (false, 1));
    assert_eq!(next(&mut subscription).await, (true, 4));
}

#[tokio::test]
async fn only_the_last_of_several_snapshots_counts() {
    let mut subscription = Subscription::local();
    subscription.announce(targets(&[1, 2]));
    subscription.announce(targets(&[2]));
    subscription.announce(targets(&[2, 5]));
    assert_eq!(next(&mut subscription).await, (true, 2));
    assert_eq!(next(&mut subscription).await, (true, 5));
}

#[tokio::test]
async fn taking_a_piece_wakes_the_cluster() {
    let (announce, announced) = watch::channel(Snapshot::from([]));
    let (pieces, deltas) = mpsc::channel(1);
    let wake = Arc::new(Notify::new());
    let mut subscription = Subscription::clustered(announce, deltas, Arc::clone(&wake));

    subscription.announce(targets(&[9]));
    wake.notified().await;
    assert_eq!(announced.borrow()[0].key, Key::from(9));

    pieces.send(vec![Delta::start(Key::from(9))]).await.expect("room for a piece");
    assert_eq!(next(&mut subscription).await, (true, 9));
    wake.notified().await;

    drop(subscription);
    wake.notified().await;
    assert!(pieces.is_closed());
}

#[tokio::test]
async fn a_stopped_cluster_ends_the_deltas() {
    let (announce, _announced) = watch::channel(Snapshot::from([]));
    let (pieces, deltas) = mpsc::channel::<Vec<Delta>>(1);
    let mut subscription = Subscription::clustered(announce, deltas, Arc::new(Notify::new()));
    drop(pieces);
    assert!(subscription.next().await.is_none());
}
