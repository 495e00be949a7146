//! The error queue of a socket, as `ip(7)` and `ipv6(7)` describe it.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;

use nix::cmsg_space;
use nix::sys::socket::sockopt::{Ipv4RecvErr, Ipv6RecvErr};
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrIn, SockaddrIn6, SockaddrStorage, recvmsg, setsockopt,
};

use super::Icmp;

/// `ee_origin` of messages that came by ICMP, of either version.
const ORIGIN_ICMP: u8 = 2;
const ORIGIN_ICMP6: u8 = 3;

/// Type and code of "port unreachable", of either version: RFC 792, RFC 4443.
const PORT_UNREACHABLE: (u8, u8) = (3, 3);
const PORT_UNREACHABLE6: (u8, u8) = (1, 4);

/// Has messages about the datagrams of `socket` kept from now on.
pub(super) fn keep(socket: &std::net::UdpSocket) -> io::Result<()> {
    let fd = socket.as_raw_fd();
    if socket.local_addr()?.is_ipv6() {
        setsockopt(fd, Ipv6RecvErr, &true)?;
        // For those to IPv4 addresses, where the socket takes part in both.
        let _ = setsockopt(fd, Ipv4RecvErr, &true);
        return Ok(());
    }
    Ok(setsockopt(fd, Ipv4RecvErr, &true)?)
}

/// Takes a message out of the queue.
///
/// # Errors
///
/// `WouldBlock` when it is empty.
pub(super) fn next(socket: &impl AsRawFd) -> io::Result<Icmp> {
    // The datagram itself would come along; its address is enough.
    let mut datagram = [0; 1];
    let mut datagram = [IoSliceMut::new(&mut datagram)];
    let mut room = cmsg_space!(
        nix::libc::sock_extended_err,
        SockaddrIn,
        nix::libc::sock_extended_err,
        SockaddrIn6
    );
    let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
    let message =
        recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut datagram, Some(&mut room), flags)?;
    let is_port = message.cmsgs().any(|control| match control {
        ControlMessageOwned::Ipv4RecvErr(error, _) | ControlMessageOwned::Ipv6RecvErr(error, _) => {
            let told = (error.ee_type, error.ee_code);
            match error.ee_origin {
                ORIGIN_ICMP => told == PORT_UNREACHABLE,
                ORIGIN_ICMP6 => told == PORT_UNREACHABLE6,
                _ => false,
            }
        }
        _ => false,
    });
    let to = message.address.as_ref().and_then(address);
    Ok(match to {
        Some(to) if is_port => Icmp::PortUnreachable(to),
        _ => Icmp::Other,
    })
}

/// An address as peers have it: an IPv4 one within IPv6 is an IPv4 one.
fn address(address: &SockaddrStorage) -> Option<SocketAddr> {
    if let Some(v4) = address.as_sockaddr_in() {
        let v4 = std::net::SocketAddrV4::from(*v4);
        return Some(v4.into());
    }
    let v6 = std::net::SocketAddrV6::from(*address.as_sockaddr_in6()?);
    match v6.ip().to_ipv4_mapped() {
        Some(v4) => Some(SocketAddr::new(IpAddr::V4(v4), v6.port())),
        None => Some(v6.into()),
    }
}
