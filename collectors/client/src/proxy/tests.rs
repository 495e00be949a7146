use proptest::prelude::*;

use super::*;
use crate::secret::Secret;

fn origin(uri: &str) -> Origin {
    Origin::of(&uri.parse().unwrap()).unwrap()
}

fn covers(list: &str, uri: &str) -> bool {
    Exceptions::parse(list).covers(&origin(uri))
}

#[test]
fn exceptions_mean_what_they_mean_in_go_programs() {
    for (list, uri, covered) in [
        ("", "http://a/", false),
        ("*", "http://a/", true),
        ("a.example", "http://a.example/", true),
        ("a.example", "http://sub.a.example/", true),
        ("a.example", "http://ba.example/", false),
        (".a.example", "http://a.example/", false),
        (".a.example", "http://sub.a.example/", true),
        ("*.a.example", "http://a.example/", false),
        ("*.a.example", "http://sub.a.example/", true),
        ("A.Example", "http://a.example/", true),
        ("a.example:81", "http://a.example:81/", true),
        ("a.example:81", "http://a.example/", false),
        ("10.0.0.7", "http://10.0.0.7:9100/", true),
        ("10.0.0.7:80", "http://10.0.0.7:9100/", false),
        ("10.0.0.0/8", "http://10.9.9.9/", true),
        ("10.0.0.0/8", "http://11.0.0.1/", false),
        ("0.0.0.0/0", "http://11.0.0.1/", true),
        ("10.0.0.0/8", "http://ten.example/", false),
        ("fd00::/8", "http://[fd00::1]/", true),
        ("fe80::1", "http://[fe80::1]/", true),
        ("[fe80::1]:90", "http://[fe80::1]:90/", true),
        ("[fe80::1]:90", "http://[fe80::1]/", false),
        (" x , b , ", "http://b/", true),
        (":80,/8,300.0.0.0/8,1.2.3.4/33,.,[x", "http://1.2.3.4/", false),
        ("", "http://localhost:9100/", true),
        ("", "http://127.3.2.1/", true),
        ("", "http://[::1]/", true),
    ] {
        assert_eq!(covers(list, uri), covered, "{list:?} {uri}");
    }
}

fn rules(proxy: Proxy) -> ProxyRules {
    ProxyRules::new(&proxy).unwrap()
}

fn route(rules: &ProxyRules, uri: &str) -> Option<String> {
    rules.route(&origin(uri)).map(|proxy| proxy.origin.to_string())
}

#[test]
fn a_proxy_without_exceptions_serves_even_this_machine() {
    let rules = rules(Proxy { url: Some(Secret::new("proxy:3128")), ..Proxy::default() });
    for uri in ["http://localhost/", "https://a/"] {
        assert_eq!(route(&rules, uri).as_deref(), Some("http://proxy:3128"));
    }
}

#[test]
fn the_environment_is_read_in_upper_case_first() {
    let variable = |name: &str| {
        let value = match name {
            "HTTP_PROXY" => "http://upper:1",
            "http_proxy" => "http://lower:1",
            "https_proxy" => "http://secure:1",
            "NO_PROXY" => "b",
            _ => return None,
        };
        Some(value.to_owned())
    };
    let rules = ProxyRules::from_environment(variable).unwrap();
    assert_eq!(route(&rules, "http://a/").as_deref(), Some("http://upper:1"));
    assert_eq!(route(&rules, "https://a/").as_deref(), Some("http://secure:1"));
    assert_eq!(route(&rules, "https://b/"), None);
    assert_eq!(route(&rules, "http://localhost/"), None);
}

#[test]
fn a_cgi_script_does_not_take_its_proxy_from_a_stranger() {
    let variable = |name: &str| (name != "NO_PROXY").then(|| "http://evil:1".to_owned());
    let rules = ProxyRules::from_environment(variable).unwrap();
    assert_eq!(route(&rules, "http://a/"), None);
}

proptest! {
    #[test]
    fn a_network_covers_exactly_the_addresses_with_its_prefix(
        network: u32, address: u32, prefix in 0_u32..=32,
    ) {
        let ip = |bits: u32| std::net::Ipv4Addr::from_bits(bits);
        let same = (0..prefix).all(|bit| (network ^ address) >> (31 - bit) & 1 == 0);
        let covered = covers(&format!("{}/{prefix}", ip(network)), &format!("http://{}/", ip(address)));
        prop_assert_eq!(covered, same || ip(address).is_loopback());
    }

    #[test]
    fn a_list_of_exceptions_never_panics(list in "[a-z0-9.:/*,\\[\\]-]{0,40}") {
        covers(&list, "http://10.0.0.1:80/");
        covers(&list, "http://[fd00::1]:80/");
    }
}
