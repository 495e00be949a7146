//! The component graph: what the configuration describes, evaluated, running, and kept up to date.
//!
//! A configuration becomes a plan (what there is, who reads whom, in which order it is evaluated),
//! the plan is checked as a whole, and one task, the [`Controller`], makes it run. What a component
//! exports is evaluated into the arguments of whoever reads it; what has the same arguments as
//! before is left alone.

mod check;
mod controller;
mod evaluate;
mod handle;
mod health;
mod id;
mod imports;
mod live;
mod measure;
mod order;
mod plan;
mod prepare;
mod publish;
mod sources;
mod veto;

#[cfg(test)]
mod tests;

pub use controller::{Controller, Loading, Settings};
pub use handle::{Graph, LoadError};
pub use health::{Health, HealthState};
pub use id::ComponentId;
pub use live::LoadStatus;
pub use publish::Published;
pub use veto::Veto;

pub(crate) use imports::reference as import_reference;
pub(crate) use plan::ConfigBlock;

use std::path::Path;

use syntax::{Diagnostics, Host, Scope, Stability};

use crate::components::Registry;

/// Says all that is wrong with a configuration, and with what it imports, without running it.
/// Blocks on the file system.
///
/// # Errors
///
/// Every mistake, with its place.
pub fn validate(
    config: &Path,
    registry: &Registry,
    host: &Host,
    stability: Stability,
) -> Result<(), Diagnostics> {
    let library = Scope::new(host, stability);
    let prepared = prepare::prepare(config, &plan::Contents::new(), registry, &library);
    prepared.map(drop)
}
