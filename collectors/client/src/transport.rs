//! One request, one answer: connections taken from the pool or made.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Uri};
use http_body_util::Full;

use crate::config::{Proxy, Tls};
use crate::dial::Dialer;
use crate::error::{ConfigError, Error};
use crate::exchange::{self, Failure, Home, ResponseBody};
use crate::gunzip::Inflaters;
use crate::memory::MemoryDialer;
use crate::message::Message;
use crate::origin::Origin;
use crate::pool::{Pool, Reused};
use crate::proxy::ProxyRules;
use crate::proxy_url::ProxyProtocol;
use crate::response::Response;
use crate::tls::{CurrentTls, TlsSource};

/// Sends requests as they are: no credentials, no redirects.
#[derive(Debug)]
pub(crate) struct Transport {
    dialer: Dialer,
    pool: Arc<Pool>,
    inflaters: Arc<Inflaters>,
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
            inflaters: Arc::default(),
        })
    }

    /// Sends a request. One that a waiting connection did not answer is sent once more, on a
    /// connection of its own, if the server cannot have seen it or seeing it twice is harmless.
    pub(crate) async fn send(
        &self,
        message: &Message<'_>,
        origin: &Arc<Origin>,
    ) -> Result<Response, Error> {
        let tls = if origin.https { Some(self.dialer.tls.current().await?) } else { None };
        let generation = tls.as_ref().map_or(0, |tls| tls.generation);
        let home = || Home { pool: Arc::clone(&self.pool), origin: Arc::clone(origin), generation };
        let result = match self.pool.take(origin, generation) {
            None => self.on_new(message, home(), tls.as_ref()).await?,
            Some(reused) => {
                let result = match reused {
                    Reused::Http1(stream) => {
                        exchange::http1(stream, self.http1_request(message, origin)?, home()).await
                    }
                    Reused::Http2(shared) => {
                        exchange::on_shared(shared, message.http2(), &home()).await
                    }
                };
                match result {
                    Err(failure) if failure.unsent || is_repeatable(message.method) => {
                        self.on_new(message, home(), tls.as_ref()).await?
                    }
                    result => result,
                }
            }
        };
        match result {
            Ok(response) => Ok(Response::new(response, Arc::clone(&self.inflaters))),
            Err(Failure { reason, otherwise, .. }) => {
                Err(Error::Exchange { origin: origin.to_string(), reason, otherwise })
            }
        }
    }

    async fn on_new(
        &self,
        message: &Message<'_>,
        home: Home,
        tls: Option<&CurrentTls>,
    ) -> Result<Result<http::Response<ResponseBody>, Failure>, Error> {
        let dialed = self.dialer.dial(&home.origin, tls).await?;
        if !dialed.http2 {
            let request = self.http1_request(message, &home.origin)?;
            return Ok(exchange::http1(dialed.stream, request, home).await);
        }
        let shared = match exchange::http2(dialed.stream, &home).await {
            Ok(shared) => shared,
            Err(failure) => return Ok(Err(failure)),
        };
        Ok(exchange::on_shared(shared, message.http2(), &home).await)
    }

    /// The request as HTTP/1 writes it: a path, or the whole URL for an HTTP proxy.
    fn http1_request(
        &self,
        message: &Message<'_>,
        origin: &Origin,
    ) -> Result<Request<Full<Bytes>>, Error> {
        let host = HeaderValue::try_from(origin.host_header())
            .map_err(|_| Error::Url("the host is not valid"))?;
        let path = message.uri.path_and_query();
        let proxy = self
            .dialer
            .proxies
            .route(origin)
            .filter(|proxy| !origin.https && proxy.protocol == ProxyProtocol::Http);
        let Some(proxy) = proxy else {
            let uri = path.cloned().map_or_else(|| Uri::from_static("/"), Uri::from);
            return Ok(message.http1(uri, host, None));
        };
        let path = path.map_or("/", |path| path.as_str());
        let uri = format!("http://{}{path}", origin.host_header())
            .parse()
            .map_err(|_| Error::Url("the path is not valid"))?;
        Ok(message.http1(uri, host, proxy.authorization.as_ref()))
    }

    /// How many connections wait for their next request.
    pub(crate) fn idle_connections(&self) -> usize {
        self.pool.len()
    }
}

/// Whether the server may get the request twice.
fn is_repeatable(method: &Method) -> bool {
    method.is_idempotent()
}
