//! A request as whoever answers it sees it.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, Method};
use tokio::sync::OwnedSemaphorePermit;

mod query;

pub(super) use query::Query;

/// A request whose body has arrived.
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: Query,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) from: Option<SocketAddr>,
    pub(super) stranger: bool,
    /// Its part of [`super::context::BODIES_ROOM`].
    pub(super) _room: Option<OwnedSemaphorePermit>,
}

impl Asked {
    /// Whether the request only reads.
    pub(super) fn reads(&self) -> bool {
        matches!(self.method, Method::GET | Method::HEAD)
    }
}
