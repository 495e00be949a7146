//! The file of peers. Blocks.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

/// The longest file that is read, in bytes: as many peers as are kept are a tenth of it.
pub(super) const FILE_MAX: u64 = 64 * 1024;

/// Where the peers of a node are written down.
#[derive(Debug, Clone)]
pub(in crate::cluster) struct File {
    path: PathBuf,
}

impl File {
    /// The file in `directory`, be there one or not.
    pub(in crate::cluster) fn of(directory: &Path) -> Self {
        Self { path: directory.join("peers.json") }
    }

    /// What it holds; nothing if it cannot be read.
    pub(in crate::cluster) fn read(&self) -> Option<Vec<u8>> {
        let mut text = Vec::new();
        std::fs::File::open(&self.path).ok()?.take(FILE_MAX).read_to_end(&mut text).ok()?;
        Some(text)
    }

    /// Writes aside and renames, so that a crash leaves the old file or the new one.
    ///
    /// # Errors
    ///
    /// When the disk does not take it.
    pub(in crate::cluster) fn write(&self, text: &[u8]) -> std::io::Result<()> {
        let aside = self.path.with_extension("json.new");
        let mut file = std::fs::File::create(&aside)?;
        file.write_all(text)?;
        file.sync_all()?;
        std::fs::rename(&aside, &self.path)
    }
}
