use super::*;
use crate::testing::{ALICE, BOB, CA};

fn problem(config: Config) -> String {
    let problems = config.problems();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(crate::Client::new(&config).unwrap_err().to_string(), problems[0].to_string());
    problems[0].to_string()
}

fn inline(text: &str) -> Source {
    Source::Inline(Secret::new(text))
}

fn oauth2(token_url: &str) -> OAuth2 {
    OAuth2 {
        client_id: "id".to_owned(),
        client_secret: inline("s3cret"),
        scopes: Vec::new(),
        token_url: token_url.to_owned(),
        endpoint_params: Vec::new(),
        tls: Tls::default(),
        proxy: Proxy::default(),
    }
}

#[test]
fn the_default_has_no_problem() {
    assert!(Config::default().problems().is_empty());
}

#[test]
fn versions_of_tls_that_nobody_should_speak_are_refused_by_name() {
    for (name, refused) in [("TLS10", true), ("TLS11", true), ("TLS12", false), ("TLS13", false)] {
        let min_version = Some(name.parse().unwrap());
        let config = Config { tls: Tls { min_version, ..Tls::default() }, ..Config::default() };
        if refused {
            let problem = problem(config);
            assert!(problem.contains(name) && problem.contains("TLS12"), "{problem}");
        } else {
            assert!(config.problems().is_empty());
        }
    }
    let error = "SSL3".parse::<TlsVersion>().unwrap_err();
    assert!(error.to_string().contains("SSL3"), "{error}");
}

#[test]
fn half_a_key_pair_is_refused() {
    for tls in [
        Tls { cert: Some(inline(ALICE.0)), ..Tls::default() },
        Tls { key: Some(inline(ALICE.1)), ..Tls::default() },
        Tls { cert: Some(Source::File("/pem".into())), ..Tls::default() },
    ] {
        assert!(problem(Config { tls, ..Config::default() }).contains("together"));
    }
}

#[test]
fn documents_that_are_spelt_out_are_looked_at_and_never_quoted() {
    let tls = |ca: &str, cert: &str, key: &str| {
        let source = |text: &str| Some(inline(text)).filter(|_| !text.is_empty());
        Tls { ca: source(ca), cert: source(cert), key: source(key), ..Tls::default() }
    };
    assert!(Config { tls: tls(CA, ALICE.0, ALICE.1), ..Config::default() }.problems().is_empty());

    let open = "-----BEGIN PRIVATE KEY-----\nhunter2";
    let no_line = "-----BEGIN PRIVATE KEY-----hunter2";
    let no_base64 = "-----BEGIN CERTIFICATE-----\nhunter2!\n-----END CERTIFICATE-----\n";
    let no_der = "-----BEGIN CERTIFICATE-----\naHVudGVy\n-----END CERTIFICATE-----\n";
    for (tls, words) in [
        (tls("hunter2", "", ""), "CA's PEM holds no certificate"),
        (tls(open, "", ""), "the line that ends a section is missing"),
        (tls(no_line, "", ""), "does not begin with a line of its own"),
        (tls(no_base64, "", ""), "is not base64"),
        (tls(no_der, "", ""), "the CA's PEM cannot be used: "),
        (tls("", "hunter2", ALICE.1), "certificate's PEM holds no certificate"),
        (tls("", no_line, ALICE.1), "does not begin with a line of its own"),
        (tls("", ALICE.0, "hunter2"), "key's PEM holds no private key"),
        (tls("", ALICE.0, open), "the key's PEM is malformed: the line"),
        (tls("", ALICE.0, BOB.1), "the certificate's PEM and the key's PEM cannot be used"),
    ] {
        let problem = problem(Config { tls, ..Config::default() });
        assert!(problem.contains(words), "{problem}");
        for secret in ["hunter2", "aHVudGVy", "104, 117, 110"] {
            assert!(!problem.contains(secret), "{problem}");
        }
    }
    let all = Config { tls: tls("a", "b", "c"), ..Config::default() };
    assert_eq!(all.problems().len(), 3, "{:?}", all.problems());
    let any = Tls { insecure_skip_verify: true, ..tls("a", "", "") };
    let problem = problem(Config { tls: any, ..Config::default() });
    assert_eq!(problem, "the CA's PEM holds no certificate");
}

#[test]
fn a_header_that_the_client_sets_is_refused_in_any_spelling() {
    for name in ["Authorization", "HOST", "user-agent", "Content-Length"] {
        let headers = vec![(name.to_owned(), vec!["x".into()])];
        assert!(problem(Config { headers, ..Config::default() }).contains(name));
    }
}

#[test]
fn headers_that_http_cannot_carry_are_refused_without_their_values() {
    let headers = vec![("bad name".to_owned(), vec!["x".into()])];
    assert!(problem(Config { headers, ..Config::default() }).contains("bad name"));
    let headers = vec![("X-A".to_owned(), vec!["hunter2\n".into()])];
    let problem = problem(Config { headers, ..Config::default() });
    assert!(problem.contains("X-A") && !problem.contains("hunter2"), "{problem}");
}

#[test]
fn credentials_that_would_arrive_as_others_are_refused() {
    let basic = Credentials::Basic { username: "a:b".to_owned(), password: None };
    let scheme = |scheme: &str| Credentials::Authorization {
        scheme: scheme.to_owned(),
        credentials: inline("x"),
    };
    for (credentials, words) in [
        (basic, "colon"),
        (scheme("basic"), "basic_auth"),
        (scheme("two words"), "two words"),
        (Credentials::OAuth2(Box::new(oauth2("/relative"))), "token_url"),
    ] {
        let config = Config { credentials: Some(credentials), ..Config::default() };
        let problem = problem(config);
        assert!(problem.contains(words), "{problem}");
    }
}

#[test]
fn a_proxy_is_said_once_and_its_exceptions_need_it() {
    let url = Some(Secret::new("http://proxy:3128"));
    let header = vec![("X-A".to_owned(), vec![Secret::new("x")])];
    for (proxy, words) in [
        (Proxy { url, from_environment: true, ..Proxy::default() }, "cannot be combined"),
        (Proxy { no_proxy: "a".to_owned(), ..Proxy::default() }, "no_proxy needs"),
        (Proxy { connect_headers: header, ..Proxy::default() }, "proxy_connect_header needs"),
        (Proxy { url: Some("ftp://u:hunter2@x".into()), ..Proxy::default() }, "socks5"),
    ] {
        let problem = problem(Config { proxy, ..Config::default() });
        assert!(problem.contains(words) && !problem.contains("hunter2"), "{problem}");
    }
}

#[test]
fn all_problems_are_told_at_once() {
    let config = Config {
        credentials: Some(Credentials::OAuth2(Box::new(OAuth2 {
            client_id: String::new(),
            tls: Tls { key: Some(inline(ALICE.1)), ..Tls::default() },
            ..oauth2("nonsense")
        }))),
        tls: Tls { server_name: Some("no name".to_owned()), ..Tls::default() },
        ..Config::default()
    };
    assert_eq!(config.problems().len(), 4, "{:?}", config.problems());
}

#[test]
fn no_secret_is_in_the_debug_print_of_a_configuration() {
    let config = Config {
        credentials: Some(Credentials::OAuth2(Box::new(oauth2("http://x/")))),
        proxy: Proxy { url: Some("http://u:s3cret@x".into()), ..Proxy::default() },
        headers: vec![("X-A".to_owned(), vec!["s3cret".into()])],
        ..Config::default()
    };
    assert!(!format!("{config:?}").contains("s3cret"));
}
