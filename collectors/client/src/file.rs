//! Small files of the configuration: tokens, keys, certificates.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Tokens, keys and bundles of certificates are far smaller; a larger file is a wrong path.
pub(crate) const MAX_SIZE: u64 = 4 * 1024 * 1024;

/// A file of the configuration could not be read.
#[derive(Debug, Clone, thiserror::Error)]
#[error("cannot read {}: {reason}", path.display())]
pub struct FileError {
    /// The file.
    pub path: PathBuf,
    /// What the system said.
    pub reason: String,
}

impl FileError {
    pub(crate) fn new(path: impl Into<PathBuf>, error: &io::Error) -> Self {
        Self { path: path.into(), reason: error.to_string() }
    }
}

/// Reads a small file. Blocks.
///
/// # Errors
/// Also when it is larger than 4 MiB, or no regular file: a pipe would be waited for without end.
pub(crate) fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut content = Vec::new();
    std::fs::File::open(path)?.take(MAX_SIZE + 1).read_to_end(&mut content)?;
    if content.len() as u64 > MAX_SIZE {
        return Err(io::Error::other(format!("it is larger than {MAX_SIZE} bytes")));
    }
    Ok(content)
}
