//! What foca wants done, collected until the call into it returns.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use foca::{Header, Incarnation, Member, Message, Notification, Timer};

use super::health::Health;
use super::rumours::Rumours;
use super::trailer::{ROOM, Rumour, Trailer};
use crate::Peer;
use crate::codec;
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

/// A probe that is not answered yet.
#[derive(Debug, Clone)]
pub(super) struct Probe {
    pub peer: Peer,
    pub sent: Instant,
}

#[derive(Debug)]
pub(super) struct Outbox {
    pub envelope: Envelope,
    /// The time of the present input.
    pub now: Instant,
    pub datagrams: Vec<(Peer, Bytes)>,
    pub timers: Vec<(Duration, Timer<Peer>)>,
    pub notices: Vec<Notice>,
    /// Whose probes failed.
    pub failed: Vec<Peer>,
    /// The latest probe. Foca has one at a time.
    pub probe: Option<Probe>,
    /// This node's own incarnation, which foca shows only in what it sends.
    pub incarnation: Incarnation,
    pub health: Health,
    /// The digest of the own view, which every datagram tells.
    pub digest: u64,
    pub rumours: Rumours,
    /// What suspects are told about themselves with every datagram, by the hash of their names.
    pub buddies: BTreeMap<[u8; 8], Rumour>,
    /// Whether verdicts are foca's own business.
    pub own_verdicts: bool,
}

impl Outbox {
    pub(super) fn new(
        envelope: Envelope,
        health: Health,
        own_verdicts: bool,
        now: Instant,
    ) -> Self {
        Self {
            envelope,
            now,
            datagrams: Vec::new(),
            timers: Vec::new(),
            notices: Vec::new(),
            failed: Vec::new(),
            probe: None,
            incarnation: 0,
            health,
            digest: 0,
            rumours: Rumours::default(),
            buddies: BTreeMap::new(),
            own_verdicts,
        }
    }

    /// The room for one of foca's packets in bytes.
    pub(super) fn packet_room(&self) -> usize {
        self.envelope.room() - ROOM
    }

    /// Sends a message of this node's own making, without updates.
    pub(super) fn send(&mut self, from: &Peer, to: &Peer, message: Message<Peer>) {
        let bare = matches!(message, Message::Announce | Message::TurnUndead | Message::Broadcast);
        let header = Header {
            src: from.clone(),
            src_incarnation: self.incarnation,
            dst: to.clone(),
            message,
        };
        let mut packet = Vec::with_capacity(128);
        codec::put(&header, &mut packet).expect("a vector has room for a header");
        if !bare {
            packet.extend_from_slice(&[0, 0]);
        }
        self.dispatch(to.clone(), packet);
    }

    /// Tells `to` of `other`.
    pub(super) fn tell(&mut self, from: &Peer, to: &Peer, other: &Peer) {
        let header = Header {
            src: from.clone(),
            src_incarnation: self.incarnation,
            dst: to.clone(),
            message: Message::Gossip,
        };
        let mut packet = Vec::with_capacity(192);
        codec::put(&header, &mut packet).expect("a vector has room for a header");
        packet.extend_from_slice(&1u16.to_be_bytes());
        codec::put(&Member::alive(other.clone()), &mut packet).expect("and for a member");
        self.dispatch(to.clone(), packet);
    }

    fn dispatch(&mut self, to: Peer, mut packet: Vec<u8>) {
        let buddy = self.buddies.get(&to.name.hash_bytes()).copied();
        let rumours = buddy.iter().chain(self.rumours.next());
        let limit = self.envelope.room();
        let told = Trailer::write(self.digest, rumours, &mut packet, limit);
        self.rumours.told(told.saturating_sub(usize::from(buddy.is_some())));
        let datagram = self.envelope.close(&packet);
        self.datagrams.push((to, datagram));
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
            Notification::ProbeFailed(_, peer) => self.failed.push(peer.clone()),
            Notification::DataSent(header) => {
                self.incarnation = header.src_incarnation;
                if let Message::Ping(_) = header.message {
                    self.probe = Some(Probe { peer: header.dst.clone(), sent: self.now });
                }
            }
            Notification::Active | Notification::Rejoin(_) | Notification::DataReceived(_) => {}
        }
    }

    fn send_to(&mut self, to: Peer, data: &[u8]) {
        let mut packet = Vec::with_capacity(data.len() + 64);
        packet.extend_from_slice(data);
        self.dispatch(to, packet);
    }

    fn submit_after(&mut self, event: Timer<Peer>, after: Duration) {
        let after = match &event {
            // Whoever doubts itself probes less often, and waits longer for answers.
            Timer::ProbeRandomMember(_) | Timer::SendIndirectProbe { .. } => {
                self.health.stretch(after)
            }
            // This node's own suspicions take the place of foca's.
            Timer::ChangeSuspectToDown { .. } if !self.own_verdicts => return,
            _ => after,
        };
        self.timers.push((after, event));
    }
}
