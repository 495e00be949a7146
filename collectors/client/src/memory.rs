//! A server in the same process, reached without a socket.

use tokio::io::DuplexStream;
use tokio::sync::mpsc;

/// Connections that wait to be accepted; more are refused, as a full backlog would.
const BACKLOG: usize = 64;

/// Bytes in flight in one direction of a connection.
const BUFFER: usize = 64 * 1024;

/// The client's side of an address that exists only in this process.
///
/// Requests for `http://<address>/...` are answered by whoever holds the other side, for instance
/// the process's own HTTP server.
#[derive(Debug, Clone)]
pub struct MemoryDialer {
    address: String,
    connections: mpsc::Sender<DuplexStream>,
}

impl MemoryDialer {
    /// An address (`host:port`), and where its connections arrive.
    pub fn bind(address: &str) -> (Self, mpsc::Receiver<DuplexStream>) {
        let (connections, accept) = mpsc::channel(BACKLOG);
        (Self { address: address.to_ascii_lowercase(), connections }, accept)
    }

    /// The address, as `host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn dial(&self) -> Result<DuplexStream, &'static str> {
        let (ours, theirs) = tokio::io::duplex(BUFFER);
        self.connections.try_send(theirs).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => "too many connections wait to be accepted",
            mpsc::error::TrySendError::Closed(_) => "nobody listens",
        })?;
        Ok(ours)
    }
}
