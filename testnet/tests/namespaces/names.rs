//! Seeds that a name server knows.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::str::FromStr as _;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hickory_resolver::proto::op::{Message, OpCode, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, SRV};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use http::Method;
use testnet::process::{Switch, World, eventually, http as ask};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;

use super::lab::{Lab, PATIENCE, PORT};

/// Names and their records.
type Records = BTreeMap<String, Vec<RData>>;

/// What the server says.
enum Zone {
    Broken,
    /// It fails to find IPv4 addresses, and knows the rest.
    HalfBroken(Records),
    Whole(Records),
}

/// What the server says, and when each host asked first and last since it says so.
struct Told {
    zone: Zone,
    asked: BTreeMap<IpAddr, (Instant, Instant)>,
}

/// A name server on the switch, whose answers fit no datagram: each is asked for again over TCP.
struct Server {
    told: Arc<Mutex<Told>>,
    /// Ends with the server.
    _tasks: JoinSet<()>,
}

impl Server {
    async fn start() -> anyhow::Result<Self> {
        let told = Arc::new(Mutex::new(Told { zone: Zone::Broken, asked: BTreeMap::new() }));
        let at = (Switch::ADDRESS, 53);
        let (udp, tcp) = (UdpSocket::bind(at).await?, TcpListener::bind(at).await?);
        let mut tasks = JoinSet::new();
        let shared = Arc::clone(&told);
        tasks.spawn(async move {
            let mut buffer = [0; 1500];
            while let Ok((size, from)) = udp.recv_from(&mut buffer).await {
                shared.lock().expect("nobody panics with it").note(from.ip());
                let mut message = answer(&buffer[..size], &shared);
                if !message.answers.is_empty() {
                    message.answers.clear();
                    message.metadata.truncation = true;
                }
                let bytes = message.to_vec().expect("it can be encoded");
                // Whoever asked may be gone.
                let _ = udp.send_to(&bytes, from).await;
            }
        });
        let shared = Arc::clone(&told);
        tasks.spawn(async move {
            let mut streams = JoinSet::new();
            while let Ok((stream, _)) = tcp.accept().await {
                let shared = Arc::clone(&shared);
                streams.spawn(async move {
                    // It ends when whoever asked hangs up.
                    let _ = converse(stream, &shared).await;
                });
            }
        });
        Ok(Self { told, _tasks: tasks })
    }

    fn has(&self, zone: Zone) {
        let told = Told { zone, asked: BTreeMap::new() };
        *self.told.lock().expect("nobody panics with it") = told;
    }

    /// For how long a host has been told the same.
    fn told_for(&self, host: usize) -> Duration {
        let told = self.told.lock().expect("nobody panics with it");
        let asked = told.asked.get(&Switch::address(host).into());
        asked.map_or(Duration::ZERO, |(first, last)| *last - *first)
    }
}

impl Told {
    fn note(&mut self, host: IpAddr) {
        let now = Instant::now();
        self.asked.entry(host).or_insert((now, now)).1 = now;
    }
}

async fn converse(mut stream: TcpStream, told: &Mutex<Told>) -> std::io::Result<()> {
    loop {
        let size = stream.read_u16().await?;
        let mut query = vec![0; usize::from(size)];
        stream.read_exact(&mut query).await?;
        let answer = answer(&query, told).to_vec().expect("it can be encoded");
        stream.write_u16(answer.len().try_into().expect("short")).await?;
        stream.write_all(&answer).await?;
    }
}

fn name(text: &str) -> Name {
    Name::from_str(text).expect("a name")
}

fn answer(query: &[u8], told: &Mutex<Told>) -> Message {
    let query = Message::from_vec(query).expect("a query of a node");
    let mut answer = Message::response(query.metadata.id, OpCode::Query);
    let question = query.queries[0].clone();
    let (asked, kind) = (question.name().clone(), question.query_type());
    answer.add_query(question);
    let told = told.lock().expect("nobody panics with it");
    let records = match &told.zone {
        Zone::Broken => Err(ResponseCode::ServFail),
        Zone::HalfBroken(_) if kind == RecordType::A => Err(ResponseCode::ServFail),
        Zone::HalfBroken(records) | Zone::Whole(records) => {
            records.get(asked.to_utf8().trim_end_matches('.')).ok_or(ResponseCode::NXDomain)
        }
    };
    match records {
        Err(code) => answer.metadata.response_code = code,
        Ok(records) => {
            let fitting = records.iter().filter(|data| data.record_type() == kind).cloned();
            answer.add_answers(fitting.map(|data| Record::from_rdata(asked.clone(), 1, data)));
        }
    }
    answer
}

fn address(host: usize) -> RData {
    RData::A(A(Switch::address(host)))
}

/// Gives all nodes these flags in place of the list of seeds.
fn found_by(lab: &mut Lab, flags: &[&str]) {
    for setup in &mut lab.setups {
        setup.seeds.clear();
        setup.flags.extend([
            "--cluster.enabled".to_owned(),
            format!("--cluster.node-name={}", setup.name),
            format!("--cluster.advertise-address={}", setup.address()),
            "--cluster.rejoin-interval=1s".to_owned(),
        ]);
        setup.flags.extend(flags.iter().map(|flag| (*flag).to_owned()));
    }
}

/// How long nodes wait before they begin alone.
const ALONE_AFTER: Duration = Duration::from_secs(2);

/// No node begins alone for what the server says, although it has heard that for longer than it would wait.
async fn nobody_begins_alone(lab: &mut Lab, server: &Server, hosts: usize) -> anyhow::Result<()> {
    for host in 0..hosts {
        eventually("a node to hear the same for long", PATIENCE, async || {
            let told_for = server.told_for(host);
            anyhow::ensure!(told_for > ALONE_AFTER, "node-{host} has heard it for {told_for:?}");
            Ok(())
        })
        .await?;
        let cluster = lab.cluster(host).await?;
        anyhow::ensure!(cluster["joined"] == false, "node-{host} has begun alone: {cluster}");
    }
    Ok(())
}

#[tokio::test]
async fn a_service_record_makes_one_cluster_and_nobody_begins_alone_while_the_server_fails()
-> anyhow::Result<()> {
    const HOSTS: usize = 4;
    let world = World::new()?;
    let mut lab = Lab::new(&world, HOSTS).await?;
    let server = Server::start().await?;
    let seeds = "--cluster.join-addresses=dnssrv+_shoal._tcp.lab.example";
    let wait = format!("--cluster.bootstrap-timeout={}s", ALONE_AFTER.as_secs());
    found_by(&mut lab, &[seeds, &wait]);
    (0..HOSTS).try_for_each(|host| lab.start(host))?;
    // Long after each might have formed a cluster of its own, had it been told that there is nobody.
    for host in 0..HOSTS {
        lab.node(host)?;
        let url = lab.setups[host].url("/-/ready");
        eventually("the name server to be blamed", PATIENCE, async || {
            let (status, text) = ask::ask(Method::GET, &url).await?;
            let text = String::from_utf8_lossy(&text);
            anyhow::ensure!(status == 503 && text.contains("_shoal._tcp.lab.example"), "{text}");
            Ok(())
        })
        .await?;
    }
    nobody_begins_alone(&mut lab, &server, HOSTS).await?;

    let mut zone = Records::new();
    let instance =
        |host: usize| RData::SRV(SRV::new(1, 1, PORT, name(&format!("node-{host}.lab.example."))));
    zone.insert("_shoal._tcp.lab.example".to_owned(), (0..HOSTS).map(instance).collect());
    for host in 0..HOSTS {
        zone.insert(format!("node-{host}.lab.example"), vec![address(host)]);
    }
    // That there are no IPv6 addresses is an answer, but not the whole of it.
    server.has(Zone::HalfBroken(zone.clone()));
    nobody_begins_alone(&mut lab, &server, HOSTS).await?;
    server.has(Zone::Whole(zone));
    lab.everybody_sees_all(PATIENCE).await?;
    for host in 0..HOSTS {
        // Each must have heard what the others see.
        eventually("one view", PATIENCE, async || {
            let cluster = lab.cluster(host).await?;
            anyhow::ensure!(cluster["joined"] == true && cluster["converged"] == true, "{cluster}");
            Ok(())
        })
        .await?;
        // Nor at the moment at which the server recovered, before a seed could answer.
        let log = std::fs::read_to_string(&lab.setups[host].log)?;
        anyhow::ensure!(!log.contains("a cluster of its own"), "node-{host} began alone: {log}");
        anyhow::ensure!(log.contains("joined the cluster"), "node-{host} says how it came: {log}");
    }
    lab.end(world).await
}

#[tokio::test]
async fn peers_are_discovered_by_name_and_remembered_when_the_name_server_lies()
-> anyhow::Result<()> {
    const HOSTS: usize = 3;
    let world = World::new()?;
    let mut lab = Lab::new(&world, HOSTS).await?;
    let server = Server::start().await?;
    let pods = "shoal.lab.example".to_owned();
    server.has(Zone::Whole(Records::from([(pods.clone(), (0..HOSTS).map(address).collect())])));
    let discover = "--cluster.discover-peers=provider=dns names=shoal.lab.example type=host";
    found_by(&mut lab, &[discover]);
    lab.start_all().await?;

    // The name leads to a host without a node, and later nowhere; a node dies and is started again.
    for records in [vec![address(100)], Vec::new()] {
        server.has(Zone::Whole(Records::from([(pods.clone(), records)])));
        if let Some(dead) = lab.nodes[2].take() {
            dead.child.kill().await?;
        }
        lab.start(2)?;
        lab.everybody_sees_all(PATIENCE).await?;
        eventually("node-2 to be ready", PATIENCE, async || {
            let cluster = lab.cluster(2).await?;
            anyhow::ensure!(cluster["ready"] == true && cluster["size"] == HOSTS, "{cluster}");
            Ok(())
        })
        .await?;
    }
    lab.end(world).await
}

#[tokio::test]
async fn a_node_that_listens_on_loopback_stays_out_where_a_name_leads_to_another_host()
-> anyhow::Result<()> {
    const BOOTSTRAP: Duration = Duration::from_secs(1);
    let world = World::new()?;
    let mut lab = Lab::new(&world, 1).await?;
    let server = Server::start().await?;
    let pods = Records::from([("shoal.lab.example".to_owned(), vec![address(0)])]);
    server.has(Zone::Whole(pods));
    lab.start_all().await?;

    // On the switch, whose loopback is this test's.
    let mut setup = lab.setups[0].clone();
    setup.program = lab.switch.program_here(&world, Path::new(env!("CARGO_BIN_EXE_testnet")))?;
    setup.name = "hidden".to_owned();
    setup.ip = Ipv4Addr::LOCALHOST.into();
    setup.storage.set_file_name("hidden");
    setup.log.set_file_name("hidden.log");
    setup.seeds = vec![format!("dns+shoal.lab.example:{PORT}")];
    setup.flags.push(format!("--cluster.bootstrap-timeout={}s", BOOTSTRAP.as_secs()));
    let mut hidden = setup.start()?;
    let url = hidden.url("/-/ready");
    let told = async || {
        let (status, text) = ask::ask(Method::GET, &url).await?;
        let text = String::from_utf8_lossy(&text).into_owned();
        let why = text.contains("--server.http.listen-addr");
        anyhow::ensure!(status == 503 && why, "{status}: {text}");
        Ok(())
    };
    eventually("the node to say why nobody could reach it", PATIENCE, told).await?;
    // And it goes on saying so, long after it might have begun on its own: nothing else tells that it never
    // does than time.
    let since = Instant::now();
    while since.elapsed() < 5 * BOOTSTRAP {
        hidden.child.check_alive()?;
        told().await?;
        let cluster = ask::json(&hidden.url("/api/v1/cluster")).await?;
        anyhow::ensure!(cluster["joined"] == false, "it has begun alone: {cluster}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let cluster = lab.cluster(0).await?;
    anyhow::ensure!(cluster["size"] == 1, "the other one knows of it: {cluster}");
    hidden.child.end(PATIENCE).await?;
    lab.end(world).await
}
