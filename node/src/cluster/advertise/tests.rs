use super::*;

fn candidates(pairs: &[(&str, &str)]) -> Vec<Candidate> {
    let candidate = |(interface, ip): &(&str, &str)| Candidate {
        interface: (*interface).to_owned(),
        ip: ip.parse().expect("an address"),
    };
    pairs.iter().map(candidate).collect()
}

fn chosen(listen: &str, wanted: &[&str], of: &[(&str, &str)]) -> Result<String, Error> {
    let wanted: Vec<String> = wanted.iter().map(|name| (*name).to_owned()).collect();
    choose(listen.parse().expect("an address"), &wanted, &candidates(of)).map(|a| a.to_string())
}

#[test]
fn a_routable_ipv4_address_is_preferred() {
    let of = [
        ("lo", "127.0.0.1"),
        ("eth0", "fe80::1"),
        ("eth0", "169.254.1.1"),
        ("eth0", "fd00::1"),
        ("eth0", "10.0.0.1"),
        ("wg0", "10.9.9.9"),
    ];
    for (wanted, listen, address) in [
        (&["eth0"], "0.0.0.0:80", "10.0.0.1:80"),
        (&["wg0"], "0.0.0.0:80", "10.9.9.9:80"),
        (&["all"], "0.0.0.0:80", "10.0.0.1:80"),
        (&["eth0"], "[::]:80", "10.0.0.1:80"),
    ] {
        assert_eq!(chosen(listen, wanted, &of).expect("there is one"), address);
    }
    assert_eq!(chosen("[::]:80", &["eth0"], &of[..4]).expect("there is one"), "[fd00::1]:80");
}

#[test]
fn a_link_local_ipv6_address_is_never_advertised() {
    let of = [("lo", "::1"), ("eth0", "fe80::1")];
    let error = chosen("[::]:80", &["eth0"], &of).expect_err("it has no other").to_string();
    assert!(error.contains("eth0 fe80::1, which is link-local"), "{error}");
    let error = chosen("[fe80::1]:80", &["eth0"], &of).expect_err("link-local").to_string();
    assert!(error.contains("fe80::1 cannot be advertised"), "{error}");
    assert_eq!(
        chosen("0.0.0.0:80", &["eth0"], &[("eth0", "169.254.1.1")]).expect("there is one"),
        "169.254.1.1:80"
    );
}

#[test]
fn of_the_addresses_of_a_name_one_is_advertised_that_others_can_reach() {
    for (of, taken) in [
        (&["127.0.1.1:80", "10.0.0.1:80", "10.0.0.2:80"][..], Some("10.0.0.1:80")),
        (&["[fe80::1]:80", "[::1]:80", "[fd00::1]:80"], Some("[fd00::1]:80")),
        (&["127.0.1.1:80", "127.0.0.1:80"], Some("127.0.1.1:80")),
        (&["[fe80::1]:80", "127.0.1.1:80"], Some("127.0.1.1:80")),
        (&[], None),
    ] {
        let addresses: Vec<SocketAddr> =
            of.iter().map(|text| text.parse().expect("an address")).collect();
        assert_eq!(best(&addresses).map(|address| address.to_string()).as_deref(), taken);
    }
}

#[test]
fn a_node_that_listens_beyond_loopback_and_advertises_loopback_is_hidden() {
    for (listen, advertise, hidden) in [
        ("0.0.0.0:80", "127.0.0.1:80", true),
        ("[::]:80", "127.0.1.1:80", true),
        ("10.0.0.1:80", "[::1]:80", true),
        ("127.0.0.1:80", "127.0.0.1:80", false),
        ("0.0.0.0:80", "10.0.0.1:80", false),
    ] {
        let [listen, advertise] = [listen, advertise].map(|text| text.parse().expect("an address"));
        assert_eq!(Reach { listen, advertise }.is_hidden(), hidden, "{listen} {advertise}");
    }
}

#[test]
fn where_a_node_listens_is_what_it_advertises() {
    assert_eq!(chosen("127.0.0.1:80", &["eth0"], &[]).expect("loopback"), "127.0.0.1:80");
    assert_eq!(chosen("10.0.0.5:80", &["eth0"], &[]).expect("definite"), "10.0.0.5:80");
}

#[test]
fn loopback_is_never_a_fallback() {
    let of = [("lo", "127.0.0.1"), ("ens3", "10.0.0.1")];
    let error = chosen("0.0.0.0:80", &["eth0"], &of).expect_err("there is no eth0").to_string();
    assert!(error.contains("lo 127.0.0.1, ens3 10.0.0.1"), "{error}");
    chosen("0.0.0.0:80", &["all"], &of[..1]).expect_err("only loopback");
}

#[tokio::test]
async fn a_written_address_takes_the_listen_port_unless_it_has_one() {
    let listen = "0.0.0.0:80".parse().expect("an address");
    for (text, address) in [
        ("1.1.1.1", "1.1.1.1:80"),
        ("1.1.1.1:9", "1.1.1.1:9"),
        ("2606:4700:4700::1111", "[2606:4700:4700::1111]:80"),
    ] {
        assert_eq!(parse(text, listen).await.expect("an address").to_string(), address);
    }
    parse("1.1.1.1:x", listen).await.expect_err("x is no port");
    parse("1.1.1.1:0", listen).await.expect_err("nor is 0");
    parse("fe80::1", listen).await.expect_err("link-local");
}

#[test]
fn seeds_on_other_hosts_need_an_address_that_others_can_reach() {
    for (listen, advertise, seed, flag) in [
        (
            "127.0.0.1:80",
            "127.0.0.1:80",
            "10.0.0.2:80",
            Some("--server.http.listen-addr=0.0.0.0:80"),
        ),
        ("127.0.0.1:80", "10.0.0.1:80", "10.0.0.2:80", Some("listens on loopback only")),
        ("0.0.0.0:80", "127.0.0.1:80", "[fd00::2]:80", Some("--cluster.advertise-address")),
        ("0.0.0.0:80", "10.0.0.1:80", "10.0.0.2:80", None),
        ("127.0.0.1:80", "127.0.0.1:80", "127.0.0.2:80", None),
        ("[::1]:80", "[::1]:80", "127.0.0.2:80", None),
    ] {
        let [listen, advertise, seed] =
            [listen, advertise, seed].map(|text| text.parse().expect("an address"));
        let found = Reach { listen, advertise }.check(seed).err().map(|error| error.to_string());
        assert_eq!(found.is_some(), flag.is_some(), "{listen} {advertise} {seed}: {found:?}");
        if let (Some(found), Some(flag)) = (found, flag) {
            assert!(found.contains(flag) && found.contains(&seed.to_string()), "{found}");
        }
    }
}
