use super::*;

#[test]
fn a_row_shows_the_peers_targets_samples_and_moves_of_a_node() {
    let samples = |counts: [u64; 2]| {
        BTreeMap::from([("node-1".to_owned(), counts[0]), ("node-2".to_owned(), counts[1])])
    };
    let began = Instant::now();
    let table = Table { terminal: false, targets: 10, drawn: 0, last: (began, samples([100, 0])) };
    let figures = |targets, moved| Figures { up: true, targets, moved, peers: 3.0 };
    let nodes = [
        ("node-1".to_owned(), figures(6.0, 4.0)),
        ("node-2".to_owned(), figures(3.0, 0.0)),
        ("node-3".to_owned(), Figures::default()),
    ];
    let totals = Totals {
        series: 90,
        samples: 1000,
        missing: 1,
        doubles: 2,
        late: 3,
        by_node: samples([700, 300]),
        ..Totals::default()
    };
    assert_eq!(
        table.text(&nodes, &totals, began + Duration::from_secs(10)),
        "node      peers   targets   samples/s   moved\n\
         node-1        3         6          60       4\n\
         node-2        3         3          30       0\n\
         node-3   does not answer\n\
         together                9 of 10\n\
         ledger: 1000 samples of 90 series, 1 missing, 2 double, 3 late\n"
    );
}
