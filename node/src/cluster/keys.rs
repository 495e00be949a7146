//! The file with the keys of the cluster.
//!
//! One key a line, the one that seals first: 32 random bytes in base64, as `shoal key new` and
//! `openssl rand -base64 32` print them, or in hexadecimal. Empty lines and what follows a `#` are
//! left out.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD};
use membership::{Key, Keyring, KeyringError};
use rand::RngExt as _;
use tracing::warn;

#[cfg(test)]
mod tests;

/// Far more than a full keyring with comments needs, in bytes.
const MAX_FILE: u64 = 64 * 1024;

/// Why a file holds no keys that can be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not there, or may not be read.
    #[error("cannot read the cluster keys in {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// It is no file of keys.
    #[error("{} is longer than {MAX_FILE} bytes: it is no file of cluster keys", path.display())]
    TooLong {
        /// Which file.
        path: PathBuf,
    },
    /// A line is no key. What it says is not shown: it may be one nearly.
    #[error(
        "{} line {line}: not a key; write 32 random bytes in base64 or hexadecimal, as \
         `shoal key new` prints them",
        path.display()
    )]
    Line {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
    },
    /// Without any key nothing would be sealed, which nobody asks for by naming a file.
    #[error("{} holds no key; `shoal key new` prints one", path.display())]
    Empty {
        /// Which file.
        path: PathBuf,
    },
    /// The keys do not go together.
    #[error("{}", path.display())]
    Ring {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: KeyringError,
    },
}

/// Reads the keys. Blocks. A file that others may read is warned about.
///
/// # Errors
///
/// See [`Error`].
pub fn read(path: &Path) -> Result<Keyring, Error> {
    let failed = |source| Error::Read { path: path.to_owned(), source };
    let about = std::fs::metadata(path).map_err(failed)?;
    if about.len() > MAX_FILE {
        return Err(Error::TooLong { path: path.to_owned() });
    }
    let text = std::fs::read_to_string(path).map_err(failed)?;
    let keyring = parse(path, &text)?;
    if is_open_to_others(&about) {
        warn!(
            path = %path.display(),
            "other users of this machine can read or change the cluster keys: chmod 600"
        );
    }
    Ok(keyring)
}

#[cfg(unix)]
fn is_open_to_others(about: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    // A secret mounted into a pod is often readable by its group, which is the pod's own.
    about.permissions().mode() & 0o027 != 0
}

fn parse(path: &Path, text: &str) -> Result<Keyring, Error> {
    let mut keys = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let written = line.split('#').next().unwrap_or_default().trim();
        if written.is_empty() {
            continue;
        }
        let secret = secret(written)
            .ok_or_else(|| Error::Line { path: path.to_owned(), line: index + 1 })?;
        keys.push(Key::new(&secret));
    }
    if keys.is_empty() {
        return Err(Error::Empty { path: path.to_owned() });
    }
    Keyring::new(keys).map_err(|source| Error::Ring { path: path.to_owned(), source })
}

/// 64 hexadecimal digits could be read as base64 too, but not as 32 bytes.
fn secret(written: &str) -> Option<[u8; Key::BYTES]> {
    let bytes = if written.len() == 2 * Key::BYTES {
        let digits = written.as_bytes().chunks(2);
        let pairs =
            digits.map(|pair| std::str::from_utf8(pair).ok().filter(|p| !p.starts_with('+')));
        pairs.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect::<Option<Vec<u8>>>()?
    } else if written.ends_with('=') {
        BASE64_STANDARD.decode(written).ok()?
    } else {
        BASE64_STANDARD_NO_PAD.decode(written).ok()?
    };
    bytes.try_into().ok()
}

/// A line with a new key.
pub fn fresh() -> String {
    BASE64_STANDARD.encode(rand::rng().random::<[u8; Key::BYTES]>())
}
