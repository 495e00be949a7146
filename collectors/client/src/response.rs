//! An answer, and the reading of its body.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_ENCODING;
use http::{HeaderMap, StatusCode};

use crate::error::{Error, chain, is_of_what_was_said};
use crate::exchange::ResponseBody;
use crate::gunzip::{Gunzip, Inflaters};

/// An answer whose head has arrived. Dropping it before its body has been read closes an HTTP/1
/// connection, and cancels the stream of an HTTP/2 one.
pub struct Response {
    status: StatusCode,
    headers: HeaderMap,
    body: ResponseBody,
    inflaters: Arc<Inflaters>,
}

/// How large a body was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodySize {
    /// Bytes as they came, compressed or not.
    pub wire: u64,
    /// Bytes after decompression.
    pub decoded: u64,
}

impl Response {
    pub(crate) fn new(response: http::Response<ResponseBody>, inflaters: Arc<Inflaters>) -> Self {
        let (parts, body) = response.into_parts();
        Self { status: parts.status, headers: parts.headers, body, inflaters }
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The next piece of the body as it comes, still compressed if it is; `None` at the end.
    ///
    /// # Errors
    ///
    /// [`Error::Body`] when the connection breaks.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            match poll_fn(|cx| self.body.poll_frame(cx)).await {
                None => return Ok(None),
                Some(Err(error)) => {
                    let otherwise = is_of_what_was_said(&error);
                    return Err(Error::Body { reason: chain(&error), otherwise });
                }
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data()
                        && !data.is_empty()
                    {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }

    /// Appends the whole body to `buffer`, decompressed if the answer says that it is gzip.
    ///
    /// `limit` bounds what is appended, in bytes after decompression; a body of exactly that size
    /// passes. On an error `buffer` holds what had been read of the body, up to the limit.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`] past the limit, [`Error::Encoding`] and [`Error::Gzip`] when the body
    /// cannot be decompressed, [`Error::Body`] when the connection breaks.
    pub async fn read_body(
        &mut self,
        limit: usize,
        buffer: &mut Vec<u8>,
    ) -> Result<BodySize, Error> {
        let start = buffer.len();
        let end = start.saturating_add(limit);
        let mut wire = 0;
        let mut gunzip = self.gunzip()?;
        while let Some(chunk) = self.chunk().await? {
            wire += chunk.len() as u64;
            match &mut gunzip {
                Some(gunzip) => gunzip.append(&chunk, end, limit, buffer)?,
                None => {
                    let room = end - buffer.len();
                    buffer.extend_from_slice(&chunk[..chunk.len().min(room)]);
                    if chunk.len() > room {
                        return Err(Error::TooLarge { limit });
                    }
                }
            }
        }
        if let Some(gunzip) = gunzip {
            gunzip.finish(wire)?;
        }
        Ok(BodySize { wire, decoded: (buffer.len() - start) as u64 })
    }

    /// The beginning of the body as text, for an error message: at most `limit` bytes, what is not
    /// UTF-8 replaced, and empty if it cannot be read.
    pub async fn excerpt(mut self, limit: usize) -> String {
        let mut buffer = Vec::new();
        match self.read_body(limit, &mut buffer).await {
            Ok(_) | Err(Error::TooLarge { .. } | Error::Body { .. }) => {}
            Err(_) => buffer.clear(),
        }
        buffer.truncate(limit);
        String::from_utf8_lossy(&buffer).trim().to_owned()
    }

    fn gunzip(&self) -> Result<Option<Gunzip>, Error> {
        let Some(encoding) = self.headers.get(CONTENT_ENCODING) else { return Ok(None) };
        let name = encoding.as_bytes().trim_ascii();
        if name.eq_ignore_ascii_case(b"gzip") || name.eq_ignore_ascii_case(b"x-gzip") {
            Ok(Some(Gunzip::new(&self.inflaters)))
        } else if name.is_empty() || name.eq_ignore_ascii_case(b"identity") {
            Ok(None)
        } else {
            Err(Error::Encoding(String::from_utf8_lossy(name).into_owned()))
        }
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response").field("status", &self.status).finish_non_exhaustive()
    }
}
