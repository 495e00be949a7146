//! What a datagram, a second and ten idle seconds may cost.

use std::time::Duration;

use membership::DATAGRAM_MAX;

use super::Findings;

/// The most that one node may send within a second of the simulation's clock, in a world of `hosts`.
///
/// Of its own accord a node sends 15 datagrams of gossip, a few probes with their helpers, and now and then a
/// burst: up to 128 contradictions after a comparison of states, five farewells to three peers. The
/// rest are answers, and those follow what others send: a process that was stopped for long answers in
/// one instant all that its socket holds, which is 277 of the smallest. In bytes a fifth to a quarter of the
/// limit was the most that was seen, by 300 nodes that form a cluster and in the swarm. Each half of a
/// thousand has five hundred to contradict once they see each other again, which takes more than 300,000; and
/// one of a thousand that was blocked for 18 s, with two hundred others, sends 600 datagrams at once.
///
/// Whole states are compared when everybody looks for everybody: a node that all others ask tells each of
/// them of all. 100 nodes and 300 that formed a cluster with a key took a quarter of this.
fn busy(hosts: usize) -> Cost {
    let hosts = hosts as u64;
    let (datagrams, bytes) = (600.max(2 * hosts), 300_000.max(600 * hosts));
    Cost { datagrams, bytes, compared: 20_000 + 40 * hosts * hosts }
}

/// The same within ten seconds in which nothing happens, where hardly anything is lost or late.
///
/// The busiest of 2 to 300 nodes sent 68 to 87 datagrams, and up to 119 where two in a hundred were lost.
/// With a key these had 7,500 bytes in a cluster of two, 10,000 of 24 and 13,600 of 100 and of 300, since
/// there is more to tell: half of the limit. State sync took 675 bytes at most: views are compared, and
/// found to be equal.
fn idle(hosts: usize) -> Cost {
    let doublings = u64::from(hosts.max(1).ilog2());
    Cost { datagrams: 200, bytes: 14_500 + 2_500 * doublings, compared: 3_000 }
}

/// The time over which the cost of idling is summed up; such times begin with each multiple of it.
const IDLE: Duration = Duration::from_secs(10);

/// What was sent within some time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// Datagrams.
    pub datagrams: u64,
    /// Their bytes, without the headers of UDP and IP.
    pub bytes: u64,
    /// Bytes of comparisons of states, questions and answers.
    pub compared: u64,
}

impl Cost {
    fn plus(self, other: Self) -> Self {
        Self {
            datagrams: self.datagrams + other.datagrams,
            bytes: self.bytes + other.bytes,
            compared: self.compared + other.compared,
        }
    }

    fn max(self, other: Self) -> Self {
        Self {
            datagrams: self.datagrams.max(other.datagrams),
            bytes: self.bytes.max(other.bytes),
            compared: self.compared.max(other.compared),
        }
    }

    /// What of it has come to `limit` since it was `before`.
    fn beyond(self, before: Self, limit: Self) -> Option<String> {
        let kinds = [
            (before.datagrams, self.datagrams, limit.datagrams, "datagrams"),
            (before.bytes, self.bytes, limit.bytes, "bytes of gossip"),
            (before.compared, self.compared, limit.compared, "bytes of state sync"),
        ];
        let beyond =
            kinds.into_iter().find(|(before, now, limit, _)| before < limit && now >= limit);
        beyond.map(|(_, now, _, what)| format!("{now} {what}"))
    }
}

/// What one node has sent lately.
#[derive(Debug, Clone, Copy, Default)]
struct Sent {
    /// Which second, and what in it.
    second: (u64, Cost),
    /// Which ten seconds, and what in them.
    ten: (u64, Cost),
}

/// Counts what each node sends.
#[derive(Debug, Default)]
pub struct Bounds {
    /// By host.
    sent: Vec<Sent>,
    /// Since when nothing happens.
    idle: Option<Duration>,
    /// The most that one node has sent within a second so far.
    pub busiest: Cost,
    /// The most that one node has sent within ten seconds in which nothing happened.
    pub idlest: Cost,
}

impl Bounds {
    /// Nothing happens from `since` on, which has bounds of its own. `None`: something does.
    pub fn rest(&mut self, since: Option<Duration>) {
        self.idle = since;
    }

    pub(super) fn booted(&mut self, host: usize) {
        if self.sent.len() <= host {
            self.sent.resize(host + 1, Sent::default());
        }
        self.sent[host] = Sent::default();
    }

    pub(super) fn sent(
        &mut self,
        at: Duration,
        host: usize,
        length: usize,
        hosts: usize,
        findings: &mut Findings,
    ) {
        if length > DATAGRAM_MAX {
            findings.now = at;
            findings.violate(format!("host {host} sent a datagram of {length} bytes"));
        }
        let cost = Cost { datagrams: 1, bytes: length as u64, compared: 0 };
        self.add(at, host, cost, hosts, findings);
    }

    pub(super) fn compared(
        &mut self,
        at: Duration,
        host: usize,
        length: usize,
        hosts: usize,
        findings: &mut Findings,
    ) {
        let cost = Cost { compared: length as u64, ..Cost::default() };
        self.add(at, host, cost, hosts, findings);
    }

    fn add(
        &mut self,
        at: Duration,
        host: usize,
        cost: Cost,
        hosts: usize,
        findings: &mut Findings,
    ) {
        let Sent { second, ten } = &mut self.sent[host];
        if second.0 != at.as_secs() {
            *second = (at.as_secs(), Cost::default());
        }
        let before = second.1;
        second.1 = before.plus(cost);
        self.busiest = self.busiest.max(second.1);
        findings.now = at;
        if let Some(what) = second.1.beyond(before, busy(hosts)) {
            findings.violate(format!("host {host} sent {what} within a second"));
        }
        let number = at.as_secs() / IDLE.as_secs();
        if ten.0 != number {
            *ten = (number, Cost::default());
        }
        let before = ten.1;
        ten.1 = before.plus(cost);
        let began = IDLE * u32::try_from(number).unwrap_or(u32::MAX);
        if self.idle.is_some_and(|since| since <= began) {
            self.idlest = self.idlest.max(ten.1);
            if let Some(what) = ten.1.beyond(before, idle(hosts)) {
                findings.violate(format!("host {host} sent {what} within ten idle seconds"));
            }
        }
    }
}
