//! The number that grows with every boot of a node, kept on disk so that it grows even when the
//! clock does not.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use membership::Peer;
use tracing::warn;

#[cfg(test)]
mod tests;

/// Where the last generation is kept, and what it was.
#[derive(Debug)]
pub struct Generation {
    path: PathBuf,
    current: u64,
}

/// Why the generation could not be kept.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}", path.display())]
pub struct Error {
    path: PathBuf,
    #[source]
    source: std::io::Error,
}

impl Generation {
    /// A new generation for a boot at `unix_seconds`, above the one that `directory` remembers,
    /// which is created if need be. What cannot be read counts as nothing: the clock is nearly
    /// always enough. So it is on a disk that is full, maybe of what only a node that runs can deliver.
    ///
    /// # Errors
    ///
    /// When the new one cannot be written: the next boot could then be taken for this one.
    pub fn next(directory: &Path, unix_seconds: u64) -> Result<Self, Error> {
        let path = directory.join("generation");
        let last = std::fs::read_to_string(&path).ok();
        let last = last.and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        let mut generation = Self { path, current: 0 };
        match generation.raise(Peer::generation_at_boot(unix_seconds, last)) {
            Err(error) if is_full(&error.source) => {
                let reason = &error.source;
                warn!(%error, %reason, "goes on without: the clock has to do");
            }
            raised => raised?,
        }
        Ok(generation)
    }

    /// The generation of this boot.
    pub fn current(&self) -> u64 {
        self.current
    }

    /// Remembers a generation that this node had to take while running. A lower one than the
    /// current changes nothing.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn raise(&mut self, to: u64) -> Result<(), Error> {
        if to <= self.current {
            return Ok(());
        }
        self.current = to;
        self.write().map_err(|source| Error { path: self.path.clone(), source })
    }

    /// Written aside and renamed, so that a crash leaves the old number or the new one.
    fn write(&self) -> std::io::Result<()> {
        if let Some(directory) = self.path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        let aside = self.path.with_extension("new");
        let mut file = std::fs::File::create(&aside)?;
        writeln!(file, "{}", self.current)?;
        file.sync_all()?;
        std::fs::rename(&aside, &self.path)?;
        // The new name is on the disk when the directory is.
        match self.path.parent() {
            Some(directory) => std::fs::File::open(directory)?.sync_all(),
            None => Ok(()),
        }
    }
}

fn is_full(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
}
