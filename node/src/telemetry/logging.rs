//! Log lines: level and format, changeable while the process runs.

use serde::Deserialize;

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Everything.
    Debug,
    /// What an operator wants to read.
    #[default]
    Info,
    /// What may become a problem.
    Warn,
    /// What is a problem.
    Error,
}

/// How a line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// `key=value` pairs.
    #[default]
    Logfmt,
    /// One JSON object a line.
    Json,
}

/// What the `logging` block of the configuration says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub struct Logging {
    /// How much is said.
    pub level: Level,
    /// How a line is written.
    pub format: Format,
}
