use std::sync::Arc;
use std::sync::atomic::Ordering;

use model::{Batch, Labels};

use super::{BATCHES_IN_FLIGHT, Fanout, MetricsReceiver};

fn batch(timestamp: i64) -> Arc<Batch> {
    let mut batch = Batch::default();
    batch.push(Labels::from_pairs([("__name__", "up")]).borrowed(), timestamp, 1.0);
    Arc::new(batch)
}

#[tokio::test]
async fn every_receiver_gets_the_very_batch() {
    let (one, mut at_one) = MetricsReceiver::new();
    let (two, mut at_two) = MetricsReceiver::new();
    let fanout = Fanout::new(vec![one, two]);
    let sent = batch(1);
    fanout.send(&sent).await;
    for received in [at_one.recv().await, at_two.recv().await] {
        assert!(received.is_some_and(|received| Arc::ptr_eq(&received, &sent)));
    }
}

#[tokio::test]
async fn a_batch_that_a_closing_receiver_does_not_take_goes_to_its_successor() {
    let (old, mut at_old) = MetricsReceiver::new();
    let (new, mut at_new) = MetricsReceiver::new();
    let fanout = Fanout::new(vec![old]);
    for timestamp in 0..BATCHES_IN_FLIGHT {
        fanout.send(&batch(timestamp as i64)).await;
    }
    let waiting = batch(99);
    let send = fanout.send(&waiting);
    let exchange = async {
        // The old receiver is full, so the send above waits for it.
        tokio::task::yield_now().await;
        fanout.set(vec![new]);
        at_old.close();
        let mut taken = 0;
        while at_old.recv().await.is_some() {
            taken += 1;
        }
        taken
    };
    let ((), taken) = tokio::join!(send, exchange);
    assert_eq!(taken, BATCHES_IN_FLIGHT);
    assert!(at_new.recv().await.is_some_and(|received| Arc::ptr_eq(&received, &waiting)));
    assert_eq!(fanout.lost.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn what_nobody_takes_is_counted() {
    let (gone, at_gone) = MetricsReceiver::new();
    drop(at_gone);
    let fanout = Fanout::new(vec![gone]);
    fanout.send(&batch(1)).await;
    assert_eq!(fanout.lost.load(Ordering::Relaxed), 1);
}
