//! Ports that are free.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};

/// Below those that Linux gives to whoever asks for any: nobody gets one of these by chance while the
/// process that it is for starts, or is down.
const PORTS: Range<u32> = 10_000..32_768;

/// How far apart processes that follow each other begin to look.
const STRIDE: u32 = 251;

/// How many were looked at.
static LOOKED_AT: AtomicU32 = AtomicU32::new(0);

/// A port of loopback that is free for TCP and for UDP. A process is never given one twice: whoever
/// remembers what was there would find something else.
///
/// # Errors
///
/// When no port is free.
pub fn free_port() -> anyhow::Result<u16> {
    let all = PORTS.end - PORTS.start;
    let first = std::process::id().wrapping_mul(STRIDE) % all;
    loop {
        let looked_at = LOOKED_AT.fetch_add(1, Ordering::Relaxed);
        anyhow::ensure!(looked_at < all, "no port is free for both TCP and UDP");
        let port = u16::try_from(PORTS.start + (first + looked_at) % all)?;
        let address = (Ipv4Addr::LOCALHOST, port);
        if TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok() {
            return Ok(port);
        }
    }
}
