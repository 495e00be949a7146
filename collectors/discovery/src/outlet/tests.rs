use super::*;

const INTERVAL: Duration = Duration::from_secs(5);

#[tokio::test(start_paused = true)]
async fn a_first_snapshot_goes_out_at_once_and_the_next_after_the_interval() {
    let (mut publisher, subscription) = channel(INTERVAL);
    assert_eq!(*subscription.exports.borrow(), None);
    publisher.offer(1);
    assert_eq!(*subscription.exports.borrow(), Some(1));

    publisher.offer(2);
    publisher.offer(3);
    publisher.during(tokio::time::sleep(INTERVAL - Duration::from_millis(1))).await;
    assert_eq!(*subscription.exports.borrow(), Some(1));
    publisher.during(tokio::time::sleep(Duration::from_millis(2))).await;
    assert_eq!(*subscription.exports.borrow(), Some(3));
}

#[tokio::test(start_paused = true)]
async fn a_change_after_a_quiet_interval_goes_out_at_once() {
    let (mut publisher, subscription) = channel(INTERVAL);
    publisher.offer(1);
    publisher.during(tokio::time::sleep(INTERVAL)).await;
    publisher.offer(2);
    assert_eq!(*subscription.exports.borrow(), Some(2));
}

#[tokio::test(start_paused = true)]
async fn what_changes_back_within_the_interval_is_not_told() {
    let (mut publisher, mut subscription) = channel(INTERVAL);
    publisher.offer(1);
    subscription.exports.mark_unchanged();
    publisher.offer(2);
    publisher.offer(1);
    publisher.during(tokio::time::sleep(2 * INTERVAL)).await;
    assert!(!subscription.exports.has_changed().unwrap());
}

#[tokio::test]
async fn a_failure_is_counted_and_keeps_the_time_of_the_last_answer() {
    let (publisher, subscription) = channel::<u8>(INTERVAL);
    publisher.healthy();
    let refreshed = subscription.status.borrow().refreshed;
    assert!(publisher.unhealthy("away".to_owned(), false), "it is news");
    assert!(!publisher.unhealthy("away".to_owned(), false), "the log has it already");
    let status = subscription.status.borrow().clone();
    let health = Health::Unhealthy("away".to_owned());
    assert_eq!(status, Status { health, refreshed, refreshes: 1, failures: 2 });
}
