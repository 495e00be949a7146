//! The paths of target files.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::ConfigError;
use crate::group::Format;
use crate::watcher::directory_of;

#[cfg(test)]
mod tests;

/// A pattern that means more files than this is a mistake.
const MAX_MATCHES: usize = 10_000;

/// A path whose last element may contain one `*`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    directory: PathBuf,
    format: Format,
    name: Name,
}

#[derive(Debug, PartialEq, Eq)]
enum Name {
    Exactly(PathBuf),
    /// What stands before and behind the `*`.
    Around(String, String),
}

impl Pattern {
    pub(super) fn parse(text: &str) -> Result<Self, ConfigError> {
        let bad = |reason| Err(ConfigError::Path { path: text.to_owned(), reason });
        let (directory, name) = text.rsplit_once('/').unwrap_or(("", text));
        let format = match name.rsplit_once('.') {
            Some((_, "json" | "JSON")) => Format::Json,
            Some((_, "yml" | "yaml" | "YML" | "YAML")) => Format::Yaml,
            _ => return bad("it must end in .json, .yml or .yaml"),
        };
        if directory.contains('*') {
            return bad("only the last element of the path may contain a *");
        }
        if text.contains(['?', '[', ']', '\\']) {
            return bad("of wildcards only * is supported");
        }
        let path = Path::new(text);
        let name = match name.split_once('*') {
            None => Name::Exactly(path.to_owned()),
            Some((_, after)) if after.contains('*') => return bad("it may contain only one *"),
            Some((before, after)) => Name::Around(before.to_owned(), after.to_owned()),
        };
        Ok(Self { directory: directory_of(path), format, name })
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(super) fn format(&self) -> Format {
        self.format
    }

    /// The files that the pattern means, which may be gone by the time they are read. A directory
    /// that is not there has none.
    pub(super) fn matches(&self) -> Result<Vec<PathBuf>, String> {
        let (before, after) = match &self.name {
            Name::Exactly(path) => return Ok(vec![path.clone()]),
            Name::Around(before, after) => (before, after),
        };
        let failed = |error: std::io::Error| format!("{}: {error}", self.directory.display());
        let entries = match std::fs::read_dir(&self.directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut paths = Vec::new();
        for entry in entries {
            let name = entry.map_err(failed)?.file_name();
            // A name that is not text cannot be what somebody wrote into a configuration.
            let Some(name) = name.to_str() else { continue };
            let long_enough = name.len() >= before.len() + after.len();
            if !long_enough || !name.starts_with(before.as_str()) || !name.ends_with(after.as_str())
            {
                continue;
            }
            if paths.len() == MAX_MATCHES {
                return Err(format!(
                    "{}: more than {MAX_MATCHES} files match",
                    self.directory.display()
                ));
            }
            paths.push(self.path_of(name));
        }
        paths.sort();
        Ok(paths)
    }

    /// As it would be written: without the `./` of a pattern that has no directory.
    fn path_of(&self, name: &str) -> PathBuf {
        if self.directory == Path::new(".") { name.into() } else { self.directory.join(name) }
    }
}
