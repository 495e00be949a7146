//! Seeds from a real name server over real sockets.

use std::str::FromStr as _;

use hickory_resolver::Resolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::op::{Message, OpCode, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, SRV};
use hickory_resolver::proto::rr::{Name, RData, Record};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UdpSocket};

use super::super::dns;
use super::*;

/// What the server has: names, and behind each its records or an error.
type Zone = BTreeMap<&'static str, Result<Vec<RData>, ResponseCode>>;

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

fn answer(query: &[u8], zone: &Zone, along: &Along) -> Message {
    let query = Message::from_vec(query).expect("a query");
    let mut answer = Message::response(query.metadata.id, OpCode::Query);
    let question = query.queries[0].clone();
    let (asked, kind) = (question.name().clone(), question.query_type());
    answer.add_query(question);
    let text = asked.to_utf8();
    match zone.get(text.trim_end_matches('.')) {
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

/// Answers in full over TCP; over UDP too if it fits, else it says that there is more.
async fn serve(zone: Zone, along: Along) -> (Arc<dyn Dns>, JoinSet<()>) {
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
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut way| {
        way.port = address.port();
        way
    });
    let server = NameServerConfig::new(address.ip(), true, connections.into());
    let config = ResolverConfig::from_name_servers(vec![server]);
    let builder = Resolver::builder_with_config(config, TokioRuntimeProvider::default());
    (Arc::new(System::of(dns::build(builder).expect("settings that fit"))), tasks)
}

fn zone() -> Zone {
    let pods = (0..60).map(|n| srv(7000 + n, "pod.example")).collect();
    Zone::from([
        ("pods.example", Ok((1..=100).map(a).collect())),
        ("pod.example", Ok(vec![a(1)])),
        ("_shoal._udp.example", Ok(pods)),
        ("along.example", Ok(vec![srv(9, "nowhere.example")])),
        ("broken.example", Err(ResponseCode::ServFail)),
    ])
}

async fn found(seed: &str, dns: &Arc<dyn Dns>) -> Vec<SocketAddr> {
    let resolved = resolve(&[seed.to_owned()], 80, dns).await;
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
    let resolved = resolve(&seeds, 80, &dns).await;
    assert_eq!(outcomes(&resolved), ["failed", "unknown"], "{resolved:?}");
}
