use http::HeaderValue;

use super::*;

fn next(status: u16, location: &str, current: &str) -> Result<Option<String>, Error> {
    let mut headers = HeaderMap::new();
    headers.insert(LOCATION, HeaderValue::from_str(location).unwrap());
    let status = StatusCode::from_u16(status).unwrap();
    target(status, &headers, &current.parse().unwrap()).map(|next| next.map(|uri| uri.to_string()))
}

#[test]
fn a_location_is_relative_to_the_url_that_answered() {
    for (location, expected) in [
        ("/b", "http://h:1/b"),
        ("b?x", "http://h:1/dir/b?x"),
        ("../b", "http://h:1/b"),
        ("//other/b", "http://other/b"),
        ("https://other/b#top", "https://other/b"),
        ("?q", "http://h:1/dir/a?q"),
    ] {
        let found = next(302, location, "http://h:1/dir/a").unwrap();
        assert_eq!(found.as_deref(), Some(expected), "{location}");
    }
}

#[test]
fn only_the_five_statuses_redirect() {
    for status in 300..400 {
        let redirects = matches!(status, 301 | 302 | 303 | 307 | 308);
        assert_eq!(next(status, "/b", "http://h/").unwrap().is_some(), redirects, "{status}");
    }
}

#[test]
fn a_location_that_is_no_url_is_an_error() {
    assert!(next(302, "http://[", "http://h/").is_err());
}
