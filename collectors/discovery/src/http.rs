//! Targets from an HTTP server.

use std::time::Duration;

use bytes::Bytes;
use client::Client;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, Request, StatusCode, Uri};
use model::Labels;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::group::{self, Format};
use crate::outlet::Publisher;
use crate::{ConfigError, Targets, at_least};

#[cfg(test)]
mod tests;

/// A list of targets larger than this is a wrong URL.
const MAX_BODY: usize = 256 * 1024 * 1024;

/// The settings of an [`HttpDiscovery`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The server's URL, `http` or `https`.
    pub url: String,
    /// How often it is asked; also how long an answer may take.
    pub refresh_interval: Duration,
}

/// Asks an HTTP server for target groups in JSON.
///
/// Each target carries `__meta_url`, without the user and password that the URL may have. When the
/// server does not answer, or not with targets, the last ones stay.
#[derive(Debug)]
pub struct HttpDiscovery {
    client: Client,
    url: Uri,
    /// As the label says it.
    shown: String,
    refresh_interval: Duration,
}

impl HttpDiscovery {
    /// Checks the settings; asks nobody.
    ///
    /// # Errors
    ///
    /// A URL that cannot be requested, or an interval of zero.
    pub fn new(config: &Config, client: Client) -> Result<Self, ConfigError> {
        at_least(config.refresh_interval, "refresh_interval")?;
        let (url, shown) = parse_url(&config.url)?;
        Ok(Self { client, url, shown, refresh_interval: config.refresh_interval })
    }

    /// Publishes until it is told to stop.
    pub async fn run(self, mut publisher: Publisher<Targets>, stop: CancellationToken) {
        loop {
            let asked = tokio::select! {
                () = stop.cancelled() => return,
                asked = publisher.during(self.ask()) => asked,
            };
            match asked {
                Ok(targets) => {
                    publisher.offer(targets.into());
                    publisher.healthy();
                }
                Err(reason) => {
                    if publisher.unhealthy(reason.clone(), false) {
                        let url = &self.shown;
                        warn!(url, %reason, "cannot get targets; keeping the last ones");
                    }
                }
            }
            let pause = publisher.pause(self.refresh_interval);
            tokio::select! {
                () = stop.cancelled() => return,
                () = publisher.during(tokio::time::sleep(pause)) => {}
            }
        }
    }

    async fn ask(&self) -> Result<Vec<Labels>, String> {
        let limit = self.refresh_interval;
        match tokio::time::timeout(limit, self.request()).await {
            Ok(asked) => asked,
            Err(_) => Err(format!("no answer within {limit:?}")),
        }
    }

    async fn request(&self) -> Result<Vec<Labels>, String> {
        let request = Request::get(self.url.clone())
            .header(ACCEPT, "application/json")
            .header(ACCEPT_ENCODING, "gzip")
            .header(
                "x-prometheus-refresh-interval-seconds",
                self.refresh_interval.as_secs_f64().to_string(),
            )
            .body(Bytes::new())
            .map_err(|error| error.to_string())?;
        let mut response = self.client.send(request).await.map_err(|error| error.to_string())?;
        if response.status() != StatusCode::OK {
            return Err(format!("the server answered {}", response.status()));
        }
        check_content_type(response.headers())?;
        let mut body = Vec::new();
        response.read_body(MAX_BODY, &mut body).await.map_err(|error| error.to_string())?;
        let body = String::from_utf8(body).map_err(|_| "the answer is not UTF-8".to_owned())?;
        group::parse(&body, Format::Json, &[("__meta_url", &self.shown)])
    }
}

/// The URL, and how to show it.
pub(crate) fn parse_url(text: &str) -> Result<(Uri, String), ConfigError> {
    let mut url = url::Url::parse(text).map_err(|_| ConfigError::Url)?;
    let uri: Uri = text.parse().map_err(|_| ConfigError::Url)?;
    if !matches!(url.scheme(), "http" | "https") || uri.host().is_none_or(str::is_empty) {
        return Err(ConfigError::Url);
    }
    if url.username().is_empty() && url.password().is_none() {
        return Ok((uri, text.to_owned()));
    }
    url.set_username("").and_then(|()| url.set_password(None)).map_err(|()| ConfigError::Url)?;
    Ok((uri, url.to_string()))
}

/// `application/json`, in UTF-8 if it says so.
fn check_content_type(headers: &HeaderMap) -> Result<(), String> {
    let value = headers.get(CONTENT_TYPE).map_or(&[][..], |value| value.as_bytes());
    let text = String::from_utf8_lossy(value).to_ascii_lowercase();
    let (essence, parameter) = text.split_once(';').unwrap_or((&text, ""));
    let charset = matches!(parameter.trim(), "" | "charset=utf-8" | "charset=\"utf-8\"");
    if essence.trim() == "application/json" && charset {
        Ok(())
    } else {
        Err(format!("the answer has the content type {text:?} instead of application/json"))
    }
}
