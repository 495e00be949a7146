//! The configuration blocks that are not components: `logging`, `http` and `livedebugging`.

mod http;
mod logging;

#[cfg(test)]
mod tests;

use syntax::{Arguments, Diagnostics, Evaluated, FieldDoc, Problems};

use crate::graph::ConfigBlock;
use crate::server::config::HttpConfig;
use crate::telemetry::logging::Logging;

/// What the blocks say about the process itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Config {
    /// The `logging` block.
    pub logging: Logging,
    /// The `http` block.
    pub http: HttpConfig,
}

impl Config {
    /// Takes over what a block says.
    pub(crate) fn apply(
        &mut self,
        block: ConfigBlock,
        evaluated: &Evaluated,
    ) -> Result<(), Diagnostics> {
        match block {
            ConfigBlock::Logging => {
                self.logging = syntax::decode_evaluated::<logging::Block>(evaluated)?.into();
            }
            ConfigBlock::Http => {
                self.http = syntax::decode_evaluated::<http::Block>(evaluated)?.into();
            }
            ConfigBlock::LiveDebugging => {
                syntax::decode_evaluated::<LiveDebugging>(evaluated)?;
            }
        }
        Ok(())
    }
}

/// All that is wrong with a block, as far as its values are known.
pub(crate) fn check(block: ConfigBlock, evaluated: &Evaluated) -> Diagnostics {
    Config::default().apply(block, evaluated).err().unwrap_or_default()
}

/// The blocks for the reference: name, what it is for, what it takes.
pub fn reference() -> [(&'static str, &'static str, Vec<FieldDoc>); 3] {
    [
        ("http", "How this node's server talks, and to whom.", http::Block::reference()),
        ("livedebugging", "Watching data as it passes.", LiveDebugging::reference()),
        ("logging", "How much this node logs, and how.", logging::Block::reference()),
    ]
}

/// `livedebugging`
#[derive(Debug, Clone, Arguments)]
#[arguments(validate = Self::validate)]
struct LiveDebugging {
    /// Whether data can be watched as it passes; only `false` can be honoured.
    #[arg(default = false)]
    enabled: bool,
}

impl LiveDebugging {
    fn validate(&self, problems: &mut Problems<'_>) {
        if self.enabled {
            problems.field("enabled", "Shoal has no live debugging; remove the block");
        }
    }
}
