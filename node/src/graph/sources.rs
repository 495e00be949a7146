//! Reading configuration from files.

use std::io;
use std::path::{Path, PathBuf};

use syntax::{Diagnostic, Diagnostics, MAX_SOURCE, Source};

#[cfg(test)]
mod tests;

/// What `--config` names, read.
#[derive(Debug, Clone)]
pub(super) struct Texts {
    /// Name and text of each file, in order.
    pub files: Vec<(String, String)>,
    /// The directory that holds them: the variable `module_path`.
    pub directory: String,
}

impl Texts {
    /// The files as sources.
    pub(super) fn sources(&self) -> Vec<Source> {
        self.files.iter().map(|(name, text)| Source::new(name, text.as_str())).collect()
    }
}

/// Reads a file, or the `*.alloy` files at the top of a directory in order of their names.
///
/// # Errors
///
/// When something cannot be read, is not text, or there is nothing to read.
pub(super) fn read(path: &Path) -> Result<Texts, Diagnostics> {
    let metadata = std::fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    if !metadata.is_dir() {
        return Ok(Texts { files: vec![read_file(path)?], directory: directory_of(path) });
    }
    let mut paths = list(path).map_err(|error| unreadable(path, &error))?;
    paths.sort();
    if paths.is_empty() {
        let text = format!("{} holds no file that ends in .alloy", path.display());
        return Err(Diagnostic::unplaced(text).into());
    }
    let files = paths.iter().map(|path| read_file(path)).collect::<Result<_, _>>()?;
    Ok(Texts { files, directory: path.display().to_string() })
}

/// The directory of a file, as it was named; `.` for one that was named without.
fn directory_of(file: &Path) -> String {
    let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    directory.unwrap_or(Path::new(".")).display().to_string()
}

fn list(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        // A link to a file counts, as Kubernetes mounts a ConfigMap as links.
        if path.extension().is_some_and(|extension| extension == "alloy") && path.is_file() {
            paths.push(path);
        }
    }
    Ok(paths)
}

fn read_file(path: &Path) -> Result<(String, String), Diagnostics> {
    let length = std::fs::metadata(path).map_err(|error| unreadable(path, &error))?.len();
    if length > MAX_SOURCE as u64 {
        let text = format!("{} is {length} bytes long, more than {MAX_SOURCE}", path.display());
        return Err(Diagnostic::unplaced(text).into());
    }
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
    Ok((path.display().to_string(), text))
}

fn unreadable(path: &Path, error: &io::Error) -> Diagnostics {
    Diagnostic::unplaced(format!("cannot read {}: {error}", path.display())).into()
}
