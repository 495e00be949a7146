//! What Shoal says about itself.

pub mod clock;
pub mod histogram;
pub mod logging;
pub mod process;
pub mod registry;

pub use histogram::Histogram;
pub use logging::Logging;
pub use registry::{Exposition, Registration, Registry};
