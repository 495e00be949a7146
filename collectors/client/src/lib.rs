//! The outbound HTTP client: credentials, TLS, proxies, redirects.
//!
//! Scrapes, HTTP discovery, remote documents and remote write all send through it, with the settings
//! that a configuration's HTTP client blocks know.
//!
//! ```
//! use client::{Client, Config, Credentials, Secret, Source};
//!
//! let config = Config {
//!     credentials: Some(Credentials::bearer(Source::Inline(Secret::new("token")))),
//!     ..Config::default()
//! };
//! let client = Client::new(&config)?;
//!
//! async fn page(client: &Client, buffer: &mut Vec<u8>) -> Result<(), client::Error> {
//!     let request = http::Request::get("http://127.0.0.1:9100/metrics")
//!         .header("accept-encoding", "gzip")
//!         .body(bytes::Bytes::new())
//!         .expect("the URL is valid");
//!     let mut response = client.send(request).await?;
//!     response.read_body(64 << 20, buffer).await?;
//!     Ok(())
//! }
//! # Ok::<(), client::ConfigError>(())
//! ```

mod client;
mod config;
mod credentials;
mod crypto;
mod dial;
mod error;
mod exchange;
mod file;
mod gunzip;
mod header;
mod memory;
mod message;
mod oauth2;
mod origin;
pub mod pem;
mod pool;
mod proxy;
mod proxy_url;
mod redirect;
mod reread;
mod response;
mod secret;
mod stream;
#[cfg(test)]
mod testing;
mod tls;
mod transport;
mod userinfo;

pub use client::Client;
pub use config::{Config, Credentials, OAuth2, Proxy, Tls, TlsVersion};
pub use error::{ConfigError, Error, TlsError};
pub use file::FileError;
pub use header::{Headers, is_framing_header, is_reserved_header};
pub use memory::MemoryDialer;
pub use response::{BodySize, Response};
pub use secret::{Secret, Source};

/// The `User-Agent` of requests that do not say another.
pub const USER_AGENT: &str = concat!("Shoal/", env!("CARGO_PKG_VERSION"));
