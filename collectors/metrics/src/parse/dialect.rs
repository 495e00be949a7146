//! The two text formats.

/// How strictly a text page is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Spaces and tabs anywhere between tokens, timestamps in milliseconds, unknown comments
    /// skipped, no exemplars.
    Prometheus,
    /// Single spaces, timestamps in seconds, exemplars, units, and `# EOF` at the end.
    OpenMetrics,
}
