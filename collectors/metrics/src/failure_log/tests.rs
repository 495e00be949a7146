use model::Labels;

use super::*;
use crate::{ScrapeConfig, prepare};

fn target() -> ScrapeTarget {
    let config = ScrapeConfig { job_name: "j".into(), ..ScrapeConfig::default() };
    prepare(&Labels::from_pairs([("__address__", "x:1")]), &config).unwrap()
}

/// Waits until everything is written.
async fn finish(log: &mut FailureLog) {
    log.lines = None;
    while log._writer.join_next().await.is_some() {}
}

#[tokio::test]
async fn a_failure_is_a_line_of_json() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("failures");
    let target = target();
    let mut log = FailureLog::new(Some(path.clone()), Arc::default());
    log.write(17, &target, "line \"1\"\n\\\u{1}");
    log.write(18, &target, "ä");
    finish(&mut log).await;
    assert_eq!(
        std::fs::read_to_string(path).unwrap(),
        concat!(
            r#"{"time_ms":17,"level":"ERROR","msg":"line \"1\"\n\\\u0001","job_name":"j","target":"http://x:1/metrics"}"#,
            "\n",
            r#"{"time_ms":18,"level":"ERROR","msg":"ä","job_name":"j","target":"http://x:1/metrics"}"#,
            "\n"
        )
    );
}

#[tokio::test]
async fn without_a_file_nothing_is_lost() {
    let telemetry = Arc::new(Telemetry::default());
    FailureLog::new(None, Arc::clone(&telemetry)).write(1, &target(), "x");
    assert_eq!(telemetry.failure_log_lost.value(), 0);
}

#[tokio::test]
async fn lines_that_cannot_be_written_are_counted() {
    let directory = tempfile::tempdir().unwrap();
    let telemetry = Arc::new(Telemetry::default());
    let path = directory.path().join("missing").join("failures");
    let mut log = FailureLog::new(Some(path), Arc::clone(&telemetry));
    log.write(1, &target(), "x");
    log.write(2, &target(), "x");
    finish(&mut log).await;
    assert_eq!(telemetry.failure_log_lost.value(), 2);
}

#[tokio::test]
async fn lines_without_room_are_counted() {
    let directory = tempfile::tempdir().unwrap();
    let telemetry = Arc::new(Telemetry::default());
    let path = directory.path().join("failures");
    let mut log = FailureLog::new(Some(path.clone()), Arc::clone(&telemetry));
    // Nothing waits in between, so that the writer does not come to its turn.
    (0..WAITING + 3).for_each(|_| log.write(1, &target(), "x"));
    assert_eq!(telemetry.failure_log_lost.value(), 3);
    finish(&mut log).await;
    assert_eq!(std::fs::read_to_string(path).unwrap().lines().count(), WAITING);
}

#[test]
fn a_warning_comes_at_most_once_a_minute_and_says_how_many_lines_are_lost() {
    let start = Instant::now();
    let mut warnings = Warnings::default();
    let said = [0, 1, 59, 60, 61, 200].map(|s| warnings.lose(start + Duration::from_secs(s)));
    assert_eq!(said, [Some(1), None, None, Some(3), None, Some(2)]);
}
