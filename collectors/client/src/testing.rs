//! Servers for the tests of this crate.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::secret::{Secret, Source};

pub(crate) const CA: &str = include_str!("testing/ca.pem");
pub(crate) const SERVER: (&str, &str) =
    (include_str!("testing/server.pem"), include_str!("testing/server.key"));
pub(crate) const NAMED: (&str, &str) =
    (include_str!("testing/named.pem"), include_str!("testing/named.key"));
pub(crate) const ALICE: (&str, &str) =
    (include_str!("testing/alice.pem"), include_str!("testing/alice.key"));
pub(crate) const BOB: (&str, &str) =
    (include_str!("testing/bob.pem"), include_str!("testing/bob.key"));

pub(crate) type Answer = Response<Full<Bytes>>;

/// An HTTP server on a free port of loopback; it ends with its value.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// Connections accepted so far.
    connections: Arc<AtomicUsize>,
    cut: Arc<Notify>,
    _tasks: JoinSet<()>,
}

impl Server {
    pub(crate) async fn start(
        handler: impl Fn(Request<Bytes>) -> Answer + Send + Sync + 'static,
    ) -> Self {
        Self::listen(None, Arc::new(handler)).await
    }

    pub(crate) async fn start_tls(
        config: ServerConfig,
        handler: impl Fn(Request<Bytes>) -> Answer + Send + Sync + 'static,
    ) -> Self {
        Self::listen(Some(TlsAcceptor::from(Arc::new(config))), Arc::new(handler)).await
    }

    async fn listen(
        tls: Option<TlsAcceptor>,
        handler: Arc<impl Fn(Request<Bytes>) -> Answer + Send + Sync + 'static>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let cut = Arc::new(Notify::new());
        let (count, cutting) = (Arc::clone(&connections), Arc::clone(&cut));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut served = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                let handler = Arc::clone(&handler);
                let (tls, cutting) = (tls.clone(), Arc::clone(&cutting));
                served.spawn(async move {
                    let serving = async {
                        match tls {
                            None => serve(stream, handler).await,
                            Some(tls) => {
                                if let Ok(stream) = tls.accept(stream).await {
                                    serve(stream, handler).await;
                                }
                            }
                        }
                    };
                    tokio::select! {
                        () = serving => {}
                        () = cutting.notified() => {}
                    }
                });
            }
        });
        Self { address, connections, cut, _tasks: tasks }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn https(&self, path: &str) -> String {
        format!("https://{}{path}", self.address)
    }

    /// Ends every connection as it is, without a word.
    pub(crate) fn cut_connections(&self) {
        self.cut.notify_waiters();
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// Serves HTTP on one stream until it ends.
pub(crate) async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    handler: Arc<impl Fn(Request<Bytes>) -> Answer + Send + Sync + 'static>,
) {
    let service = service_fn(move |request: Request<hyper::body::Incoming>| {
        let handler = Arc::clone(&handler);
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            Ok::<_, hyper::Error>(handler(Request::from_parts(head, body)))
        }
    });
    // A client that goes away is not the server's failure.
    drop(Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await);
}

/// The TLS side of a server; with `ask` it wants a certificate of the test CA from its clients.
pub(crate) fn server_tls(pair: (&str, &str), http2: bool, ask: bool) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = if ask {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(CA.as_bytes()).unwrap()).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
        builder.with_client_cert_verifier(verifier.build().unwrap())
    } else {
        builder.with_no_client_auth()
    };
    let chain = vec![CertificateDer::from_pem_slice(pair.0.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(pair.1.as_bytes()).unwrap();
    let mut config = builder.with_single_cert(chain, key).unwrap();
    if http2 {
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    }
    config
}

pub(crate) fn inline(text: &str) -> Option<Source> {
    Some(Source::Inline(Secret::new(text)))
}

pub(crate) fn answer(body: impl Into<Bytes>) -> Answer {
    Response::new(Full::new(body.into()))
}

pub(crate) fn status(status: u16, body: &'static str) -> Answer {
    Response::builder().status(status).body(Full::new(Bytes::from(body))).unwrap()
}

pub(crate) fn header<'r>(request: &'r Request<Bytes>, name: &str) -> &'r str {
    request.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

/// Lets time pass without waiting for it. The clock stands still only meanwhile, so sockets are
/// not outrun by their timeouts.
pub(crate) async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}
