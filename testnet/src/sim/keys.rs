//! The secrets of a world's clusters: how they are changed, and what somebody does who has none but
//! records what is said.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use membership::{Key, Keyring};

use super::World;
use super::exchange::{Delivery, Errand};
use super::host::{Input, Role};
use super::oracle::Oracle;
use super::world::Event;

/// How long it takes until a change of keys has reached every host, and how long until the next: an
/// operator waits for the last one.
const SPREAD: Duration = Duration::from_secs(10);
const STEP: Duration = Duration::from_secs(15);

/// What is recorded at most, in messages: some minutes of a small cluster.
const RECORDED: usize = 16_384;

/// How many messages a replay consists of, and the time from one to the next.
const REPLAYED: u32 = 2000;
const REPLAY_PACE: Duration = Duration::from_millis(5);

/// The number of the neighbours' key, which is never changed.
const NEIGHBOURS: u64 = u64::MAX;

/// What one step of a change of keys hands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Everybody learns to open with the new key.
    Add,
    /// Everybody seals with it.
    Prefer,
    /// The old one goes.
    Drop,
}

/// The keys of a world.
#[derive(Debug)]
pub(super) struct Keys {
    keyed: bool,
    /// How often they have been changed.
    changes: u64,
    /// Whether they are being changed.
    changing: bool,
    /// What hosts are given now.
    ring: Keyring,
}

impl Keys {
    pub(super) fn new(keyed: bool) -> Self {
        let ring = if keyed { ring(&[0]) } else { Keyring::default() };
        Self { keyed, changes: 0, changing: false, ring }
    }

    /// What a host of this kind is given.
    pub(super) fn of(&self, role: Role) -> Keyring {
        match role {
            Role::Neighbour if self.keyed => ring(&[NEIGHBOURS]),
            _ => self.ring.clone(),
        }
    }
}

fn ring(numbers: &[u64]) -> Keyring {
    let key = |number: &u64| {
        let mut secret = [0; Key::BYTES];
        secret[..8].copy_from_slice(&number.to_le_bytes());
        Key::new(&secret)
    };
    Keyring::new(numbers.iter().map(key).collect()).expect("few keys, all of them different")
}

/// Something that went over the network.
#[derive(Debug, Clone)]
enum Message {
    Datagram(Bytes),
    Question { errand: Errand, body: Bytes },
}

/// Somebody on the way, who reads nothing and forgets little.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    /// To whom, and what; the oldest first.
    messages: VecDeque<(usize, Message)>,
}

impl Recorder {
    fn record(&mut self, to: usize, message: Message) {
        if self.messages.len() == RECORDED {
            self.messages.pop_front();
        }
        self.messages.push_back((to, message));
    }
}

impl<O: Oracle> World<O> {
    /// Changes the keys of the members, in three steps that reach each host at another time. Whether
    /// there are keys, and no change of them is under way.
    pub fn rotate(&mut self) -> bool {
        let begins = self.keys.keyed && !self.keys.changing;
        if begins {
            self.keys.changing = true;
            self.schedule(Duration::ZERO, Event::Rotate { step: Step::Add });
        }
        begins
    }

    pub(super) fn rotation(&mut self, step: Step) {
        let (old, new) = (self.keys.changes, self.keys.changes + 1);
        let (numbers, next) = match step {
            Step::Add => (vec![old, new], Some(Step::Prefer)),
            Step::Prefer => (vec![new, old], Some(Step::Drop)),
            Step::Drop => (vec![new], None),
        };
        self.keys.ring = ring(&numbers);
        for host in 0..self.hosts() {
            if self.population.role(host) != Role::Neighbour {
                let after = SPREAD.mul_f64(self.pick(1000) as f64 / 1000.0);
                self.schedule(after, Event::Rekey { host });
            }
        }
        match next {
            Some(step) => self.schedule(STEP, Event::Rotate { step }),
            None => {
                self.keys.changes = new;
                self.keys.changing = false;
            }
        }
    }

    /// The keys of now have reached `host`, and the node there reads them again.
    pub(super) fn rekey(&mut self, host: usize) {
        let state = &mut self.population.hosts[host];
        state.keyring = self.keys.of(state.role);
        if state.runs {
            self.receive(host, Input::Delivery(Delivery::Keys));
        }
    }

    /// The node on `host` takes the keys that are in its file.
    pub(super) fn read_keys(&mut self, host: usize) {
        let state = &mut self.population.hosts[host];
        let keyring = state.keyring.clone();
        if let Some(channel) = &mut state.channel {
            channel.set_keyring(keyring.clone());
        }
        self.with_core(host, |core, _| core.set_keyring(keyring));
    }

    /// Somebody sees a datagram pass.
    pub(super) fn record_datagram(&mut self, to: usize, datagram: &Bytes) {
        if self.keys.keyed {
            self.recorder.record(to, Message::Datagram(datagram.clone()));
        }
    }

    /// Somebody sees a question pass.
    pub(super) fn record_question(&mut self, to: usize, errand: Errand, body: &Bytes) {
        if self.keys.keyed {
            self.recorder.record(to, Message::Question { errand, body: body.clone() });
        }
    }

    /// Sends again what was recorded, to `victim` alone if there is one. Without keys that would be
    /// believed, of course: whether there are any.
    pub fn replay(&mut self, victim: Option<usize>) -> bool {
        if self.keys.keyed {
            self.schedule(Duration::ZERO, Event::Replay { left: REPLAYED, victim });
        }
        self.keys.keyed
    }

    pub(super) fn replay_one(&mut self, left: u32, victim: Option<usize>) {
        if let Some(left) = left.checked_sub(1) {
            self.schedule(REPLAY_PACE, Event::Replay { left, victim });
        }
        let count = self.recorder.messages.len();
        if count == 0 {
            return;
        }
        let chosen = self.pick(count);
        // From there on the first that was for the victim.
        let wanted = |(to, _): &&(usize, Message)| victim.is_none_or(|victim| *to == victim);
        let found = self.recorder.messages.range(chosen..).find(wanted).cloned();
        match found {
            Some((to, Message::Datagram(datagram))) => self.arrive(to, datagram),
            Some((to, Message::Question { errand, body })) if self.population.runs(to) => {
                self.receive(to, Input::Delivery(Delivery::Replayed { errand, body }));
            }
            _ => {}
        }
    }
}
