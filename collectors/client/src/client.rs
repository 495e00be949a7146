//! The client itself: credentials, headers and redirects around a transport.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri};

use crate::config::Config;
use crate::credentials::Authenticator;
use crate::error::{ConfigError, Error};
use crate::header::{self, basic};
use crate::memory::MemoryDialer;
use crate::message::Message;
use crate::origin::Origin;
use crate::redirect::{self, MAX_REDIRECTS};
use crate::response::Response;
use crate::transport::Transport;
use crate::userinfo::{User, split_userinfo};

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
            headers: header::pairs(&config.headers)?,
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
        let (head, body) = request.into_parts();
        self.follow(head.method, &head.uri, &head.headers, body, false).await
    }

    /// As [`Client::send`], of a request whose body has to arrive: a redirect that would make it a `GET`
    /// without one is returned as the answer, whatever the place it names would say to that `GET`.
    ///
    /// # Errors
    ///
    /// As [`Client::send`].
    pub async fn deliver(&self, request: Request<Bytes>) -> Result<Response, Error> {
        let (head, body) = request.into_parts();
        self.follow(head.method, &head.uri, &head.headers, body, true).await
    }

    /// As [`Client::send`], a `GET` of a URL with headers that are only lent: for who asks the same
    /// thing again and again.
    ///
    /// # Errors
    ///
    /// As [`Client::send`].
    pub async fn get(&self, url: &Uri, headers: &HeaderMap) -> Result<Response, Error> {
        self.follow(Method::GET, url, headers, Bytes::new(), false).await
    }

    async fn follow(
        &self,
        mut method: Method,
        url: &Uri,
        headers: &HeaderMap,
        mut body: Bytes,
        keeps_body: bool,
    ) -> Result<Response, Error> {
        let mut url = Cow::Borrowed(url);
        let mut headers = Cow::Borrowed(headers);
        let asked = Arc::new(Origin::of(&url)?);
        let mut origin = Arc::clone(&asked);
        for _ in 0..=MAX_REDIRECTS {
            let trusted = asked.trusts(&origin);
            if !trusted {
                forget_credentials(headers.to_mut());
            }
            let user = match split_userinfo(&url)? {
                Some((without, user)) => {
                    url = Cow::Owned(without);
                    Some(user)
                }
                None => None,
            };
            let configured = if trusted { &*self.0.headers } else { &[] };
            let message = Message {
                method: &method,
                uri: &url,
                headers: &headers,
                configured,
                authorization: None,
                body: &body,
            };
            let response = self.0.authenticated(message, &origin, trusted, user).await?;
            if !self.0.follow_redirects {
                return Ok(response);
            }
            let status = response.status();
            let Some(next) = redirect::target(status, response.headers(), &url)? else {
                return Ok(response);
            };
            let repeats = redirect::repeats(status, &method);
            if keeps_body && !repeats {
                return Ok(response);
            }
            origin = Arc::new(Origin::of(&next)?);
            url = Cow::Owned(next);
            if !repeats {
                method = Method::GET;
                body = Bytes::new();
                redirect::forget_body(headers.to_mut());
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
        mut message: Message<'_>,
        origin: &Arc<Origin>,
        trusted: bool,
        user: Option<User>,
    ) -> Result<Response, Error> {
        let own = !message.headers.contains_key(AUTHORIZATION);
        let mut credentials = None;
        if own && trusted {
            credentials = self.authenticator.header().await?;
        }
        message.authorization = match user {
            _ if credentials.is_some() => credentials.clone(),
            Some((user, password)) if own => Some(basic(&user, &password)?),
            _ => None,
        };
        let response = self.transport.send(&message, origin).await?;
        let Some(refused) = credentials.filter(|_| response.status() == StatusCode::UNAUTHORIZED)
        else {
            return Ok(response);
        };
        if !self.authenticator.renews(&refused) {
            return Ok(response);
        }
        drop(response);
        if let Some(header) = self.authenticator.header().await? {
            message.authorization = Some(header);
        }
        self.transport.send(&message, origin).await
    }
}

/// What was meant for one host is not for another.
fn forget_credentials(headers: &mut HeaderMap) {
    for name in [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION] {
        headers.remove(name);
    }
}
