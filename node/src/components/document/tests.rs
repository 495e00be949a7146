use discovery::document::{Detector, FileConfig, FileDocument};
use tokio::sync::Notify;

use super::*;

/// A file that is read, and has been.
async fn read(directory: &std::path::Path, text: &str) -> Reading {
    let path = directory.join(text);
    std::fs::write(&path, text).expect("write a file of the test");
    let poll_frequency = Duration::from_secs(60);
    let config = FileConfig { path, detector: Detector::Poll, poll_frequency };
    let document = FileDocument::new(config).expect("it is right");
    let source: Source<Secret> =
        Box::new(|publisher, stop| Box::pin(document.run(publisher, stop)));
    let mut reading = Reading::start(source, false, &CancellationToken::new());
    reading.first().await.expect("the file is there");
    reading
}

#[tokio::test]
async fn what_a_source_finds_after_another_took_its_place_does_not_count() {
    let directory = tempfile::tempdir().expect("a directory for the test");
    let changed = Arc::new(Notify::new());
    let (exports, exported) = Exporter::new(Arc::clone(&changed));
    let outlet = Outlet::new(exports, HealthReport::new(changed).0);
    let mut old = read(directory.path(), "old").await;
    let mut new = read(directory.path(), "new").await;
    let exports = || format!("{:?}", exported.borrow());
    outlet.turn_to(&mut old);
    outlet.pass_on(&mut old);
    assert!(exports().contains("old"), "{}", exports());
    outlet.turn_to(&mut new);
    outlet.pass_on(&mut old);
    assert!(exports().contains("new"), "{}", exports());
}

#[tokio::test]
async fn a_source_that_never_answers_holds_others_up_for_long_once_only() {
    let (exports, _exported) = Exporter::new(Arc::default());
    let document = Document {
        next: Latest::empty(),
        outlet: Arc::new(Outlet::new(exports, HealthReport::new(Arc::default()).0)),
        cancel: CancellationToken::new(),
        failed: Mutex::new(None),
        _registration: None,
    };
    let update = || document.update(Box::new(|_, _| Box::pin(std::future::pending())), false);
    let first = tokio::time::timeout(Duration::from_millis(400), update()).await;
    assert!(first.is_err(), "the first attempt may take as long as whoever waits has patience");
    let begin = Instant::now();
    update().await.map_err(drop).expect_err("there is none");
    assert!(begin.elapsed() < Duration::from_millis(400), "{:?}", begin.elapsed());
    // As soon as there is an answer in that time, it is taken.
    let (directory, path) = (tempfile::tempdir().expect("a directory for the test"), "here");
    read(directory.path(), path).await;
    let config = FileConfig {
        path: directory.path().join(path),
        detector: Detector::Poll,
        poll_frequency: Duration::from_secs(60),
    };
    let file = FileDocument::new(config).expect("it is right");
    let source: Source<Secret> = Box::new(|publisher, stop| Box::pin(file.run(publisher, stop)));
    document.update(source, false).await.map_err(drop).expect("it is there");
    assert!(document.failed.lock().expect("nobody panicked").is_none());
}
