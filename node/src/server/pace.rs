//! How long a client may keep its connection without saying anything, and how long it may take to
//! say it.
//!
//! hyper has one limit for both: the time for the head of a request runs while a connection waits
//! for its next one. So slow clients are bounded here, and scrapers keep their connections from one
//! scrape to the next.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

#[cfg(test)]
mod tests;

/// How long a client may take for the head of a request, and for its first byte after connecting.
pub(super) const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a connection may wait for its next request: longer than the usual longest scrape
/// interval, a minute, so that scrapers need not connect for each scrape.
pub(super) const IDLE_TIMEOUT: Duration = Duration::from_secs(120);

/// How far a connection is; shared by the stream, which sees bytes, and the service, which sees
/// requests.
#[derive(Debug, Clone)]
pub(super) struct Pace(Arc<Mutex<Progress>>);

#[derive(Debug)]
struct Progress {
    /// Requests that are being answered.
    answering: usize,
    /// Whether there was a request at all.
    asked: bool,
    /// HTTP/2 has messages of its own between requests, so there is no head to wait for.
    http2: bool,
    /// When the first byte of a head arrived.
    head_since: Option<Instant>,
    /// When something happened last.
    active: Instant,
    /// The reader, while it waits for nothing but us: it looks at the clock when we are done.
    reader: Option<Waker>,
}

/// A request that is being answered.
#[derive(Debug)]
pub(super) struct Answering(Pace);

/// A stream whose reads end when its client takes too long.
#[derive(Debug)]
pub(super) struct Paced<S> {
    stream: S,
    pace: Pace,
    timer: Pin<Box<Sleep>>,
}

/// What a client is waited for.
enum Wait {
    /// Nothing: it waits for us.
    Nothing,
    Head(Instant),
    Next(Instant),
}

impl Pace {
    pub(super) fn new() -> Self {
        let progress = Progress {
            answering: 0,
            asked: false,
            http2: false,
            head_since: None,
            active: Instant::now(),
            reader: None,
        };
        Self(Arc::new(Mutex::new(progress)))
    }

    /// A request has arrived; it is being answered until the guard is dropped.
    pub(super) fn asked(&self, version: http::Version) -> Answering {
        let mut progress = self.progress();
        progress.answering += 1;
        progress.asked = true;
        progress.http2 |= version == http::Version::HTTP_2;
        progress.head_since = None;
        drop(progress);
        Answering(self.clone())
    }

    fn received(&self) {
        let mut progress = self.progress();
        let now = Instant::now();
        progress.active = now;
        if progress.answering == 0 && !progress.http2 {
            progress.head_since.get_or_insert(now);
        }
    }

    fn sent(&self) {
        self.progress().active = Instant::now();
    }

    fn wait(&self, reader: &Waker) -> Wait {
        let mut progress = self.progress();
        match progress.head_since {
            _ if progress.answering > 0 => {
                progress.reader = Some(reader.clone());
                Wait::Nothing
            }
            Some(since) => Wait::Head(since + HEAD_TIMEOUT),
            None if !progress.asked => Wait::Head(progress.active + HEAD_TIMEOUT),
            None => Wait::Next(progress.active + IDLE_TIMEOUT),
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        let mut progress = self.0.progress();
        progress.answering -= 1;
        progress.active = Instant::now();
        let reader = progress.reader.take();
        drop(progress);
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

impl<S> Paced<S> {
    pub(super) fn new(stream: S, pace: Pace) -> Self {
        let timer = Box::pin(tokio::time::sleep(HEAD_TIMEOUT));
        Self { stream, pace, timer }
    }

    /// Ready when the client has taken too long.
    fn poll_late(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let (deadline, ended) = match self.pace.wait(context.waker()) {
                Wait::Nothing => return Poll::Pending,
                Wait::Head(deadline) => (deadline, Err(io::ErrorKind::TimedOut.into())),
                // As if the client had closed: there is nothing to complain about.
                Wait::Next(deadline) => (deadline, Ok(())),
            };
            if Instant::now() >= deadline {
                return Poll::Ready(ended);
            }
            if self.timer.deadline() != deadline {
                self.timer.as_mut().reset(deadline);
            }
            if self.timer.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match Pin::new(&mut self.stream).poll_read(context, buffer) {
            Poll::Ready(result) => {
                if buffer.filled().len() > before {
                    self.pace.received();
                }
                Poll::Ready(result)
            }
            Poll::Pending => self.poll_late(context),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        if let Poll::Ready(Ok(_)) = &written {
            self.pace.sent();
        }
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        if let Poll::Ready(Ok(_)) = &written {
            self.pace.sent();
        }
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
