//! A URL that is polled.

use std::time::Duration;

use bytes::Bytes;
use client::{Client, Headers, Secret};
use http::header::ACCEPT_ENCODING;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::MAX_DOCUMENT;
use crate::http::parse_url;
use crate::outlet::Publisher;
use crate::{ConfigError, at_least};

/// The settings of an [`HttpDocument`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpConfig {
    /// The document's URL, `http` or `https`.
    pub url: String,
    /// The method, usually `GET`.
    pub method: String,
    /// Headers of the request.
    pub headers: Headers,
    /// The body of the request.
    pub body: String,
    /// How often the document is asked for.
    pub poll_frequency: Duration,
    /// How long an answer may take; less than `poll_frequency`.
    pub poll_timeout: Duration,
}

/// Publishes what a URL answers, without the white space around it.
///
/// Only an answer with status 200 and UTF-8 counts; while there is none the last content stays.
/// Whether the content is shown as a secret is the subscriber's business; here it is kept as one.
#[derive(Debug)]
pub struct HttpDocument {
    client: Client,
    url: Uri,
    shown: String,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
    poll_frequency: Duration,
    poll_timeout: Duration,
}

impl HttpDocument {
    /// Checks the settings; asks nobody.
    ///
    /// # Errors
    ///
    /// A setting that no request can be made of, or times that do not go together.
    pub fn new(config: &HttpConfig, client: Client) -> Result<Self, ConfigError> {
        at_least(config.poll_frequency, "poll_frequency")?;
        at_least(config.poll_timeout, "poll_timeout")?;
        if config.poll_timeout >= config.poll_frequency {
            return Err(ConfigError::TimeoutTooLong);
        }
        let (url, shown) = parse_url(&config.url)?;
        let method = Method::from_bytes(config.method.as_bytes())
            .map_err(|_| ConfigError::Method(config.method.clone()))?;
        let mut headers = HeaderMap::new();
        for (name, values) in &config.headers {
            let bad = || ConfigError::Header(name.clone());
            if client::is_framing_header(name) {
                return Err(bad());
            }
            for value in values {
                let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
                let mut value = HeaderValue::from_str(value.expose()).map_err(|_| bad())?;
                value.set_sensitive(true);
                headers.append(header, value);
            }
        }
        headers.entry(ACCEPT_ENCODING).or_insert(HeaderValue::from_static("gzip"));
        Ok(Self {
            client,
            url,
            shown,
            method,
            headers,
            body: Bytes::from(config.body.clone()),
            poll_frequency: config.poll_frequency,
            poll_timeout: config.poll_timeout,
        })
    }

    /// Publishes until it is told to stop.
    pub async fn run(self, mut publisher: Publisher<Secret>, stop: CancellationToken) {
        // The rhythm is that of the polls' beginnings, however long an answer takes.
        let mut polls = tokio::time::interval(self.poll_frequency);
        polls.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let polled = tokio::select! {
                () = stop.cancelled() => return,
                polled = async { polls.tick().await; self.poll().await } => polled,
            };
            match polled {
                Ok(content) => {
                    publisher.offer(content);
                    publisher.healthy();
                }
                Err(reason) => {
                    if publisher.unhealthy(reason.clone(), false) {
                        let url = &self.shown;
                        warn!(url, %reason, "cannot get a document; keeping the last one");
                    }
                }
            }
        }
    }

    async fn poll(&self) -> Result<Secret, String> {
        let limit = self.poll_timeout;
        match tokio::time::timeout(limit, self.request()).await {
            Ok(polled) => polled,
            Err(_) => Err(format!("no answer within {limit:?}")),
        }
    }

    async fn request(&self) -> Result<Secret, String> {
        let mut request = Request::new(self.body.clone());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.url.clone();
        *request.headers_mut() = self.headers.clone();
        let mut response = self.client.send(request).await.map_err(|error| error.to_string())?;
        if response.status() != StatusCode::OK {
            return Err(format!("the server answered {}", response.status()));
        }
        let mut body = Vec::new();
        response.read_body(MAX_DOCUMENT, &mut body).await.map_err(|error| error.to_string())?;
        let body = String::from_utf8(body).map_err(|_| "the answer is not UTF-8".to_owned())?;
        Ok(Secret::new(body.trim()))
    }
}
