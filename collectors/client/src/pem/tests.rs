use super::*;
use crate::testing::{ALICE, BOB, CA};

fn spelt(part: Part, text: &str) -> Document {
    Document::inline(part, &Source::Inline(text.into())).expect("it is no file")
}

fn told(problems: &[Error]) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn a_text_that_did_not_change_is_read_once() {
    let authorities = || spelt(Part::Authorities, CA).authorities().unwrap();
    assert!(Arc::ptr_eq(&authorities(), &authorities()));
    let clients = spelt(Part::ClientAuthorities, CA).authorities().unwrap();
    assert!(Arc::ptr_eq(&authorities(), &clients), "whatever it is called");
    let chain = || spelt(Part::Certificate, ALICE.0).chain().unwrap();
    assert!(Arc::ptr_eq(&chain(), &chain()));
    let key = || spelt(Part::Key, ALICE.1).key().unwrap();
    assert!(Arc::ptr_eq(&key(), &key()));
    let pair = || pair(&spelt(Part::Certificate, ALICE.0), &spelt(Part::Key, ALICE.1)).unwrap();
    assert!(Arc::ptr_eq(&pair(), &pair()));
    let bob = super::pair(&spelt(Part::Certificate, BOB.0), &spelt(Part::Key, BOB.1)).unwrap();
    assert_ne!(bob.cert, pair().cert);
}

#[test]
fn what_a_document_holds_instead_is_named_and_nothing_of_it_shown() {
    let section = |label: &str| format!("-----BEGIN {label}-----\naGk=\n-----END {label}-----\n");
    for (label, words) in [
        ("PRIVATE KEY", "holds no certificate, but a private key"),
        ("EC PRIVATE KEY", "holds no certificate, but a private key"),
        ("CERTIFICATE REQUEST", "holds no certificate, but a request for a certificate"),
        ("PUBLIC KEY", "holds no certificate, but a public key"),
        ("X509 CRL", "holds no certificate, but a list of revoked certificates"),
        ("HUNTER2", "holds no certificate, but a section of unknown kind"),
    ] {
        let text = section(label);
        for part in [Part::Authorities, Part::ClientAuthorities, Part::Certificate] {
            let document = spelt(part, &text);
            let error = match part {
                Part::Certificate => document.chain().unwrap_err(),
                _ => document.authorities().unwrap_err(),
            };
            assert_eq!(error.to_string(), format!("the {part}'s PEM {words}"));
            assert_eq!(error.part(), part);
        }
    }
    let key = |text: &str| spelt(Part::Key, text).key().unwrap_err().to_string();
    assert_eq!(key(ALICE.0), "the key's PEM holds no private key, but a certificate");
    assert_eq!(
        key(&section("ENCRYPTED PRIVATE KEY")),
        "the key's PEM holds no private key, but one that is encrypted: decrypt it first"
    );
    assert_eq!(
        key(&section("HUNTER2")),
        "the key's PEM holds no private key, but a section of unknown kind"
    );
    assert_eq!(key("hunter2"), "the key's PEM holds no private key");
}

#[test]
fn what_is_spelt_like_a_key_and_is_none_is_told_of_the_key() {
    let key = spelt(Part::Key, "-----BEGIN PRIVATE KEY-----\naGk=\n-----END PRIVATE KEY-----\n");
    let alice = spelt(Part::Certificate, ALICE.0);
    let [error] = &problems(None, Some(&alice), Some(&key))[..] else { panic!("one mistake") };
    assert_eq!(error.part(), Part::Key);
    assert!(error.to_string().starts_with("the key's PEM cannot be used: "), "{error}");
}

#[test]
fn sections_of_another_kind_beside_the_right_one_are_passed_over() {
    let unknown = "-----BEGIN HUNTER2-----\naGk=\n-----END HUNTER2-----\n";
    let both = format!("{unknown}{}{}", ALICE.1, ALICE.0);
    assert_eq!(spelt(Part::Certificate, &both).chain(), spelt(Part::Certificate, ALICE.0).chain());
    assert!(spelt(Part::Key, &both).key().is_ok());
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let (ca, certificate) = (spelt(Part::Authorities, "x"), spelt(Part::Certificate, "x"));
    let key = spelt(Part::Key, "-----BEGIN PRIVATE KEY-----\nhunter2");
    assert_eq!(
        told(&problems(Some(&ca), Some(&certificate), Some(&key))),
        [
            "the CA's PEM holds no certificate",
            "the certificate's PEM holds no certificate",
            "the key's PEM is malformed: the line that ends a section is missing",
        ]
    );
    let (alice, bob) = (spelt(Part::Certificate, ALICE.0), spelt(Part::Key, BOB.1));
    let [error] = &problems(None, Some(&alice), Some(&bob))[..] else { panic!("one mistake") };
    assert!(matches!(error, Error::Pair { .. }), "{error:?}");
    let start = "the certificate's PEM and the key's PEM cannot be used together: ";
    assert!(error.to_string().starts_with(start), "{error}");
    assert_eq!(problems(None, Some(&alice), None), []);
}

#[test]
fn a_file_has_the_same_mistakes_and_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cert.pem");
    std::fs::write(&path, ALICE.1).unwrap();
    let source = Source::File(path.clone());
    let document = Document::read(Part::Certificate, &source).unwrap();
    let expected =
        format!("the certificate in {} holds no certificate, but a private key", path.display());
    assert_eq!(document.chain().unwrap_err().to_string(), expected);
    assert!(Document::inline(Part::Certificate, &source).is_none(), "nobody reads it to validate");
    std::fs::remove_file(&path).unwrap();
    let error = Document::read(Part::Certificate, &source).unwrap_err();
    assert!(error.to_string().starts_with(&format!("cannot read {}", path.display())), "{error}");
}

#[test]
fn no_document_is_in_its_debug_print() {
    let document = spelt(Part::Key, "hunter2");
    assert!(!format!("{document:?} {:?}", document.key()).contains("hunter2"));
}

#[test]
fn what_never_ends_is_not_read() {
    for path in ["/dev/zero", "/dev/null", "/"] {
        let source = Source::File(path.into());
        let error = Document::read(Part::Certificate, &source).expect_err("it is no file");
        assert_eq!(error.to_string(), format!("cannot read {path}: it is no regular file"));
    }
}
