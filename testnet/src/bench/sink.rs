//! A backend that accepts and counts, and does nothing else.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use delivery::wire;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::ledger::written;

/// The largest request, in bytes.
const MAX_REQUEST: usize = 64 << 20;

/// A running sink.
#[derive(Debug, Clone)]
pub(super) struct Sink {
    address: SocketAddr,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    samples: AtomicU64,
    bytes: AtomicU64,
}

impl Sink {
    /// Starts to listen on a free port of loopback.
    pub(super) async fn start(
        tasks: &TaskTracker,
        cancel: &CancellationToken,
    ) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let sink = Self { address: listener.local_addr()?, counts: Arc::default() };
        let listen = listen(listener, Arc::clone(&sink.counts));
        tasks.spawn(cancel.clone().run_until_cancelled_owned(listen));
        Ok(sink)
    }

    /// Where to write to.
    pub(super) fn url(&self) -> String {
        format!("http://{}/api/v1/write", self.address)
    }

    /// Samples that have arrived.
    pub(super) fn samples(&self) -> u64 {
        self.counts.samples.load(Ordering::Relaxed)
    }

    /// Bytes of request bodies that have arrived.
    pub(super) fn bytes(&self) -> u64 {
        self.counts.bytes.load(Ordering::Relaxed)
    }
}

async fn listen(listener: TcpListener, counts: Arc<Counts>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    connections.spawn(connection(stream, Arc::clone(&counts)));
                }
            }
        }
    }
}

async fn connection(stream: TcpStream, counts: Arc<Counts>) {
    let service = service_fn(|request| answer(request, &counts));
    let served = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection to the sink ended");
    }
}

async fn answer(
    request: Request<Incoming>,
    counts: &Counts,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let kind = head.headers.get(http::header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let is_v2 = kind.is_some_and(|kind| kind.contains("write.v2"));
    let counted = match Limited::new(body, MAX_REQUEST).collect().await {
        Ok(body) => {
            let body = body.to_bytes();
            counts.bytes.fetch_add(body.len() as u64, Ordering::Relaxed);
            if is_v2 { count_v2(&body) } else { count_v1(&body) }
        }
        Err(_) => None,
    };
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = match counted {
        Some(samples) => {
            counts.samples.fetch_add(samples, Ordering::Relaxed);
            if is_v2 {
                written::say(answer.headers_mut(), [samples, 0, 0]);
            }
            StatusCode::NO_CONTENT
        }
        None => StatusCode::BAD_REQUEST,
    };
    Ok(answer)
}

fn count_v2(body: &[u8]) -> Option<u64> {
    let request = wire::decode_v2(body).ok()?;
    Some(request.timeseries.iter().map(|series| series.samples.len() as u64).sum())
}

/// Counts without decoding: `samples` is field 2 of `timeseries`, which is field 1.
pub(super) fn count_v1(body: &[u8]) -> Option<u64> {
    let message = wire::decompress(body).ok()?;
    let mut samples = 0;
    fields(&message, |field, series| {
        if field == 1 {
            fields(series, |field, _| {
                samples += u64::from(field == 2);
                Some(())
            })?;
        }
        Some(())
    })?;
    Some(samples)
}

/// Visits the length-delimited fields of a message; none when it is malformed.
fn fields<'m>(
    mut message: &'m [u8],
    mut visit: impl FnMut(u64, &'m [u8]) -> Option<()>,
) -> Option<()> {
    while !message.is_empty() {
        let tag = varint(&mut message)?;
        match tag & 7 {
            0 => {
                varint(&mut message)?;
            }
            1 => message = message.get(8..)?,
            2 => {
                let length = usize::try_from(varint(&mut message)?).ok()?;
                let (field, rest) = message.split_at_checked(length)?;
                visit(tag >> 3, field)?;
                message = rest;
            }
            5 => message = message.get(4..)?,
            _ => return None,
        }
    }
    Some(())
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for (index, byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            *bytes = &bytes[index + 1..];
            return Some(value);
        }
    }
    None
}
