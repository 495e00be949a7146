//! Seeds from a real name server over real sockets.

use std::str::FromStr as _;

use discovery::resolver::Settings;
use hickory_resolver::Hosts;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::proto::op::{Message, OpCode, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, AAAA, SRV};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UdpSocket};

use super::*;

/// What the server has: names, and behind each its records or an error.
type Zone = BTreeMap<&'static str, Result<Vec<RData>, ResponseCode>>;

/// Names of which the server has records of one kind at most, and fails when it is asked for this other one.
const HALF_BROKEN: [(&str, RecordType); 3] = [
    ("no-v4.example", RecordType::A),
    ("v6-alone.example", RecordType::A),
    ("v4-alone.example", RecordType::AAAA),
];

/// Names of which the server says nothing when it is asked for this kind of records.
const SILENT: [(&str, RecordType); 4] = [
    ("v6-told.example", RecordType::A),
    ("v4-told.example", RecordType::AAAA),
    ("pod.silent.zone", RecordType::AAAA),
    ("pod.example.silent.zone", RecordType::AAAA),
];

/// Records that answer no question but come along with an answer.
type Along = Vec<(&'static str, RData)>;

fn name(text: &str) -> Name {
    Name::from_str(text).expect("a name")
}

fn srv(port: u16, target: &str) -> RData {
    RData::SRV(SRV::new(1, 1, port, name(target)))
}

fn a(last: u8) -> RData {
    RData::A(A::new(10, 0, 0, last))
}

fn aaaa(last: u16) -> RData {
    RData::AAAA(AAAA::new(0xfd00, 0, 0, 0, 0, 0, 0, last))
}

fn answer(query: &[u8], zone: &Zone, along: &Along) -> Message {
    let query = Message::from_vec(query).expect("a query");
    let mut answer = Message::response(query.metadata.id, OpCode::Query);
    let question = query.queries[0].clone();
    let (asked, kind) = (question.name().clone(), question.query_type());
    answer.add_query(question);
    let text = asked.to_utf8();
    let text = text.trim_end_matches('.');
    match zone.get(text) {
        Some(Ok(_)) if HALF_BROKEN.contains(&(text, kind)) => {
            answer.metadata.response_code = ResponseCode::ServFail;
        }
        Some(Ok(records)) => {
            let fitting = records.iter().filter(|data| data.record_type() == kind).cloned();
            answer.add_answers(fitting.map(|data| Record::from_rdata(asked.clone(), 60, data)));
            let along = along.iter().cloned();
            answer.add_additionals(along.map(|(of, data)| Record::from_rdata(name(of), 60, data)));
        }
        Some(Err(code)) => answer.metadata.response_code = *code,
        None => answer.metadata.response_code = ResponseCode::NXDomain,
    }
    answer
}

/// What fits a datagram, as most servers have it.
const FITS: usize = 1232;

/// A resolver of a host without search domains, and the server that it asks.
async fn serve(zone: Zone, along: Along) -> (Arc<dyn Dns>, JoinSet<()>) {
    let (address, tasks) = listen(zone, along).await;
    (Arc::new(System::of(Vec::new(), move || Ok(settings(address, "", 1)))), tasks)
}

/// What a host is told that is to ask the server at `address`, and append the domains in `search`.
fn settings(address: SocketAddr, search: &str, ndots: usize) -> Settings {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut way| {
        way.port = address.port();
        way
    });
    let server = NameServerConfig::new(address.ip(), true, connections.into());
    let search = search.split_whitespace().map(name).collect();
    let mut options = ResolverOpts::default();
    options.ndots = ndots;
    let config = ResolverConfig::from_parts(None, search, vec![server]);
    Settings { config, options, hosts: Hosts::default() }
}

/// Answers in full over TCP; over UDP too if it fits, else it says that there is more.
async fn listen(zone: Zone, along: Along) -> (SocketAddr, JoinSet<()>) {
    let (udp, tcp) = loop {
        let tcp = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        if let Ok(udp) = UdpSocket::bind(tcp.local_addr().expect("bound")).await {
            break (udp, tcp);
        }
    };
    let address = tcp.local_addr().expect("bound");
    let zone = Arc::new((zone, along));
    let mut tasks = JoinSet::new();
    let shared = Arc::clone(&zone);
    tasks.spawn(async move {
        let mut buffer = [0; 4096];
        while let Ok((size, peer)) = udp.recv_from(&mut buffer).await {
            let mut answer = answer(&buffer[..size], &shared.0, &shared.1);
            let asked = &answer.queries[0];
            let (asked, kind) = (asked.name().to_utf8(), asked.query_type());
            if SILENT.contains(&(asked.trim_end_matches('.'), kind)) {
                continue;
            }
            let mut bytes = answer.to_vec().expect("it can be encoded");
            if bytes.len() > FITS {
                answer.answers.truncate(1);
                answer.additionals.clear();
                answer.metadata.truncation = true;
                bytes = answer.to_vec().expect("it can be encoded");
            }
            udp.send_to(&bytes, peer).await.expect("it can be sent");
        }
    });
    tasks.spawn(async move {
        while let Ok((mut stream, _)) = tcp.accept().await {
            while let Ok(size) = stream.read_u16().await {
                let mut query = vec![0; usize::from(size)];
                stream.read_exact(&mut query).await.expect("a whole query");
                let answer = answer(&query, &zone.0, &zone.1).to_vec().expect("it can be encoded");
                stream.write_u16(answer.len().try_into().expect("short")).await.expect("open");
                stream.write_all(&answer).await.expect("open");
            }
        }
    });
    (address, tasks)
}

fn zone() -> Zone {
    let pods = (0..60).map(|n| srv(7000 + n, "pod.example")).collect();
    Zone::from([
        ("pods.example", Ok((1..=100).map(a).collect())),
        ("pod.example", Ok(vec![a(1)])),
        ("_shoal._udp.example", Ok(pods)),
        ("along.example", Ok(vec![srv(9, "nowhere.example")])),
        ("broken.example", Err(ResponseCode::ServFail)),
        ("refused.example", Err(ResponseCode::Refused)),
        ("no-v4.example", Ok(Vec::new())),
        ("v4-alone.example", Ok(vec![a(4)])),
        ("v4-told.example", Ok(vec![a(5)])),
        ("v6-alone.example", Ok(vec![aaaa(4)])),
        ("v6-told.example", Ok(vec![aaaa(5)])),
        ("_v6._udp.example", Ok(vec![srv(9, "v6-alone.example")])),
        ("empty.example", Ok(Vec::new())),
        ("_broken._udp.example", Ok(vec![srv(9, "no-v4.example")])),
        ("_gone._udp.example", Ok(vec![srv(9, "missing.example")])),
        ("pod.broken.zone", Err(ResponseCode::ServFail)),
        ("_shoal._udp.broken.zone", Err(ResponseCode::ServFail)),
        ("pod.last.zone", Ok(vec![a(9)])),
    ])
}

async fn found(seed: &str, dns: &Arc<dyn Dns>) -> Vec<SocketAddr> {
    let resolved = resolve(&[seed.to_owned()], OWN, dns).await;
    assert_eq!(resolved.failure(), None, "{seed}");
    resolved.addresses
}

#[tokio::test]
async fn an_answer_that_is_cut_short_over_udp_is_fetched_whole_over_tcp() {
    let (dns, _tasks) = serve(zone(), Along::new()).await;
    assert_eq!(found("dns+pod.example", &dns).await.len(), 1);
    assert_eq!(found("dns+pods.example", &dns).await.len(), 100);
    let services = found("dnssrv+_shoal._udp.example", &dns).await;
    let ports: BTreeSet<u16> = services.iter().map(SocketAddr::port).collect();
    assert_eq!(ports, (7000..7060).collect());
}

#[tokio::test]
async fn addresses_that_come_along_need_no_lookup_of_their_own() {
    let along = vec![("nowhere.example", a(7))];
    let (dns, _tasks) = serve(zone(), along).await;
    let addresses = found("dnssrvnoa+along.example", &dns).await;
    assert_eq!(addresses, ["10.0.0.7:9".parse().expect("an address")]);
}

#[tokio::test]
async fn a_server_s_failure_is_a_failure_and_a_missing_name_is_none() {
    let (dns, _tasks) = serve(zone(), Along::new()).await;
    let seeds = ["broken.example", "missing.example"].map(str::to_owned);
    let resolved = resolve(&seeds, OWN, &dns).await;
    assert_eq!(outcomes(&resolved), ["failed", "unknown"], "{resolved:?}");
}

#[tokio::test]
async fn only_what_every_kind_of_record_is_missing_of_does_not_exist() {
    let (dns, _tasks) = serve(zone(), Along::new()).await;
    for (seed, outcome) in [
        ("no-v4.example", "failed"),
        ("dns+no-v4.example", "failed"),
        ("refused.example", "failed"),
        ("empty.example", "unknown"),
        ("dnssrv+_broken._udp.example", "failed"),
        ("dnssrv+_gone._udp.example", "unknown"),
        ("dnssrv+broken.example", "failed"),
        ("dnssrv+missing.example", "unknown"),
    ] {
        let resolved = resolve(&[seed.to_owned()], OWN, &dns).await;
        assert_eq!(outcomes(&resolved), [outcome], "{seed}: {resolved:?}");
    }
}

/// Addresses of a kind that is not its own may be of no use to a node, and nobody there is no answer then.
#[tokio::test]
async fn addresses_are_enough_if_there_are_some_of_the_kind_of_the_node() {
    let (dns, _tasks) = serve(zone(), Along::new()).await;
    let (v4, v6) = ("10.0.0.99:80", "[fd00::99]:80");
    for (own, seed, outcome, address) in [
        (v4, "v4-alone.example", "found", "10.0.0.4:80"),
        (v4, "v4-told.example", "found", "10.0.0.5:80"),
        (v4, "v6-alone.example", "failed", "[fd00::4]:80"),
        (v4, "dns+v6-told.example:7", "failed", "[fd00::5]:7"),
        (v4, "dnssrv+_v6._udp.example", "failed", "[fd00::4]:9"),
        (v6, "v6-alone.example", "found", "[fd00::4]:80"),
        (v6, "v6-told.example", "found", "[fd00::5]:80"),
        (v6, "dnssrv+_v6._udp.example", "found", "[fd00::4]:9"),
        (v6, "v4-alone.example", "failed", "10.0.0.4:80"),
        (v6, "v4-told.example", "failed", "10.0.0.5:80"),
    ] {
        let own = own.parse().expect("an address");
        let resolved = resolve(&[seed.to_owned()], own, &dns).await;
        // What there is is tried all the same.
        assert_eq!(resolved.addresses, [address.parse().expect("an address")], "{own} {seed}");
        assert_eq!(outcomes(&resolved), [outcome], "{own} {seed}: {resolved:?}");
    }
}

#[tokio::test]
async fn what_the_file_of_hosts_says_holds_without_a_name_server() {
    let (address, _tasks) = listen(zone(), Along::new()).await;
    let dns = System::of(Vec::new(), move || {
        let mut settings = settings(address, "broken.zone", 5);
        let text = "10.0.0.8 node-8 broken.example\n10.0.0.9 both\nfd00::9 both\n";
        settings.hosts.read_hosts_conf(text.as_bytes())?;
        Ok(settings)
    });
    let dns: Arc<dyn Dns> = Arc::new(dns);
    let of_8 = ["10.0.0.8:80".parse().expect("an address")];
    assert_eq!(found("node-8", &dns).await, of_8);
    assert_eq!(found("dns+broken.example", &dns).await, of_8);
    assert_eq!(found("both", &dns).await.len(), 2);
}

/// As in a pod of Kubernetes, whose search domains are tried before the name as it was written.
#[tokio::test]
async fn a_search_domain_that_fails_is_a_failure_unless_another_name_leads_somewhere() {
    let (address, _tasks) = listen(zone(), Along::new()).await;
    for (search, ndots, seed, outcome) in [
        ("broken.zone", 5, "dns+pod", Err("pod.broken.zone")),
        ("nowhere.zone broken.zone other.zone", 5, "pod", Err("pod.broken.zone")),
        ("broken.zone", 5, "dnssrv+_shoal._udp", Err("_shoal._udp.broken.zone")),
        ("nowhere.zone other.zone", 5, "pod", Ok(0)),
        // About a name that does not exist, the server answers for one kind of address alone.
        ("silent.zone", 5, "dns+pod.example", Ok(1)),
        ("silent.zone other.zone", 5, "dns+pod", Err("pod.silent.zone")),
        ("broken.zone last.zone", 5, "dns+pod", Ok(1)),
        ("nowhere.zone", 5, "dns+pod.example", Ok(1)),
        ("broken.zone", 1, "dns+pod.example", Ok(1)),
        // A name with a dot at its end stands for no other.
        ("broken.zone", 5, "dns+pod.", Ok(0)),
    ] {
        let dns = System::of(Vec::new(), move || Ok(settings(address, search, ndots)));
        let resolved = resolve(&[seed.to_owned()], OWN, &(Arc::new(dns) as Arc<dyn Dns>)).await;
        let failure = resolved.failure();
        match outcome {
            Ok(found) => assert_eq!((resolved.addresses.len(), failure), (found, None), "{seed}"),
            Err(of) => assert!(failure.is_some_and(|text| text.contains(of)), "{seed} in {search}"),
        }
    }
}

/// A resolver that says what the file at `path` does: search domains.
fn written(path: &std::path::Path, address: SocketAddr) -> Arc<dyn Dns> {
    let path = path.to_owned();
    let read = {
        let path = path.clone();
        move || Ok(settings(address, &std::fs::read_to_string(&path)?, 5))
    };
    Arc::new(System::of(vec![path], read))
}

#[tokio::test]
async fn settings_are_read_anew_once_their_file_has_changed_or_a_lookup_failed() {
    let (address, _tasks) = listen(zone(), Along::new()).await;
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("resolv.conf");
    let write = |text: &str, at: u64| {
        std::fs::write(&path, text).expect("it can be written");
        let file = std::fs::File::options().write(true).open(&path).expect("it is there");
        let at = std::time::UNIX_EPOCH + Duration::from_secs(at);
        file.set_modified(at).expect("its time can be set");
    };
    write("nowhere.zone", 1);
    let dns = written(&path, address);
    assert_eq!(found("dns+pod", &dns).await, []);
    write("last.zone", 2);
    assert_eq!(found("dns+pod", &dns).await, ["10.0.0.9:80".parse().expect("an address")]);

    write("broken.zone", 3);
    let resolved = resolve(&["dns+pod".to_owned()], OWN, &dns).await;
    assert_eq!(outcomes(&resolved), ["failed"]);
    // It was written a moment later, which its time does not tell.
    write("example", 3);
    assert_eq!(found("dns+pod", &dns).await, ["10.0.0.1:80".parse().expect("an address")]);

    // Settings that cannot be read lead nowhere, which is no answer.
    std::fs::remove_file(&path).expect("it was there");
    let resolved = resolve(&["dns+pod".to_owned()], OWN, &dns).await;
    assert_eq!(outcomes(&resolved), ["failed"]);
}
