//! What Shoal says about itself.

pub mod histogram;
pub mod logging;
pub mod registry;

pub use histogram::Histogram;
pub use registry::{Exposition, Registration, Registry};
