//! What messages call a document.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use crate::secret::Source;

/// What a document is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The authorities that servers are checked against.
    Authorities,
    /// The authorities that clients are checked against.
    ClientAuthorities,
    /// A certificate, and those that it stands on.
    Certificate,
    /// The key of a certificate.
    Key,
}

/// What messages call a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Title {
    /// What it is for.
    pub part: Part,
    /// The file that it comes from; none if the configuration spells it out.
    pub file: Option<Arc<Path>>,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Authorities => "CA",
            Self::ClientAuthorities => "client CA",
            Self::Certificate => "certificate",
            Self::Key => "key",
        })
    }
}

impl Title {
    pub(crate) fn of(part: Part, source: &Source) -> Self {
        let file = match source {
            Source::Inline(_) => None,
            Source::File(path) => Some(path.as_path().into()),
        };
        Self { part, file }
    }
}

impl fmt::Display for Title {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            None => write!(f, "{}'s PEM", self.part),
            Some(path) => write!(f, "{} in {}", self.part, path.display()),
        }
    }
}
