//! `logging`

use syntax::{Arguments, Choice, Problems, Value};

use crate::telemetry::logging::{Format, Level, Logging};

/// What the block takes.
#[derive(Debug, Clone, Arguments)]
#[arguments(validate = Self::validate)]
pub(super) struct Block {
    /// What is less important than this is not written.
    #[arg(default = LevelName::Info)]
    level: LevelName,
    /// How a line looks.
    #[arg(default = FormatName::Logfmt)]
    format: FormatName,
    /// Where lines go; only the default can be honoured.
    #[arg(default = "stderr".to_owned())]
    destination: String,
    /// Receivers of the log; none can be honoured.
    #[arg(default = Vec::new())]
    write_to: Vec<Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
enum LevelName {
    Error,
    Warn,
    Info,
    Debug,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
enum FormatName {
    Logfmt,
    Json,
}

impl Block {
    fn validate(&self, problems: &mut Problems<'_>) {
        if self.destination != "stderr" {
            problems.field("destination", "Shoal logs to standard error only");
        }
        if !self.write_to.is_empty() {
            let text = "Shoal's own log cannot be sent to components; collect its standard error";
            problems.field("write_to", text);
        }
    }
}

impl From<Block> for Logging {
    fn from(block: Block) -> Self {
        Self {
            level: match block.level {
                LevelName::Error => Level::Error,
                LevelName::Warn => Level::Warn,
                LevelName::Info => Level::Info,
                LevelName::Debug => Level::Debug,
            },
            format: match block.format {
                FormatName::Logfmt => Format::Logfmt,
                FormatName::Json => Format::Json,
            },
        }
    }
}
