use std::sync::Mutex;

use super::*;

/// What `log` writes, without the timestamps.
fn lines(logging: Logging, log: impl FnOnce(&Control)) -> Vec<String> {
    let written = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&written);
    let (subscriber, control) = subscriber(logging, move |line| {
        let line = String::from_utf8(line.to_vec()).expect("lines are UTF-8");
        sink.lock().expect("not poisoned").push(line);
    });
    tracing::subscriber::with_default(subscriber, || log(&control));
    let written = written.lock().expect("not poisoned");
    let strip = |line: &String| {
        let at = line.find("level").expect("every line has a level");
        line[at..].trim_end().to_owned()
    };
    written.iter().map(strip).collect()
}

#[test]
fn a_line_has_its_message_then_the_spans_then_its_fields() {
    let written = lines(Logging::default(), |_| {
        let span = tracing::info_span!("component", id = "prometheus.scrape.a");
        let _in = span.enter();
        tracing::info!(target_count = 3, url = "http://x/?a=b", "applied targets");
        tracing::warn!(error = "", up = true, "a \"quoted\"\nmessage");
    });
    assert_eq!(
        written,
        [
            r#"level=info msg="applied targets" id=prometheus.scrape.a target_count=3 url="http://x/?a=b""#,
            r#"level=warn msg="a \"quoted\"\nmessage" id=prometheus.scrape.a error="" up=true"#,
        ]
    );
}

#[test]
fn a_json_line_is_json() {
    let logging = Logging { format: Format::Json, ..Logging::default() };
    let written = lines(logging, |_| {
        tracing::info!(n = 3, ratio = f64::NAN, text = "tab\t\u{1}", "message");
    });
    let line: serde_json::Value =
        serde_json::from_str(&format!("{{\"{}", written[0])).expect("it is JSON");
    assert_eq!(line["n"], 3);
    assert_eq!(line["ratio"], "NaN");
    assert_eq!(line["text"], "tab\t\u{1}");
    assert_eq!(line["msg"], "message");
}

#[test]
fn the_level_can_be_changed_while_running() {
    let written = lines(Logging { level: Level::Error, ..Logging::default() }, |control| {
        tracing::info!("unheard");
        control.apply(Logging { level: Level::Debug, format: Format::Logfmt });
        tracing::debug!("heard");
    });
    assert_eq!(written, ["level=debug msg=heard"]);
}

#[test]
fn libraries_are_not_heard_below_info() {
    let written = lines(Logging { level: Level::Debug, ..Logging::default() }, |_| {
        tracing::debug!(target: "hyper_util::client", "chatter");
        tracing::info!(target: "hyper_util::client", "news");
    });
    assert_eq!(written, ["level=info msg=news"]);
}

#[test]
fn an_error_is_written_with_its_causes() {
    #[derive(Debug, thiserror::Error)]
    #[error("cannot open the queue")]
    struct Outer(#[source] std::io::Error);

    let written = lines(Logging::default(), |_| {
        let error = Outer(std::io::Error::other("disk full"));
        tracing::error!(error = &error as &(dyn std::error::Error + 'static), "stopped");
    });
    assert_eq!(written, [r#"level=error msg=stopped error="cannot open the queue: disk full""#]);
}
