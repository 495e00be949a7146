//! OAuth 2.0's client credentials: a token that is fetched, kept, and fetched again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use url::form_urlencoded;

use crate::config::OAuth2;
use crate::error::{ConfigError, Error};
use crate::header::{basic, sensitive};
use crate::message::Message;
use crate::origin::Origin;
use crate::reread::Current;
use crate::response::Response;
use crate::secret::Secret;
use crate::transport::Transport;
use crate::userinfo::split_userinfo;

mod answer;
#[cfg(test)]
mod tests;

/// A token is not used in its last seconds: it would expire on the way.
const EXPIRY_MARGIN: Duration = Duration::from_secs(10);

/// A server that refuses every token is not asked for a new one more often than this.
const RENEWAL_INTERVAL: Duration = Duration::from_secs(10);

/// Answers of token endpoints are a few kilobytes.
const MAX_ANSWER: usize = 1024 * 1024;

/// How long a connection to the server of tokens may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Gets tokens for one client.
#[derive(Debug)]
pub(crate) struct TokenSource {
    transport: Transport,
    url: Uri,
    origin: Arc<Origin>,
    client_id: String,
    secret: Current,
    /// The form without what identifies the client.
    form: String,
    /// Whether the endpoint wants id and secret in the form; learned when it refuses the header.
    secret_in_form: AtomicBool,
    token: Mutex<Option<Token>>,
    /// One question at a time: ten thousand requests that need a token fetch one.
    fetching: Semaphore,
    renewal_interval: Duration,
}

#[derive(Debug, Clone)]
struct Token {
    header: HeaderValue,
    /// What it was got with: another secret makes it worthless.
    secret: Secret,
    fetched: Instant,
    expires: Option<Instant>,
}

impl TokenSource {
    pub(crate) fn new(config: &OAuth2) -> Result<Self, ConfigError> {
        let url: Uri = config.token_url.parse().map_err(|_| ConfigError::BadTokenUrl)?;
        let url = match split_userinfo(&url).map_err(|_| ConfigError::BadTokenUrl)? {
            Some((without, _)) => without,
            None => url,
        };
        let origin = Arc::new(Origin::of(&url).map_err(|_| ConfigError::BadTokenUrl)?);
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        if !config.scopes.is_empty() {
            form.append_pair("scope", &config.scopes.join(" "));
        }
        for (name, value) in &config.endpoint_params {
            form.append_pair(name, value);
        }
        Ok(Self {
            transport: Transport::new(&config.tls, &config.proxy, true, CONNECT_TIMEOUT, None)?,
            url,
            origin,
            client_id: config.client_id.clone(),
            secret: Current::of(&config.client_secret),
            form: form.finish(),
            secret_in_form: AtomicBool::new(false),
            token: Mutex::new(None),
            fetching: Semaphore::new(1),
            renewal_interval: RENEWAL_INTERVAL,
        })
    }

    /// The `Authorization` header for the next request.
    pub(crate) async fn header(&self) -> Result<HeaderValue, Error> {
        let secret = self.secret.secret().await?;
        if let Some(header) = self.valid(&secret) {
            return Ok(header);
        }
        let _turn = self.fetching.acquire().await.expect("the semaphore is never closed");
        if let Some(header) = self.valid(&secret) {
            return Ok(header);
        }
        let token = self.fetch(secret).await?;
        let header = token.header.clone();
        *self.lock() = Some(token);
        Ok(header)
    }

    /// Drops a token that was refused. Whether there is, or will be, another to try with.
    pub(crate) fn forget(&self, refused: &HeaderValue) -> bool {
        let mut token = self.lock();
        match &*token {
            None => true,
            Some(token) if token.header != *refused => true,
            Some(token) if token.fetched.elapsed() < self.renewal_interval => false,
            Some(_) => {
                *token = None;
                true
            }
        }
    }

    fn valid(&self, secret: &Secret) -> Option<HeaderValue> {
        let token = self.lock();
        let token = token.as_ref().filter(|token| token.secret == *secret)?;
        let expired = token.expires.is_some_and(|expires| Instant::now() >= expires);
        (!expired).then(|| token.header.clone())
    }

    async fn fetch(&self, secret: Secret) -> Result<Token, Error> {
        let in_form = self.secret_in_form.load(Ordering::Relaxed);
        let mut response = self.ask(&secret, in_form).await?;
        let refused =
            matches!(response.status(), StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED);
        if refused && !in_form {
            // The standard wants the header, and many servers the form.
            response = self.ask(&secret, true).await?;
            if response.status().is_success() {
                self.secret_in_form.store(true, Ordering::Relaxed);
            }
        }
        let status = response.status();
        let form = response.headers().get(CONTENT_TYPE).is_some_and(answer::is_form);
        let mut body = Vec::new();
        response.read_body(MAX_ANSWER, &mut body).await.map_err(|error| self.error(&error))?;
        if !status.is_success() {
            let transient = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
            return Err(self.refusal(answer::complaint(status, &body), transient));
        }
        let answer = answer::parse(&body, form).map_err(|reason| self.refusal(reason, false))?;
        let fetched = Instant::now();
        Ok(Token {
            header: sensitive(format!("{} {}", answer.scheme, answer.token.expose()))?,
            secret,
            fetched,
            // A lifetime past what the clock can say is for ever.
            expires: answer
                .lifetime
                .and_then(|lifetime| fetched.checked_add(lifetime.saturating_sub(EXPIRY_MARGIN))),
        })
    }

    async fn ask(&self, secret: &Secret, in_form: bool) -> Result<Response, Error> {
        let mut form = self.form.clone();
        if in_form {
            let mut with_secret = form_urlencoded::Serializer::new(form);
            with_secret.append_pair("client_id", &self.client_id);
            with_secret.append_pair("client_secret", secret.expose());
            form = with_secret.finish();
        }
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let mut authorization = None;
        if !in_form {
            let escape = |text: &str| -> String {
                form_urlencoded::byte_serialize(text.as_bytes()).collect()
            };
            authorization = Some(basic(&escape(&self.client_id), &escape(secret.expose()))?);
        }
        let message = Message {
            method: &Method::POST,
            uri: &self.url,
            headers: &headers,
            configured: &[],
            authorization,
            body: &Bytes::from(form),
        };
        self.transport.send(&message, &self.origin).await.map_err(|error| self.error(&error))
    }

    fn error(&self, error: &Error) -> Error {
        self.refusal(error.to_string(), error.is_transient())
    }

    fn refusal(&self, reason: String, transient: bool) -> Error {
        Error::Token { origin: self.origin.to_string(), reason, transient }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Token>> {
        self.token.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    fn renew_at_once(&mut self) {
        self.renewal_interval = Duration::ZERO;
    }
}
