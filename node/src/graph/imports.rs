//! Texts with declarations from elsewhere: `import.file` and `import.string`.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use syntax::{
    Arguments, Choice, Diagnostic, Diagnostics, Evaluated, FieldDoc, OptionalSecret, Problems,
};

use super::plan::{Content, ImportKind};
use super::sources;

#[cfg(test)]
mod tests;

/// How changes of a file are noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
enum Detector {
    /// The system says so; the file is looked at now and then all the same.
    #[choice("fsnotify")]
    Notify,
    /// The file is looked at.
    #[choice("poll")]
    Poll,
}

/// `import.file`
#[derive(Debug, Clone, PartialEq, Arguments)]
#[arguments(validate = Self::validate)]
struct File {
    /// The file, or the directory whose `*.alloy` files are read as one.
    filename: String,
    /// How changes are noticed.
    #[arg(default = Detector::Notify)]
    detector: Detector,
    /// How often the file is looked at even if nobody says that it changed.
    #[arg(default = Duration::from_secs(60))]
    poll_frequency: Duration,
}

impl File {
    fn validate(&self, problems: &mut Problems<'_>) {
        if self.filename.is_empty() {
            problems.field("filename", "filename must not be empty");
        }
        if self.poll_frequency.is_zero() {
            problems.field("poll_frequency", "poll_frequency must be greater than 0");
        }
    }
}

/// `import.string`
#[derive(Debug, Clone, Arguments)]
struct Text {
    /// The text.
    content: OptionalSecret,
}

/// The imports for the reference: name, what it is for, what it takes.
pub(crate) fn reference() -> [(&'static str, &'static str, Vec<FieldDoc>); 2] {
    [
        ("import.file", "Declarations out of files.", File::reference()),
        ("import.string", "Declarations out of a text.", Text::reference()),
    ]
}

/// All that is wrong with the arguments of an import.
pub(super) fn check(kind: ImportKind, evaluated: &Evaluated) -> Diagnostics {
    match kind {
        ImportKind::File => syntax::decode_evaluated::<File>(evaluated).err(),
        ImportKind::String => syntax::decode_evaluated::<Text>(evaluated).err(),
    }
    .unwrap_or_default()
}

/// A file whose changes matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Watched {
    /// The file or directory.
    pub path: PathBuf,
    /// How often it is looked at.
    pub frequency: Duration,
    /// Whether the system is asked to tell of changes as well.
    pub hints: bool,
}

/// What tells one state of a file or directory from another: names, lengths and times.
pub(super) type FileState = Vec<(PathBuf, u64, Option<SystemTime>)>;

/// The state of a file or directory now. Blocks on the file system.
pub(super) fn file_state(path: &Path) -> FileState {
    let mut paths = vec![path.to_owned()];
    if let Ok(entries) = std::fs::read_dir(path) {
        paths.extend(entries.flatten().map(|entry| entry.path()));
    }
    paths.sort();
    let known = paths.into_iter().filter_map(|path| {
        let metadata = std::fs::metadata(&path).ok()?;
        Some((path, metadata.len(), metadata.modified().ok()))
    });
    known.collect()
}

/// Reads what an import names, and says what to watch. Blocks on the file system.
///
/// # Errors
///
/// When the arguments are wrong, or what they name cannot be read.
pub(super) fn read(
    kind: ImportKind,
    name: &str,
    evaluated: &Evaluated,
) -> Result<(Content, Option<(Watched, FileState)>), Diagnostics> {
    match kind {
        ImportKind::String => {
            let text: Text = syntax::decode_evaluated(evaluated)?;
            let files = vec![(name.to_owned(), text.content.expose().to_owned())];
            // The text has no directory of its own: its paths begin where the import is written.
            let module_path = evaluated.module_path.to_string();
            let secret = text.content.is_secret();
            Ok((Content { files, module_path, secret }, None))
        }
        ImportKind::File => {
            let file: File = syntax::decode_evaluated(evaluated)?;
            let path = PathBuf::from(&file.filename);
            // Before reading: what changes meanwhile is seen as a change.
            let state = file_state(&path);
            let read = sources::read(&path).map_err(|problems| at(evaluated, problems))?;
            let hints = file.detector == Detector::Notify;
            let content = Content { files: read.files, module_path: read.directory, secret: false };
            Ok((content, Some((Watched { path, frequency: file.poll_frequency, hints }, state))))
        }
    }
}

/// Puts problems that have no place where the import is written.
fn at(evaluated: &Evaluated, problems: Diagnostics) -> Diagnostics {
    let place = |problem: Diagnostic| match problem.span {
        None => Diagnostic { span: Some(evaluated.header.clone()), ..problem },
        Some(_) => problem,
    };
    problems.into_iter().map(place).collect()
}
