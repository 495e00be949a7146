//! A remote-write receiver that answers by a script.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::wire::{self, v1};

/// What is waited for longer than this does not come any more.
const DEADLINE: Duration = Duration::from_secs(60);

/// A request as it came.
#[derive(Debug, Clone)]
pub(super) struct Received {
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Received {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(super) fn is_v2(&self) -> bool {
        self.header("content-type").is_some_and(|value| value.contains("write.v2"))
    }

    pub(super) fn request(&self) -> v1::WriteRequest {
        if self.is_v2() {
            wire::decode_v2(&self.body).unwrap().to_v1().unwrap()
        } else {
            wire::decode_v1(&self.body).unwrap()
        }
    }

    /// The `n` labels and values of the series.
    pub(super) fn samples(&self) -> Vec<(String, f64)> {
        let series = self.request().timeseries;
        let name = |series: &v1::TimeSeries| series.label("n").unwrap_or_default().to_owned();
        series.iter().flat_map(|s| s.samples.iter().map(move |x| (name(s), x.value))).collect()
    }
}

/// A longer body is refused with 413 as soon as the head is there, and never read.
pub(super) const LONGEST: usize = 5 << 19;

/// What to do with a request.
#[derive(Debug, Clone)]
pub(super) enum Reply {
    /// Answer with a status, headers and a body.
    Status(u16, Vec<(&'static str, String)>, String),
    /// Close the connection without an answer.
    Cut,
    /// Never answer.
    Stall,
}

impl Reply {
    pub(super) fn ok() -> Self {
        Self::Status(204, vec![], String::new())
    }

    pub(super) fn status(status: u16, body: &str) -> Self {
        Self::Status(status, vec![], body.to_owned())
    }

    pub(super) fn with(status: u16, name: &'static str, value: &str) -> Self {
        Self::Status(status, vec![(name, value.to_owned())], String::new())
    }

    /// What a receiver of 2.0 says that has written everything.
    pub(super) fn written(samples: usize) -> Self {
        Self::with(204, "X-Prometheus-Remote-Write-Samples-Written", &samples.to_string())
    }
}

type Script = Box<dyn FnMut(usize, &Received) -> Reply + Send>;

struct State {
    script: Mutex<Script>,
    /// Requests with the status that they were answered with; 0 for none.
    log: watch::Sender<Vec<(Received, u16)>>,
}

pub(super) struct Backend {
    pub(super) port: u16,
    state: Arc<State>,
    _tasks: JoinSet<()>,
}

impl Backend {
    /// Answers requests by their number and content.
    pub(super) async fn start(
        script: impl FnMut(usize, &Received) -> Reply + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State {
            script: Mutex::new(Box::new(script)),
            log: watch::Sender::new(Vec::new()),
        });
        let mut tasks = JoinSet::new();
        let shared = Arc::clone(&state);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self { port, state, _tasks: tasks }
    }

    pub(super) fn received(&self) -> Vec<(Received, u16)> {
        self.state.log.borrow().clone()
    }

    /// Waits until what was received is as wanted.
    pub(super) async fn until(&self, wanted: impl Fn(&[(Received, u16)]) -> bool) {
        let mut log = self.state.log.subscribe();
        let arrival = log.wait_for(|received| wanted(received));
        assert!(timeout(DEADLINE, arrival).await.is_ok(), "what is waited for did not arrive");
    }

    /// Samples that were accepted, in order.
    pub(super) fn accepted(&self) -> Vec<(String, f64)> {
        let received = self.received();
        let accepted = received.iter().filter(|(_, status)| (200..300).contains(status));
        accepted.flat_map(|(request, _)| request.samples()).collect()
    }

    pub(super) async fn until_accepted(&self, samples: usize) {
        self.until(|received| {
            let accepted = received.iter().filter(|(_, status)| (200..300).contains(status));
            accepted.map(|(request, _)| request.samples().len()).sum::<usize>() >= samples
        })
        .await;
    }
}

async fn serve(mut stream: TcpStream, state: Arc<State>) {
    let mut buffer = Vec::new();
    loop {
        let Some(head_end) = read_until(&mut stream, &mut buffer, head_end).await else { return };
        let head = String::from_utf8(buffer[..head_end].to_vec()).unwrap();
        let mut received = Received { head, body: Vec::new() };
        let length: usize = received.header("content-length").unwrap().parse().unwrap();
        let total = head_end + length;
        let whole = |buffer: &[u8]| (buffer.len() >= total).then_some(total);
        if length > LONGEST {
            state.log.send_modify(|log| log.push((received, 413)));
            answer(&mut stream, 413, &[], "too large").await;
            // The body stays unread and the connection open, which is what hurts careless clients.
            let () = std::future::pending().await;
            return;
        }
        if read_until(&mut stream, &mut buffer, whole).await.is_none() {
            return;
        }
        received.body = buffer[head_end..total].to_vec();
        buffer.drain(..total);
        let number = state.log.borrow().len();
        let reply = (state.script.lock().unwrap())(number, &received);
        let status = if let Reply::Status(status, ..) = &reply { *status } else { 0 };
        state.log.send_modify(|log| log.push((received, status)));
        match reply {
            Reply::Status(status, headers, body) => {
                answer(&mut stream, status, &headers, &body).await;
            }
            Reply::Cut => return,
            Reply::Stall => std::future::pending().await,
        }
    }
}

fn head_end(buffer: &[u8]) -> Option<usize> {
    buffer.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

async fn read_until(
    stream: &mut TcpStream,
    buffer: &mut Vec<u8>,
    enough: impl Fn(&[u8]) -> Option<usize>,
) -> Option<usize> {
    loop {
        if let Some(end) = enough(buffer) {
            return Some(end);
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}

async fn answer(stream: &mut TcpStream, status: u16, headers: &[(&str, String)], body: &str) {
    let mut text = format!("HTTP/1.1 {status} Said\r\n");
    if status != 204 {
        text += &format!("Content-Length: {}\r\n", body.len());
    }
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    text += "\r\n";
    if status != 204 {
        text += body;
    }
    // The peer may have gone: its affair.
    let _gone = stream.write_all(text.as_bytes()).await;
}
