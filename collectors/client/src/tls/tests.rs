use std::time::Duration;

use super::*;
use crate::secret::Source;
use crate::testing::{ALICE, BOB, CA, inline};

fn refused(tls: &Tls) -> String {
    TlsSource::new(tls, true).unwrap_err().to_string()
}

#[test]
fn documents_that_hold_nothing_of_use_are_refused_when_the_client_is_made() {
    let pair =
        |cert: &str, key: &str| Tls { cert: inline(cert), key: inline(key), ..Tls::default() };
    for (tls, words) in [
        (Tls { ca: inline("no pem"), ..Tls::default() }, "CA's PEM holds no certificate"),
        (Tls { ca: inline(ALICE.1), ..Tls::default() }, "CA's PEM holds no certificate"),
        (pair("no pem", ALICE.1), "certificate's PEM holds no certificate"),
        (pair(ALICE.0, "no pem"), "key's PEM holds no private key"),
        (pair(ALICE.0, BOB.1), "cannot be used"),
    ] {
        let message = refused(&tls);
        assert!(message.contains(words), "{message}");
        assert!(!message.contains("no pem"), "{message}");
    }
}

#[test]
fn a_file_that_is_missing_is_named() {
    let missing = Source::File("/nonexistent/ca.pem".into());
    let message = refused(&Tls { ca: Some(missing), ..Tls::default() });
    assert!(message.contains("/nonexistent/ca.pem"), "{message}");
}

#[tokio::test]
async fn settings_without_files_are_built_once() {
    let source = TlsSource::new(&Tls { ca: inline(CA), ..Tls::default() }, true).unwrap();
    let (first, second) = (source.current().await.unwrap(), source.current().await.unwrap());
    assert!(Arc::ptr_eq(&first.config, &second.config));
    assert_eq!(first.generation, second.generation);
}

#[tokio::test(start_paused = true)]
async fn files_that_cannot_be_read_for_a_moment_leave_the_last_ones_in_use() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        Some(Source::File(path))
    };
    let tls = Tls {
        ca: file("ca.pem", CA),
        cert: file("cert.pem", ALICE.0),
        key: file("key.pem", ALICE.1),
        ..Tls::default()
    };
    let source = TlsSource::new(&tls, true).unwrap();
    let first = source.current().await.unwrap();
    for gone in ["cert.pem", "key.pem", "ca.pem"] {
        let (path, aside) = (dir.path().join(gone), dir.path().join("aside"));
        std::fs::rename(&path, &aside).unwrap();
        tokio::time::advance(Duration::from_secs(2)).await;
        for _ in 0..2 {
            let kept = source.current().await.unwrap();
            assert_eq!(kept.generation, first.generation);
            assert!(Arc::ptr_eq(&kept.config, &first.config));
        }
        assert!(source.unreadable.load(Ordering::Relaxed), "it was said");
        std::fs::rename(&aside, &path).unwrap();
        source.current().await.unwrap();
        assert!(!source.unreadable.load(Ordering::Relaxed), "the next time is said again");
    }
    // What is there afterwards counts.
    std::fs::write(dir.path().join("cert.pem"), BOB.0).unwrap();
    std::fs::write(dir.path().join("key.pem"), BOB.1).unwrap();
    tokio::time::advance(Duration::from_secs(2)).await;
    assert!(source.current().await.unwrap().generation > first.generation);
}
