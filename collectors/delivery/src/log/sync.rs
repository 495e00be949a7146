//! Forcing the log to the disk, apart from the log itself, because it may take long.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::Log;

/// Files to be forced to the disk. Run it where blocking is allowed.
#[derive(Debug)]
pub struct SyncWork {
    files: Vec<Arc<File>>,
    cursor: File,
    directory: Option<PathBuf>,
}

impl SyncWork {
    /// Forces them. It blocks for as long as the disk takes.
    ///
    /// # Errors
    ///
    /// Those of the disk; what was written may then be lost with the power, not with the process.
    pub fn run(self) -> io::Result<()> {
        for file in &self.files {
            file.sync_data()?;
        }
        self.cursor.sync_data()?;
        if let Some(directory) = self.directory {
            File::open(directory)?.sync_all()?;
        }
        Ok(())
    }
}

impl Log {
    /// What has been written since the last time and is still wanted; `None` when the backend has
    /// acknowledged everything, so that a power failure would lose nothing.
    ///
    /// # Errors
    ///
    /// When the process is out of file descriptors.
    pub fn sync_work(&mut self) -> io::Result<Option<SyncWork>> {
        if (self.is_empty() && self.gates.is_empty()) || self.unsynced.is_empty() {
            return Ok(None);
        }
        self.all_sync_work().map(Some)
    }

    pub(super) fn all_sync_work(&mut self) -> io::Result<SyncWork> {
        let cursor = self.cursor.handle()?;
        let directory = std::mem::take(&mut self.directory_unsynced);
        Ok(SyncWork {
            files: std::mem::take(&mut self.unsynced),
            cursor,
            directory: directory.then(|| self.directory.clone()),
        })
    }
}
