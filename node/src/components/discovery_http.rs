//! `discovery.http`: targets from an HTTP server.

use std::time::Duration;

use client::MemoryDialer;
use discovery::http::{Config, HttpDiscovery};
use syntax::{Arguments, Problems};

use super::http_client::{self, HttpClient};
use super::latest::Latest;
use super::source::{self, Outlet, Output, Source};
use super::{Context, Kind, Refusal, Started, Updated};

#[cfg(test)]
mod tests;

/// A running `discovery.http`.
pub(super) struct DiscoveryHttp {
    sources: Latest<Source<discovery::Targets>>,
    memory: Option<MemoryDialer>,
}

/// What `discovery.http` takes.
#[derive(Debug, Arguments)]
#[arguments(validate = Self::validate)]
pub(super) struct Input {
    /// The URL of target groups in JSON.
    url: String,
    /// How often it is asked, and how long an answer may take.
    #[arg(default = Duration::from_secs(60))]
    refresh_interval: Duration,
    /// The client that asks.
    #[arg(squash)]
    client: HttpClient,
}

impl Input {
    fn validate(&self, problems: &mut Problems<'_>) {
        source::check_url(problems, "url", &self.url);
        if self.refresh_interval.is_zero() {
            problems.field("refresh_interval", "refresh_interval must be greater than 0");
        }
    }

    fn config(&self) -> Config {
        Config { url: self.url.clone(), refresh_interval: self.refresh_interval }
    }

    fn source(&self, memory: Option<&MemoryDialer>) -> Result<Source<discovery::Targets>, Refusal> {
        let client = http_client::client(&self.client.config(true), memory)?;
        let source = HttpDiscovery::new(&self.config(), client).map_err(Refusal::new)?;
        Ok(Box::new(|publisher, stop| Box::pin(source.run(publisher, stop))))
    }
}

impl Kind for DiscoveryHttp {
    const NAME: &'static str = "discovery.http";
    const SUMMARY: &'static str = "Finds targets by asking an HTTP server.";
    type Arguments = Input;
    type Exports = Output;

    async fn start(context: Context<Output>, arguments: Input) -> Result<Started<Self>, Refusal> {
        let memory = context.services.memory.clone();
        let sources = Latest::new(arguments.source(memory.as_ref())?);
        let outlet = Outlet::of(&context);
        let work = source::run(sources.clone(), outlet, context.cancel);
        Ok(Started::new(Self { sources, memory }, work))
    }

    async fn update(&self, arguments: Input) -> Result<Updated, Refusal> {
        self.sources.put(arguments.source(self.memory.as_ref())?);
        Ok(Updated::InPlace)
    }
}
