//! A name server for nodes on the switch.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::str::FromStr as _;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hickory_resolver::proto::op::{Message, OpCode, ResponseCode};
use hickory_resolver::proto::rr::rdata::A;
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use testnet::process::Switch;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;

/// Names and their records.
pub(crate) type Records = BTreeMap<String, Vec<RData>>;

/// What the server says.
pub(crate) enum Zone {
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
pub(crate) struct Server {
    told: Arc<Mutex<Told>>,
    /// Ends with the server.
    _tasks: JoinSet<()>,
}

impl Server {
    pub(crate) async fn start() -> anyhow::Result<Self> {
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

    pub(crate) fn has(&self, zone: Zone) {
        let told = Told { zone, asked: BTreeMap::new() };
        *self.told.lock().expect("nobody panics with it") = told;
    }

    /// For how long a host has been told the same.
    pub(crate) fn told_for(&self, host: usize) -> Duration {
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

pub(crate) fn name(text: &str) -> Name {
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

pub(crate) fn address(host: usize) -> RData {
    RData::A(A(Switch::address(host)))
}
