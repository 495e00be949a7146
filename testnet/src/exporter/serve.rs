//! The listener of a fleet.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Fault, SCRAPES, Shared, address, target_at};

/// How many connections are kept for the next scrape, where files are few: half of what this process may
/// have open. Beyond that each is for one scrape, as with exporters that keep none.
fn most_kept() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    limit.map_or(usize::MAX, |limit| usize::try_from(limit / 2).unwrap_or(usize::MAX))
}

/// Accepts connections until the token is cancelled, then drops them all.
pub(super) async fn listen(listener: TcpListener, shared: Arc<Shared>, cancel: CancellationToken) {
    let mut connections = JoinSet::new();
    let crowd = most_kept();
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            Some(_) = connections.join_next() => {
                shared.crowded.store(connections.len() > crowd, Ordering::Relaxed);
            }
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, Arc::clone(&shared)));
                    shared.crowded.store(connections.len() > crowd, Ordering::Relaxed);
                }
                // Out of file descriptors, usually: the connections that end will free some.
                Err(error) => {
                    tracing::warn!(%error, "could not accept a connection");
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                }
            },
        }
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    let Ok(IpAddr::V4(local)) = stream.local_addr().map(|local| local.ip()) else { return };
    // The listener takes any address; only loopback and the targets' own are meant.
    if !local.is_loopback() && local.octets()[..2] != shared.network {
        return;
    }
    let answer = service_fn(|request| answer(request, local, &shared));
    let served = hyper::server::conn::http1::Builder::new()
        .max_buf_size(16 * 1024)
        .serve_connection(TokioIo::new(stream), answer)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection to a synthetic target ended");
    }
}

type Answer = Response<Full<Bytes>>;

async fn answer(
    request: Request<Incoming>,
    local: Ipv4Addr,
    shared: &Shared,
) -> Result<Answer, Infallible> {
    let target = target_at(shared.network, local).and_then(|index| shared.targets.get(index));
    let mut answer = match (request.uri().path(), target) {
        ("/metrics", Some(target)) => {
            let scrape = target.ask();
            let fault = target.fault.load(Ordering::Relaxed);
            page(request.headers(), scrape, fault, shared).await
        }
        ("/targets", _) => discovery(shared),
        _ => plain(StatusCode::NOT_FOUND, "there is /metrics on a target, and /targets\n"),
    };
    if shared.crowded.load(Ordering::Relaxed) {
        answer.headers_mut().insert(CONNECTION, http::HeaderValue::from_static("close"));
    }
    Ok(answer)
}

async fn page(headers: &HeaderMap, scrape: u64, fault: u8, shared: &Shared) -> Answer {
    let pages = Arc::clone(&shared.pages.borrow());
    let page = pages.nth(scrape);
    if fault == Fault::Slow as u8 {
        tokio::time::sleep(shared.slow).await;
    } else if fault == Fault::Error as u8 {
        return plain(StatusCode::INTERNAL_SERVER_ERROR, "out of order, on request\n");
    } else if fault == Fault::Malformed as u8 {
        return exposition(Bytes::from_static(b"node_load1 0.5\nnode_load5{host=\"unterminated"));
    }
    if shared.counted {
        let count = format!("# TYPE {SCRAPES} counter\n{SCRAPES} {}\n", scrape + 1);
        return exposition([page.plain.as_ref(), count.as_bytes()].concat().into());
    }
    let accepts = headers.get(ACCEPT_ENCODING).and_then(|accepted| accepted.to_str().ok());
    match &page.gzip {
        Some(gzip) if accepts.is_some_and(|accepted| accepted.contains("gzip")) => {
            let mut answer = exposition(gzip.clone());
            answer.headers_mut().insert(CONTENT_ENCODING, http::HeaderValue::from_static("gzip"));
            answer
        }
        _ => exposition(page.plain.clone()),
    }
}

fn exposition(body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    let kind = http::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    answer
}

fn plain(status: StatusCode, text: &'static str) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *answer.status_mut() = status;
    answer
}

/// The format of Prometheus' HTTP service discovery.
fn discovery(shared: &Shared) -> Answer {
    let announced = usize::try_from(shared.announced.load(Ordering::Relaxed)).unwrap_or(usize::MAX);
    let targets: Vec<String> = (0..announced)
        .map(|target| format!("{}:{}", address(shared.network, target), shared.port))
        .collect();
    let group = serde_json::json!([{ "targets": targets, "labels": {} }]);
    let mut answer = Response::new(Full::new(group.to_string().into()));
    let kind = http::HeaderValue::from_static("application/json");
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    answer
}
