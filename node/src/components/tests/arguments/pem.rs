//! Certificates and keys that the configuration spells out, as `validate` sees them.

use super::broken::mistakes;
use super::scrape;

/// A key belongs to one certificate, wherever both are spelt out.
#[test]
fn a_key_of_another_certificate_is_told_where_the_certificate_stands() {
    let certificate = include_str!("../../../server/tests/tls/first.pem");
    let (right, wrong) = (
        include_str!("../../../server/tests/tls/first.key"),
        include_str!("../../../server/tests/tls/second.key"),
    );
    let pair = |key: &str| format!("cert_pem = {certificate:?}\nkey_pem = {key:?}");
    let asking = |key: &str| scrape(&format!("tls_config {{\n{}\n}}", pair(key)));
    let serving = |key: &str| format!("http {{\ntls {{\n{}\n}}\n}}", pair(key));
    for (config, line) in [(asking(wrong), "4:12"), (serving(wrong), "3:12")] {
        let (count, problems) = mistakes(&config);
        assert_eq!(count, 1, "{problems}");
        let told = "the certificate's PEM and the key's PEM cannot be used together: ";
        let place = format!("config.alloy:{line}: error: {told}");
        assert!(problems.contains(&place), "{problems}");
        assert!(!problems.contains("BEGIN"), "{problems}");
    }
    for config in [asking(right), serving(right)] {
        assert_eq!(mistakes(&config).1, "");
    }
}

#[test]
fn what_is_wrong_with_verifying_hides_nothing_that_is_wrong_with_the_authorities() {
    for wrong in ["\"perhaps\"", "[]", "nobody"] {
        let block = format!("tls_config {{\nca_pem = \"a\"\ninsecure_skip_verify = {wrong}\n}}");
        let (count, problems) = mistakes(&scrape(&block));
        assert_eq!(count, 2, "{problems}");
        assert!(problems.contains("4:10: error: the CA's PEM holds no certificate"), "{problems}");
        assert!(problems.contains("config.alloy:5:"), "{problems}");
    }
}

#[test]
fn authorities_of_clients_that_are_none_are_told() {
    let served = "http {\ntls {\ncert_file = \"/c\"\nkey_file = \"/k\"\nclient_ca_pem = \"hunter2\"\n\
                  client_auth_type = \"VerifyClientCertIfGiven\"\n}\n}";
    let (count, problems) = mistakes(served);
    assert_eq!(count, 1, "{problems}");
    let told = "config.alloy:5:17: error: the client CA's PEM holds no certificate";
    assert!(problems.contains(told), "{problems}");
    assert!(!problems.contains("hunter2"), "{problems}");
}
