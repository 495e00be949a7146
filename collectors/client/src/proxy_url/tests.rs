use super::*;

#[test]
fn a_proxy_url_says_protocol_address_and_user() {
    for (url, shown, protocol, user) in [
        ("http://p", "http://p:80", ProxyProtocol::Http, None),
        ("https://u@P:8443", "https://p:8443", ProxyProtocol::Http, Some(("u", ""))),
        (
            "socks5://a%3Ab:c%40d@[::1]",
            "http://[::1]:1080",
            ProxyProtocol::Socks5,
            Some(("a:b", "c@d")),
        ),
    ] {
        let proxy = ProxyUrl::parse(url).unwrap();
        assert_eq!((proxy.origin.to_string().as_str(), proxy.protocol), (shown, protocol));
        let user = user.map(|(name, password)| (name.to_owned(), password.to_owned()));
        assert_eq!(proxy.user, user);
    }
}
