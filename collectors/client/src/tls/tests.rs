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
