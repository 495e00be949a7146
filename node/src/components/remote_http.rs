//! `remote.http`: what a URL answers.

use std::collections::BTreeMap;
use std::time::Duration;

use client::{MemoryDialer, Secret};
use discovery::document::{HttpConfig, HttpDocument};
use syntax::{Arguments, Problems};

use super::document::{Document, Output};
use super::http_client::{self, HttpClient};
use super::source::{self, Source};
use super::{Context, Kind, Refusal, Started, Updated};

#[cfg(test)]
mod tests;

/// A running `remote.http`.
pub(super) struct RemoteHttp {
    document: Document,
    memory: Option<MemoryDialer>,
}

/// What `remote.http` takes.
#[derive(Debug, Arguments)]
#[arguments(validate = Self::validate)]
pub(super) struct Input {
    /// The URL.
    url: String,
    /// How often it is asked.
    #[arg(default = Duration::from_secs(60))]
    poll_frequency: Duration,
    /// How long an answer may take; less than `poll_frequency`.
    #[arg(default = Duration::from_secs(10))]
    poll_timeout: Duration,
    /// Whether the content is a secret.
    #[arg(default = false)]
    is_secret: bool,
    /// The method of the request.
    #[arg(default = "GET".to_owned())]
    method: String,
    /// Headers of the request.
    #[arg(default = BTreeMap::new())]
    headers: BTreeMap<String, String>,
    /// The body of the request.
    #[arg(default = String::new())]
    body: String,
    /// The client that asks.
    #[arg(block)]
    client: Option<HttpClient>,
}

impl Input {
    fn validate(&self, problems: &mut Problems<'_>) {
        source::check_url(problems, "url", &self.url);
        if self.poll_frequency.is_zero() {
            problems.field("poll_frequency", "poll_frequency must be greater than 0");
        }
        if self.poll_timeout.is_zero() {
            problems.field("poll_timeout", "poll_timeout must be greater than 0");
        }
        let known = problems.are_known(&["poll_timeout", "poll_frequency"]);
        if known && self.poll_timeout >= self.poll_frequency {
            problems.field("poll_timeout", "poll_timeout must be less than poll_frequency");
        }
        if http::Method::from_bytes(self.method.as_bytes()).is_err() {
            problems.field("method", format!("{:?} is not a method of HTTP", self.method));
        }
        for (name, value) in &self.headers {
            let at = [syntax::Step::Key(name.clone())];
            if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
                problems.key("headers", &at, format!("the header {name:?} cannot be sent"));
            } else if client::is_framing_header(name) {
                let text = format!("the header {name:?} is set by what url and body say");
                problems.key("headers", &at, text);
            }
            if http::HeaderValue::from_str(value).is_err() {
                let text = format!("the value of the header {name:?} cannot be sent");
                problems.secret_part("headers", &at, text);
            }
        }
    }

    fn config(&self) -> HttpConfig {
        let value = |value: &String| vec![Secret::new(value.as_str())];
        HttpConfig {
            url: self.url.clone(),
            method: self.method.clone(),
            headers: self.headers.iter().map(|(name, v)| (name.clone(), value(v))).collect(),
            body: self.body.clone(),
            poll_frequency: self.poll_frequency,
            poll_timeout: self.poll_timeout,
        }
    }

    fn client(&self) -> client::Config {
        self.client.as_ref().map(|client| client.config(true)).unwrap_or_default()
    }

    fn source(&self, memory: Option<&MemoryDialer>) -> Result<Source<Secret>, Refusal> {
        let client = http_client::client(&self.client(), memory)?;
        let source = HttpDocument::new(&self.config(), client).map_err(Refusal::new)?;
        Ok(Box::new(|publisher, stop| Box::pin(source.run(publisher, stop))))
    }
}

impl Kind for RemoteHttp {
    const NAME: &'static str = "remote.http";
    const SUMMARY: &'static str = "Exports what a URL answers.";
    const ONLY_READS: bool = true;
    type Arguments = Input;
    type Exports = Output;

    async fn start(context: Context<Output>, arguments: Input) -> Result<Started<Self>, Refusal> {
        let memory = context.services.memory.clone();
        let source = arguments.source(memory.as_ref())?;
        let (document, work) = Document::start(&context, source, arguments.is_secret).await?;
        Ok(Started::new(Self { document, memory }, work))
    }

    async fn update(&self, arguments: Input) -> Result<Updated, Refusal> {
        // The first answer is waited for no longer than its `poll_timeout`.
        let source = arguments.source(self.memory.as_ref())?;
        self.document.update(source, arguments.is_secret).await?;
        Ok(Updated::InPlace)
    }
}
