//! Connections that wait for their next request.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http2::SendRequest;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::origin::Origin;
use crate::stream::Stream;

#[cfg(test)]
mod tests;

/// How long a connection may wait: longer than most intervals of scrapes.
pub(crate) const IDLE_TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// How often waiting connections are looked through for closed and old ones.
const SWEEP_INTERVAL: Duration = Duration::from_secs(30);

/// A sender with more parallel requests to one server than this is a guess gone wrong.
const MAX_PER_ORIGIN: usize = 64;

/// Twice the targets that one node is built for; a connection beyond is closed after its request.
const MAX_IDLE: usize = 20_000;

/// The waiting connections of one client.
///
/// A waiting HTTP/1 connection is nothing but its stream: the HTTP machinery with its buffers and
/// its task is made for each request and dropped after it. So ten thousand of them cost
/// megabytes, not hundreds.
#[derive(Debug)]
pub(crate) struct Pool {
    idle: Arc<Mutex<Idle>>,
    /// The tasks of HTTP/2 connections, and the one that sweeps.
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
    _stop_on_drop: DropGuard,
}

#[derive(Debug, Default)]
struct Idle {
    origins: HashMap<Arc<Origin>, Connections, BuildHasherDefault<DefaultHasher>>,
    /// HTTP/1 streams in all.
    streams: usize,
    sweeping: bool,
    next_id: u64,
}

#[derive(Debug, Default)]
struct Connections {
    /// The last one to come is the first to go, so that the others can grow old.
    http1: Vec<Waiting>,
    http2: Option<Shared>,
}

#[derive(Debug)]
struct Waiting {
    stream: Stream,
    since: Instant,
    generation: u64,
}

/// An HTTP/2 connection, which any number of requests use at once.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub(crate) id: u64,
    pub(crate) sender: SendRequest<Full<Bytes>>,
    used: Instant,
    generation: u64,
}

/// A connection for the next request.
pub(crate) enum Reused {
    Http1(Stream),
    Http2(Shared),
}

impl Pool {
    pub(crate) fn new() -> Self {
        let stop = CancellationToken::new();
        Self {
            idle: Arc::default(),
            tasks: TaskTracker::new(),
            stop: stop.clone(),
            _stop_on_drop: stop.drop_guard(),
        }
    }

    /// A connection to this origin that still stands, made with this generation of TLS settings.
    pub(crate) fn take(&self, origin: &Origin, generation: u64) -> Option<Reused> {
        let now = Instant::now();
        let mut idle = self.lock();
        let Idle { origins, streams, .. } = &mut *idle;
        let connections = origins.get_mut(origin)?;
        if let Some(shared) = &mut connections.http2 {
            if shared.generation == generation && !shared.sender.is_closed() {
                shared.used = now;
                return Some(Reused::Http2(shared.clone()));
            }
            connections.http2 = None;
        }
        while let Some(mut waiting) = connections.http1.pop() {
            *streams -= 1;
            if waiting.generation == generation && waiting.is_usable(now) {
                return Some(Reused::Http1(waiting.stream));
            }
        }
        None
    }

    /// Keeps a connection for the next request, unless there are too many.
    pub(crate) fn put(&self, origin: &Arc<Origin>, stream: Stream, generation: u64) {
        let mut idle = self.lock();
        if idle.streams >= MAX_IDLE {
            return;
        }
        let waiting = Waiting { stream, since: Instant::now(), generation };
        if let Some(connections) = idle.origins.get_mut(origin) {
            if connections.http1.len() >= MAX_PER_ORIGIN {
                return;
            }
            connections.http1.push(waiting);
        } else {
            // The usual target has one connection: room for one, not for the usual four.
            let connections = Connections { http1: vec![waiting], http2: None };
            idle.origins.insert(Arc::clone(origin), connections);
        }
        idle.streams += 1;
        self.sweep_from_now_on(&mut idle);
    }

    /// Offers an HTTP/2 connection to all requests for its origin; a connection that is there
    /// already wins.
    pub(crate) fn share(
        &self,
        origin: &Arc<Origin>,
        sender: SendRequest<Full<Bytes>>,
        generation: u64,
    ) -> Shared {
        let mut idle = self.lock();
        idle.next_id += 1;
        let shared = Shared { id: idle.next_id, sender, used: Instant::now(), generation };
        let connections = idle.origins.entry(Arc::clone(origin)).or_default();
        let there = connections
            .http2
            .as_ref()
            .filter(|there| there.generation == generation && !there.sender.is_closed());
        let shared = match there {
            Some(there) => there.clone(),
            None => connections.http2.insert(shared).clone(),
        };
        self.sweep_from_now_on(&mut idle);
        shared
    }

    /// Stops offering an HTTP/2 connection.
    pub(crate) fn withdraw(&self, origin: &Origin, id: u64) {
        let mut idle = self.lock();
        if let Some(connections) = idle.origins.get_mut(origin)
            && connections.http2.as_ref().is_some_and(|shared| shared.id == id)
        {
            connections.http2 = None;
        }
    }

    /// How many connections wait.
    pub(crate) fn len(&self) -> usize {
        let idle = self.lock();
        let shared =
            idle.origins.values().filter(|connections| connections.http2.is_some()).count();
        idle.streams + shared
    }

    fn lock(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the sweeping task with the first connection: only then there is a runtime for sure.
    fn sweep_from_now_on(&self, idle: &mut Idle) {
        if idle.sweeping {
            return;
        }
        idle.sweeping = true;
        let idle = Arc::clone(&self.idle);
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(SWEEP_INTERVAL) => {}
                }
                idle.lock().unwrap_or_else(PoisonError::into_inner).sweep(Instant::now());
            }
        });
    }
}

impl Idle {
    fn sweep(&mut self, now: Instant) {
        let mut streams = 0;
        self.origins.retain(|_, connections| {
            connections.http1.retain_mut(|waiting| waiting.is_usable(now));
            streams += connections.http1.len();
            connections.http2.take_if(|shared| {
                shared.sender.is_closed() || now.duration_since(shared.used) >= IDLE_TIMEOUT
            });
            !connections.http1.is_empty() || connections.http2.is_some()
        });
        self.streams = streams;
    }
}

impl Waiting {
    fn is_usable(&mut self, now: Instant) -> bool {
        now.duration_since(self.since) < IDLE_TIMEOUT && self.stream.is_quiet()
    }
}
