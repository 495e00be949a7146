//! What foca wants done, collected until the call into it returns.

use std::time::Duration;

use bytes::Bytes;
use foca::{Incarnation, Notification, Timer};

use crate::Peer;
use crate::envelope::Envelope;

/// What foca said about the cluster.
#[derive(Debug)]
pub(super) enum Notice {
    Up(Peer),
    Down(Peer),
    /// The new identity of a known peer.
    Renamed(Peer),
    /// No peer is left; foca stops all periodic work.
    Idle,
    /// This node was declared dead.
    Defunct,
}

#[derive(Debug)]
pub(super) struct Outbox {
    pub envelope: Envelope,
    pub datagrams: Vec<(Peer, Bytes)>,
    pub timers: Vec<(Duration, Timer<Peer>)>,
    pub notices: Vec<Notice>,
    pub probes_failed: u64,
    /// This node's own incarnation, which foca shows only in what it sends.
    pub incarnation: Incarnation,
}

impl Outbox {
    pub(super) fn new(envelope: Envelope) -> Self {
        Self {
            envelope,
            datagrams: Vec::new(),
            timers: Vec::new(),
            notices: Vec::new(),
            probes_failed: 0,
            incarnation: 0,
        }
    }
}

impl foca::Runtime<Peer> for &mut Outbox {
    fn notify(&mut self, notification: Notification<'_, Peer>) {
        match notification {
            Notification::MemberUp(peer) => self.notices.push(Notice::Up(peer.clone())),
            Notification::MemberDown(peer) => self.notices.push(Notice::Down(peer.clone())),
            Notification::Rename(_, new) => {
                self.notices.push(Notice::Renamed(new.clone()));
            }
            Notification::Idle => self.notices.push(Notice::Idle),
            Notification::Defunct => self.notices.push(Notice::Defunct),
            Notification::ProbeFailed(..) => self.probes_failed += 1,
            Notification::DataSent(header) => self.incarnation = header.src_incarnation,
            Notification::Active | Notification::Rejoin(_) | Notification::DataReceived(_) => {}
        }
    }

    fn send_to(&mut self, to: Peer, data: &[u8]) {
        let datagram = self.envelope.close(data);
        self.datagrams.push((to, datagram));
    }

    fn submit_after(&mut self, event: Timer<Peer>, after: Duration) {
        self.timers.push((after, event));
    }
}
