//! The UDP socket of gossip, and the TCP listener beside it on the same port number.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};

use socket2::{Domain, Protocol, Socket, Type};
use tracing::debug;

/// The receive buffer to ask for, in bytes. Small datagrams cost the kernel far more than their
/// length: the usual 208 KiB hold some 270 of them, which a mass restart exceeds. This holds 5,000,
/// and twice that where the kernel doubles what it is asked for: a flood of 100,000 a second takes
/// 50 ms to fill it, and reading that many takes less.
const RECEIVE_BUFFER: usize = 4 << 20;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;

/// How often a free port is looked for that is free for both protocols.
const ATTEMPTS: usize = 16;

/// Binds TCP, and UDP at the same port when `gossip` is wanted. Port 0 takes one that is free for
/// both.
///
/// # Errors
///
/// When the address cannot be bound.
pub(super) fn bind(
    address: SocketAddr,
    gossip: bool,
) -> io::Result<(TcpListener, Option<UdpSocket>)> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        let listener = listen(address)?;
        if !gossip {
            return Ok((listener, None));
        }
        match datagrams(listener.local_addr()?) {
            Ok(socket) => return Ok((listener, Some(socket))),
            // Somebody else has the UDP port that TCP was given at random.
            Err(_) if address.port() == 0 && attempt < ATTEMPTS => {}
            Err(error) => return Err(error),
        }
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

fn datagrams(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    // The kernel gives what its limit allows; less is no reason not to start.
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
    if let Ok(given) = socket.recv_buffer_size()
        && given < RECEIVE_BUFFER
    {
        debug!(
            bytes = given,
            wanted = RECEIVE_BUFFER,
            "the receive buffer of gossip is smaller than wanted: net.core.rmem_max limits it"
        );
    }
    socket.bind(&address.into())?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}
