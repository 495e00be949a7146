//! The ledger's desk: HTTP in front, the book behind.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use delivery::wire;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use model::Labels;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::book::{Book, Sample, Totals, Writing};
use super::report::Report;
use super::{Behaviour, Question, relay, written};

/// The largest request, compressed, in bytes.
const MAX_REQUEST: usize = 16 << 20;

/// Names the writer where all nodes write to one URL, before what stands in the path.
const NODE_HEADER: &str = "x-testnet-node";

/// Owns the book until nobody can ask any more.
pub(super) async fn keep(
    mut book: Book,
    mut asked: mpsc::Receiver<Question>,
    publish: watch::Sender<Totals>,
) {
    while let Some(question) = asked.recv().await {
        match question {
            Question::Write { writing, prometheus, answer } => {
                let stored = if prometheus {
                    book.accept_as_prometheus(&writing)
                } else {
                    book.accept(&writing)
                };
                publish.send_replace(book.totals().clone());
                // Who asked may have hung up meanwhile; the samples are stored all the same.
                drop(answer.send(stored));
            }
            Question::Report { until, answer } => drop(answer.send(Report::of(&book, until))),
            Question::Account { answer } => drop(answer.send(book.account())),
            Question::Refused { writing, status, message } => {
                book.note_refusal(&writing, status, &message);
                publish.send_replace(book.totals().clone());
            }
            Question::ForgetRefusals => book.forget_refusals(),
        }
    }
}

/// What a connection needs to answer.
#[derive(Clone)]
pub(super) struct Desk {
    pub(super) questions: mpsc::Sender<Question>,
    behaviour: watch::Receiver<Behaviour>,
    /// Requests that came while every other is taken.
    alternated: Arc<AtomicU64>,
}

impl Desk {
    pub(super) fn new(
        questions: mpsc::Sender<Question>,
        behaviour: watch::Receiver<Behaviour>,
    ) -> Self {
        Self { questions, behaviour, alternated: Arc::default() }
    }

    /// Has the book note that a request is refused. Whether there is a book.
    pub(super) async fn refused(
        &self,
        writing: Writing,
        code: StatusCode,
        message: String,
    ) -> bool {
        let question = Question::Refused { writing, status: code.as_u16(), message };
        self.questions.send(question).await.is_ok()
    }

    /// Refuses what nobody can read.
    async fn unreadable(&self, node: &str, code: StatusCode, message: String) -> Answer {
        let writing = Writing { node: node.to_owned(), samples: Vec::new(), partial: false };
        let answer = status(code, &format!("{message}\n"));
        if self.refused(writing, code, message).await { answer } else { gone() }
    }
}

/// Accepts connections until the token is cancelled, then drops them all.
pub(super) async fn listen(listener: TcpListener, desk: Desk, cancel: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, desk.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "could not accept a connection");
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                }
            },
        }
    }
}

async fn connection(stream: TcpStream, desk: Desk) {
    let service = service_fn(|request| answer(request, &desk));
    let served = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection to the ledger ended");
    }
}

pub(super) type Answer = Response<Full<Bytes>>;

async fn answer(request: Request<Incoming>, desk: &Desk) -> Result<Answer, Infallible> {
    let path = request.uri().path().to_owned();
    let answer = match (request.method(), path.strip_prefix("/write/")) {
        (&Method::POST, Some(node)) if !node.is_empty() => {
            let named = request.headers().get(NODE_HEADER).and_then(|name| name.to_str().ok());
            let node = named.unwrap_or(node).to_owned();
            write(request, &node, desk).await
        }
        (&Method::GET, None) => read(&path, desk).await,
        _ => status(StatusCode::NOT_FOUND, "there are POST /write/NODE, GET / and GET /report\n"),
    };
    Ok(answer)
}

async fn read(path: &str, desk: &Desk) -> Answer {
    let (answer, answered) = oneshot::channel();
    if !matches!(path, "/" | "/report") {
        return status(StatusCode::NOT_FOUND, "there are GET / and GET /report\n");
    }
    if desk.questions.send(Question::Report { until: None, answer }).await.is_err() {
        return gone();
    }
    let Ok(report) = answered.await else { return gone() };
    let json = match path {
        "/" => serde_json::to_vec(&report.totals),
        _ => serde_json::to_vec(&report),
    };
    let mut answer = Response::new(Full::new(json.expect("a report is plain data").into()));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

async fn write(request: Request<Incoming>, node: &str, desk: &Desk) -> Answer {
    let (head, body) = request.into_parts();
    let body = match Limited::new(body, MAX_REQUEST).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            return desk.unreadable(node, StatusCode::PAYLOAD_TOO_LARGE, error.to_string()).await;
        }
        // Who sends has gone, and nothing is refused.
        Err(error) => return status(StatusCode::BAD_REQUEST, &format!("{error}\n")),
    };
    let behaviour = *desk.behaviour.borrow();
    let prometheus = match behaviour {
        Behaviour::Accept => false,
        Behaviour::Prometheus => true,
        Behaviour::Refuse(code) => return refused(code),
        Behaviour::Alternate(code) => {
            if !desk.alternated.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
                return refused(code);
            }
            false
        }
        Behaviour::Stall => return std::future::pending().await,
        Behaviour::Swallow | Behaviour::Relay { .. } => false,
    };
    let partial = is_v2(&head.headers);
    let read = if partial { samples_v2(&body) } else { samples_v1(&body) };
    let (samples, beside) = match read {
        Ok(read) => read,
        Err(error) => return desk.unreadable(node, StatusCode::BAD_REQUEST, error).await,
    };
    let writing = Writing { node: node.to_owned(), samples, partial };
    if let Behaviour::Relay { to, path } = behaviour {
        let url = format!("http://{to}{path}");
        return relay::hand_on(&url, &head.headers, body, writing, desk).await;
    }
    let (answer, answered) = oneshot::channel();
    if desk.questions.send(Question::Write { writing, prometheus, answer }).await.is_err() {
        return gone();
    }
    let (mut reply, count) = match answered.await {
        Ok(Ok(count)) => {
            let Beside { histograms, exemplars } = beside;
            let kept = [count.saturating_sub(histograms), histograms, exemplars];
            (status(StatusCode::NO_CONTENT, ""), kept)
        }
        Ok(Err(refusal)) => {
            let code = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_REQUEST);
            (status(code, &format!("{}\n", refusal.message)), [refusal.written, 0, 0])
        }
        Err(_) => return gone(),
    };
    if behaviour == Behaviour::Swallow {
        return std::future::pending().await;
    }
    if partial {
        written::say(reply.headers_mut(), count);
    }
    reply
}

fn refused(code: u16) -> Answer {
    let code = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    status(code, "refused, on request\n")
}

fn is_v2(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.contains("io.prometheus.write.v2.Request"))
}

/// How many of the samples of a request are histograms, and how many exemplars it has besides.
#[derive(Debug, Default, Clone, Copy)]
struct Beside {
    histograms: u64,
    exemplars: u64,
}

/// What a request says, or why nobody can tell.
type Read = Result<(Vec<Sample>, Beside), String>;

fn samples_v1(body: &[u8]) -> Read {
    let request = wire::decode_v1(body).map_err(|error| error.to_string())?;
    Ok((samples(request), Beside::default()))
}

/// In 2.0 every series has to have a sample or a histogram, and receivers refuse what has exemplars alone.
fn samples_v2(body: &[u8]) -> Read {
    let request = wire::decode_v2(body).and_then(|request| request.to_v1());
    let request = request.map_err(|error| error.to_string())?;
    let mut beside = Beside::default();
    for series in &request.timeseries {
        if series.samples.is_empty() && series.histograms.is_empty() {
            return Err("a series must have at least one sample or histogram".to_owned());
        }
        beside.histograms += series.histograms.len() as u64;
        beside.exemplars += series.exemplars.len() as u64;
    }
    Ok((samples(request), beside))
}

fn samples(request: wire::v1::WriteRequest) -> Vec<Sample> {
    let mut samples = Vec::with_capacity(request.timeseries.len());
    for series in request.timeseries {
        let labels = Labels::from_pairs(series.labels.iter().map(|l| (&l.name, &l.value)));
        let numbers = series.samples.iter().map(|sample| (sample.timestamp, sample.value));
        let histograms = series.histograms.iter().map(|sample| (sample.timestamp, sample.sum));
        samples.extend(numbers.chain(histograms).map(|(timestamp, value)| Sample {
            labels: labels.clone(),
            timestamp,
            value,
        }));
    }
    samples
}

pub(super) fn status(code: StatusCode, text: &str) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::copy_from_slice(text.as_bytes())));
    *answer.status_mut() = code;
    answer
}

pub(super) fn gone() -> Answer {
    status(StatusCode::SERVICE_UNAVAILABLE, "the ledger is closing\n")
}
