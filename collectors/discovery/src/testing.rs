//! What the tests of all sources need.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::outlet::{Publisher, Status, Subscription, channel};
use crate::{Health, Targets};

pub(crate) mod names;

/// A machine that is this slow is broken.
const PATIENCE: Duration = Duration::from_secs(60);

/// A source that runs, and what it tells. It ends with its value.
pub(crate) struct Running<T> {
    subscription: Subscription<T>,
    _tasks: JoinSet<()>,
}

impl<T: Clone + PartialEq + Send + Sync + 'static> Running<T> {
    /// Runs a source that publishes without a pause.
    pub(crate) fn start<F>(run: impl FnOnce(Publisher<T>, CancellationToken) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (publisher, subscription) = channel(Duration::ZERO);
        let mut tasks = JoinSet::new();
        tasks.spawn(run(publisher, CancellationToken::new()));
        Self { subscription, _tasks: tasks }
    }

    /// Waits for a snapshot of a certain kind.
    pub(crate) async fn export(&mut self, is: impl Fn(&T) -> bool) -> T {
        let found = self.subscription.exports.wait_for(|value| value.as_ref().is_some_and(&is));
        let found = tokio::time::timeout(PATIENCE, found).await.expect("no such snapshot");
        found.unwrap().clone().unwrap()
    }

    /// Waits for a failure, and returns its reason.
    pub(crate) async fn failure(&mut self) -> String {
        let failed = |status: &Status| matches!(status.health, Health::Unhealthy(_));
        match self.status(failed).await.health {
            Health::Unhealthy(reason) => reason,
            health => panic!("{health:?}"),
        }
    }

    pub(crate) async fn status(&mut self, is: impl Fn(&Status) -> bool) -> Status {
        let found = self.subscription.status.wait_for(is);
        let found = tokio::time::timeout(PATIENCE, found).await.expect("no such status");
        found.unwrap().clone()
    }

    pub(crate) fn current(&self) -> Option<T> {
        self.subscription.exports.borrow().clone()
    }
}

/// Targets as text, one a line.
pub(crate) fn shown(targets: &Targets) -> String {
    targets.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// The addresses of targets.
pub(crate) fn addresses(targets: &Targets) -> Vec<&str> {
    targets.iter().map(|target| target.get("__address__").unwrap()).collect()
}

/// An HTTP server on a free port of loopback; it ends with its value.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Server {
    pub(crate) async fn start(
        handler: impl Fn(Request<Bytes>) -> Response<Full<Bytes>> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let handler = Arc::new(handler);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut served = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let handler = Arc::clone(&handler);
                let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                    let handler = Arc::clone(&handler);
                    async move {
                        let (head, body) = request.into_parts();
                        let body = body.collect().await?.to_bytes();
                        Ok::<_, hyper::Error>(handler(Request::from_parts(head, body)))
                    }
                });
                served.spawn(async move {
                    let connection = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service);
                    // A client that goes away is not the server's failure.
                    drop(connection.await);
                });
            }
        });
        Self { address, _tasks: tasks }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}
