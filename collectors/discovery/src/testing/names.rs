//! A name server for tests.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::{Arc, Mutex};

use hickory_resolver::proto::op::{Message, OpCode, ResponseCode};
use hickory_resolver::proto::rr::rdata::SRV;
use hickory_resolver::proto::rr::{Name, RData, Record};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinSet;

pub(crate) fn name(text: &str) -> Name {
    Name::from_str(text).unwrap()
}

pub(crate) fn srv(target: &str, port: u16) -> RData {
    RData::SRV(SRV::new(1, 1, port, name(target)))
}

/// What the server answers for each name: its records of the kind that is asked for, or an error.
pub(crate) type Zone = BTreeMap<&'static str, Result<Vec<RData>, ResponseCode>>;

/// A name server on a free port of loopback, over UDP and TCP; it ends with its value.
pub(crate) struct NameServer {
    pub(crate) address: SocketAddr,
    zone: Arc<Mutex<Zone>>,
    _tasks: JoinSet<()>,
}

impl NameServer {
    /// With `truncate` the answers over UDP are cut off, and whole over TCP.
    pub(crate) async fn start(zone: Zone, truncate: bool) -> Self {
        let (udp, tcp) = bind().await;
        let address = udp.local_addr().unwrap();
        let zone = Arc::new(Mutex::new(zone));
        let mut tasks = JoinSet::new();
        let shared = Arc::clone(&zone);
        tasks.spawn(async move {
            let mut buffer = [0; 4096];
            loop {
                let (size, peer) = udp.recv_from(&mut buffer).await.unwrap();
                let mut answer = answer(&buffer[..size], &shared.lock().unwrap());
                if truncate {
                    answer.answers.clear();
                    answer.metadata.truncation = true;
                }
                udp.send_to(&answer.to_vec().unwrap(), peer).await.unwrap();
            }
        });
        let shared = Arc::clone(&zone);
        tasks.spawn(async move {
            loop {
                let (mut stream, _) = tcp.accept().await.unwrap();
                while let Ok(size) = stream.read_u16().await {
                    let mut query = vec![0; usize::from(size)];
                    stream.read_exact(&mut query).await.unwrap();
                    let answer = answer(&query, &shared.lock().unwrap()).to_vec().unwrap();
                    stream.write_u16(answer.len().try_into().unwrap()).await.unwrap();
                    stream.write_all(&answer).await.unwrap();
                }
            }
        });
        Self { address, zone, _tasks: tasks }
    }

    pub(crate) fn set(&self, name: &'static str, answer: Result<Vec<RData>, ResponseCode>) {
        self.zone.lock().unwrap().insert(name, answer);
    }
}

/// The same free port for both protocols.
async fn bind() -> (UdpSocket, TcpListener) {
    loop {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        if let Ok(udp) = UdpSocket::bind(tcp.local_addr().unwrap()).await {
            return (udp, tcp);
        }
    }
}

fn answer(query: &[u8], zone: &Zone) -> Message {
    let query = Message::from_vec(query).unwrap();
    let mut answer = Message::response(query.metadata.id, OpCode::Query);
    let question = query.queries[0].clone();
    let (name, kind) = (question.name().clone(), question.query_type());
    answer.add_query(question);
    match zone.get(name.to_utf8().as_str()) {
        Some(Ok(records)) => {
            let fitting = records.iter().filter(|data| data.record_type() == kind).cloned();
            answer.add_answers(fitting.map(|data| Record::from_rdata(name.clone(), 60, data)));
        }
        Some(Err(code)) => answer.metadata.response_code = *code,
        None => answer.metadata.response_code = ResponseCode::NXDomain,
    }
    answer
}
