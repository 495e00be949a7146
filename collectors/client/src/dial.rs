//! New connections: directly, through a proxy, with TLS, or within the process.

use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::SocksV5;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;
use tower_service::Service;

use crate::error::{Error, chain};
use crate::memory::MemoryDialer;
use crate::origin::Origin;
use crate::proxy::ProxyRules;
use crate::proxy_url::{ProxyProtocol, ProxyUrl};
use crate::stream::Stream;
use crate::tls::{CurrentTls, TlsSource};

/// Probes on an idle connection, so that a middlebox does not forget it and a vanished server is
/// noticed.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// An answer to `CONNECT` is a few lines.
const MAX_CONNECT_ANSWER: usize = 16 * 1024;

/// Makes connections for one client.
#[derive(Debug)]
pub(crate) struct Dialer {
    tcp: HttpConnector,
    pub(crate) tls: TlsSource,
    pub(crate) proxies: ProxyRules,
    /// A server that does not complete a connection in this time is not there.
    connect_timeout: Duration,
    memory: Option<MemoryDialer>,
}

/// A new connection.
pub(crate) struct Dialed {
    pub(crate) stream: Stream,
    /// Whether the server chose HTTP/2.
    pub(crate) http2: bool,
}

impl Dialer {
    pub(crate) fn new(
        tls: TlsSource,
        proxies: ProxyRules,
        connect_timeout: Duration,
        memory: Option<MemoryDialer>,
    ) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(KEEPALIVE));
        tcp.set_connect_timeout(Some(connect_timeout));
        Self { tcp, tls, proxies, connect_timeout, memory }
    }

    /// Connects, within the time for that. `tls` is given for an https origin.
    pub(crate) async fn dial(
        &self,
        origin: &Origin,
        tls: Option<&CurrentTls>,
    ) -> Result<Dialed, Error> {
        if let Some(memory) = &self.memory
            && !origin.https
            && memory.address() == origin.host_port()
        {
            let stream = memory.dial().map_err(|reason| nobody(origin, reason))?;
            return Ok(Dialed { stream: Stream::Memory(stream), http2: false });
        }
        let limit = self.connect_timeout;
        tokio::time::timeout(limit, self.connect(origin, tls))
            .await
            .unwrap_or_else(|_| Err(nobody(origin, format!("no connection within {limit:?}"))))
    }

    async fn connect(&self, origin: &Origin, tls: Option<&CurrentTls>) -> Result<Dialed, Error> {
        let stream = match self.proxies.route(origin) {
            None => self.tcp(origin).await?,
            Some(proxy) if proxy.protocol == ProxyProtocol::Socks5 => {
                self.socks(proxy, origin).await?
            }
            Some(proxy) => self.http_proxy(proxy, origin).await?,
        };
        match tls {
            Some(tls) => self.handshake(stream, origin, tls).await,
            None => Ok(Dialed { stream, http2: false }),
        }
    }

    async fn tcp(&self, origin: &Origin) -> Result<Stream, Error> {
        let stream = self
            .tcp
            .clone()
            .call(uri(origin)?)
            .await
            .map_err(|error| nobody(origin, chain(&error)))?;
        Ok(Stream::Tcp(stream.into_inner()))
    }

    async fn socks(&self, proxy: &ProxyUrl, origin: &Origin) -> Result<Stream, Error> {
        let mut socks = SocksV5::new(proxy.uri()?, self.tcp.clone());
        if let Some((user, password)) = &proxy.user {
            socks = socks.with_auth(user.clone(), password.clone());
        }
        let stream = socks
            .call(uri(origin)?)
            .await
            .map_err(|error| proxy_error(proxy, origin, chain(&error), true))?;
        Ok(Stream::Tcp(stream.into_inner()))
    }

    /// To the proxy, and for https through it with `CONNECT`.
    async fn http_proxy(&self, proxy: &ProxyUrl, origin: &Origin) -> Result<Stream, Error> {
        let mut stream = self.tcp(&proxy.origin).await?;
        if proxy.origin.https {
            let mut tls = self.tls.current().await?;
            let mut config = (*tls.config).clone();
            config.alpn_protocols.clear();
            tls.config = config.into();
            let name = rustls::pki_types::ServerName::try_from(proxy.origin.host.to_string())
                .map_err(|_| Error::Url("the proxy's host is not a name for TLS"))?;
            stream = wrap(stream, name, &proxy.origin, &tls).await?;
        }
        if origin.https {
            self.tunnel(&mut stream, proxy, origin).await?;
        }
        Ok(stream)
    }

    async fn tunnel(
        &self,
        stream: &mut Stream,
        proxy: &ProxyUrl,
        origin: &Origin,
    ) -> Result<(), Error> {
        let broken = |error: std::io::Error| proxy_error(proxy, origin, error.to_string(), true);
        let target = origin.host_port();
        let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n").into_bytes();
        let authorization = proxy.authorization.iter().map(|value| ("proxy-authorization", value));
        let extra =
            self.proxies.connect_headers().iter().map(|(name, value)| (name.as_str(), value));
        for (name, value) in authorization.chain(extra) {
            request.extend_from_slice(name.as_bytes());
            request.extend_from_slice(b": ");
            request.extend_from_slice(value.as_bytes());
            request.extend_from_slice(b"\r\n");
        }
        request.extend_from_slice(b"\r\n");
        stream.write_all(&request).await.map_err(broken)?;
        stream.flush().await.map_err(broken)?;

        // One byte at a time: what follows the answer is not ours to take.
        let mut answer = Vec::with_capacity(256);
        while !answer.ends_with(b"\r\n\r\n") {
            if answer.len() == MAX_CONNECT_ANSWER {
                return Err(proxy_error(proxy, origin, "its answer has no end", false));
            }
            answer.push(stream.read_u8().await.map_err(broken)?);
        }
        let line =
            String::from_utf8_lossy(answer.split(|byte| *byte == b'\r').next().unwrap_or(&[]))
                .into_owned();
        let status = line
            .strip_prefix("HTTP/1.")
            .and_then(|rest| rest.split(' ').nth(1))
            .and_then(|status| status.parse::<u16>().ok());
        match status {
            Some(200..300) => Ok(()),
            Some(500..) => Err(proxy_error(proxy, origin, line, true)),
            _ => Err(proxy_error(proxy, origin, line, false)),
        }
    }

    async fn handshake(
        &self,
        stream: Stream,
        origin: &Origin,
        tls: &CurrentTls,
    ) -> Result<Dialed, Error> {
        let name = self
            .tls
            .server_name(&origin.host)
            .ok_or(Error::Url("the host is not a name for TLS"))?;
        let stream = wrap(stream, name, origin, tls).await?;
        let http2 = match &stream {
            Stream::Tls(tls) => tls.get_ref().1.alpn_protocol() == Some(b"h2"),
            Stream::Tcp(_) | Stream::Memory(_) => false,
        };
        Ok(Dialed { stream, http2 })
    }
}

async fn wrap(
    stream: Stream,
    name: rustls::pki_types::ServerName<'static>,
    origin: &Origin,
    tls: &CurrentTls,
) -> Result<Stream, Error> {
    let stream = TlsConnector::from(std::sync::Arc::clone(&tls.config))
        .connect(name, stream)
        .await
        .map_err(|error| Error::Connect {
            origin: origin.to_string(),
            reason: format!("TLS: {}", chain(&error)),
            // Whoever wants no TLS may just as well close the connection as say something.
            otherwise: true,
        })?;
    Ok(Stream::Tls(Box::new(stream)))
}

fn uri(origin: &Origin) -> Result<Uri, Error> {
    origin.to_string().parse().map_err(|_| Error::Url("the host is not valid"))
}

/// Nobody takes the connection.
fn nobody(origin: &Origin, reason: impl Into<String>) -> Error {
    Error::Connect { origin: origin.to_string(), reason: reason.into(), otherwise: false }
}

fn proxy_error(
    proxy: &ProxyUrl,
    origin: &Origin,
    reason: impl Into<String>,
    transient: bool,
) -> Error {
    Error::Proxy {
        proxy: proxy.origin.host_port(),
        origin: origin.to_string(),
        reason: reason.into(),
        transient,
    }
}
