//! The datagrams of gossip, and what ICMP says of those that did not arrive.
//!
//! A host on which nobody listens at a port answers a datagram with an ICMP message. Linux keeps such
//! messages in an error queue beside the socket when it is asked to, and from then on also fails the
//! next call on the socket with the error, whatever that call is about. This type takes both apart:
//! calls are about their own datagrams only, and [`Datagrams::icmp`] tells of the others.

use std::io;
use std::net::SocketAddr;

use tokio::io::Interest;
use tokio::net::UdpSocket;

#[cfg(target_os = "linux")]
mod icmp;
#[cfg(all(test, target_os = "linux"))]
mod tests;

/// How often a call is made that fails. Each error that is another datagram's is that of one ICMP
/// message, so that a flood of them could go on for ever.
const ATTEMPTS: usize = 4;

/// What is waited for. Errors are only where they can be read: the socket would be ready for ever.
#[cfg(target_os = "linux")]
const AWAITED: Interest = Interest::READABLE.add(Interest::ERROR);
#[cfg(not(target_os = "linux"))]
const AWAITED: Interest = Interest::READABLE;

/// What a message says of a datagram that did not arrive. Anybody may have sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "nothing is told there"))]
pub(super) enum Icmp {
    /// Nobody listens at the port of this address, where the datagram went.
    PortUnreachable(SocketAddr),
    /// A host, a network or a way that does not take it. That says nothing about a process: probes
    /// by way of others find out whether it is only this node that does not get there.
    Other,
}

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
        let _ = self.socket.ready(AWAITED).await;
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

    /// Takes the next message; `None` when there is none left.
    #[cfg(target_os = "linux")]
    pub(super) fn icmp(&self) -> Option<Icmp> {
        // Whatever keeps the queue from being read, the socket must not stay ready because of it.
        let next = || icmp::next(&self.socket).map_err(|_| io::ErrorKind::WouldBlock.into());
        self.socket.try_io(Interest::ERROR, next).ok()
    }

    /// Other systems do not tell where a datagram went.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn icmp(&self) -> Option<Icmp> {
        None
    }
}

/// Makes a call anew that failed, since it may have failed with what ICMP said of an earlier datagram.
/// There are a dozen such errors, from a refused connection to a datagram that is too long for the way,
/// and none of them says whose it is. It is gone then, and the queue has it still; an error that is the
/// call's own comes again.
fn undisturbed<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    for _ in 1..ATTEMPTS {
        match call() {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => {}
            result => return result,
        }
    }
    call()
}
