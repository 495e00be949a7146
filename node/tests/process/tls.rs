//! TLS, with certificates in files.

use std::path::Path;
use std::time::Instant;

use super::{PATIENCE, Shoal, file, run};

/// A file of a certificate that the tests of the server have.
macro_rules! pem {
    ($name:literal) => {
        include_str!(concat!("../../src/server/tests/tls/", $name))
    };
}

/// Who signed the first two, and the third, which signed itself.
const TRUSTED: &str = concat!(pem!("ca.pem"), pem!("named.pem"));

/// Writes a configuration that serves TLS with files of its folder.
fn serve(folder: &Path, certificate: &str, key: &str) {
    let (certificate, key) = (folder.join(certificate), folder.join(key));
    let pair = format!("cert_file = {certificate:?}\n    key_file = {key:?}");
    file(folder, &format!("http {{\n  tls {{\n    {pair}\n  }}\n}}\n"));
}

#[test]
fn tls_that_cannot_be_served_ends_a_start_and_changes_nothing_in_a_reload() {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, text) in [
        ("first.pem", pem!("first.pem")),
        ("first.key", pem!("first.key")),
        // Of an authority that the client does not trust.
        ("other.pem", pem!("other.pem")),
    ] {
        std::fs::write(directory.path().join(name), text).expect("a file");
    }
    let tls = |certificate: &str, key: &str| serve(directory.path(), certificate, key);
    tls("first.pem", "no.key");
    let (status, log) = run(directory.path(), &[]).end();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("no.key: No such file"), "{log}");

    tls("first.pem", "first.key");
    let mut shoal = run(directory.path(), &[]);
    let address = shoal.address();
    for (certificate, key, why) in [
        ("other.pem", "no.key", "no.key: No such file"),
        ("other.pem", "first.key", "first.key cannot be used together"),
    ] {
        tls(certificate, key);
        let (status, text) = exchange(&address, "localhost", http::Method::POST, "/-/reload");
        assert_eq!(status, http::StatusCode::BAD_REQUEST, "{text}");
        assert!(text.contains(why), "{text}");
        let (status, _) = exchange(&address, "localhost", http::Method::GET, "/-/healthy");
        assert_eq!(status, http::StatusCode::OK);
    }
}

/// A node of a cluster that speaks TLS.
struct Secured {
    address: String,
    _shoal: Shoal,
    _directory: tempfile::TempDir,
}

/// Starts a node that shows the certificate of this name, and expects `expected` in those of others.
fn secured(certificate: &str, expected: Option<&str>, seed: Option<&str>) -> Secured {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name).display().to_string();
    let write = |name: &str, text: &str| std::fs::write(path(name), text).expect("a file");
    let (shown, key) = match certificate {
        "named" => (pem!("named.pem"), pem!("named.key")),
        _ => (pem!("first.pem"), pem!("first.key")),
    };
    write("ca.pem", TRUSTED);
    write("shown.pem", shown);
    write("shown.key", key);
    serve(directory.path(), "shown.pem", "shown.key");
    let mut flags = vec![
        "--cluster.enabled".to_owned(),
        "--cluster.enable-tls".to_owned(),
        format!("--cluster.tls-ca-path={}", path("ca.pem")),
        "--cluster.bootstrap-timeout=1h".to_owned(),
        format!("--cluster.node-name={}", if seed.is_some() { "newcomer" } else { "seed" }),
    ];
    flags.extend(expected.map(|name| format!("--cluster.tls-server-name={name}")));
    flags.extend(seed.map(|address| format!("--cluster.join-addresses={address}")));
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let mut shoal = run(directory.path(), &flags);
    let address = shoal.address();
    Secured { address, _shoal: shoal, _directory: directory }
}

/// All nodes are at 127.0.0.1: one certificate is for that address and `localhost`, the other for
/// `nodes.example` alone.
#[test]
fn the_name_that_a_node_is_told_is_what_it_expects_in_the_certificates_of_its_peers() {
    let named = "nodes.example";
    for (certificate, its_name, expected, refused) in [
        ("named", named, Some(named), None),
        ("named", named, None, Some("127.0.0.1")),
        ("named", named, Some("other.example"), Some("other.example")),
        ("first", "localhost", None, None),
        ("first", "localhost", Some("localhost"), None),
        // The name is expected instead of the address, not besides it.
        ("first", "localhost", Some(named), Some(named)),
    ] {
        let case = format!("{certificate}, {expected:?}");
        let seed = secured(certificate, expected, None);
        let newcomer = secured(certificate, expected, Some(&seed.address));
        // Without the seed it is never ready: it would wait for an hour.
        let (status, words) = match refused {
            None => (http::StatusCode::OK, vec![]),
            Some(name) => (
                http::StatusCode::SERVICE_UNAVAILABLE,
                vec![seed.address.clone(), format!("not valid for name \"{name}\"")],
            ),
        };
        let began = Instant::now();
        loop {
            let ready = exchange(&newcomer.address, its_name, http::Method::GET, "/-/ready");
            if ready.0 == status && words.iter().all(|word| ready.1.contains(word)) {
                break;
            }
            assert!(began.elapsed() < PATIENCE, "{case}: not {status}, {words:?}: {ready:?}");
        }
    }
}

/// An answer over TLS of a server at `address` that shows a certificate for `name`.
fn exchange(
    address: &str,
    name: &str,
    method: http::Method,
    path: &str,
) -> (http::StatusCode, String) {
    let tls = client::Tls {
        ca: Some(client::Source::Inline(client::Secret::new(TRUSTED))),
        server_name: Some(name.to_owned()),
        ..client::Tls::default()
    };
    let config = client::Config { tls, ..client::Config::default() };
    let request = http::Request::builder().method(method).uri(format!("https://{address}{path}"));
    let request = request.body(bytes::Bytes::new()).expect("a request");
    let answer = async {
        let client = client::Client::new(&config).expect("a CA");
        let mut answer = client.send(request).await.expect("an answer");
        let mut body = Vec::new();
        answer.read_body(1 << 20, &mut body).await.expect("a whole body");
        (answer.status(), String::from_utf8(body).expect("UTF-8"))
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(answer)
}
