//! `local.file`: the content of a file.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use client::Secret;
use discovery::document::{Detector, FileConfig, FileDocument};
use syntax::{Arguments, Choice, Problems};

use super::document::{Document, Output};
use super::source::Source;
use super::{Context, Kind, Refusal, Started, Updated};

#[cfg(test)]
mod tests;

/// How long the first content is waited for, and with that the whole graph. A guess: a disk answers
/// sooner, and what does not answer, such as a pipe or a server of files that is gone, is tried again.
const READ_LIMIT: Duration = Duration::from_secs(10);

/// A running `local.file`.
pub(super) struct LocalFile(Document);

/// What `local.file` takes.
#[derive(Debug, Arguments)]
#[arguments(validate = Self::validate)]
pub(super) struct Input {
    /// The file.
    filename: String,
    /// How a change is noticed.
    #[arg(default = DetectorName::Fsnotify)]
    detector: DetectorName,
    /// How often the file is read even if nobody says that it changed.
    #[arg(default = Duration::from_secs(60))]
    poll_frequency: Duration,
    /// Whether the content is a secret.
    #[arg(default = false)]
    is_secret: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
enum DetectorName {
    Fsnotify,
    Poll,
}

impl Input {
    fn config(&self) -> FileConfig {
        FileConfig {
            path: PathBuf::from(&self.filename),
            detector: match self.detector {
                DetectorName::Fsnotify => Detector::Watch,
                DetectorName::Poll => Detector::Poll,
            },
            poll_frequency: self.poll_frequency,
        }
    }

    fn validate(&self, problems: &mut Problems<'_>) {
        if self.filename.is_empty() {
            problems.field("filename", "filename must not be empty");
        }
        if self.poll_frequency.is_zero() {
            problems.field("poll_frequency", "poll_frequency must be greater than 0");
        }
    }

    fn source(&self) -> Result<Source<Secret>, Refusal> {
        let source = FileDocument::new(self.config()).map_err(Refusal::new)?;
        Ok(Box::new(|publisher, stop| Box::pin(source.run(publisher, stop))))
    }

    /// Reads no longer than the file may take.
    async fn in_time<T>(
        &self,
        read: impl Future<Output = Result<T, Refusal>>,
    ) -> Result<T, Refusal> {
        tokio::time::timeout(READ_LIMIT, read).await.unwrap_or_else(|_| {
            let filename = &self.filename;
            Err(Refusal::new(format!("{filename}: cannot be read within {READ_LIMIT:?}")))
        })
    }
}

impl Kind for LocalFile {
    const NAME: &'static str = "local.file";
    const SUMMARY: &'static str = "Exports the content of a file.";
    const ONLY_READS: bool = true;
    type Arguments = Input;
    type Exports = Output;

    async fn start(context: Context<Output>, arguments: Input) -> Result<Started<Self>, Refusal> {
        let document = Document::start(&context, arguments.source()?, arguments.is_secret);
        let (document, work) = arguments.in_time(document).await?;
        let refreshed = document.refreshed();
        let registration = context.measure(move |page| {
            let at = refreshed().and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
            page.gauge(
                "local_file_timestamp_last_accessed_unix_seconds",
                "When the file was read last.",
                &[],
                at.unwrap_or_default().as_secs_f64().floor(),
            );
        });
        Ok(Started::new(Self(document.with(registration)), work))
    }

    async fn update(&self, arguments: Input) -> Result<Updated, Refusal> {
        arguments.in_time(self.0.update(arguments.source()?, arguments.is_secret)).await?;
        Ok(Updated::InPlace)
    }
}
