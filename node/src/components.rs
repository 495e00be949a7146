//! The kinds of components: one file each, thin. A kind decodes its arguments, makes the
//! collector's own configuration of them, and runs the collector.

mod context;
mod detail;
mod erased;
mod kind;
mod registry;

pub use context::{Context, Exporter, HealthReport, Services};
pub use detail::Detail;
pub use erased::{Descriptor, Failure, Made, Running};
pub use kind::{Kind, Nothing, Refusal, Started, Updated, Work};
pub use registry::Registry;
