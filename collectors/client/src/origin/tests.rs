use super::*;

fn origin(uri: &str) -> Result<Origin, Error> {
    Origin::of(&uri.parse().unwrap())
}

#[test]
fn an_origin_is_shown_with_its_port_and_its_host_header_without_the_default_one() {
    for (uri, shown, header) in [
        ("http://Host/x", "http://host:80", "host"),
        ("https://host", "https://host:443", "host"),
        ("http://host:443/", "http://host:443", "host:443"),
        ("http://u:p@host:81/", "http://host:81", "host:81"),
        ("http://[::1]/", "http://[::1]:80", "[::1]"),
        ("https://[::1]:8443/", "https://[::1]:8443", "[::1]:8443"),
        ("http://host:/", "http://host:80", "host"),
    ] {
        let origin = origin(uri).unwrap();
        assert_eq!((origin.to_string().as_str(), origin.host_header().as_str()), (shown, header));
    }
}

#[test]
fn a_port_past_the_largest_is_not_taken_for_the_default() {
    let error = origin("http://host:99999/").unwrap_err();
    assert!(error.to_string().contains("port"), "{error}");
}

#[test]
fn what_is_meant_for_one_origin_goes_to_the_same_host_and_never_from_tls_to_none() {
    for (from, to, trusted) in [
        ("http://a/", "http://a/", true),
        ("http://a/", "https://a/", true),
        ("http://a:8080/", "https://a:8080/", true),
        ("https://a/", "http://a/", false),
        ("https://a:8443/", "http://a:8443/", false),
        ("http://a/", "http://a:81/", false),
        ("http://a/", "http://b/", false),
        ("http://a/", "http://sub.a/", false),
    ] {
        let (from, to) = (origin(from).unwrap(), origin(to).unwrap());
        assert_eq!(from.trusts(&to), trusted, "{from} -> {to}");
    }
}
