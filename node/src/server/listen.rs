//! Connections: accepted, secured, served, ended.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info};

use super::config::HttpConfig;
use super::context::Context;
use super::pace::{HEAD_TIMEOUT, Pace, Paced};
use super::router::{self, Caller};
use super::tls::Material;

/// Connections at one time. A guess, far above what scrapes, browsers and peers make of it, and
/// far below the descriptors a process has.
const MAX_CONNECTIONS: usize = 2048;

/// The most that is buffered of a request's head, in bytes.
const MAX_HEAD: usize = 64 * 1024;

/// Requests at one time on one HTTP/2 connection.
const MAX_STREAMS: u32 = 100;

/// How often certificate files are looked at.
const TLS_REREAD: Duration = Duration::from_secs(10);

/// How long connections may finish what they are at when the server stops.
const FINISH: Duration = Duration::from_secs(5);

/// How long to wait after an error of accept, which is mostly a lack of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What is served.
pub struct Serve {
    /// Where connections arrive.
    pub listener: std::net::TcpListener,
    /// Where connections from within this process arrive.
    pub memory: mpsc::Receiver<DuplexStream>,
    /// What answers are made of.
    pub context: Arc<Context>,
    /// TLS and passwords, now and later.
    pub http: watch::Receiver<Arc<HttpConfig>>,
}

/// How connections are secured now.
#[derive(Clone)]
enum Security {
    Plain,
    /// And whether certificates of clients are checked.
    Tls(TlsAcceptor, bool),
    /// The configuration asks for TLS and it cannot be had: nobody is served in the clear instead.
    Broken,
}

/// Serves until `cancel`, then lets connections finish what they are at for a while.
///
/// # Errors
///
/// When the listener cannot be used at all.
pub async fn serve(serve: Serve, cancel: CancellationToken) -> std::io::Result<()> {
    let Serve { listener, mut memory, context, http } = serve;
    let listener = TcpListener::from_std(listener)?;
    let config = Arc::clone(&http.borrow());
    let (secured, security) = watch::channel(secure(&config).await.1);
    let mut tasks = JoinSet::new();
    tasks.spawn(keep_secure(http.clone(), secured, cancel.clone()));
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let connection = Connection { context, http, cancel: cancel.clone() };
    loop {
        // With no room left, connections wait in the system's backlog.
        let permit = tokio::select! {
            () = cancel.cancelled() => break,
            permit = Arc::clone(&room).acquire_owned() => permit.map_err(std::io::Error::other)?,
        };
        tokio::select! {
            () = cancel.cancelled() => break,
            Some(stream) = memory.recv() => {
                let connection = connection.clone();
                tasks.spawn(async move {
                    connection.serve(stream, None, false).await;
                    drop(permit);
                });
            }
            accepted = listener.accept() => match accepted {
                Ok((stream, from)) => {
                    let (connection, security) = (connection.clone(), security.borrow().clone());
                    tasks.spawn(async move {
                        connection.accept(stream, from, security).await;
                        drop(permit);
                    });
                }
                Err(error) => {
                    debug!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = tasks.join_next() => {}
        }
    }
    drop(listener);
    let finish = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(FINISH, finish).await.is_err() {
        debug!("connections did not end in time");
    }
    Ok(())
}

/// Follows the configuration and the files it names.
///
/// A configuration that cannot be secured was refused before it came here, unless a file changed in
/// between. TLS that works then goes on as it is until the files can be used; plain HTTP ends, because
/// it is not what was asked for.
async fn keep_secure(
    mut http: watch::Receiver<Arc<HttpConfig>>,
    secured: watch::Sender<Security>,
    cancel: CancellationToken,
) {
    let mut config = Arc::clone(&http.borrow_and_update());
    let mut material = None;
    // Whether the configuration is not in force yet.
    let mut owed = false;
    let mut look = tokio::time::interval(TLS_REREAD);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let changed = tokio::select! {
            () = cancel.cancelled() => return,
            changed = http.changed() => match changed {
                Ok(()) => true,
                // The graph is gone; what it said last stays.
                Err(_) => {
                    cancel.cancelled().await;
                    return;
                }
            },
            _ = look.tick(), if config.tls.is_some() => false,
        };
        if changed {
            config = Arc::clone(&http.borrow_and_update());
            owed = true;
        }
        let (now, security) = secure(&config).await;
        match &security {
            Security::Broken => {
                secured.send_if_modified(|current| {
                    let plain = matches!(current, Security::Plain);
                    if plain {
                        *current = Security::Broken;
                    }
                    plain
                });
                continue;
            }
            _ if !owed && now == material => continue,
            Security::Tls(..) if material.is_some() => info!("TLS certificates were read again"),
            _ => {}
        }
        owed = false;
        material = now;
        secured.send_replace(security);
    }
}

async fn secure(config: &HttpConfig) -> (Option<Material>, Security) {
    let Some(tls) = config.tls.clone() else { return (None, Security::Plain) };
    let made = tokio::task::spawn_blocking(move || {
        let material = Material::read(&tls)?;
        let security = Security::Tls(material.acceptor(&tls)?, tls.client_auth.checks());
        Ok::<_, super::tls::Error>((material, security))
    });
    match made.await {
        Ok(Ok((material, security))) => (Some(material), security),
        Ok(Err(problem)) => {
            error!(error = &problem as &dyn std::error::Error, "cannot serve TLS");
            (None, Security::Broken)
        }
        Err(problem) => {
            error!(error = %problem, "cannot serve TLS");
            (None, Security::Broken)
        }
    }
}

/// What every connection is given.
#[derive(Clone)]
struct Connection {
    context: Arc<Context>,
    http: watch::Receiver<Arc<HttpConfig>>,
    cancel: CancellationToken,
}

impl Connection {
    async fn accept(self, stream: TcpStream, from: SocketAddr, security: Security) {
        // Answers are written at once, so waiting for more would only delay them.
        let _ = stream.set_nodelay(true);
        match security {
            Security::Plain => self.serve(stream, Some(from), false).await,
            Security::Tls(acceptor, checks) => {
                match tokio::time::timeout(HEAD_TIMEOUT, acceptor.accept(stream)).await {
                    Ok(Ok(stream)) => {
                        let shown = stream.get_ref().1.peer_certificates();
                        let certified = checks && shown.is_some();
                        self.serve(stream, Some(from), certified).await;
                    }
                    Ok(Err(error)) => {
                        self.context.measures.refused();
                        debug!(%from, %error, "no TLS with a client");
                    }
                    Err(_) => self.context.measures.refused(),
                }
            }
            Security::Broken => self.context.measures.refused(),
        }
    }

    /// Serves one connection to its end, whose client has shown a certificate that was checked, or
    /// not. Those from within the process need no password.
    async fn serve<S>(self, stream: S, from: Option<SocketAddr>, certified: bool)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let _connected = self.context.measures.connected();
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(MAX_HEAD);
        builder.http2().timer(TokioTimer::new()).max_concurrent_streams(MAX_STREAMS);
        let (context, http) = (self.context, self.http);
        let pace = Pace::new();
        let stream = Paced::new(stream, pace.clone());
        let service = hyper::service::service_fn(move |request: http::Request<Incoming>| {
            let answering = pace.asked(request.version());
            let (context, http) = (Arc::clone(&context), Arc::clone(&http.borrow()));
            async move {
                let auth = http.auth.as_ref().filter(|_| from.is_some());
                let asks = http.tls.as_ref().is_some_and(|tls| tls.client_auth.checks());
                let caller = Caller { from, stranger: asks && !certified && from.is_some() };
                let answer = router::answer(context, auth, caller, request).await;
                drop(answering);
                Ok::<_, std::convert::Infallible>(answer)
            }
        });
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        tokio::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.cancel.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            debug!(?from, %error, "a connection broke");
        }
    }
}
