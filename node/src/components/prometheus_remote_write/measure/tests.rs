use model::Labels;

use super::*;

#[test]
fn what_was_taken_has_the_names_that_dashboards_ask_for() {
    let appended = Arc::new(Appended::default());
    let mut batch = Batch::default();
    let labels = Labels::from_pairs([("__name__", "up")]);
    batch.push(labels.borrowed(), 1, 1.0);
    appended.count(&batch, 0);
    appended.count(&batch, 0);

    let registry = Registry::default();
    let read = Arc::clone(&appended);
    let _registration = registry.register(&[], move |page| read.collect(page));
    let page = registry.exposition();
    for (name, count) in [
        ("prometheus_remote_write_wal_samples_appended_total", 2.0),
        ("prometheus_remote_write_wal_exemplars_appended_total", 0.0),
        // One for all endpoints: dashboards take those of each away from it.
        ("prometheus_remote_storage_samples_in_total", 2.0),
        ("prometheus_remote_storage_highest_timestamp_in_seconds", 1e-3),
        ("shoal_remote_write_samples_not_taken_total", 0.0),
    ] {
        assert_eq!(page.samples(name), [(vec![], count)], "{name}");
    }
}
