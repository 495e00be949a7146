use std::path::PathBuf;

use expect_test::{Expect, expect};
use syntax::{Evaluated, Host, Scope, Source, Stability};

use super::{Config, ConfigBlock, check};
use crate::server::config::{AuthConfig, ClientAuth, HttpConfig, TlsConfig, TlsVersion};
use crate::telemetry::logging::{Format, Level, Logging};

fn evaluated(text: &str) -> Evaluated {
    let (file, mistakes) = syntax::parse(&Source::new("test.alloy", text));
    assert!(!mistakes.has_errors(), "{mistakes}");
    let scope = Scope::new(&Host::default(), Stability::GenerallyAvailable);
    let block = file.body.blocks().next().expect("there is one block");
    let (evaluated, mistakes) = Evaluated::new(block, &scope);
    assert!(!mistakes.has_errors(), "{mistakes}");
    evaluated
}

fn config(block: ConfigBlock, text: &str) -> Config {
    let mut config = Config::default();
    config.apply(block, &evaluated(text)).expect("the block is right");
    config
}

fn mistakes(block: ConfigBlock, text: &str, expected: Expect) {
    let lines: Vec<String> = check(block, &evaluated(text))
        .iter()
        .map(|mistake| {
            let line = mistake.span.as_ref().map_or(0, |span| span.position().line);
            format!("{line}: {}", mistake.message)
        })
        .collect();
    expected.assert_eq(&lines.join("\n"));
}

#[test]
fn empty_blocks_mean_the_defaults() {
    assert_eq!(config(ConfigBlock::Logging, "logging { }"), Config::default());
    assert_eq!(config(ConfigBlock::Http, "http { }"), Config::default());
    assert_eq!(config(ConfigBlock::LiveDebugging, "livedebugging { }"), Config::default());
}

#[test]
fn everything_about_logging_is_taken() {
    let text = "logging {\nlevel = \"warn\"\nformat = \"json\"\ndestination = \"stderr\"\n}";
    let logging = Logging { level: Level::Warn, format: Format::Json };
    assert_eq!(config(ConfigBlock::Logging, text).logging, logging);
    mistakes(
        ConfigBlock::Logging,
        "logging {\nlevel = \"loud\"\nwrite_to = [1]\ndestination = \"stdout\"\nlevl = 1\n}",
        expect![[r#"
            2: attribute "level": expected one of "error", "warn", "info", "debug", got "loud"
            3: Shoal's own log cannot be sent to components; collect its standard error
            4: Shoal logs to standard error only
            5: unknown attribute "levl""#]],
    );
    mistakes(
        ConfigBlock::Logging,
        "logging {\nwrite_to = [1]\ndestination = \"stdout\"\n}",
        expect![[r#"
            2: Shoal's own log cannot be sent to components; collect its standard error
            3: Shoal logs to standard error only"#]],
    );
}

#[test]
fn everything_about_the_server_is_taken() {
    let key = include_str!("../server/tests/tls/first.key");
    let text = &r#"
        http {
            tls {
                cert_file        = "/cert"
                key_pem          = `KEY`
                client_ca_file   = "/ca"
                client_auth_type = "RequireAndVerifyClientCert"
                min_version      = "TLS13"
                max_version      = "TLS13"
            }
            auth {
                basic {
                    username = "u"
                    password = "p"
                }
                filter {
                    paths                       = ["/metrics"]
                    authenticate_matching_paths = false
                }
            }
        }
    "#
    .replace("KEY", key);
    let expected = HttpConfig {
        tls: Some(TlsConfig {
            certificate: client::Source::File(PathBuf::from("/cert")),
            key: client::Source::Inline(key.into()),
            client_ca: Some(client::Source::File(PathBuf::from("/ca"))),
            client_auth: ClientAuth::Required,
            min_version: TlsVersion::Tls13,
            max_version: TlsVersion::Tls13,
        }),
        auth: Some(AuthConfig {
            username: "u".to_owned(),
            password: "p".to_owned(),
            paths: vec!["/metrics".to_owned()],
            authenticate_matching_paths: false,
        }),
    };
    assert_eq!(config(ConfigBlock::Http, text).http, expected);
}

#[test]
fn every_way_to_ask_clients_for_certificates_is_taken() {
    for (name, expected) in [
        ("NoClientCert", ClientAuth::None),
        ("RequestClientCert", ClientAuth::Asked),
        ("RequireAnyClientCert", ClientAuth::RequiredUnchecked),
        ("VerifyClientCertIfGiven", ClientAuth::IfGiven),
        ("RequireAndVerifyClientCert", ClientAuth::Required),
    ] {
        let text = format!(
            "http {{\ntls {{\ncert_file = \"/c\"\nkey_file = \"/k\"\nclient_ca_file = \"/ca\"\n\
             client_auth_type = \"{name}\"\nmax_version = \"TLS12\"\n}}\n}}"
        );
        let tls = config(ConfigBlock::Http, &text).http.tls.expect("TLS");
        assert_eq!((tls.client_auth, tls.max_version), (expected, TlsVersion::Tls12), "{name}");
    }
}

#[test]
fn an_empty_document_of_the_server_is_as_good_as_none() {
    let served = |body: &str| {
        let text = format!(
            "http {{\ntls {{\nclient_auth_type = \"VerifyClientCertIfGiven\"\n{body}\n}}\n}}"
        );
        config(ConfigBlock::Http, &text).http
    };
    let files = "cert_file = \"/c\"\nkey_file = \"/k\"\nclient_ca_file = \"/ca\"";
    let empty = "cert_pem = \"\"\nkey_pem = \"\"\nclient_ca_pem = \"\"";
    assert_eq!(served(&format!("{empty}\n{files}")), served(files));
    mistakes(
        ConfigBlock::Http,
        "http {\ntls {\ncert_pem = \"\"\nkey_file = \"\"\nclient_ca_pem = \"\"\nclient_ca_file = \"\"\nclient_auth_type = \"RequireAndVerifyClientCert\"\n}\n}",
        expect![[r#"
            2: cert_pem or cert_file is needed
            2: key_pem or key_file is needed
            2: client_ca_pem or client_ca_file is needed"#]],
    );
}

#[test]
fn a_server_that_cannot_be_had_is_refused() {
    mistakes(
        ConfigBlock::Http,
        "http {\ntls {\ncert_pem = \"a\"\ncert_file = \"b\"\n}\n}",
        expect![[r#"
            2: key_pem or key_file is needed
            3: the certificate's PEM holds no certificate
            4: cert_file and cert_pem exclude each other"#]],
    );
    mistakes(
        ConfigBlock::Http,
        "http {\ntls {\ncert_pem = \"a\"\nkey_pem = \"b\"\nclient_auth_type = \"RequireAnyClientCert\"\nmin_version = \"TLS10\"\nmax_version = \"TLS11\"\ncipher_suites = [\"x\"]\ncurve_preferences = [\"y\"]\nwindows_certificate_filter { }\n}\n}",
        expect![[r#"
            3: the certificate's PEM holds no certificate
            4: the key's PEM holds no private key
            6: Shoal speaks TLS12 and TLS13 only
            7: Shoal speaks TLS12 and TLS13 only
            8: cipher suites cannot be chosen; all of them are safe
            9: curves cannot be chosen; all of them are safe
            10: unknown block "windows_certificate_filter""#]],
    );
    mistakes(
        ConfigBlock::Http,
        "http {\ntls {\ncert_pem = \"a\"\nkey_pem = \"b\"\nclient_auth_type = \"VerifyClientCertIfGiven\"\n}\nauth { }\n}",
        expect![[r#"
            2: client_ca_pem or client_ca_file is needed
            3: the certificate's PEM holds no certificate
            4: the key's PEM holds no private key
            7: missing required block "basic""#]],
    );
    mistakes(
        ConfigBlock::Http,
        "http {\ntls {\ncert_file = \"/c\"\nkey_file = \"/k\"\nmin_version = \"TLS13\"\nmax_version = \"TLS12\"\n}\n}",
        expect!["6: max_version must not be older than min_version"],
    );
    let key = include_str!("../server/tests/tls/first.key");
    mistakes(
        ConfigBlock::Http,
        &format!(
            "http {{\ntls {{\ncert_file = \"/c\"\nkey_file = \"/k\"\nclient_ca_pem = `{key}`\nclient_auth_type = \"RequireAndVerifyClientCert\"\n}}\n}}"
        ),
        expect!["5: the client CA's PEM holds no certificate, but a private key"],
    );
    mistakes(
        ConfigBlock::LiveDebugging,
        "livedebugging { enabled = true }",
        expect!["1: Shoal has no live debugging; remove the block"],
    );
}
