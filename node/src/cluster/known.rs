//! The peers that this node had, kept on disk: where to look for the cluster when the seeds lead
//! nowhere, and who is missing. Pure but for [`file`], so that the simulator remembers, too.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use membership::{Cause, Event, Name, Peer};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

pub(super) mod file;
#[cfg(test)]
mod tests;

/// Peers on disk, and of those that are gone also in memory. One of them is enough to find the
/// rest by.
const KEPT: usize = 64;

/// A peer that was not seen for so long is forgotten: by then its address may be anybody's.
const FORGET_AFTER: Duration = Duration::from_secs(24 * 3600);

/// A peer that fell silent is missed for so long. Whoever took its place under another name, as
/// orchestrators do it, makes it nobody's loss by then.
const MISSED_FOR: Duration = Duration::from_secs(3600);

/// The least time between two writes, so that a storm of joins costs few of them.
const WRITE_INTERVAL: Duration = Duration::from_secs(2);

/// How often the file is written although nobody came or went, so that it says who was seen when.
const REFRESH_INTERVAL: Duration = Duration::from_secs(600);

/// What is known of peers that are alive or were.
#[derive(Debug)]
pub struct Known {
    cluster: String,
    me: Name,
    peers: BTreeMap<Name, Remembered>,
    /// Whether somebody came or went since the last write.
    changed: bool,
    /// Whether somebody came or went since somebody asked.
    news: bool,
    /// Where to look for those that are gone, as it was told last.
    told: Vec<SocketAddr>,
    written: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Remembered {
    address: SocketAddr,
    /// When it was alive last, in seconds since the Unix epoch; of those that live, since when.
    seen: u64,
    live: bool,
}

/// The file.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Page {
    cluster: String,
    peers: Vec<Entry>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    name: Name,
    address: SocketAddr,
    seen: u64,
}

impl Known {
    /// What `file`, if there is one, remembers of the peers that `me` had in the cluster of this name.
    /// Whatever is not understood, is of another cluster or too old counts as nothing: it is only a
    /// help.
    pub fn new(file: Option<&[u8]>, cluster: &str, me: &Name, unix_seconds: u64) -> Self {
        let mut known = Self {
            cluster: cluster.to_owned(),
            me: me.clone(),
            peers: BTreeMap::new(),
            changed: false,
            news: true,
            told: Vec::new(),
            written: None,
        };
        let page: Option<Page> = file.and_then(|text| serde_json::from_slice(text).ok());
        let page = page.filter(|page| page.cluster == cluster);
        for entry in page.into_iter().flat_map(|page| page.peers).take(KEPT) {
            // A clock that went back must not keep a peer for ever.
            let seen = entry.seen.min(unix_seconds);
            if entry.name != *me && is_within(seen, unix_seconds, FORGET_AFTER) {
                let remembered = Remembered { address: entry.address, seen, live: false };
                known.peers.insert(entry.name, remembered);
            }
        }
        known
    }

    /// Whether nobody is known.
    pub fn is_empty(&self) -> bool {
        self.peers.is_empty()
    }

    /// Takes note of what an event says about a peer.
    pub fn hear(&mut self, event: &Event, unix_seconds: u64) {
        match event {
            Event::Up(peer) | Event::Changed { to: peer, .. } => self.up(peer, unix_seconds),
            Event::Down { peer, cause: Cause::Left, .. } => self.left(&peer.name),
            Event::Down { peer, cause: Cause::Failed | Cause::Withdrawn, .. } => {
                self.lost(&peer.name, unix_seconds);
            }
            _ => {}
        }
    }

    /// A peer is alive, maybe elsewhere than before.
    fn up(&mut self, peer: &Peer, unix_seconds: u64) {
        if peer.name == self.me {
            return;
        }
        // Whoever was there before is not there any more.
        self.peers.retain(|name, other| *name == peer.name || other.address != peer.address);
        let remembered = Remembered { address: peer.address, seen: unix_seconds, live: true };
        self.peers.insert(peer.name.clone(), remembered);
        self.note();
    }

    /// A peer fell silent.
    fn lost(&mut self, name: &Name, unix_seconds: u64) {
        if let Some(peer) = self.peers.get_mut(name) {
            *peer = Remembered { live: false, seen: unix_seconds, ..*peer };
            self.forget(unix_seconds);
            self.note();
        }
    }

    /// A peer said farewell: nobody looks for it.
    fn left(&mut self, name: &Name) {
        if self.peers.remove(name).is_some() {
            self.note();
        }
    }

    fn note(&mut self) {
        (self.changed, self.news) = (true, true);
    }

    /// Whether somebody came or went since this was asked the last time.
    pub fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.news)
    }

    /// Those that are gone, the latest first: their names and where they were.
    fn gone(&self) -> Vec<(&Name, &Remembered)> {
        let mut gone: Vec<_> = self.peers.iter().filter(|(_, peer)| !peer.live).collect();
        gone.sort_by_key(|(_, peer)| std::cmp::Reverse(peer.seen));
        gone
    }

    fn forget(&mut self, unix_seconds: u64) {
        self.peers.retain(|_, peer| peer.live || is_within(peer.seen, unix_seconds, FORGET_AFTER));
        let surplus: Vec<Name> =
            self.gone().into_iter().skip(KEPT).map(|(name, _)| name.clone()).collect();
        for name in surplus {
            self.peers.remove(&name);
        }
    }

    /// Where to look for those that are gone, if that is not what was told the last time: the core is to
    /// hear of it, whenever somebody came or went and before it looks for seeds.
    pub fn places(&mut self, unix_seconds: u64) -> Option<Vec<SocketAddr>> {
        let addresses = self.addresses(unix_seconds);
        let news = addresses != self.told;
        news.then(|| {
            self.told.clone_from(&addresses);
            addresses
        })
    }

    fn addresses(&mut self, unix_seconds: u64) -> Vec<SocketAddr> {
        self.forget(unix_seconds);
        self.gone().into_iter().map(|(_, peer)| peer.address).collect()
    }

    /// Who is gone without a farewell, and not for long enough to be given up.
    pub fn missing(&self, unix_seconds: u64) -> Vec<(String, SocketAddr)> {
        self.peers
            .iter()
            .filter(|(_, peer)| !peer.live && is_within(peer.seen, unix_seconds, MISSED_FOR))
            .map(|(name, peer)| (name.to_string(), peer.address))
            .collect()
    }

    /// The file, if it is time to write it.
    pub fn writing(&mut self, unix_seconds: u64, now: Instant) -> Option<Vec<u8>> {
        let since = self.written.map(|written| now.saturating_duration_since(written));
        let due = match since {
            None => self.changed,
            Some(since) => since >= REFRESH_INTERVAL || self.changed && since >= WRITE_INTERVAL,
        };
        due.then(|| {
            self.written = Some(now);
            self.changed = false;
            self.file(unix_seconds)
        })
    }

    /// The file as it is to be found at the next start.
    pub fn file(&self, unix_seconds: u64) -> Vec<u8> {
        let mut peers: Vec<_> = self.peers.iter().collect();
        // Of a large cluster, every node keeps others: not all of them those with early names.
        peers.sort_by_cached_key(|(name, peer)| {
            (!peer.live, xxh3_64(format!("{} {name}", self.me).as_bytes()))
        });
        let entry = |(name, peer): (&Name, &Remembered)| Entry {
            name: name.clone(),
            address: peer.address,
            seen: if peer.live { unix_seconds } else { peer.seen },
        };
        let page = Page {
            cluster: self.cluster.clone(),
            peers: peers.into_iter().take(KEPT).map(entry).collect(),
        };
        serde_json::to_vec_pretty(&page).expect("names and addresses are JSON")
    }
}

fn is_within(seen: u64, unix_seconds: u64, span: Duration) -> bool {
    unix_seconds.saturating_sub(seen) < span.as_secs()
}
