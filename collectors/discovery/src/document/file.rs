//! A file that is watched.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use client::Secret;
use tokio::io::AsyncReadExt;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::MAX_DOCUMENT;
use crate::outlet::Publisher;
use crate::watcher::{Hints, directory_of};
use crate::{ConfigError, at_least};

/// The settings of a [`FileDocument`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileConfig {
    /// The file.
    pub path: PathBuf,
    /// How a change is noticed.
    pub detector: Detector,
    /// How often the file is read even if nobody says that it changed.
    pub poll_frequency: Duration,
}

/// How a change of a file is noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Detector {
    /// The system tells, and the file is read now and then as well.
    #[default]
    Watch,
    /// The file is read now and then.
    Poll,
}

/// Publishes the content of a file, which has to be UTF-8, byte for byte.
///
/// While the file cannot be read its last content stays. Whether the content is shown as a secret is
/// the subscriber's business; here it is kept as one.
#[derive(Debug)]
pub struct FileDocument {
    config: FileConfig,
}

impl FileDocument {
    /// Checks the settings; reads nothing.
    ///
    /// # Errors
    ///
    /// An empty path, or a frequency of zero.
    pub fn new(config: FileConfig) -> Result<Self, ConfigError> {
        at_least(config.poll_frequency, "poll_frequency")?;
        if config.path.as_os_str().is_empty() {
            return Err(ConfigError::Empty("filename"));
        }
        Ok(Self { config })
    }

    /// Publishes until it is told to stop.
    pub async fn run(self, mut publisher: Publisher<Secret>, stop: CancellationToken) {
        let mut hints = match self.config.detector {
            Detector::Watch => Hints::of_the_system(),
            Detector::Poll => Hints::none(),
        };
        let directory = BTreeSet::from([directory_of(&self.config.path)]);
        loop {
            hints.watch(directory.clone());
            let content = tokio::select! {
                () = stop.cancelled() => return,
                content = publisher.during(self.read()) => content,
            };
            match content {
                Ok(content) => {
                    publisher.offer(content);
                    publisher.healthy();
                }
                Err(reason) => {
                    let reason = format!("{}: {reason}", self.config.path.display());
                    if publisher.unhealthy(reason.clone(), false) {
                        warn!(%reason, "cannot read a file; keeping its last content");
                    }
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = hints.changed() => {}
                () = tokio::time::sleep(self.config.poll_frequency) => {}
            }
        }
    }

    async fn read(&self) -> Result<Secret, String> {
        let file = tokio::fs::File::open(&self.config.path).await.map_err(|e| e.to_string())?;
        let mut content = Vec::new();
        let mut limited = file.take(MAX_DOCUMENT as u64 + 1);
        limited.read_to_end(&mut content).await.map_err(|error| error.to_string())?;
        if content.len() > MAX_DOCUMENT {
            return Err(format!("it is larger than {MAX_DOCUMENT} bytes"));
        }
        let content = String::from_utf8(content).map_err(|_| "it is not UTF-8".to_owned())?;
        Ok(Secret::new(content))
    }
}
