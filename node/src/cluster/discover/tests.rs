use super::*;

#[test]
fn names_become_seeds() {
    for (text, expected) in [
        ("provider=dns names=shoal.example", &["dns+shoal.example"] as &[&str]),
        ("  names=a,b,,  provider=dns\ttype=host", &["dns+a", "dns+b"]),
        ("provider=dns type=srv names=_shoal._udp.x", &["dnssrv+_shoal._udp.x"]),
        ("provider=dns type=srvnoa names=x port=12345", &["dnssrvnoa+x:12345"]),
        (r#""provider"="dns" names="a, b" "port"="9""#, &["dns+a:9", "dns+b:9"]),
        (r#"provider=dns names="\a""#, &["dns+a"]),
    ] {
        assert_eq!(seeds(text).expect(text), expected, "{text}");
    }
}

#[test]
fn what_is_not_there_is_refused_with_what_is() {
    for (text, said) in [
        ("", "names no provider"),
        ("names=a", "names no provider"),
        ("provider=aws region=eu-west-1 tag_key=x", r#""aws" is not available, only "dns" is"#),
        ("provider=mdns service=x", r#""mdns" is not available, only "dns" is"#),
        ("provider=k8s label_selector=\"app=shoal\"", "names=SERVICE.NAMESPACE.svc"),
        ("provider=tea", r#"there is no provider "tea", only "dns""#),
        ("provider=dns", "it has no names"),
        ("provider=dns names=,", "it has no names"),
        ("provider=dns names=a type=AAAA", "none of host, srv and srvnoa"),
        ("provider=dns names=a port=0", "port is no port"),
        ("provider=dns names=a port=x", "port is no port"),
        ("provider=dns names=a nmaes=b", r#"knows no key "nmaes""#),
        ("provider=dns names=a:80", r#""a:80" is no name"#),
        ("provider=dns names=a names=b", "there twice"),
        ("provider=dns names", "there is no = behind"),
        ("provider=dns names=\"a", "a quote is not closed"),
        ("provider=dns names=\"a\"b", "there is no space behind"),
        ("provider=dns names=a\\b", "needs quotes"),
    ] {
        let error = seeds(text).expect_err(text).to_string();
        assert!(error.contains(said), "{text}: {error}");
    }
}

#[test]
fn what_is_found_is_looked_up_as_a_seed() {
    for seed in seeds("provider=dns names=a,b type=srv port=7").expect("it is right") {
        assert_eq!(crate::cluster::seeds::literal(&seed, 80), None, "{seed}");
    }
}
