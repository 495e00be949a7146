//! The client itself: credentials, headers and redirects around a transport.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, USER_AGENT};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};

use crate::config::{Config, header_pairs};
use crate::credentials::{Authenticator, basic};
use crate::error::{ConfigError, Error};
use crate::memory::MemoryDialer;
use crate::origin::Origin;
use crate::redirect::{self, MAX_REDIRECTS};
use crate::response::Response;
use crate::transport::{Transport, split_userinfo};

#[cfg(test)]
mod tests;

/// An HTTP client for one [`Config`]. Cloning is cheap; clones share connections, tokens and files.
///
/// It reuses connections (HTTP/1.1, or HTTP/2 where TLS agrees on it). A waiting HTTP/1 connection
/// costs a socket and no buffers. Timeouts are the caller's: dropping the future of
/// [`Client::send`] or a [`Response`] ends the request. Making a connection has a limit of its own,
/// [`Config::connect_timeout`].
#[derive(Debug, Clone)]
pub struct Client(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    transport: Transport,
    authenticator: Authenticator,
    headers: Vec<(HeaderName, HeaderValue)>,
    follow_redirects: bool,
}

impl Client {
    /// A client with these settings.
    ///
    /// It reads the files of the TLS settings, so it blocks for as long as that takes.
    ///
    /// # Errors
    ///
    /// The first of [`Config::problems`], or what is wrong with the TLS files.
    pub fn new(config: &Config) -> Result<Self, ConfigError> {
        Self::build(config, None)
    }

    /// A client that finds the server of one address within this process.
    ///
    /// # Errors
    ///
    /// As [`Client::new`].
    pub fn with_memory(config: &Config, memory: MemoryDialer) -> Result<Self, ConfigError> {
        Self::build(config, Some(memory))
    }

    fn build(config: &Config, memory: Option<MemoryDialer>) -> Result<Self, ConfigError> {
        if let Some(problem) = config.problems().into_iter().next() {
            return Err(problem);
        }
        Ok(Self(Arc::new(Inner {
            transport: Transport::new(
                &config.tls,
                &config.proxy,
                config.enable_http2,
                config.connect_timeout,
                memory,
            )?,
            authenticator: Authenticator::new(config.credentials.as_ref())?,
            headers: header_pairs(&config.headers)?,
            follow_redirects: config.follow_redirects,
        })))
    }

    /// Sends a request to the absolute `http` or `https` URL that it names, and returns when the
    /// head of the answer is there, whatever its status.
    ///
    /// The client adds the headers of its configuration, credentials unless the request has an
    /// `Authorization` (user and password of the URL count as credentials), and a `User-Agent`
    /// unless the request has one. It does not ask for compression: that is the caller's header.
    ///
    /// # Errors
    ///
    /// Everything that is not an answer. [`Error::is_transient`] tells whether to try again.
    pub async fn send(&self, request: Request<Bytes>) -> Result<Response, Error> {
        let (mut head, mut body) = request.into_parts();
        let asked = Origin::of(&head.uri)?;
        for _ in 0..=MAX_REDIRECTS {
            let origin = Origin::of(&head.uri)?;
            let trusted = asked.trusts(&origin);
            if !trusted {
                forget_credentials(&mut head.headers);
            }
            let (uri, user) = split_userinfo(head.uri)?;
            head.uri = uri;
            let response = self.0.authenticated(&head, &body, &origin, trusted, user).await?;
            if !self.0.follow_redirects {
                return Ok(response);
            }
            let status = response.status();
            let Some(next) = redirect::target(status, response.headers(), &head.uri)? else {
                return Ok(response);
            };
            head.uri = next;
            if !redirect::repeats(status, &head.method) {
                head.method = Method::GET;
                body = Bytes::new();
                redirect::forget_body(&mut head.headers);
            }
        }
        Err(Error::TooManyRedirects(MAX_REDIRECTS))
    }

    /// How many connections wait for their next request.
    pub fn idle_connections(&self) -> usize {
        self.0.transport.idle_connections()
    }
}

impl Inner {
    /// One request with credentials, and another if the first ones had expired.
    async fn authenticated(
        &self,
        head: &Parts,
        body: &Bytes,
        origin: &Origin,
        trusted: bool,
        user: Option<(String, String)>,
    ) -> Result<Response, Error> {
        let mut dressed = self.dress(head, trusted);
        let own = !head.headers.contains_key(AUTHORIZATION);
        let mut credentials = None;
        if own && trusted {
            credentials = self.authenticator.header().await?;
        }
        let from_url = match user {
            Some((user, password)) if own && credentials.is_none() => {
                Some(basic(&user, &password)?)
            }
            _ => None,
        };
        if let Some(header) = credentials.as_ref().or(from_url.as_ref()) {
            dressed.headers.insert(AUTHORIZATION, header.clone());
        }
        let response = Response::new(self.transport.send(&dressed, body, origin).await?);
        let Some(refused) = credentials.filter(|_| response.status() == StatusCode::UNAUTHORIZED)
        else {
            return Ok(response);
        };
        if !self.authenticator.renews(&refused) {
            return Ok(response);
        }
        drop(response);
        if let Some(header) = self.authenticator.header().await? {
            dressed.headers.insert(AUTHORIZATION, header);
        }
        Ok(Response::new(self.transport.send(&dressed, body, origin).await?))
    }

    /// The request with the headers that do not change.
    fn dress(&self, head: &Parts, trusted: bool) -> Parts {
        let mut head = head.clone();
        head.headers
            .entry(USER_AGENT)
            .or_insert_with(|| HeaderValue::from_static(crate::USER_AGENT));
        if trusted {
            for (name, _) in &self.headers {
                head.headers.remove(name);
            }
            for (name, value) in &self.headers {
                head.headers.append(name, value.clone());
            }
        }
        head
    }
}

/// What was meant for one host is not for another.
fn forget_credentials(headers: &mut HeaderMap) {
    for name in [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION] {
        headers.remove(name);
    }
}
