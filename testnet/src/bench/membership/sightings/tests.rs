use super::*;

#[test]
fn an_instant_of_a_log_is_read_to_the_millisecond() {
    assert_eq!(milliseconds("1970-01-01T00:00:00.000Z"), Some(0));
    assert_eq!(milliseconds("2026-11-22T16:15:40.123Z"), Some(1_795_364_140_123));
    assert_eq!(milliseconds("2024-02-29T23:59:59.999Z"), Some(1_709_251_199_999));
    assert_eq!(milliseconds("yesterday"), None);
}

#[test]
fn a_log_is_read_as_it_grows_and_lines_before_the_event_do_not_count() -> anyhow::Result<()> {
    use std::io::Write as _;
    let mut file = tempfile::NamedTempFile::new()?;
    writeln!(file, r#"{{"ts":"2026-11-22T16:15:39.000Z","msg":"peer failed","peer":"b"}}"#)?;
    let mut log = Log::from_here(file.path().to_owned())?;
    let since = 1_795_364_140_000;
    writeln!(file, "ts=2026-11-22T16:15:40.001Z msg=\"peer failed\" peer=b")?;
    writeln!(file, r#"{{"ts":"2026-11-22T16:15:39.900Z","msg":"peer failed","peer":"b"}}"#)?;
    writeln!(file, r#"{{"ts":"2026-11-22T16:15:40.100Z","msg":"peer failed","peer":"c"}}"#)?;
    write!(file, r#"{{"ts":"2026-11-22T16:15:40.123Z","msg":"peer fai"#)?;
    assert_eq!(log.sighting("b", News::Failed, since)?, None);
    writeln!(file, r#"led","peer":"b"}}"#)?;
    let found = log.sighting("b", News::Failed, since)?;
    assert_eq!(found, Some(Duration::from_millis(123)));
    assert_eq!(log.sighting("b", News::Left, since)?, None);
    Ok(())
}
