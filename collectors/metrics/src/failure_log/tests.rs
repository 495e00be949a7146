use model::Labels;

use super::*;
use crate::{ScrapeConfig, prepare};

fn target() -> ScrapeTarget {
    let config = ScrapeConfig { job_name: "j".into(), ..ScrapeConfig::default() };
    prepare(&Labels::from_pairs([("__address__", "x:1")]), &config).unwrap()
}

#[tokio::test]
async fn a_failure_is_a_line_of_json() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("failures");
    let target = target();
    let mut log = FailureLog::new(Some(path.clone()), Arc::default());
    log.write(17, &target, "line \"1\"\n\\\u{1}");
    log.write(18, &target, "ä");
    log.close().await;
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
    log.close().await;
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
    log.close().await;
    assert_eq!(std::fs::read_to_string(path).unwrap().lines().count(), WAITING);
}

#[tokio::test]
async fn lines_that_wait_when_the_file_changes_are_written_to_the_old_one() {
    let directory = tempfile::tempdir().unwrap();
    let telemetry = Arc::new(Telemetry::default());
    let (old, new) = (directory.path().join("old"), directory.path().join("new"));
    let count = |path: &Path| std::fs::read_to_string(path).unwrap().lines().count();
    let mut log = FailureLog::new(Some(old.clone()), Arc::clone(&telemetry));
    // Nothing waits in between, so that the writers do not come to their turn.
    (0..3).for_each(|_| log.write(1, &target(), "x"));
    log.redirect(Some(old.clone()));
    assert_eq!(log.writers.len(), 1, "it is the same file");
    log.redirect(Some(new.clone()));
    (0..2).for_each(|_| log.write(2, &target(), "x"));
    log.redirect(None);
    log.write(3, &target(), "nobody wants it");
    log.close().await;
    assert_eq!((count(&old), count(&new)), (3, 2));
    assert_eq!(telemetry.failure_log_lost.value(), 0);
}

#[tokio::test]
async fn a_file_that_is_turned_back_to_has_one_writer_at_a_time() {
    const EACH: usize = 50;
    let directory = tempfile::tempdir().unwrap();
    let telemetry = Arc::new(Telemetry::default());
    let (a, b) = (directory.path().join("a"), directory.path().join("b"));
    let mut log = FailureLog::new(Some(a.clone()), Arc::clone(&telemetry));
    // Nothing waits in between, so that the writers do not come to their turn before all are there.
    for turn in 0..3 {
        (0..EACH).for_each(|_| log.write(turn, &target(), "x"));
        log.redirect(Some(b.clone()));
        log.write(turn, &target(), "x");
        log.redirect(Some(a.clone()));
    }
    (0..EACH).for_each(|_| log.write(3, &target(), "x"));
    log.close().await;
    let turns = |path: &Path| -> Vec<u8> {
        let text = std::fs::read_to_string(path).unwrap();
        let turn = |line: &str| line.as_bytes()["{\"time_ms\":".len()] - b'0';
        text.lines().map(turn).collect()
    };
    assert_eq!(turns(&a), [0, 1, 2, 3].map(|turn| [turn; EACH]).concat());
    assert_eq!(turns(&b), [0, 1, 2]);
    assert_eq!(telemetry.failure_log_lost.value(), 0);
}

#[tokio::test]
async fn writers_that_have_ended_are_forgotten() {
    let directory = tempfile::tempdir().unwrap();
    let (a, b) = (directory.path().join("a"), directory.path().join("b"));
    let mut log = FailureLog::new(Some(a.clone()), Arc::default());
    for _ in 0..10 {
        log.redirect(Some(b.clone()));
        log.redirect(Some(a.clone()));
        while log.files.iter().filter(|(_, ended)| !ended.is_cancelled()).count() > 1 {
            tokio::task::yield_now().await;
        }
    }
    log.redirect(Some(b));
    assert_eq!(log.files.len(), 2, "the one that ends now, and the one that begins");
    log.close().await;
}

#[tokio::test]
async fn lines_that_wait_when_the_log_ends_without_being_closed_are_counted() {
    let directory = tempfile::tempdir().unwrap();
    let telemetry = Arc::new(Telemetry::default());
    let path = directory.path().join("failures");
    let log = FailureLog::new(Some(path.clone()), Arc::clone(&telemetry));
    (0..5).for_each(|_| log.write(1, &target(), "x"));
    drop(log);
    // The task is gone once the runtime has had a look at it.
    tokio::task::yield_now().await;
    assert!(!path.exists());
    assert_eq!(telemetry.failure_log_lost.value(), 5);
}

#[test]
fn a_warning_comes_at_most_once_a_minute_and_says_how_many_lines_are_lost() {
    let start = Instant::now();
    let mut warnings = Warnings::default();
    let said = [0, 1, 59, 60, 61, 200].map(|s| warnings.lose(start + Duration::from_secs(s)));
    assert_eq!(said, [Some(1), None, None, Some(3), None, Some(2)]);
}
