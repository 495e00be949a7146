//! Requests to the peer API of other nodes.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use client::{Client, Credentials, Secret, Source};
use http::{Request, StatusCode};
use membership::{Channel, Reply};
use tokio::sync::watch;

use super::PeerSeal;
use crate::server::config::HttpConfig;

#[cfg(test)]
mod tests;

/// The longest excerpt of an error's body that is shown, in bytes.
const EXCERPT: usize = 200;

/// How much of an error's body is read, in bytes. Nodes say in a line why they refuse; what is longer
/// comes from somebody else.
const REFUSAL: usize = 4096;

/// How long a connection to a peer may take. Whoever is not there is to be known soon; a packet of
/// the handshake that is lost is sent again after a second.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1500);

/// How often a question is asked when the peer turns out to have another life than was known. Twice
/// is the rule after a restart of the peer; a third time is for one that restarts meanwhile.
const ROUNDS: usize = 3;

/// A way to the peer API: TLS as the command line says, and the password that the configuration
/// asks of everybody, since all nodes run the same configuration. What is said there is sealed when
/// the cluster has a key.
///
/// Each runtime has its own: connections are served by the runtime that made them.
#[derive(Debug)]
pub struct PeerAccess {
    tls: Option<client::Tls>,
    current: Mutex<Current>,
    seal: PeerSeal,
}

#[derive(Debug)]
struct Current {
    http: watch::Receiver<Arc<HttpConfig>>,
    client: Client,
}

/// Why a peer gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// Nobody is there: refused, reset, timed out.
    #[error("unreachable: {0}")]
    Unreachable(String),
    /// Somebody is there, and does nothing about what was asked: it says so by a status of 400 to 499.
    #[error("declined: {0}")]
    Declined(String),
    /// Somebody is there, but would not talk, or talks otherwise: TLS, another error status, an answer that
    /// cannot be read. What was asked may have been acted upon.
    #[error("refused: {0}")]
    Refused(String),
}

impl PeerAccess {
    /// A way with these TLS settings, plain without. The password follows `http`.
    ///
    /// # Errors
    ///
    /// When the TLS settings cannot be used.
    pub fn new(
        tls: Option<client::Tls>,
        http: watch::Receiver<Arc<HttpConfig>>,
        seal: PeerSeal,
    ) -> Result<Self, client::ConfigError> {
        let client = Client::new(&config(tls.as_ref(), &http.borrow()))?;
        Ok(Self { tls, current: Mutex::new(Current { http, client }), seal })
    }

    /// Sends `body` to `path` and returns the answer's, which has at most `limit` bytes.
    ///
    /// # Errors
    ///
    /// When there is no answer within `timeout`, another status than 200, or it is not from a node
    /// of this cluster.
    pub async fn post(
        &self,
        to: SocketAddr,
        path: &str,
        body: Bytes,
        limit: usize,
        timeout: Duration,
    ) -> Result<Vec<u8>, PeerError> {
        tokio::time::timeout(timeout, self.ask(to, path, body, limit))
            .await
            .unwrap_or_else(|_| Err(PeerError::Unreachable(format!("no answer in {timeout:?}"))))
    }

    async fn ask(
        &self,
        to: SocketAddr,
        path: &str,
        body: Bytes,
        limit: usize,
    ) -> Result<Vec<u8>, PeerError> {
        let client = self.client().map_err(|error| PeerError::Refused(error.to_string()))?;
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        for _ in 0..ROUNDS {
            let question = self.seal.question(to);
            let request = Request::post(format!("{scheme}://{to}{path}"))
                .header(http::header::CONTENT_TYPE, "application/octet-stream")
                .body(question.seal(path, body.clone()))
                .map_err(|error| PeerError::Refused(error.to_string()))?;
            let stream = self.seal.streams().ask(request.body().len());
            let Received { status, body } =
                exchange(&client, request, limit + Channel::OVERHEAD).await?;
            stream.receive(body.len());
            if status != StatusCode::OK {
                let text = format!("{status}: {}", excerpt(&body));
                let declined = status.is_client_error();
                let error = if declined { PeerError::Declined } else { PeerError::Refused };
                return Err(error(text));
            }
            match question.open(&self.seal.opener(), path, body) {
                Ok(Reply::Answer(answer)) => {
                    stream.answered();
                    return Ok(answer);
                }
                Ok(Reply::Introduction(introduction)) => {
                    stream.answered();
                    self.seal.introduce(to, introduction);
                }
                Err(refusal) => {
                    self.seal.refuse(to.ip(), "an answer", &refusal);
                    return Err(PeerError::Refused(format!("its answer is {refusal}")));
                }
            }
        }
        Err(PeerError::Refused("it has another life each time it is asked".to_owned()))
    }

    /// The client, renewed when the password has changed.
    fn client(&self) -> Result<Client, client::ConfigError> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.http.has_changed().unwrap_or(false) {
            let config = config(self.tls.as_ref(), &current.http.borrow_and_update());
            current.client = Client::new(&config)?;
        }
        Ok(current.client.clone())
    }
}

/// What came back.
struct Received {
    status: StatusCode,
    body: Vec<u8>,
}

async fn exchange(
    client: &Client,
    request: Request<Bytes>,
    limit: usize,
) -> Result<Received, PeerError> {
    let mut response = client.send(request).await.map_err(classify)?;
    let status = response.status();
    let is_answer = status == StatusCode::OK;
    let mut body = Vec::new();
    let read = response.read_body(if is_answer { limit } else { REFUSAL }, &mut body).await;
    match read {
        Err(error) if is_answer => Err(classify(error)),
        // As much as there is of the reason is as good as all of it.
        _ => Ok(Received { status, body }),
    }
}

/// The beginning of a refusal as text.
fn excerpt(body: &[u8]) -> String {
    String::from_utf8_lossy(&body[..body.len().min(EXCERPT)]).trim().to_owned()
}

/// A connection that fails below TLS says that nobody is there; everything else that somebody is.
/// The difference is one of life and death: a node that reaches nobody may become a cluster of its
/// own, a node that is refused may not.
fn classify(error: client::Error) -> PeerError {
    let text = error.to_string();
    match error {
        client::Error::Connect { .. }
        | client::Error::Exchange { .. }
        | client::Error::Body { .. }
            if !error.speaks_otherwise() =>
        {
            PeerError::Unreachable(text)
        }
        _ => PeerError::Refused(text),
    }
}

fn config(tls: Option<&client::Tls>, http: &HttpConfig) -> client::Config {
    let credentials = http.auth.as_ref().map(|auth| Credentials::Basic {
        username: auth.username.clone(),
        password: Some(Source::Inline(Secret::new(auth.password.clone()))),
    });
    client::Config {
        credentials,
        tls: tls.cloned().unwrap_or_default(),
        follow_redirects: false,
        enable_http2: false,
        connect_timeout: CONNECT_TIMEOUT,
        ..client::Config::default()
    }
}
