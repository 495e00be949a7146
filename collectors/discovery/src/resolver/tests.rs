use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use hickory_resolver::Hosts;
use hickory_resolver::proto::op::{Query, ResponseCode};
use hickory_resolver::proto::rr::RData;
use hickory_resolver::proto::rr::rdata::{A, AAAA};
use tokio::net::UdpSocket;

use super::settings::read_hosts;
use super::*;
use crate::testing::names::{NameServer, Zone, name, srv};

const V4: Wanted = Wanted::Kind(RecordType::A);
const V6: Wanted = Wanted::Kind(RecordType::AAAA);
const SERVICE: Wanted = Wanted::Kind(RecordType::SRV);

fn a(last: u8) -> RData {
    RData::A(A::new(10, 0, 0, last))
}

fn aaaa(last: u16) -> RData {
    RData::AAAA(AAAA::new(0xfd00, 0, 0, 0, 0, 0, 0, last))
}

/// What a host is told that is to ask the server at `address`, and append the domains in `search`.
fn settings(address: SocketAddr, search: &str, ndots: usize, hosts: &str) -> Settings {
    let mut settings = Settings { hosts: Hosts::default(), ..Settings::only(address) };
    search.split_whitespace().for_each(|domain| settings.config.add_search(name(domain)));
    settings.options.ndots = ndots;
    settings.hosts.read_hosts_conf(hosts.as_bytes()).unwrap();
    settings
}

/// What was found as text, and whether something failed.
fn shown(found: Result<Vec<Record>, Failure<Record>>) -> (String, bool) {
    let (found, failed) = match found {
        Ok(found) => (found, false),
        Err(failure) => (failure.found, true),
    };
    let found = found.iter().map(|record| record.data.to_string());
    (found.collect::<Vec<_>>().join(" "), failed)
}

#[tokio::test]
async fn the_first_name_with_records_wins_and_nothing_is_missing_unless_all_say_so() {
    let zone = Zone::from([
        ("n.one.zone.", Ok(vec![a(1), aaaa(1), srv("one.", 1)])),
        ("n.two.zone.", Ok(vec![a(2), aaaa(2)])),
        ("n.empty.zone.", Ok(Vec::new())),
        ("n.broken.zone.", Err(ResponseCode::ServFail)),
        ("n.refused.zone.", Err(ResponseCode::Refused)),
        ("n.bad.zone.", Err(ResponseCode::FormErr)),
        ("n.odd.zone.", Err(ResponseCode::Unknown(12))),
        ("w.x.", Ok(vec![a(9)])),
        ("w.x.one.zone.", Ok(vec![a(8)])),
    ]);
    let server = NameServer::start(zone, false).await;
    for (search, asked, wanted, expected) in [
        ("one.zone two.zone", "n", V4, ("10.0.0.1", false)),
        ("two.zone one.zone", "n", V6, ("fd00::2", false)),
        ("two.zone one.zone", "n", SERVICE, ("1 1 1 one.", false)),
        ("one.zone", "n", Wanted::Addresses, ("10.0.0.1 fd00::1", false)),
        ("empty.zone no.zone two.zone", "n", V4, ("10.0.0.2", false)),
        ("broken.zone two.zone", "n", V4, ("10.0.0.2", false)),
        ("empty.zone no.zone", "n", V4, ("", false)),
        ("broken.zone", "n", V4, ("", true)),
        ("broken.zone no.zone", "n", SERVICE, ("", true)),
        ("no.zone refused.zone", "n", V4, ("", true)),
        ("bad.zone no.zone", "n", V4, ("", true)),
        ("odd.zone no.zone", "n", V4, ("", true)),
        ("broken.zone", "n", Wanted::Addresses, ("", true)),
        // It is whole, and stands for no other.
        ("one.zone", "n.", V4, ("", false)),
        ("broken.zone", "n.", V4, ("", false)),
        // It has so many dots that it is tried as it is first.
        ("one.zone", "w.x", V4, ("10.0.0.9", false)),
    ] {
        let address = server.address;
        let system = System::of(Vec::new(), move || Ok(settings(address, search, 1, "")));
        let mut found = shown(system.records(asked, wanted).await);
        // The kinds of addresses come in any order.
        found.0 = found.0.replace("fd00::1 10.0.0.1", "10.0.0.1 fd00::1");
        assert_eq!((&*found.0, found.1), expected, "{asked} in {search}: {wanted:?}");
    }
}

#[tokio::test]
async fn what_the_file_of_hosts_says_of_a_name_goes_before_the_server() {
    let zone = Zone::from([
        ("known.", Ok(vec![a(1), srv("one.", 1)])),
        ("served.one.zone.", Ok(vec![a(3)])),
    ]);
    let server = NameServer::start(zone, false).await;
    let address = server.address;
    let hosts = "10.0.0.8 known served\nfd00::8 known\n10.0.0.7 long.one.zone\n";
    let system = System::of(Vec::new(), move || Ok(settings(address, "one.zone", 5, hosts)));
    for (asked, wanted, expected) in [
        ("known.", V4, "10.0.0.8"),
        ("known", V4, "10.0.0.8"),
        ("known", V6, "fd00::8"),
        ("known", Wanted::Addresses, "10.0.0.8 fd00::8"),
        ("known", SERVICE, "1 1 1 one."),
        ("long", V4, "10.0.0.7"),
        ("served", V4, "10.0.0.3"),
        ("served", Wanted::Addresses, "10.0.0.8"),
    ] {
        let found = shown(system.records(asked, wanted).await);
        assert_eq!((&*found.0, found.1), (expected, false), "{asked}: {wanted:?}");
    }
}

#[test]
fn a_file_of_hosts_that_is_odd_or_missing_keeps_nobody_from_names() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hosts");
    let known = |path: &Path| {
        let query = Query::query(name("node-8."), RecordType::A);
        let found = read_hosts(path).lookup_static_host(&query);
        found.map_or(0, |lookup| lookup.answers().len())
    };
    assert_eq!(known(&path), 0);
    std::fs::write(&path, b"# caf\xe9\n10.0.0.8 node-8\nno-address node-8\n").unwrap();
    assert_eq!(known(&path), 1);
    assert_eq!(known(directory.path()), 0, "it is no file");
}

#[tokio::test]
async fn settings_are_kept_until_a_lookup_fails_or_nobody_waits_for_it_any_longer() {
    let zone = Zone::from([("n.", Ok(vec![a(1)])), ("broken.", Err(ResponseCode::ServFail))]);
    let server = NameServer::start(zone, false).await;
    let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = Arc::new(Mutex::new(server.address));
    let reads = Arc::new(AtomicUsize::new(0));
    let (address_now, count) = (Arc::clone(&address), Arc::clone(&reads));
    let system = System::of(Vec::new(), move || {
        count.fetch_add(1, Ordering::Relaxed);
        Ok(settings(*address_now.lock().unwrap(), "", 1, ""))
    });
    let reads = || reads.load(Ordering::Relaxed);
    for asked in ["n.", "gone.", "n."] {
        system.records(asked, V4).await.unwrap();
        assert_eq!(reads(), 1, "{asked}");
    }
    let failure = system.records("broken.", V4).await.unwrap_err();
    assert!(failure.error.starts_with("broken.: "), "{failure:?}");
    system.records("n.", V4).await.unwrap();
    assert_eq!(reads(), 2);

    system.records("broken.", V4).await.unwrap_err();
    *address.lock().unwrap() = silent.local_addr().unwrap();
    {
        let (lookup, mut buffer) = (system.records("n.", V4), [0; 512]);
        tokio::select! {
            found = lookup => panic!("{found:?}"),
            // It was asked.
            asked = silent.recv_from(&mut buffer) => drop(asked.unwrap()),
        }
    }
    assert_eq!(reads(), 3);
    *address.lock().unwrap() = server.address;
    system.records("n.", V4).await.unwrap();
    assert_eq!(reads(), 4);
}
