//! The datagrams of gossip, and what ICMP says of those that did not arrive.
//!
//! A host on which nobody listens at a port answers a datagram with an ICMP message. Linux keeps such
//! messages in an error queue beside the socket when it is asked to, and from then on also fails the
//! next call on the socket with the error, whatever that call is about. This type takes both apart:
//! calls are about their own datagrams only, and [`Datagrams::unreachable`] tells of the others.

use std::io;
use std::net::SocketAddr;

use tokio::io::Interest;
use tokio::net::UdpSocket;

#[cfg(target_os = "linux")]
mod icmp;
#[cfg(test)]
mod tests;

/// How often a call is made anew that failed with the error of another datagram. Each such error is
/// that of one ICMP message, so that a flood of them could go on for ever.
const ATTEMPTS: usize = 4;

/// Messages about something else that are passed over at one time; what is left is read the next time.
#[cfg(target_os = "linux")]
const OTHERS: usize = 64;

/// The socket of gossip.
#[derive(Debug)]
pub(super) struct Datagrams {
    socket: UdpSocket,
}

impl Datagrams {
    /// Takes over a socket that does not block. Must be called within the runtime.
    ///
    /// # Errors
    ///
    /// When the runtime cannot watch it.
    pub(super) fn new(socket: std::net::UdpSocket) -> io::Result<Self> {
        #[cfg(target_os = "linux")]
        if let Err(error) = icmp::keep(&socket) {
            // The dead are found all the same, a little later.
            tracing::debug!(%error, "ICMP messages about gossip cannot be read");
        }
        Ok(Self { socket: UdpSocket::from_std(socket)? })
    }

    /// Waits until something arrives, or until an ICMP message does.
    pub(super) async fn ready(&self) {
        // An error shows when the socket is read.
        let _ = self.socket.ready(Interest::READABLE | Interest::ERROR).await;
    }

    /// Receives a datagram if there is one.
    ///
    /// # Errors
    ///
    /// `WouldBlock` when there is none; anything else is the system's trouble.
    pub(super) fn receive(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        undisturbed(|| self.socket.try_recv_from(buffer))
    }

    /// Sends a datagram if there is room for it.
    ///
    /// # Errors
    ///
    /// When the system does not take it.
    pub(super) fn send(&self, datagram: &[u8], to: SocketAddr) -> io::Result<usize> {
        undisturbed(|| self.socket.try_send_to(datagram, to))
    }

    /// Where a datagram went of which an ICMP message says that nobody listens at its port; `None` when
    /// there is no such message left, or others keep coming. Anybody may have sent it.
    #[cfg(target_os = "linux")]
    pub(super) fn unreachable(&self) -> Option<SocketAddr> {
        for _ in 0..OTHERS {
            match self.socket.try_io(Interest::ERROR, || icmp::next(&self.socket)) {
                Ok(icmp::Message::PortUnreachable(to)) => return Some(to),
                // A host or a network that cannot be reached says nothing about a process.
                Ok(icmp::Message::Other) => {}
                Err(_) => break,
            }
        }
        None
    }

    /// Other systems do not tell where a datagram went.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn unreachable(&self) -> Option<SocketAddr> {
        None
    }
}

/// Makes a call anew that failed with what ICMP said of an earlier datagram. The error is gone then, and
/// the queue has it still.
fn undisturbed<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    let mut attempt = 1;
    loop {
        match call() {
            Err(error) if is_of_another(&error) && attempt < ATTEMPTS => attempt += 1,
            result => return result,
        }
    }
}

fn is_of_another(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
    )
}
