use std::net::{Ipv4Addr, Ipv6Addr, UdpSocket};
use std::time::Duration;

use super::*;

/// Far beyond what loopback takes.
const PATIENCE: Duration = Duration::from_secs(30);

fn bind(address: impl Into<std::net::IpAddr>) -> UdpSocket {
    let socket = UdpSocket::bind((address.into(), 0)).expect("loopback can be bound");
    socket.set_nonblocking(true).expect("a socket");
    socket
}

/// An address at which somebody listened until now.
fn closed(address: impl Into<std::net::IpAddr>) -> SocketAddr {
    bind(address).local_addr().expect("it is bound")
}

async fn send(datagrams: &Datagrams, datagram: &[u8], to: SocketAddr) {
    datagrams.socket.writable().await.expect("a socket");
    assert_eq!(datagrams.send(datagram, to).expect("it is sent"), datagram.len());
}

async fn until_told(datagrams: &Datagrams) -> SocketAddr {
    let told = async {
        loop {
            datagrams.ready().await;
            if let Some(to) = datagrams.unreachable() {
                return to;
            }
        }
    };
    tokio::time::timeout(PATIENCE, told).await.expect("in time")
}

#[tokio::test]
async fn a_closed_port_is_told_with_its_address() {
    for address in [Ipv4Addr::LOCALHOST.into(), std::net::IpAddr::from(Ipv6Addr::LOCALHOST)] {
        let to = closed(address);
        let datagrams = Datagrams::new(bind(address)).expect("inside a runtime");
        send(&datagrams, b"anybody there?", to).await;
        assert_eq!(until_told(&datagrams).await, to);
        assert_eq!(datagrams.unreachable(), None, "one message is told once");
    }
}

#[tokio::test]
async fn an_ipv4_peer_of_a_socket_of_both_versions_is_told_as_such() {
    let any = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)).expect("both versions can be bound");
    any.set_nonblocking(true).expect("a socket");
    let datagrams = Datagrams::new(any).expect("inside a runtime");
    let to = closed(Ipv4Addr::LOCALHOST);
    let mapped = SocketAddr::new(Ipv4Addr::LOCALHOST.to_ipv6_mapped().into(), to.port());
    send(&datagrams, b"anybody there?", mapped).await;
    assert_eq!(until_told(&datagrams).await, to);
}

#[tokio::test]
async fn what_closed_ports_cause_disturbs_no_other_datagram() {
    let (dead, live) = (closed(Ipv4Addr::LOCALHOST), bind(Ipv4Addr::LOCALHOST));
    let live = Datagrams::new(live).expect("inside a runtime");
    let here = Datagrams::new(bind(Ipv4Addr::LOCALHOST)).expect("inside a runtime");
    let (me, peer) = (here.socket.local_addr().unwrap(), live.socket.local_addr().unwrap());
    let mut buffer = [0; 8];
    for number in 0..200_u8 {
        send(&here, b"gone", dead).await;
        // What came back meanwhile is about the other datagram.
        send(&here, &[number], peer).await;
        send(&here, b"gone", dead).await;
        let heard = receive(&live, &mut buffer).await;
        assert_eq!((heard, buffer[0]), ((1, me), number));
        send(&live, &[number], me).await;
        let heard = receive(&here, &mut buffer).await;
        assert_eq!((heard, buffer[0]), ((1, peer), number));
        while let Some(to) = here.unreachable() {
            assert_eq!(to, dead);
        }
    }
}

async fn receive(datagrams: &Datagrams, buffer: &mut [u8]) -> (usize, SocketAddr) {
    let received = async {
        loop {
            match datagrams.receive(buffer) {
                Ok(received) => return received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    datagrams.ready().await;
                    // Otherwise it stays ready for what ICMP said.
                    while datagrams.unreachable().is_some() {}
                }
                Err(error) => panic!("{error}"),
            }
        }
    };
    tokio::time::timeout(PATIENCE, received).await.expect("in time")
}
