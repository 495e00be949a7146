//! One request and its answer on one connection.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Body, Frame, Incoming};
use hyper::client::conn::{TrySendError, http1, http2};
use hyper::rt::Executor;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio_util::task::TaskTracker;

use crate::error::{chain, is_of_what_was_said};
use crate::origin::Origin;
use crate::pool::{Pool, Shared};
use crate::stream::Stream;

/// A silent HTTP/2 connection is asked whether it still stands.
const PING_INTERVAL: Duration = Duration::from_secs(60);

/// How long the answer to that may take.
const PING_TIMEOUT: Duration = Duration::from_secs(15);

/// Why there was no answer.
pub(crate) struct Failure {
    pub(crate) reason: String,
    /// Whether something arrived that is not TLS or not HTTP, or an alert of TLS.
    pub(crate) otherwise: bool,
    /// Whether the server cannot have seen the request.
    pub(crate) unsent: bool,
}

impl Failure {
    fn of(error: TrySendError<Request<Full<Bytes>>>) -> Self {
        let unsent = error.message().is_some();
        Self { unsent, ..Self::before_sending(&error.into_error()) }
    }

    fn before_sending(error: &hyper::Error) -> Self {
        Self { reason: chain(error), otherwise: is_of_what_was_said(error), unsent: true }
    }
}

/// Where a connection goes when its answer has been read.
pub(crate) struct Home {
    pub(crate) pool: Arc<Pool>,
    pub(crate) origin: Arc<Origin>,
    pub(crate) generation: u64,
}

/// The body of an answer, and the connection it comes from.
///
/// An HTTP/1 connection has no task of its own: whoever reads the body drives it, and whoever drops
/// the body closes it. A server that answers and leaves the request unread can therefore not
/// keep a connection alive.
pub(crate) enum ResponseBody {
    Http1 { incoming: Incoming, connection: Option<Box<Http1>> },
    Http2(Incoming),
}

pub(crate) struct Http1 {
    sender: http1::SendRequest<Full<Bytes>>,
    connection: http1::Connection<TokioIo<Stream>, Full<Bytes>>,
    home: Home,
}

/// Sends a request on a stream that nobody else uses.
pub(crate) async fn http1(
    stream: Stream,
    request: Request<Full<Bytes>>,
    home: Home,
) -> Result<Response<ResponseBody>, Failure> {
    let (mut sender, connection) = http1::Builder::new()
        // A head alone is one slice, and a plain write costs less than one of several slices.
        .writev(!request.body().is_end_stream())
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| Failure::before_sending(&error))?;
    let mut answer = pin!(sender.try_send_request(request));
    let mut connection = Some(connection);
    let response = poll_fn(|cx| {
        if let Some(live) = &mut connection
            && Pin::new(live).poll(cx).is_ready()
        {
            // It is over; what it has to say about that reaches the answer when it is dropped.
            connection = None;
        }
        answer.as_mut().poll(cx)
    })
    .await
    .map_err(Failure::of)?;
    let connection = connection.map(|connection| Box::new(Http1 { sender, connection, home }));
    Ok(response.map(|incoming| {
        let mut body = ResponseBody::Http1 { incoming, connection };
        body.release_if_done();
        body
    }))
}

/// Makes an HTTP/2 connection of a stream; its task ends with the pool.
pub(crate) async fn http2(stream: Stream, home: &Home) -> Result<Shared, Failure> {
    let pool = &home.pool;
    let (sender, connection) = http2::Builder::new(Tracked(pool.tasks.clone()))
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT)
        .keep_alive_while_idle(true)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| Failure::before_sending(&error))?;
    let stop = pool.stop.clone();
    pool.tasks.spawn(async move {
        tokio::select! {
            () = stop.cancelled() => {}
            result = connection => {
                if let Err(error) = result {
                    tracing::debug!(%error, "an HTTP/2 connection ended");
                }
            }
        }
    });
    Ok(pool.share(&home.origin, sender, home.generation))
}

/// Sends a request on a connection that others use too.
pub(crate) async fn on_shared(
    mut shared: Shared,
    request: Request<Full<Bytes>>,
    home: &Home,
) -> Result<Response<ResponseBody>, Failure> {
    // If the caller gives up before the head arrives, the connection may be a dead one: the next
    // request makes its own.
    let mut doubt = Doubt { home, id: shared.id, settled: false };
    let result = shared.sender.try_send_request(request).await;
    doubt.settled = result.is_ok();
    Ok(result.map_err(Failure::of)?.map(ResponseBody::Http2))
}

struct Doubt<'a> {
    home: &'a Home,
    id: u64,
    settled: bool,
}

impl Drop for Doubt<'_> {
    fn drop(&mut self) {
        if !self.settled {
            self.home.pool.withdraw(&self.home.origin, self.id);
        }
    }
}

/// Puts the tasks that HTTP/2 streams need under the pool's tracker.
#[derive(Clone)]
struct Tracked(TaskTracker);

impl<F> Executor<F> for Tracked
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        self.0.spawn(future);
    }
}

impl ResponseBody {
    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        let Self::Http1 { incoming, connection } = self else {
            let Self::Http2(incoming) = self else { unreachable!("there are two kinds") };
            return Pin::new(incoming).poll_frame(cx);
        };
        let mut polled = Pin::new(&mut *incoming).poll_frame(cx);
        if polled.is_pending()
            && let Some(live) = connection
        {
            // The body has said that it wants more; the connection fetches it.
            if Pin::new(&mut live.connection).poll(cx).is_ready() {
                *connection = None;
            }
            polled = Pin::new(incoming).poll_frame(cx);
        }
        if matches!(polled, Poll::Ready(None)) {
            self.release();
        }
        polled
    }

    /// Gives the connection back if the body is empty.
    fn release_if_done(&mut self) {
        if let Self::Http1 { incoming, .. } = self
            && incoming.is_end_stream()
        {
            self.release();
        }
    }

    /// Gives the connection back, if it can carry another request.
    fn release(&mut self) {
        let Self::Http1 { connection, .. } = self else { return };
        let Some(mut live) = connection.take() else { return };
        // One more turn lets the connection notice that both directions are done.
        let mut context = Context::from_waker(std::task::Waker::noop());
        if Pin::new(&mut live.connection).poll(&mut context).is_ready() || !live.sender.is_ready() {
            return;
        }
        let Home { pool, origin, generation } = live.home;
        let parts = live.connection.into_parts();
        if parts.read_buf.is_empty() {
            pool.put(&origin, parts.io.into_inner(), generation);
        }
    }
}
