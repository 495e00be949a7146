//! Ports that are free.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};

use anyhow::Context;

/// A port of loopback that is free for TCP and for UDP at this moment. Somebody else may take it
/// before it is used; who uses it has to be ready to ask for another.
///
/// # Errors
///
/// When no port is free.
pub fn free_port() -> anyhow::Result<u16> {
    for _ in 0..100 {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port")?;
        let port = tcp.local_addr()?.port();
        if UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    anyhow::bail!("no port is free for both TCP and UDP")
}
