use std::path::Path;

use hickory_resolver::net::NetError;
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::rdata::{A, AAAA, CNAME, MX, NS};

use super::*;
use crate::Health;
use crate::resolver::Settings;
use crate::testing::names::{NameServer, Zone, name as dns, srv};
use crate::testing::{Running, addresses, shown};

const SOON: Duration = Duration::from_millis(20);

fn config(server: &NameServer, names: &[&str], record: Record, port: Option<u16>) -> Config {
    Config {
        names: names.iter().map(|&name| name.to_owned()).collect(),
        record,
        port,
        refresh_interval: SOON,
        name_server: Some(server.address),
    }
}

fn start(config: &Config) -> Running<Targets> {
    let source = DnsDiscovery::new(config).unwrap();
    Running::start(|publisher, stop| source.run(publisher, stop))
}

#[tokio::test]
async fn each_type_of_record_becomes_a_target_with_its_labels() {
    for (record, data, expected) in [
        (
            Record::Srv,
            srv("host.example.", 9100),
            r#"{__address__="host.example:9100", __meta_dns_name="n.example.", __meta_dns_srv_record_port="9100", __meta_dns_srv_record_target="host.example."}"#,
        ),
        (
            Record::A,
            RData::A(A::new(10, 0, 0, 1)),
            r#"{__address__="10.0.0.1:80", __meta_dns_name="n.example."}"#,
        ),
        (
            Record::Aaaa,
            RData::AAAA(AAAA::new(0xfd00, 0, 0, 0, 0, 0, 0, 1)),
            r#"{__address__="[fd00::1]:80", __meta_dns_name="n.example."}"#,
        ),
        (
            Record::Mx,
            RData::MX(MX::new(10, dns("mail.example."))),
            r#"{__address__="mail.example:80", __meta_dns_mx_record_target="mail.example.", __meta_dns_name="n.example."}"#,
        ),
        (
            Record::Ns,
            RData::NS(NS(dns("ns.example."))),
            r#"{__address__="ns.example:80", __meta_dns_name="n.example.", __meta_dns_ns_record_target="ns.example."}"#,
        ),
    ] {
        let server = NameServer::start(Zone::from([("n.example.", Ok(vec![data]))]), false).await;
        let mut running = start(&config(&server, &["n.example."], record, Some(80)));
        assert_eq!(shown(&running.export(|_| true).await), expected);
    }
}

#[test]
fn an_alias_on_the_way_is_no_target() {
    let records = [RData::CNAME(CNAME(dns("real.example."))), RData::A(A::new(10, 0, 0, 1))];
    let targets = records.iter().filter_map(|data| target("n.example.", data, Record::A, 80));
    assert_eq!(addresses(&targets.collect()), ["10.0.0.1:80"]);
}

#[tokio::test]
async fn a_truncated_answer_is_asked_for_again_over_tcp() {
    let hosts: Vec<RData> =
        (0..200).map(|host| srv(&format!("a-rather-long-name-{host}.example."), 1)).collect();
    let server = NameServer::start(Zone::from([("n.example.", Ok(hosts))]), true).await;
    let mut running = start(&config(&server, &["n.example."], Record::Srv, None));
    assert_eq!(running.export(|_| true).await.len(), 200);
}

#[tokio::test]
async fn a_name_that_cannot_be_looked_up_keeps_its_targets_and_one_that_is_gone_does_not() {
    let zone = Zone::from([
        ("a.example.", Ok(vec![srv("a1.example.", 1)])),
        ("b.example.", Ok(vec![srv("b1.example.", 1)])),
    ]);
    let server = NameServer::start(zone, false).await;
    let mut running = start(&config(&server, &["a.example.", "b.example."], Record::Srv, None));
    running.export(|targets| addresses(targets) == ["a1.example:1", "b1.example:1"]).await;

    server.set("a.example.", Err(ResponseCode::ServFail));
    server.set("b.example.", Ok(vec![srv("b2.example.", 1)]));
    running.export(|targets| addresses(targets) == ["a1.example:1", "b2.example:1"]).await;
    let reason = running.failure().await;
    assert!(reason.contains("a.example.") && !reason.contains("b.example."), "{reason}");

    server.set("a.example.", Err(ResponseCode::NXDomain));
    running.export(|targets| addresses(targets) == ["b2.example:1"]).await;
    running.status(|status| status.health == Health::Healthy).await;
}

/// As in a pod of Kubernetes, whose search domains are tried before the name as it was written: of that
/// the server says truly that there is no such name.
#[tokio::test]
async fn a_name_keeps_its_targets_while_a_search_domain_fails() {
    let zone = Zone::from([("n.one.example.", Ok(vec![srv("a1.example.", 1)]))]);
    let server = NameServer::start(zone, false).await;
    let mut source = DnsDiscovery::new(&config(&server, &["n"], Record::Srv, None)).unwrap();
    let address = server.address;
    source.system = System::of(Vec::new(), move || {
        let mut settings = Settings::only(address);
        settings.config.add_search(dns("one.example."));
        Ok(settings)
    });
    let mut running = Running::start(|publisher, stop| source.run(publisher, stop));
    running.export(|targets| addresses(targets) == ["a1.example:1"]).await;

    for code in [ResponseCode::ServFail, ResponseCode::Refused] {
        server.set("n.one.example.", Err(code));
        let reason = running.failure().await;
        assert!(reason.starts_with("n: n.one.example.: "), "{reason}");
        assert_eq!(addresses(&running.current().unwrap()), ["a1.example:1"]);
        server.set("n.one.example.", Ok(vec![srv("a1.example.", 1)]));
        running.status(|status| status.health == Health::Healthy).await;
    }

    server.set("n.one.example.", Err(ResponseCode::NXDomain));
    running.export(|targets| targets.is_empty()).await;
}

#[tokio::test]
async fn a_name_of_which_the_server_refuses_to_tell_keeps_its_targets() {
    let zone = Zone::from([("a.example.", Ok(vec![srv("a1.example.", 1)]))]);
    let server = NameServer::start(zone, false).await;
    let mut running = start(&config(&server, &["a.example"], Record::Srv, None));
    running.export(|targets| addresses(targets) == ["a1.example:1"]).await;
    server.set("a.example.", Err(ResponseCode::Refused));
    let reason = running.failure().await;
    // It is said of which name once.
    assert_eq!(reason.matches("a.example").count(), 1, "{reason}");
    assert_eq!(addresses(&running.current().unwrap()), ["a1.example:1"]);
}

#[tokio::test]
async fn nothing_is_exported_before_every_name_was_looked_up() {
    let zone = Zone::from([
        ("a.example.", Ok(vec![srv("a1.example.", 1)])),
        ("b.example.", Err(ResponseCode::Refused)),
    ]);
    let server = NameServer::start(zone, false).await;
    let mut running = start(&config(&server, &["a.example.", "b.example."], Record::Srv, None));
    running.failure().await;
    assert_eq!(running.current(), None);
    server.set("b.example.", Ok(Vec::new()));
    assert_eq!(addresses(&running.export(|_| true).await), ["a1.example:1"]);
}

#[tokio::test]
async fn records_in_another_order_are_the_same_snapshot() {
    let one = || srv("a1.example.", 1);
    let two = || srv("a2.example.", 1);
    let server =
        NameServer::start(Zone::from([("a.example.", Ok(vec![one(), two(), one()]))]), false).await;
    let config = config(&server, &["a.example."], Record::Srv, None);
    let source = DnsDiscovery::new(&config).unwrap();
    let (mut publisher, mut subscription) = crate::channel(Duration::ZERO);
    for records in [vec![two(), one()], vec![one(), two()]] {
        server.set("a.example.", Ok(records));
        let (found, failed) = source.look_up_all().await;
        assert_eq!(failed, "");
        publisher.offer(snapshot(&found));
    }
    assert_eq!(addresses(subscription.exports.borrow_and_update().as_ref().unwrap()).len(), 2);
    assert!(!subscription.exports.has_changed().unwrap());
}

/// What a file says: the address of a server, and domains to append.
fn read(path: &Path) -> Result<Settings, NetError> {
    let text = std::fs::read_to_string(path)?;
    let (address, search) = text.split_once(' ').unwrap();
    let mut settings = Settings::only(address.parse().unwrap());
    search.split_whitespace().for_each(|domain| settings.config.add_search(dns(domain)));
    Ok(settings)
}

#[tokio::test]
async fn the_settings_of_the_host_are_read_anew_once_they_have_changed_or_a_look_up_failed() {
    let zone = |target, other| {
        Zone::from([
            ("n.one.example.", Ok(vec![srv(target, 1)])),
            ("n.two.example.", Ok(vec![srv(other, 1)])),
        ])
    };
    let first = NameServer::start(zone("a1.example.", "a2.example."), false).await;
    let second = NameServer::start(zone("b1.example.", "b2.example."), false).await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("resolv.conf");
    // At once, as no refresh shall see a half of it.
    let write = |server: &NameServer, domain: &str, at: u64| {
        let new = directory.path().join("new");
        std::fs::write(&new, format!("{} {domain}", server.address)).unwrap();
        let at = std::time::UNIX_EPOCH + Duration::from_secs(at);
        std::fs::File::options().write(true).open(&new).unwrap().set_modified(at).unwrap();
        std::fs::rename(&new, &path).unwrap();
    };
    let mut source = DnsDiscovery::new(&config(&first, &["n"], Record::Srv, None)).unwrap();
    let file = path.clone();
    source.system = System::of(vec![path.clone()], move || read(&file));
    let mut running = Running::start(|publisher, stop| source.run(publisher, stop));
    let unreadable = |status: &crate::Status| {
        matches!(&status.health, Health::Unhealthy(reason)
            if reason.contains("DNS settings cannot be used") && reason.contains("No such file"))
    };
    running.status(unreadable).await;
    assert_eq!(running.current(), None);

    write(&first, "one.example.", 1);
    running.export(|targets| addresses(targets) == ["a1.example:1"]).await;
    write(&first, "two.example.", 2);
    running.export(|targets| addresses(targets) == ["a2.example:1"]).await;
    write(&second, "two.example.", 3);
    running.export(|targets| addresses(targets) == ["b2.example:1"]).await;
    running.status(|status| status.health == Health::Healthy).await;

    for name in ["n.two.example.", "n."] {
        second.set(name, Err(ResponseCode::ServFail));
    }
    running.failure().await;
    // It was written a moment later, which its time does not tell.
    write(&first, "one.example.", 3);
    running.export(|targets| addresses(targets) == ["a1.example:1"]).await;

    std::fs::remove_file(&path).unwrap();
    running.status(unreadable).await;
    assert_eq!(addresses(&running.current().unwrap()), ["a1.example:1"]);
}

#[test]
fn settings_that_mean_nothing_are_refused() {
    let config = |names: &[&str], record, port| Config {
        names: names.iter().map(|&name| name.to_owned()).collect(),
        record,
        port,
        refresh_interval: SOON,
        name_server: Some(([127, 0, 0, 1], 53).into()),
    };
    for (config, words) in [
        (config(&[], Record::Srv, None), "names"),
        (config(&["a..b"], Record::Srv, None), "a..b"),
        (config(&["a"], Record::A, None), "type A need port"),
        (config(&["a"], Record::Mx, None), "type MX need port"),
    ] {
        let error = DnsDiscovery::new(&config).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}
