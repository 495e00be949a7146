use std::net::Ipv4Addr;

use super::*;

fn source(number: u32) -> IpAddr {
    Ipv4Addr::from(number).into()
}

#[test]
fn a_source_is_named_once_a_minute_for_each_reason() {
    let (mut refusals, start) = (Refusals::default(), Instant::now());
    assert_eq!(refusals.line(source(1), "key", start), Line::Due { unsaid: 0 });
    for second in 0..60 {
        let now = start + Duration::from_secs(second);
        assert_eq!(refusals.line(source(1), "key", now), Line::Not);
    }
    assert_eq!(refusals.line(source(1), "cluster", start), Line::Due { unsaid: 0 });
    assert_eq!(refusals.line(source(2), "key", start), Line::Due { unsaid: 0 });
    let later = start + PAUSE;
    assert_eq!(refusals.line(source(1), "key", later), Line::Due { unsaid: 60 });
}

#[test]
fn invented_sources_fill_neither_log_nor_memory() {
    let (mut refusals, start) = (Refusals::default(), Instant::now());
    let lines =
        (0..10_000).filter(|n| refusals.line(source(*n), "key", start) != Line::Not).count();
    assert_eq!((lines, refusals.said.len()), (MAX, MAX));
    let later = start + PAUSE;
    let unsaid = 10_000 - MAX as u64;
    assert_eq!(refusals.line(source(99_999), "key", later), Line::Due { unsaid });
    assert_eq!(refusals.said.len(), 1);
}
