use model::Labels;

use super::*;
use crate::{ScrapeConfig, prepare};

#[tokio::test]
async fn a_failure_is_a_line_of_json() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("failures");
    let config = ScrapeConfig { job_name: "j".into(), ..ScrapeConfig::default() };
    let target = prepare(&Labels::from_pairs([("__address__", "x:1")]), &config).unwrap();
    let mut log = FailureLog::new(Some(path.clone()));
    assert!(log.write(17, &target, "line \"1\"\n\\\u{1}"));
    assert!(log.write(18, &target, "ä"));
    log.lines = None;
    while log._writer.join_next().await.is_some() {}
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
    let target =
        prepare(&Labels::from_pairs([("__address__", "x:1")]), &ScrapeConfig::default()).unwrap();
    assert!(FailureLog::new(None).write(1, &target, "x"));
}
