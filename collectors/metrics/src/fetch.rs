//! The seam to HTTP: a request becomes a page.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use http::{HeaderMap, Uri};
use tokio::time::Instant;

#[cfg(test)]
mod tests;

/// Fetches pages. The process hands in its HTTP client, tests hand in pages.
pub trait Fetch: fmt::Debug + Send + Sync {
    /// Asks for the page with these headers, and appends the uncompressed body to `body`.
    ///
    /// A body longer than `limit` bytes (0: no limit but [`MAX_BODY`]) and every status but 200
    /// is an error. There is no timeout: the caller drops the future.
    fn fetch<'a>(
        &'a self,
        url: &'a Uri,
        headers: &'a HeaderMap,
        limit: u64,
        body: &'a mut Vec<u8>,
    ) -> Pin<Box<dyn Future<Output = Result<Fetched, FetchError>> + Send + 'a>>;
}

/// Bytes of a body that nobody limited: far more than any page, and far less than what would
/// take a node down. A guess.
pub const MAX_BODY: u64 = 1 << 30;

/// The head of a response whose body was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The `Content-Type` header.
    pub content_type: Option<String>,
    /// When the head of the response arrived.
    pub began: Instant,
}

/// Why there is no page.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The server answered something else than 200.
    #[error("the server answered HTTP status {0}")]
    Status(http::StatusCode),
    /// The uncompressed body is longer than `body_size_limit`.
    #[error("the body is longer than body_size_limit ({0} bytes)")]
    TooLong(u64),
    /// There was no answer, or it broke off; the client says why.
    #[error("{0}")]
    Transport(String),
}

impl Fetch for client::Client {
    fn fetch<'a>(
        &'a self,
        url: &'a Uri,
        headers: &'a HeaderMap,
        limit: u64,
        body: &'a mut Vec<u8>,
    ) -> Pin<Box<dyn Future<Output = Result<Fetched, FetchError>> + Send + 'a>> {
        Box::pin(async move {
            let transport = |error: client::Error| FetchError::Transport(error.to_string());
            let mut response = self.get(url, headers).await.map_err(transport)?;
            let began = Instant::now();
            if response.status() != http::StatusCode::OK {
                return Err(FetchError::Status(response.status()));
            }
            let content_type = response
                .headers()
                .get(http::header::CONTENT_TYPE)
                .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
            let limit = if limit == 0 { MAX_BODY } else { limit.min(MAX_BODY) };
            let bytes = usize::try_from(limit).unwrap_or(usize::MAX);
            match response.read_body(bytes, body).await {
                Ok(_) => Ok(Fetched { content_type, began }),
                Err(client::Error::TooLarge { .. }) => Err(FetchError::TooLong(limit)),
                Err(error) => Err(transport(error)),
            }
        })
    }
}
