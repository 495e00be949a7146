//! No zombie: a dead generation never comes back into any view.
//!
//! SWIM cannot promise that to somebody who never knew the dead: a message may be under way, and
//! a stopped process may wake up with old news. So there are two laws. Who buried the dead itself,
//! rightly, sees it never again in its life. And once no view that anybody has holds the dead, and the
//! messages of that time have arrived, nobody sees it again at all.

use std::collections::BTreeMap;
use std::time::Duration;

use membership::{Event, Name, Peer};

use super::Findings;
use crate::sim::host::Population;

/// How long news may be under way: the slowest network that is simulated, a process that is
/// stopped for two minutes with old news in its socket, and a retried question.
const UNDER_WAY: Duration = Duration::from_secs(150);

/// One life of a node, as others see it.
type Life = (Name, u64);

/// Who is dead, and who knows.
#[derive(Debug, Default)]
pub struct Burials {
    /// By observer and name: the highest generation that was really dead when the observer said so.
    buried: BTreeMap<usize, BTreeMap<Name, u64>>,
    /// By observer: the life of each name that is in its view.
    views: BTreeMap<usize, BTreeMap<Name, u64>>,
    /// By life: how many views hold it.
    holders: BTreeMap<Life, usize>,
    /// The dead that are in no view, since when.
    gone: BTreeMap<Life, Duration>,
}

impl Burials {
    pub(super) fn booted(&mut self, host: usize) {
        // The dead are forgotten with the process that knew of them.
        self.buried.remove(&host);
        self.views.insert(host, BTreeMap::new());
    }

    pub(super) fn ended(&mut self, at: Duration, host: usize, truth: &Population) {
        for (name, generation) in self.views.remove(&host).unwrap_or_default() {
            self.let_go((name, generation), at, truth);
        }
    }

    pub(super) fn event(
        &mut self,
        at: Duration,
        host: usize,
        event: &Event,
        truth: &Population,
        findings: &mut Findings,
    ) {
        match event {
            Event::Down { peer, cause, .. } => {
                if *cause == membership::Cause::Failed && !truth.alive(peer) {
                    let known = self.buried.entry(host).or_default();
                    let buried = known.entry(peer.name.clone()).or_default();
                    *buried = (*buried).max(peer.generation);
                }
                if let Some(view) = self.views.get_mut(&host)
                    && let Some(generation) = view.remove(&peer.name)
                {
                    self.let_go((peer.name.clone(), generation), at, truth);
                }
            }
            Event::Up(peer) => self.seen(at, host, peer, truth, findings),
            Event::Changed { from, to, .. } if from.generation != to.generation => {
                self.seen(at, host, to, truth, findings);
            }
            _ => {}
        }
    }

    fn seen(
        &mut self,
        at: Duration,
        host: usize,
        peer: &Peer,
        truth: &Population,
        findings: &mut Findings,
    ) {
        let known = self.buried.get(&host).and_then(|buried| buried.get(&peer.name));
        if known.is_some_and(|buried| peer.generation <= *buried) {
            let observer = truth.name(host);
            findings.violate(format!("{observer} sees a zombie that it buried itself: {peer}"));
        }
        let life = (peer.name.clone(), peer.generation);
        if let Some(since) = self.gone.remove(&life)
            && !truth.alive(peer)
            && at > since + UNDER_WAY
        {
            let observer = truth.name(host);
            let since = since.as_secs_f64();
            findings.violate(format!(
                "{observer} sees a zombie that nobody has seen since {since:.3} s: {peer}"
            ));
        }
        *self.holders.entry(life).or_default() += 1;
        let view = self.views.entry(host).or_default();
        if let Some(before) = view.insert(peer.name.clone(), peer.generation) {
            self.let_go((peer.name.clone(), before), at, truth);
        }
    }

    /// One view less holds `life`.
    fn let_go(&mut self, life: Life, at: Duration, truth: &Population) {
        let Some(count) = self.holders.get_mut(&life) else { return };
        *count -= 1;
        if *count > 0 {
            return;
        }
        self.holders.remove(&life);
        let lives = truth.called(&life.0).iter().any(|host| truth.lives(*host, life.1));
        if !lives {
            self.gone.insert(life, at);
        }
    }
}
