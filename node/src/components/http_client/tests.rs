use std::path::PathBuf;

use client::{Credentials, Source};
use expect_test::{Expect, expect};

use super::HttpClient;
use crate::components::testing::decode;

fn client(body: &str) -> HttpClient {
    decode(body).expect("the arguments are right")
}

fn mistakes(body: &str, expected: Expect) {
    let mistakes = decode::<HttpClient>(body).expect_err("the arguments are wrong");
    expected.assert_eq(&mistakes);
}

#[test]
fn nothing_said_is_the_default_of_the_client() {
    assert_eq!(client("").config(true), client::Config::default());
    assert!(!client("").config(false).enable_http2);
    assert!(client("enable_http2 = true").config(false).enable_http2);
}

#[test]
fn every_argument_reaches_the_client() {
    let (ca, key) = (
        include_str!("../../server/tests/tls/ca.pem"),
        include_str!("../../server/tests/tls/client.key"),
    );
    let config = client(
        &r#"
            oauth2 {
                client_id          = "me"
                client_secret_file = "/secret"
                scopes             = ["a", "b"]
                token_url          = "https://tokens.example/new"
                endpoint_params    = { audience = "them" }
                proxy_url          = "http://inner:3128"
                tls_config {
                    insecure_skip_verify = true
                }
            }
            tls_config {
                ca_pem      = `CA`
                cert_file   = "/cert"
                key_pem     = `KEY`
                server_name = "there"
                min_version = "TLS13"
            }
            follow_redirects     = false
            enable_http2         = false
            proxy_url            = "http://outer:3128"
            no_proxy             = "localhost"
            proxy_connect_header = { "X-One" = ["1"] }
            http_headers         = { "X-Two" = ["2", "3"] }
        "#
        .replace("`CA`", &format!("`{ca}`"))
        .replace("`KEY`", &format!("`{key}`")),
    )
    .config(true);
    let Some(Credentials::OAuth2(oauth2)) = config.credentials else { panic!("{config:?}") };
    assert_eq!(oauth2.client_id, "me");
    assert_eq!(oauth2.client_secret, Source::File(PathBuf::from("/secret")));
    assert_eq!(oauth2.scopes, ["a", "b"]);
    assert_eq!(oauth2.token_url, "https://tokens.example/new");
    assert_eq!(oauth2.endpoint_params, [("audience".to_owned(), "them".to_owned())]);
    assert_eq!(oauth2.proxy.url, Some("http://inner:3128".into()));
    assert!(oauth2.tls.insecure_skip_verify);
    assert_eq!(config.tls.ca, Some(Source::Inline(ca.into())));
    assert_eq!(config.tls.cert, Some(Source::File(PathBuf::from("/cert"))));
    assert_eq!(config.tls.key, Some(Source::Inline(key.into())));
    assert_eq!(config.tls.server_name.as_deref(), Some("there"));
    assert_eq!(config.tls.min_version, Some(client::TlsVersion::Tls13));
    assert!(!config.follow_redirects && !config.enable_http2);
    assert_eq!(config.proxy.url, Some("http://outer:3128".into()));
    assert_eq!(config.proxy.no_proxy, "localhost");
    assert_eq!(config.proxy.connect_headers, [("X-One".to_owned(), vec!["1".into()])]);
    assert_eq!(config.headers, [("X-Two".to_owned(), vec!["2".into(), "3".into()])]);
}

#[test]
fn each_way_to_authenticate_reaches_the_client() {
    let credentials = |body: &str| client(body).config(true).credentials;
    let inline = |text: &str| Source::Inline(text.into());
    assert_eq!(credentials(r#"bearer_token = "t""#), Some(Credentials::bearer(inline("t"))));
    assert_eq!(
        credentials(r#"bearer_token_file = "/t""#),
        Some(Credentials::bearer(Source::File(PathBuf::from("/t"))))
    );
    assert_eq!(
        credentials("basic_auth {\nusername = \"u\"\npassword = \"p\"\n}"),
        Some(Credentials::Basic { username: "u".to_owned(), password: Some(inline("p")) })
    );
    assert_eq!(
        credentials("authorization {\ntype = \"Token\"\ncredentials = \"c\"\n}"),
        Some(Credentials::Authorization { scheme: "Token".to_owned(), credentials: inline("c") })
    );
    let bearer =
        Credentials::Authorization { scheme: "Bearer".to_owned(), credentials: inline("c") };
    for scheme in ["", " Bearer "] {
        let body = format!("authorization {{\ntype = {scheme:?}\ncredentials = \"c\"\n}}");
        assert_eq!(credentials(&body), Some(bearer.clone()), "{scheme:?}");
    }
}

#[test]
fn contradictions_are_refused() {
    mistakes(
        "bearer_token = \"a\"\nbasic_auth {\nusername = \"b\"\n}",
        expect!["1: at most one of basic_auth, bearer_token can be set"],
    );
    mistakes(
        "basic_auth {\nusername = \"u\"\npassword = \"p\"\npassword_file = \"/p\"\n}\ntls_config {\nca_pem = \"a\"\nca_file = \"b\"\n}",
        expect![[r#"
            4: password and password_file exclude each other
            7: the CA's PEM holds no certificate
            8: ca_pem and ca_file exclude each other"#]],
    );
    mistakes(
        "tls_config {\nmin_version = \"TLS10\"\n}\nno_proxy = \"a\"",
        expect![[r#"
            2: min_version "TLS10" cannot be honoured: the oldest supported version is "TLS12"
            4: no_proxy needs proxy_url"#]],
    );
    mistakes(
        "proxy_url = \"ftp://there\"",
        expect![
            "1: proxy_url cannot be used: its scheme is none of http, https, socks5 and socks5h"
        ],
    );
    mistakes(
        "http_headers = {\"a b\" = [\"c\"]}\noauth2 {\nclient_id = \"\"\ntoken_url = \"here\"\nclient_secret = \"s\"\nno_proxy = \"a\"\ntls_config {\nkey_file = \"/k\"\n}\n}",
        expect![[r#"
            1: "a b" is not a valid name of a header
            3: client_id of oauth2 must not be empty
            4: token_url of oauth2 is not an absolute http or https URL
            6: no_proxy needs proxy_url
            8: a TLS certificate and its key must be set together"#]],
    );
    for (proof, line) in [("", 1), ("client_secret = \"\"", 4), ("client_secret_file = \"\"", 4)] {
        let body = format!("oauth2 {{\nclient_id = \"a\"\ntoken_url = \"http://b/\"\n{proof}\n}}");
        let told = decode::<HttpClient>(&body).expect_err("there is no secret");
        assert_eq!(told, format!("{line}: oauth2 needs client_secret or client_secret_file"));
    }
    mistakes("bearer_tokn = \"a\"", expect![[r#"1: unknown attribute "bearer_tokn""#]]);
}

#[test]
fn an_empty_text_excludes_nothing() {
    let basic = "basic_auth {\nusername = \"u\"\nONE\nOTHER\n}";
    let authorization = "authorization {\nONE\nOTHER\n}";
    let oauth2 = "oauth2 {\nclient_id = \"a\"\ntoken_url = \"http://b/\"\nONE\nOTHER\n}";
    let tls = "tls_config {\nONE\nOTHER\n}";
    let pair = "tls_config {\ncert_file = \"/c\"\nkey_file = \"/k\"\nONE\nOTHER\n}";
    for (body, empty, set) in [
        ("ONE\nOTHER", "bearer_token = \"\"", "bearer_token_file = \"/t\""),
        ("ONE\nOTHER", "bearer_token_file = \"\"", "bearer_token = \"t\""),
        ("ONE\nOTHER", "bearer_token = \"\"", "basic_auth {\nusername = \"u\"\n}"),
        ("ONE\nOTHER", "bearer_token_file = \"\"", "authorization {\ncredentials = \"c\"\n}"),
        ("ONE\nOTHER", "bearer_token = null", "basic_auth {\nusername = \"u\"\n}"),
        (basic, "password = \"\"", "password_file = \"/p\""),
        (basic, "password_file = \"\"", "password = \"p\""),
        (basic, "password_file = null", "password = \"p\""),
        (authorization, "credentials = \"\"", "credentials_file = \"/c\""),
        (authorization, "credentials_file = \"\"", "credentials = \"c\""),
        (oauth2, "client_secret = \"\"", "client_secret_file = \"/s\""),
        (oauth2, "client_secret_file = \"\"", "client_secret = \"s\""),
        (tls, "ca_pem = \"\"", "ca_file = \"/ca\""),
        (pair, "cert_pem = \"\"", "key_pem = \"\""),
    ] {
        let written = |empty: &str| body.replace("ONE", empty).replace("OTHER", set);
        assert_eq!(client(&written(empty)).config(true), client(&written("")).config(true));
    }
    // Where one of two has to be set, it is not by that.
    let body =
        oauth2.replace("ONE", "client_secret = \"\"").replace("OTHER", "client_secret_file = \"\"");
    mistakes(&body, expect!["4: oauth2 needs client_secret or client_secret_file"]);
}

#[test]
fn documents_that_are_spelt_out_are_read_where_they_stand() {
    mistakes(
        "tls_config {\nca_pem = \"hunter2\"\ncert_pem = \"hunter2\"\nkey_pem = \"hunter2\"\n}",
        expect![[r#"
            2: the CA's PEM holds no certificate
            3: the certificate's PEM holds no certificate
            4: the key's PEM holds no private key"#]],
    );
    mistakes(
        "oauth2 {\nclient_id = \"a\"\nclient_secret = \"s\"\ntoken_url = \"http://b/\"\ntls_config {\nca_pem = \"hunter2\"\n}\n}",
        expect!["6: the CA's PEM holds no certificate"],
    );
}

#[test]
fn a_document_of_another_kind_is_told_as_such() {
    let section = |label: &str| format!("`-----BEGIN {label}-----\naGk=\n-----END {label}-----`");
    mistakes(
        &format!(
            "tls_config {{\nca_pem = {}\ncert_pem = {}\nkey_pem = {}\n}}",
            section("CERTIFICATE REQUEST"),
            section("HUNTER2"),
            section("ENCRYPTED PRIVATE KEY")
        ),
        expect![[r#"
            2: the CA's PEM holds no certificate, but a request for a certificate
            5: the certificate's PEM holds no certificate, but a section of unknown kind
            8: the key's PEM holds no private key, but one that is encrypted: decrypt it first"#]],
    );
}

#[test]
fn authorities_are_looked_at_whatever_is_said_of_verifying() {
    for (verify, also) in [
        ("true", ""),
        ("false", ""),
        ("\"perhaps\"", "3: attribute \"insecure_skip_verify\": expected bool, got string"),
    ] {
        let body = format!("tls_config {{\nca_pem = \"a\"\ninsecure_skip_verify = {verify}\n}}");
        let told = decode::<HttpClient>(&body).expect_err("the authorities are none");
        assert!(told.contains("2: the CA's PEM holds no certificate"), "{verify}: {told}");
        assert!(told.contains(also), "{verify}: {told}");
    }
}
