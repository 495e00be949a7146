//! A small file whose content is looked at again and again.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::error::Error;
use crate::file::{FileError, read_bounded};
use crate::secret::{Secret, Source};

#[cfg(test)]
mod tests;

/// How long a content is taken for current. A rotated token is in use a second later, and ten
/// thousand targets that share a client cost one read a second.
const FRESH_FOR: Duration = Duration::from_secs(1);

/// A file that is read when it is needed, and at most once a second.
///
/// Reading it is as cheap as asking for its time of modification, and cannot be deceived by two
/// writes within one tick of the file system's clock.
#[derive(Debug)]
pub(crate) struct Reread {
    path: PathBuf,
    last: Mutex<Option<(Instant, Arc<[u8]>)>>,
}

impl Reread {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, last: Mutex::new(None) }
    }

    /// The content, not older than a second. Two callers with the same content get the same `Arc`.
    pub(crate) async fn content(&self) -> Result<Arc<[u8]>, FileError> {
        let now = Instant::now();
        {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((read, content)) = &mut *last {
                if now.duration_since(*read) < FRESH_FOR {
                    return Ok(Arc::clone(content));
                }
                // Whoever asks while this read is under way is content with the last one.
                *read = now;
            }
        }
        let path = self.path.clone();
        let read = tokio::task::spawn_blocking(move || read_bounded(&path)).await;
        let result = read.map_err(std::io::Error::other).flatten();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(content) => {
                let content = match last.take() {
                    Some((_, same)) if *same == *content => same,
                    _ => content.into(),
                };
                *last = Some((now, Arc::clone(&content)));
                Ok(content)
            }
            Err(error) => {
                // What cannot be read is not known: the next request asks the file again.
                *last = None;
                Err(FileError::new(&self.path, &error))
            }
        }
    }
}

/// The current value of a [`Source`].
#[derive(Debug)]
pub(crate) enum Current {
    Inline(Secret),
    File(Reread),
}

impl Current {
    pub(crate) fn of(source: &Source) -> Self {
        match source {
            Source::Inline(secret) => Self::Inline(secret.clone()),
            Source::File(path) => Self::File(Reread::new(path.clone())),
        }
    }

    /// The secret, without the white space around it if it comes from a file.
    pub(crate) async fn secret(&self) -> Result<Secret, Error> {
        match self {
            Self::Inline(secret) => Ok(secret.clone()),
            Self::File(file) => {
                let content = file.content().await?;
                let text = std::str::from_utf8(&content)
                    .map_err(|_| Error::BadSecret("content of a secret's file"))?;
                Ok(Secret::new(text.trim()))
            }
        }
    }

    /// The document, byte for byte.
    pub(crate) async fn document(&self) -> Result<Arc<[u8]>, FileError> {
        match self {
            Self::Inline(secret) => Ok(secret.bytes()),
            Self::File(file) => file.content().await,
        }
    }

    pub(crate) fn is_file(&self) -> bool {
        matches!(self, Self::File(_))
    }
}
