//! When a node that has joined does its work.

use ownership::handover::CLAIM_TIMEOUT;

use super::*;
use crate::cluster::Delta;

/// Targets that two nodes share: chance gives none of them all.
fn targets() -> cluster::Snapshot {
    let target = |n: u64| Announced::new(Key::of("c", [n.to_le_bytes()]), format!("t{n}"));
    (0..64).map(target).collect()
}

async fn next(subscription: &mut Subscription) -> Delta {
    let next = tokio::time::timeout(PATIENCE, subscription.next()).await;
    next.expect("a change in time").expect("the cluster runs")
}

/// Has a node join the first and claim targets of it, which hands none over before it was looked whether
/// the newcomer is ready. False if that took so long that the newcomer waits no longer.
async fn is_unready_until_it_is_given_its_own(
    a: &World,
    of_a: &mut Subscription,
    name: &'static str,
) -> bool {
    let join = vec![a.address];
    let setup = Setup { clustered: true, name, join, participates: false, ..Setup::default() };
    let b = begin(setup).await;
    let of_b = b.cluster.handle.subscribe("c").await;
    of_b.announce(targets());
    let asked = std::time::Instant::now();
    b.cluster.handle.participate().await.expect("it runs");
    let mut state = b.cluster.handle.state();
    let joined = state.wait_for(|state| state.is_participant());
    tokio::time::timeout(PATIENCE, joined).await.expect("in time").expect("the loop runs");
    let (status, text) = b.get("/-/ready").await;
    let (_, page) = b.get("/metrics").await;
    if asked.elapsed() >= CLAIM_TIMEOUT {
        return false;
    }
    let expected = "Shoal is not ready: it does not collect all that it owns yet.\n";
    assert_eq!((status, text.as_str()), (StatusCode::SERVICE_UNAVAILABLE, expected));
    assert!(page.contains("shoal_cluster_collecting{cluster_name=\"\"} 0\n"), "{page}");

    let hand_over = async {
        loop {
            if let Delta::Stop { key, seal: Some(wanted), .. } = next(of_a).await {
                let payload = Bytes::from(key.to_string());
                // Whoever asked may have given up.
                let _ = wanted.send(model::Seal { version: 1, last_tick: 7, payload });
            }
        }
    };
    let collecting = state.wait_for(|state| state.collecting);
    tokio::select! {
        () = hand_over => unreachable!("it goes on for ever"),
        collecting = tokio::time::timeout(PATIENCE, collecting) => {
            collecting.expect("in time").expect("the loop runs");
        }
    }
    assert_eq!(b.get("/-/ready").await.0, StatusCode::OK);
    true
}

#[tokio::test]
async fn a_node_is_ready_once_it_collects_all_that_it_owns() {
    let a = start(Setup { clustered: true, ..Setup::default() }).await;
    let mut of_a = a.cluster.handle.subscribe("c").await;
    of_a.announce(targets());
    for _ in 0..64 {
        assert!(matches!(next(&mut of_a).await, Delta::Start { .. }));
    }
    for name in ["b", "c", "d", "e"] {
        if is_unready_until_it_is_given_its_own(&a, &mut of_a, name).await {
            return;
        }
    }
    panic!("the machine is too busy to tell");
}
