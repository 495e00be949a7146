use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::time::Duration;

use nix::errno::Errno;

use super::*;

/// Far beyond what loopback takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// None where the machine does not have that address, or no IPv6 at all; nothing else is an excuse.
fn try_bind(address: impl Into<IpAddr>) -> Option<UdpSocket> {
    let address = address.into();
    let socket = match UdpSocket::bind((address, 0)) {
        Ok(socket) => socket,
        Err(error) => {
            let absent = [Errno::EADDRNOTAVAIL, Errno::EAFNOSUPPORT];
            let code = error.raw_os_error().map(Errno::from_i32);
            let excused = address.is_ipv6() && code.is_some_and(|code| absent.contains(&code));
            assert!(excused, "{address} cannot be bound: {error}");
            return None;
        }
    };
    socket.set_nonblocking(true).expect("a socket");
    Some(socket)
}

fn bind() -> UdpSocket {
    try_bind(Ipv4Addr::LOCALHOST).expect("loopback can be bound")
}

/// An address at which somebody listened until now.
fn closed(address: impl Into<IpAddr>) -> SocketAddr {
    let socket = try_bind(address).expect("loopback can be bound");
    socket.local_addr().expect("it is bound")
}

async fn send(datagrams: &Datagrams, datagram: &[u8], to: SocketAddr) {
    datagrams.socket.writable().await.expect("a socket");
    assert_eq!(datagrams.send(datagram, to).expect("it is sent"), datagram.len());
}

async fn until_told(datagrams: &Datagrams) -> Icmp {
    let told = async {
        loop {
            datagrams.ready().await;
            if let Some(message) = datagrams.icmp() {
                return message;
            }
        }
    };
    tokio::time::timeout(PATIENCE, told).await.expect("in time")
}

async fn receive(datagrams: &Datagrams, buffer: &mut [u8]) -> (usize, SocketAddr) {
    let received = async {
        loop {
            match datagrams.receive(buffer) {
                Ok(received) => return received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    datagrams.ready().await;
                    // Otherwise it stays ready for what ICMP said.
                    while datagrams.icmp().is_some() {}
                }
                Err(error) => panic!("{error}"),
            }
        }
    };
    tokio::time::timeout(PATIENCE, received).await.expect("in time")
}

#[tokio::test]
async fn a_closed_port_is_told_with_its_address() {
    for address in [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()] {
        let Some(socket) = try_bind(address) else { continue };
        let to = closed(address);
        let datagrams = Datagrams::new(socket).expect("inside a runtime");
        send(&datagrams, b"anybody there?", to).await;
        assert_eq!(until_told(&datagrams).await, Icmp::PortUnreachable(to));
        assert_eq!(datagrams.icmp(), None, "one message is told once");
    }
}

#[tokio::test]
async fn an_ipv4_peer_of_a_socket_of_every_address_is_told_as_such() {
    let to = closed(Ipv4Addr::LOCALHOST);
    let mapped = SocketAddr::new(Ipv4Addr::LOCALHOST.to_ipv6_mapped().into(), to.port());
    // Such a socket is of both versions, unless the machine has but one.
    let (any, forms) = match try_bind(Ipv6Addr::UNSPECIFIED) {
        Some(any) => (any, vec![to, mapped]),
        None => (try_bind(Ipv4Addr::UNSPECIFIED).expect("IPv4 can be bound"), vec![to]),
    };
    let datagrams = Datagrams::new(any).expect("inside a runtime");
    for to_or_mapped in forms {
        send(&datagrams, b"anybody there?", to_or_mapped).await;
        assert_eq!(until_told(&datagrams).await, Icmp::PortUnreachable(to));
    }
}

#[tokio::test]
async fn what_closed_ports_cause_disturbs_no_other_datagram() {
    let dead = closed(Ipv4Addr::LOCALHOST);
    let live = Datagrams::new(bind()).expect("inside a runtime");
    let here = Datagrams::new(bind()).expect("inside a runtime");
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
        while let Some(message) = here.icmp() {
            assert_eq!(message, Icmp::PortUnreachable(dead));
        }
    }
}

#[tokio::test]
async fn messages_that_nobody_reads_are_bounded_and_keep_no_datagram_from_being_sent() {
    let dead = closed(Ipv4Addr::LOCALHOST);
    let live = Datagrams::new(bind()).expect("inside a runtime");
    let here = bind();
    // Messages share it with datagrams.
    socket2::SockRef::from(&here).set_recv_buffer_size(64 << 10).expect("it may be small");
    let here = Datagrams::new(here).expect("inside a runtime");
    let (me, peer) = (here.socket.local_addr().unwrap(), live.socket.local_addr().unwrap());
    let mut buffer = [0; 8];
    let sent = 2000;
    for number in 0..sent {
        send(&here, b"gone", dead).await;
        if number % 100 == 0 {
            send(&here, b"to you", peer).await;
            assert_eq!(receive(&live, &mut buffer).await, (6, me));
        }
    }
    let kept = std::iter::from_fn(|| here.icmp()).count();
    assert!(0 < kept && kept < sent, "{kept}");
    // There is room again.
    send(&live, b"to me", me).await;
    assert_eq!(receive(&here, &mut buffer).await, (5, peer));
}

#[tokio::test]
async fn a_queue_that_was_emptied_wakes_nobody() {
    let dead = closed(Ipv4Addr::LOCALHOST);
    let here = Datagrams::new(bind()).expect("inside a runtime");
    let sent = 20;
    for _ in 0..sent {
        send(&here, b"gone", dead).await;
    }
    let (mut told, mut wakes) = (0, 0);
    loop {
        tokio::select! {
            biased;
            () = here.ready() => wakes += 1,
            // The runtime asks the system for events in between.
            () = pause() => break,
        }
        told += std::iter::from_fn(|| here.icmp()).count();
        // As the loop does, which may find nothing.
        let empty = here.receive(&mut [0; 8]).expect_err("nobody sends");
        assert_eq!(empty.kind(), io::ErrorKind::WouldBlock);
    }
    assert_eq!(told, sent);
    assert!(wakes < 10, "{wakes}");
}

async fn pause() {
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
}

#[test]
fn a_call_that_fails_for_whatever_reason_is_made_anew_a_few_times() {
    let errors = (1..=133).map(io::Error::from_raw_os_error);
    for error in errors.filter(|error| error.kind() != io::ErrorKind::WouldBlock) {
        // It fails that often, and then returns which call it was.
        let after = |failures| {
            let mut call = 0;
            undisturbed(|| {
                call += 1;
                let error = || io::Error::from_raw_os_error(error.raw_os_error().unwrap());
                if call <= failures { Err(error()) } else { Ok(call) }
            })
        };
        assert_eq!(after(1).expect("it was another's"), 2, "{error}");
        assert_eq!(after(ATTEMPTS - 1).expect("they were others'"), ATTEMPTS, "{error}");
        assert_eq!(after(ATTEMPTS).expect_err("it is its own").kind(), error.kind());
    }
}

#[test]
fn a_call_that_would_wait_is_made_once() {
    let mut calls = 0;
    let result: io::Result<()> = undisturbed(|| {
        calls += 1;
        Err(io::ErrorKind::WouldBlock.into())
    });
    assert_eq!((result.expect_err("it would").kind(), calls), (io::ErrorKind::WouldBlock, 1));
}
