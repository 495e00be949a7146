//! One request, one answer: connections taken from the pool or made.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, PROXY_AUTHORIZATION};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Uri};
use http_body_util::Full;

use crate::config::{Proxy, Tls};
use crate::dial::Dialer;
use crate::error::{ConfigError, Error};
use crate::exchange::{self, Failure, Home, ResponseBody};
use crate::memory::MemoryDialer;
use crate::origin::Origin;
use crate::pool::{Pool, Reused};
use crate::proxy::{ProxyProtocol, ProxyRules};
use crate::tls::{CurrentTls, TlsSource};

/// Sends requests as they are: no credentials, no redirects.
#[derive(Debug)]
pub(crate) struct Transport {
    dialer: Dialer,
    pool: Arc<Pool>,
}

impl Transport {
    pub(crate) fn new(
        tls: &Tls,
        proxy: &Proxy,
        http2: bool,
        connect_timeout: Duration,
        memory: Option<MemoryDialer>,
    ) -> Result<Self, ConfigError> {
        let tls = TlsSource::new(tls, http2)?;
        let proxies = ProxyRules::new(proxy)?;
        Ok(Self {
            dialer: Dialer::new(tls, proxies, connect_timeout, memory),
            pool: Arc::new(Pool::new()),
        })
    }

    /// Sends a request. One that a waiting connection did not answer is sent once more, on a
    /// connection of its own, if the server cannot have seen it or seeing it twice is harmless.
    pub(crate) async fn send(
        &self,
        head: &Parts,
        body: &Bytes,
        origin: &Origin,
    ) -> Result<http::Response<ResponseBody>, Error> {
        let tls = if origin.https { Some(self.dialer.tls.current().await?) } else { None };
        let generation = tls.as_ref().map_or(0, |tls| tls.generation);
        let home = || Home { pool: Arc::clone(&self.pool), origin: origin.clone(), generation };
        let result = match self.pool.take(origin, generation) {
            None => self.on_new(head, body, home(), tls.as_ref()).await?,
            Some(reused) => {
                let result = match reused {
                    Reused::Http1(stream) => {
                        exchange::http1(stream, self.http1_request(head, body, origin)?, home())
                            .await
                    }
                    Reused::Http2(shared) => {
                        exchange::on_shared(shared, http2_request(head, body), &home()).await
                    }
                };
                match result {
                    Err(failure) if failure.unsent || is_repeatable(&head.method) => {
                        self.on_new(head, body, home(), tls.as_ref()).await?
                    }
                    result => result,
                }
            }
        };
        result.map_err(|failure| Error::Exchange {
            origin: origin.to_string(),
            reason: failure.reason,
        })
    }

    async fn on_new(
        &self,
        head: &Parts,
        body: &Bytes,
        home: Home,
        tls: Option<&CurrentTls>,
    ) -> Result<Result<http::Response<ResponseBody>, Failure>, Error> {
        let dialed = self.dialer.dial(&home.origin, tls).await?;
        if !dialed.http2 {
            let request = self.http1_request(head, body, &home.origin)?;
            return Ok(exchange::http1(dialed.stream, request, home).await);
        }
        let shared = match exchange::http2(dialed.stream, &home).await {
            Ok(shared) => shared,
            Err(failure) => return Ok(Err(failure)),
        };
        Ok(exchange::on_shared(shared, http2_request(head, body), &home).await)
    }

    /// The request as HTTP/1 writes it: a path, or the whole URL for an HTTP proxy.
    fn http1_request(
        &self,
        head: &Parts,
        body: &Bytes,
        origin: &Origin,
    ) -> Result<Request<Full<Bytes>>, Error> {
        let mut request = clone_request(head, body);
        let host = HeaderValue::try_from(origin.host_header())
            .map_err(|_| Error::Url("the host is not valid"))?;
        request.headers_mut().insert(HOST, host);
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let proxy = self
            .dialer
            .proxies
            .route(origin)
            .filter(|proxy| !origin.https && proxy.protocol == ProxyProtocol::Http);
        let uri = match proxy {
            Some(proxy) => {
                if let Some(authorization) = &proxy.authorization {
                    request.headers_mut().insert(PROXY_AUTHORIZATION, authorization.clone());
                }
                format!("http://{}{path}", origin.host_header()).parse()
            }
            None => path.parse(),
        };
        *request.uri_mut() = uri.map_err(|_| Error::Url("the path is not valid"))?;
        Ok(request)
    }

    /// How many connections wait for their next request.
    pub(crate) fn idle_connections(&self) -> usize {
        self.pool.len()
    }
}

/// The request as HTTP/2 writes it: the URL is taken apart by the protocol.
fn http2_request(head: &Parts, body: &Bytes) -> Request<Full<Bytes>> {
    let mut request = clone_request(head, body);
    request.headers_mut().remove(HOST);
    request
}

fn clone_request(head: &Parts, body: &Bytes) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(body.clone()));
    *request.method_mut() = head.method.clone();
    *request.uri_mut() = head.uri.clone();
    *request.headers_mut() = head.headers.clone();
    request
}

/// Whether the server may get the request twice.
fn is_repeatable(method: &Method) -> bool {
    method.is_idempotent()
}

/// The URL without its user and password, and those.
pub(crate) fn split_userinfo(uri: Uri) -> Result<(Uri, Option<(String, String)>), Error> {
    use crate::proxy::decode;

    let userinfo = uri.authority().and_then(|authority| authority.as_str().rsplit_once('@'));
    let Some((userinfo, host)) = userinfo else { return Ok((uri, None)) };
    let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
    let user = (decode(user), decode(password));
    let host = host.parse().map_err(|_| Error::Url("the host is not valid"))?;
    let mut parts = uri.into_parts();
    parts.authority = Some(host);
    let uri = Uri::from_parts(parts).map_err(|_| Error::Url("it is not valid"))?;
    Ok((uri, Some(user)))
}
