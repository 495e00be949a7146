use super::*;

fn auth(paths: &[&str], authenticate_matching_paths: bool) -> AuthConfig {
    AuthConfig {
        username: "operator".to_owned(),
        password: "pass:word".to_owned(),
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        authenticate_matching_paths,
    }
}

fn headers(credentials: Option<&str>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Some(credentials) = credentials {
        let value = format!("Basic {}", BASE64_STANDARD.encode(credentials));
        headers.insert(AUTHORIZATION, value.parse().expect("a header"));
    }
    headers
}

#[test]
fn only_the_right_credentials_pass() {
    let auth = auth(&[], true);
    for (credentials, passes) in [
        (Some("operator:pass:word"), true),
        (Some("operator:pass:wor"), false),
        (Some("operator:pass:word!"), false),
        (Some("Operator:pass:word"), false),
        (Some(""), false),
        (None, false),
    ] {
        let refusal = refusal(Some(&auth), "/", &headers(credentials));
        assert_eq!(refusal.is_none(), passes, "{credentials:?}");
    }
}

#[test]
fn a_refusal_says_how_to_do_better() {
    let refusal = refusal(Some(&auth(&[], true)), "/", &headers(None)).expect("no credentials");
    assert_eq!(refusal.status(), StatusCode::UNAUTHORIZED);
    assert!(refusal.headers().contains_key(WWW_AUTHENTICATE));
}

#[test]
fn a_filter_names_the_paths_that_ask_or_those_that_do_not() {
    for (paths, matching, path, asks) in [
        (&[] as &[&str], true, "/metrics", true),
        (&[], false, "/metrics", true),
        (&["/metrics"], true, "/metrics", true),
        (&["/metrics"], true, "/-/ready", false),
        (&["/-/", "/metrics"], false, "/metrics", false),
        (&["/-/", "/metrics"], false, "/", true),
    ] {
        assert_eq!(protects(&auth(paths, matching), path), asks, "{paths:?} {matching} {path}");
    }
    assert!(refusal(None, "/", &headers(None)).is_none());
}
