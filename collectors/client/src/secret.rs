//! Values that must not be seen, and where they come from.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

#[cfg(test)]
mod tests;

/// A value that neither a log line, nor an error, nor a debug print shows.
///
/// Cloning is one reference count. Comparing two secrets is not constant in time: they are compared
/// to find out whether a configuration changed, never to check what a stranger sent.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Keeps a value secret.
    pub fn new(value: impl Into<Arc<str>>) -> Self {
        Self(value.into())
    }

    /// The value itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The value as bytes, without copying it.
    pub(crate) fn bytes(&self) -> Arc<[u8]> {
        Arc::clone(&self.0).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

impl From<&str> for Secret {
    fn from(value: &str) -> Self {
        Self::new(value)
    }
}

impl From<String> for Secret {
    fn from(value: String) -> Self {
        Self::new(value)
    }
}

/// Where a secret or a PEM document comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The configuration spells it out.
    Inline(Secret),
    /// It is the content of a file, which is read again when it may have changed: at most once a
    /// second, and only while requests are being sent. White space around a secret is not part
    /// of it.
    File(PathBuf),
}
