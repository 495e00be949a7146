//! Servers that answer within a test: pages of metrics, and a backend that takes samples.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use delivery::wire;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

/// A server; it ends with this.
pub(super) struct Server {
    pub address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Server {
    /// Serves what `answer` says to each request.
    async fn start<F>(answer: impl Fn(Request<Incoming>) -> F + Clone + Send + 'static) -> Self
    where
        F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind a port");
        let address = listener.local_addr().expect("it has an address");
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let answer = answer.clone();
                let service = hyper::service::service_fn(move |request| {
                    let answered = answer(request);
                    async move { Ok::<_, Infallible>(answered.await) }
                });
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service);
                connections.spawn(async move { drop(connection.await) });
            }
        });
        Self { address, _tasks: tasks }
    }

    /// Serves the newest text; what was asked is told.
    pub(super) async fn text(
        text: watch::Receiver<String>,
        asked: watch::Sender<Option<Request<Bytes>>>,
    ) -> Self {
        let asked = Arc::new(asked);
        Self::start(move |request| {
            let (text, asked) = (text.borrow().clone(), Arc::clone(&asked));
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await.expect("the body arrives").to_bytes();
                asked.send_replace(Some(Request::from_parts(head, body)));
                Response::new(Full::new(text.into()))
            }
        })
        .await
    }

    /// Serves a page of metrics.
    pub(super) async fn page(page: &'static str) -> Self {
        Self::start(move |_| async move {
            let mut response = Response::new(Full::new(Bytes::from_static(page.as_bytes())));
            let kind = http::HeaderValue::from_static("text/plain; version=0.0.4");
            response.headers_mut().insert(http::header::CONTENT_TYPE, kind);
            response
        })
        .await
    }
}

/// Answers with target groups, once it may.
pub(super) async fn target_groups(groups: &'static str, may: Arc<Semaphore>) -> Server {
    asked(groups, may, watch::channel(Vec::new()).0).await
}

/// The same; how each request was authorized is told.
pub(super) async fn asked(
    groups: &'static str,
    may: Arc<Semaphore>,
    asked: watch::Sender<Vec<String>>,
) -> Server {
    let asked = Arc::new(asked);
    Server::start(move |request| {
        let authorization = request.headers().get(http::header::AUTHORIZATION);
        let authorization = authorization.map(|value| value.to_str().expect("it is text"));
        asked.send_modify(|all| all.push(authorization.unwrap_or_default().to_owned()));
        let may = Arc::clone(&may);
        async move {
            let _ = may.acquire().await;
            let mut response = Response::new(Full::new(Bytes::from_static(groups.as_bytes())));
            let kind = http::HeaderValue::from_static("application/json");
            response.headers_mut().insert(http::header::CONTENT_TYPE, kind);
            response
        }
    })
    .await
}

/// What a backend has received: the values of each series, in the order they came.
pub(super) type Received = BTreeMap<String, Vec<f64>>;

/// What a backend was told of metric families, by name: type, help and unit.
pub(super) type Told = BTreeMap<String, (i32, String, String)>;

/// A backend that speaks remote write 1.0.
pub(super) struct Backend {
    pub server: Server,
    received: watch::Receiver<Received>,
    told: watch::Receiver<Told>,
    status: watch::Sender<StatusCode>,
}

impl Backend {
    pub(super) async fn start() -> Self {
        let (note, received) = watch::channel(Received::new());
        let (status, answers) = watch::channel(StatusCode::NO_CONTENT);
        let (tell, told) = watch::channel(Told::new());
        let (note, tell) = (Arc::new(note), Arc::new(tell));
        let server = Server::start(move |request| {
            let (note, tell, answer) = (Arc::clone(&note), Arc::clone(&tell), *answers.borrow());
            async move {
                let body = request.into_body().collect().await.expect("the body arrives");
                if answer.is_success() {
                    let write = wire::decode_v1(&body.to_bytes()).expect("it is remote write");
                    note.send_modify(|received| take(received, &write));
                    tell.send_modify(|told| told.extend(write.metadata.into_iter().map(family)));
                }
                let mut response = Response::new(Full::default());
                *response.status_mut() = answer;
                response
            }
        })
        .await;
        Self { server, received, told, status }
    }

    /// Answers with this status from now on; only a success takes what was sent.
    pub(super) fn answer(&self, status: StatusCode) {
        self.status.send_replace(status);
    }

    /// Where to write to.
    pub(super) fn url(&self) -> String {
        format!("http://{}/write", self.server.address)
    }

    /// Waits until what was received is what is wanted.
    pub(super) async fn until(&self, wanted: impl Fn(&Received) -> bool) -> Received {
        let mut received = self.received.clone();
        let waiting = received.wait_for(|received| wanted(received));
        match tokio::time::timeout(Duration::from_secs(30), waiting).await {
            Ok(received) => received.expect("the backend runs").clone(),
            Err(_) => panic!("it never came: {:#?}", self.received.borrow()),
        }
    }

    /// Waits until it was told of a family; what of all of them.
    pub(super) async fn until_told(&self, family: &str) -> Told {
        let mut told = self.told.clone();
        let waiting = told.wait_for(|told| told.contains_key(family));
        match tokio::time::timeout(Duration::from_secs(30), waiting).await {
            Ok(told) => told.expect("the backend runs").clone(),
            Err(_) => panic!("it never came: {:#?}", self.told.borrow()),
        }
    }

    /// Waits for a series.
    pub(super) async fn until_series(&self, series: &str) -> Received {
        self.until(|received| received.contains_key(series)).await
    }
}

fn take(received: &mut Received, write: &wire::v1::WriteRequest) {
    for series in &write.timeseries {
        let labels = series.labels.iter();
        let labels: Vec<String> = labels.map(|l| format!("{}={:?}", l.name, l.value)).collect();
        let values = received.entry(labels.join(",")).or_default();
        values.extend(series.samples.iter().map(|sample| sample.value));
    }
}

fn family(told: wire::v1::MetricMetadata) -> (String, (i32, String, String)) {
    (told.metric_family_name, (told.kind, told.help, told.unit))
}
