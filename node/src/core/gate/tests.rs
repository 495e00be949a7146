use super::*;

fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}

fn gate(wait_for_size: usize, wait_timeout: Duration, now: Instant) -> Gate {
    Gate::new(GateConfig { wait_for_size, wait_timeout }, now)
}

#[test]
fn without_a_least_size_the_gate_is_always_open() {
    let now = Instant::now();
    for size in [0, 1] {
        let gate = gate(size, seconds(5), now);
        assert!(gate.is_open());
        assert_eq!(gate.deadline(), None);
    }
}

#[test]
fn the_gate_opens_with_enough_nodes_and_closes_with_too_few() {
    let now = Instant::now();
    let mut gate = gate(3, Duration::ZERO, now);
    assert!(!gate.is_open());
    assert!(!gate.update(2, now));
    assert!(gate.update(3, now) && gate.is_open());
    assert!(!gate.update(4, now));
    assert!(gate.update(2, now) && !gate.is_open());
    assert_eq!(gate.deadline(), None, "it waits for ever");
}

#[test]
fn waiting_has_an_end_and_begins_anew() {
    let now = Instant::now();
    let mut gate = gate(3, seconds(5), now);
    assert_eq!(gate.deadline(), Some(now + seconds(5)));
    assert!(!gate.update(1, now + seconds(4)));
    assert!(gate.update(1, now + seconds(5)) && gate.is_open());
    assert_eq!(gate.deadline(), None);
    // Fewer still: waiting was in vain already.
    assert!(!gate.update(0, now + seconds(6)));
    // Enough, then too few again.
    assert!(!gate.update(3, now + seconds(7)));
    assert!(gate.update(2, now + seconds(8)) && !gate.is_open());
    assert_eq!(gate.deadline(), Some(now + seconds(13)));
}
