//! `discovery.file`: targets from files.

use std::time::Duration;

use discovery::file::{Config, FileDiscovery};
use syntax::{Arguments, Problems, Step};

use super::latest::Latest;
use super::source::{self, Outlet, Output, Source};
use super::{Context, Kind, Refusal, Started, Updated};

#[cfg(test)]
mod tests;

/// A running `discovery.file`.
pub(super) struct DiscoveryFile(Latest<Source<discovery::Targets>>);

/// How often the files are read where nothing is said.
const REFRESH: Duration = Duration::from_secs(300);

/// What `discovery.file` takes.
#[derive(Debug, Arguments)]
#[arguments(validate = Self::validate)]
pub(super) struct Input {
    /// Files of target groups in JSON or YAML; the last part of a path may contain one `*`.
    files: Vec<String>,
    /// How often the files are read even if nobody says that they changed.
    #[arg(default = REFRESH)]
    refresh_interval: Duration,
}

impl Input {
    fn config(&self) -> Config {
        Config { files: self.files.clone(), refresh_interval: self.refresh_interval }
    }

    fn validate(&self, problems: &mut Problems<'_>) {
        if self.files.is_empty() {
            problems.field("files", "files must not be empty");
        }
        for (at, file) in self.files.iter().enumerate() {
            let alone = Config { files: vec![file.clone()], refresh_interval: REFRESH };
            if let Err(error) = FileDiscovery::new(&alone) {
                problems.part("files", &[Step::Index(at)], error.to_string());
            }
        }
        if self.refresh_interval.is_zero() {
            problems.field("refresh_interval", "refresh_interval must be greater than 0");
        }
    }

    fn source(&self) -> Result<Source<discovery::Targets>, Refusal> {
        let source = FileDiscovery::new(&self.config()).map_err(Refusal::new)?;
        Ok(Box::new(|publisher, stop| Box::pin(source.run(publisher, stop))))
    }
}

impl Kind for DiscoveryFile {
    const NAME: &'static str = "discovery.file";
    const SUMMARY: &'static str = "Finds targets in files.";
    type Arguments = Input;
    type Exports = Output;

    async fn start(context: Context<Output>, arguments: Input) -> Result<Started<Self>, Refusal> {
        let sources = Latest::new(arguments.source()?);
        let outlet = Outlet::of(&context);
        let work = source::run(sources.clone(), outlet, context.cancel);
        Ok(Started::new(Self(sources), work))
    }

    async fn update(&self, arguments: Input) -> Result<Updated, Refusal> {
        self.0.put(arguments.source()?);
        Ok(Updated::InPlace)
    }
}
