//! The durable queue, and a sender per wire protocol.
//!
//! What is handed to a destination is sealed into compressed, ready-to-send frames, appended to a
//! log on disk before anything is sent, and forgotten only when the backend has acknowledged it. A
//! killed process, a full disk and a backend that is away cost what their counters say, and nothing
//! else.

pub mod config;
pub mod log;
pub mod telemetry;
mod throttle;
pub mod wire;

pub use config::{ConfigError, EndpointConfig, LogConfig, MetadataConfig, Protocol, QueueConfig};
pub use telemetry::Telemetry;
