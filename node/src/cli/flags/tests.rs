use clap::Parser;

use super::*;

#[derive(Debug, Parser)]
struct Command {
    #[command(flatten)]
    flags: Flags,
}

fn parse(arguments: &[&str]) -> Result<Options, String> {
    let arguments = ["shoal"].iter().chain(arguments);
    let command = Command::try_parse_from(arguments).map_err(|error| error.to_string())?;
    command.flags.options()
}

#[test]
fn the_defaults_are_those_of_alloy() {
    let options = parse(&["config.alloy"]).expect("nothing but a file is needed");
    assert_eq!(options.listen_address, "127.0.0.1:12345".parse().expect("an address"));
    assert_eq!(options.memory_address, "alloy.internal:12345");
    assert_eq!(options.ui_path_prefix, "/");
    assert_eq!(options.storage_path, PathBuf::from("data-alloy/"));
    assert_eq!(options.stability, Stability::GenerallyAvailable);
    assert_eq!(options.component_shutdown_deadline, Duration::from_secs(600));
    assert!(options.enable_pprof);
    assert_eq!(options.cluster, cluster::Options::default());

    let cluster = options.cluster;
    assert!(!cluster.enabled);
    assert_eq!(cluster.node_name, None);
    assert_eq!(cluster.advertise_address, None);
    assert_eq!(cluster.advertise_interfaces, ["eth0", "en0"]);
    assert!(cluster.join_addresses.is_empty());
    assert_eq!(cluster.rejoin_interval, Duration::from_secs(60));
    assert_eq!(cluster.max_join_peers, 5);
    assert_eq!(cluster.name, "");
    assert!(cluster.tls.is_none());
    assert_eq!(cluster.wait_for_size, 0);
    assert_eq!(cluster.wait_timeout, Duration::ZERO);
}

#[test]
fn a_boolean_flag_stands_alone_or_takes_a_value() {
    for (flag, enabled) in [
        ("--cluster.enabled", true),
        ("--cluster.enabled=true", true),
        ("--cluster.enabled=1", true),
        ("--cluster.enabled=false", false),
        ("--cluster.enabled=F", false),
    ] {
        // The file behind it must not be taken for the flag's value.
        let options = parse(&[flag, "config.alloy"]).expect("it is right");
        assert_eq!(options.cluster.enabled, enabled, "{flag}");
    }
    assert!(parse(&["config.alloy", "--cluster.enabled=maybe"]).is_err());
}

#[test]
fn a_full_command_line_is_understood() {
    let options = parse(&[
        "dir",
        "--server.http.listen-addr=:80",
        "--server.http.memory-addr=memory:1",
        "--server.http.ui-path-prefix=alloy",
        "--server.http.enable-pprof=false",
        "--storage.path=/var/lib/shoal",
        "--stability.level=experimental",
        "--feature.component-shutdown-deadline=7m",
        "--cluster.enabled",
        "--cluster.node-name=a",
        "--cluster.advertise-address=10.0.0.1",
        "--cluster.advertise-interfaces=all",
        "--cluster.join-addresses=10.0.0.2, dnssrv+shoal.local,,10.0.0.3:99",
        "--cluster.rejoin-interval=1m30s",
        "--cluster.max-join-peers=0",
        "--cluster.bootstrap-timeout=11s",
        "--cluster.name=prod",
        "--cluster.wait-for-size=3",
        "--cluster.wait-timeout=5m",
        "--cluster.drain-timeout=12s",
        "--cluster.key-file=keys",
        "--cluster.use-discovery-v1",
        "--exit-on-stdin-eof",
    ])
    .expect("it is right");
    // Every field, so that none that is added is forgotten here; TLS has a test of its own.
    let cluster = cluster::Options {
        enabled: true,
        node_name: Some("a".to_owned()),
        advertise_address: Some("10.0.0.1".to_owned()),
        advertise_interfaces: vec!["all".to_owned()],
        join_addresses: ["10.0.0.2", "dnssrv+shoal.local", "10.0.0.3:99"].map(str::to_owned).into(),
        rejoin_interval: Duration::from_secs(90),
        max_join_peers: 0,
        bootstrap_timeout: Duration::from_secs(11),
        key_file: Some("keys".into()),
        tls: None,
        name: "prod".to_owned(),
        wait_for_size: 3,
        wait_timeout: Duration::from_secs(300),
        drain_timeout: Duration::from_secs(12),
    };
    let expected = Options {
        config: "dir".into(),
        storage_path: "/var/lib/shoal".into(),
        listen_address: "0.0.0.0:80".parse().expect("an address"),
        memory_address: "memory:1".to_owned(),
        ui_path_prefix: "/alloy/".to_owned(),
        enable_pprof: false,
        stability: Stability::Experimental,
        component_shutdown_deadline: Duration::from_secs(420),
        exit_on_stdin_eof: true,
        cluster,
    };
    assert_eq!(options, expected);
}

#[test]
fn every_flag_that_cannot_be_honoured_is_refused_by_name() {
    for flag in Unavailable::refused() {
        let error = parse(&["config.alloy", &flag]).expect_err(&flag);
        assert!(error.starts_with(&format!("{flag}: ")), "{error}");
    }
}

#[test]
fn asking_for_nothing_is_not_refused() {
    for flag in Unavailable::accepted() {
        parse(&["config.alloy", &flag]).expect(&flag);
    }
}

#[test]
fn all_refusals_come_at_once() {
    let error = parse(&[
        "config.alloy",
        "--config.format=prometheus",
        "--cluster.tls-ca-path=ca.pem",
        &format!("--cluster.node-name={}", "x".repeat(64)),
    ])
    .expect_err("three things are wrong");
    assert_eq!(error.lines().count(), 3, "{error}");
}

#[test]
fn listen_addresses_are_read_as_go_reads_them() {
    for (text, address) in [
        ("127.0.0.1:0", "127.0.0.1:0"),
        (":8080", "0.0.0.0:8080"),
        ("[::1]:9", "[::1]:9"),
        ("[::1]", "[::1]:12345"),
        ("10.1.2.3", "10.1.2.3:12345"),
    ] {
        assert_eq!(listen_address(text), Ok(address.parse().expect("an address")), "{text}");
    }
    assert!(listen_address("127.0.0.1:99999").is_err());
}

#[test]
fn tls_to_other_nodes_is_asked_for_as_a_whole() {
    let options = parse(&[
        "config.alloy",
        "--cluster.enable-tls",
        "--cluster.tls-ca-path=ca.pem",
        "--cluster.tls-cert-path=cert.pem",
        "--cluster.tls-key-path=key.pem",
        "--cluster.tls-server-name=shoal",
    ])
    .expect("it is right");
    let tls = options.cluster.tls.expect("it was asked for");
    assert_eq!(tls.ca, Some(client::Source::File("ca.pem".into())));
    assert_eq!(tls.server_name.as_deref(), Some("shoal"));
    for wrong in [
        ["config.alloy", "--cluster.tls-server-name=shoal"],
        ["config.alloy", "--cluster.tls-cert-path=cert.pem"],
    ] {
        parse(&wrong).expect_err("half of it does nothing");
    }
}

#[test]
fn peers_are_discovered_by_dns_or_listed_but_not_both() {
    let discover = "--cluster.discover-peers=provider=dns names=a,b type=srv";
    let options = parse(&["config.alloy", discover]).expect("it is right");
    assert_eq!(options.cluster.join_addresses, ["dnssrv+a", "dnssrv+b"]);
    let both = ["config.alloy", discover, "--cluster.join-addresses=c"];
    let error = parse(&both).expect_err("one of them").to_string();
    assert!(error.contains("at most one of"), "{error}");
    let error = parse(&["config.alloy", "--cluster.discover-peers=provider=gce"]);
    let error = error.expect_err("no cloud");
    assert!(error.starts_with("--cluster.discover-peers: provider \"gce\""), "{error}");
}
