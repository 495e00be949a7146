//! Blocks that are not components.

/// Blocks that concern the process itself. Each may be written once, at the top.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConfigBlock {
    /// `logging`
    Logging,
    /// `http`
    Http,
    /// `livedebugging`
    LiveDebugging,
}

impl ConfigBlock {
    /// By its name.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "logging" => Some(Self::Logging),
            "http" => Some(Self::Http),
            "livedebugging" => Some(Self::LiveDebugging),
            _ => None,
        }
    }
}

/// Where the text of an import comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ImportKind {
    /// `import.file`: a file, or the files of a directory.
    File,
    /// `import.string`: a string.
    String,
}

impl ImportKind {
    /// By its name.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "import.file" => Some(Self::File),
            "import.string" => Some(Self::String),
            _ => None,
        }
    }
}

/// Names of blocks that are no components; for hints.
pub(super) const BLOCKS: [&str; 6] =
    ["declare", "http", "import.file", "import.string", "livedebugging", "logging"];

/// Why a block that Alloy has cannot be honoured.
pub(super) fn unsupported(name: &str) -> Option<&'static str> {
    match name {
        "import.git" => {
            Some("Shoal does not speak git; check the repository out and use import.file")
        }
        "import.http" => Some(
            "fetch the text with remote.http and give its content to import.string, which reads it \
             again whenever it changes",
        ),
        "remotecfg" => Some("Shoal reads its configuration from files only"),
        "tracing" => Some("Shoal makes no traces of its own work"),
        "foreach" => {
            Some("Shoal has no foreach yet; a declare with one instance per element does the same")
        }
        "argument" | "export" => Some("it belongs inside a declare block"),
        _ => None,
    }
}
