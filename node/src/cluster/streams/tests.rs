use super::*;
use crate::telemetry::Registry;

/// Open streams; bodies and bytes received, and sent; unanswered questions.
pub(in crate::cluster) fn counted(streams: &Arc<Streams>) -> [f64; 6] {
    let registry = Registry::default();
    let read = Arc::clone(streams);
    let _registration = registry.register(&[], move |page| read.page(page));
    let page = registry.exposition();
    [
        "cluster_transport_streams",
        "cluster_transport_stream_rx_packets_total",
        "cluster_transport_stream_rx_bytes_total",
        "cluster_transport_stream_tx_packets_total",
        "cluster_transport_stream_tx_bytes_total",
        "cluster_transport_stream_tx_packets_failed_total",
    ]
    .map(|name| page.samples(name)[0].1)
}

#[test]
fn every_exchange_is_open_until_it_ends_in_whatever_way() {
    let streams = Arc::<Streams>::default();
    let (asks, gives_up) = (streams.ask(10), streams.ask(20));
    let hears = streams.hear(5);
    assert_eq!(counted(&streams), [3.0, 1.0, 5.0, 2.0, 30.0, 0.0]);
    asks.receive(7);
    asks.answered();
    drop(gives_up);
    hears.answer(100);
    assert_eq!(counted(&streams), [0.0, 2.0, 12.0, 3.0, 130.0, 1.0]);
    // One that breaks off before it is answered is none of this node's own questions.
    drop(streams.hear(1));
    assert_eq!(counted(&streams), [0.0, 3.0, 13.0, 3.0, 130.0, 1.0]);
}

#[test]
fn a_question_that_is_refused_has_received_a_body_and_no_answer() {
    let streams = Arc::<Streams>::default();
    let refused = streams.ask(10);
    refused.receive(7);
    assert_eq!(counted(&streams), [1.0, 1.0, 7.0, 1.0, 10.0, 0.0]);
    drop(refused);
    assert_eq!(counted(&streams), [0.0, 1.0, 7.0, 1.0, 10.0, 1.0]);
}
