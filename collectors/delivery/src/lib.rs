//! The durable queue, and a sender per wire protocol.
//!
//! What is handed to a [`Destination`] is sealed into compressed, ready-to-send frames, appended to
//! a log on disk before anything is sent, and forgotten only when the backend has acknowledged it.
//! A killed process, a full disk and a backend that is away cost what their counters say, and
//! nothing else.
//!
//! ```no_run
//! # async fn example(batch: std::sync::Arc<model::Batch>) -> Result<(), Box<dyn std::error::Error>> {
//! use delivery::{Destination, EndpointConfig};
//!
//! let url = "http://prometheus:9090/api/v1/write".parse()?;
//! let client = client::Client::new(&client::Config::default())?;
//! let config = EndpointConfig::new("prometheus", url);
//! let destination = Destination::open("data/prometheus".as_ref(), config, client)?;
//!
//! let input = destination.input();
//! let stop = tokio_util::sync::CancellationToken::new();
//! let running = destination.run(stop.clone(), std::time::Duration::from_secs(10));
//! let work = async {
//!     let sent = input.send(batch).await;
//!     stop.cancel();
//!     sent
//! };
//! let (left, sent) = tokio::join!(running, work);
//! sent?;
//! println!("{} samples are left for the next start", left.samples);
//! # Ok(())
//! # }
//! ```

pub mod config;
mod consignment;
mod destination;
mod handle;
mod label;
pub mod log;
mod orphans;
mod peers;
mod sender;
mod shards;
pub mod telemetry;
mod throttle;
pub mod wire;
pub mod write;

pub use config::{ConfigError, EndpointConfig, LogConfig, MetadataConfig, Protocol, QueueConfig};
pub use consignment::{Consignment, MAX_CONSIGNMENT, MAX_TRAVELLER, Malformed};
pub use destination::{Destination, Left, OpenError};
pub use handle::{Closed, Handle, NotAdopted};
pub use orphans::{Orphan, orphans};
pub use peers::{Later, Neighbours, Peers, Pending, PendingReport, Question, Refused};
pub use telemetry::Telemetry;
