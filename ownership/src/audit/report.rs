//! What the audit has found, for people and for telemetry.

use std::collections::BTreeMap;
use std::time::Instant;

use membership::Name;

use super::{Audit, AuditCounters, Facts, Fingerprint, Skew, Why};
use crate::handover::{Standing, Target};
use crate::{ComponentId, Key};

/// Targets that a report names of each kind; all of them are counted.
pub(super) const NAMED: usize = 500;

/// Keys that a divergence names as examples.
pub(super) const EXAMPLES: usize = 8;

/// A target that is not collected as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which.
    pub target: Target,
    /// Whose it is; of a target that is collected twice, who collects it beside this node.
    pub peer: Name,
    /// Why its owner does not collect it; `None` where that is unknown, or not the point.
    pub why: Option<Why>,
    /// Since when.
    pub since: Option<Instant>,
}

/// In what the targets that a peer knows differ from those of this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Divergence {
    /// The component.
    pub component: ComponentId,
    /// Targets that this node knows and the peer does not.
    pub lacking: usize,
    /// Of these, how many the peer knew lately: this node's discovery is behind.
    pub dropped: usize,
    /// Targets that the peer knows and this node does not.
    pub extra: usize,
    /// There are more of both than were looked at.
    pub truncated: bool,
    /// Some of those that the peer lacks.
    pub lacking_examples: Vec<Key>,
    /// Some of those that this node lacks.
    pub extra_examples: Vec<Key>,
}

/// What is known of one peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerAudit {
    /// When it answered last; `None` before that.
    pub answered: Option<Instant>,
    /// The configuration that it runs.
    pub config: Option<Fingerprint>,
    /// Whether that is another one than this node's.
    pub drifted: bool,
    /// How far its clock is ahead.
    pub skew: Option<Skew>,
    /// In what its targets differ, by component.
    pub divergences: Vec<Divergence>,
}

/// Everything that the audit has found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// How much there is of everything.
    pub figures: Figures,
    /// Targets that nobody collects, as far as this node can tell, and of which it is the first to
    /// know; a bounded number of them.
    pub unowned: Vec<Finding>,
    /// Targets that another node collects beside this one, which ranks higher; a bounded number of them.
    pub doubled: Vec<Finding>,
    /// Targets that this node collects because their owner does not; a bounded number of them.
    pub covered: Vec<Finding>,
    /// The other nodes by name.
    pub peers: BTreeMap<Name, PeerAudit>,
}

/// The audit in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// Targets that nobody collects.
    pub unowned: usize,
    /// Targets that two nodes collect.
    pub doubled: usize,
    /// Targets that this node collects in the place of others.
    pub covered: usize,
    /// Peers that run another configuration.
    pub drifted: usize,
    /// Peers that know other targets, or too few, or too many.
    pub divergent: usize,
    /// How far the clocks of peers are ahead, by name.
    pub skews: BTreeMap<Name, Skew>,
    /// What happened since the start.
    pub counters: AuditCounters,
}

impl Audit {
    /// The audit in numbers. A look at every key when anything has changed since the last one.
    pub fn figures(&mut self, facts: Facts<'_>, now: Instant) -> Figures {
        let held = self.digests.held(&facts, self.me.name());
        let (idle, covered) = (held.idle, held.covered);
        let drifted = self.peers.values().filter(|peer| drifts(peer.config, facts.config));
        let divergent = self.peers.values().filter(|peer| {
            let mut differences = peer.differences.values();
            differences.any(|d| d.truncated || !d.lacking.is_empty() || !d.extra.is_empty())
        });
        let skews = self.peers.values().filter_map(|peer| {
            let skew = peer.clock.skew()?;
            Some((peer.name.clone(), skew))
        });
        Figures {
            unowned: idle + self.unowned(facts).count(),
            doubled: self.doubled(facts, now).count(),
            covered,
            drifted: drifted.count(),
            divergent: divergent.count(),
            skews: skews.collect(),
            counters: self.counters,
        }
    }

    /// Everything that was found, with names. A look at every key.
    pub fn report(&mut self, facts: Facts<'_>, now: Instant) -> Report {
        let silent = super::Peer::new(self.me.name());
        let peers = self.rota.names().map(|name| {
            let peer = self.peers.get(&name.hash()).unwrap_or(&silent);
            let divergences = peer.differences.iter().map(|(component, difference)| Divergence {
                component: component.clone(),
                lacking: difference.lacking.len(),
                dropped: difference.lacking.values().filter(|lack| lack.dropped).count(),
                extra: difference.extra.len(),
                truncated: difference.truncated,
                lacking_examples: difference.lacking.keys().take(EXAMPLES).copied().collect(),
                extra_examples: difference.extra.keys().take(EXAMPLES).copied().collect(),
            });
            let divergences = divergences.filter(|d| d.truncated || d.lacking + d.extra > 0);
            let audit = PeerAudit {
                answered: peer.answered,
                config: peer.config,
                drifted: drifts(peer.config, facts.config),
                skew: peer.clock.skew(),
                divergences: divergences.collect(),
            };
            (name.clone(), audit)
        });
        let peers = peers.collect();
        let mut unowned: Vec<Finding> = self.idle_here(facts).take(NAMED).collect();
        unowned.extend(self.unowned(facts).take(NAMED - unowned.len()));
        let mut doubled: Vec<Finding> = self.doubled(facts, now).take(NAMED).collect();
        for found in [&mut unowned, &mut doubled] {
            found.sort_by(|one, other| (&one.peer, &one.target).cmp(&(&other.peer, &other.target)));
        }
        let covered = covered(facts).take(NAMED).collect();
        Report { figures: self.figures(facts, now), unowned, doubled, covered, peers }
    }

    /// What this node owns and takes no care of.
    fn idle_here<'a>(&'a self, facts: Facts<'a>) -> impl Iterator<Item = Finding> + 'a {
        let me = self.me.name();
        facts.assignment.components().flat_map(move |(component, _)| {
            facts.assignment.owned(component, me).filter_map(move |key| {
                let target = Target::new(component, key);
                let idle = facts.handover.standing(&target).is_none();
                let why = None;
                idle.then(|| Finding { target, peer: me.clone(), why, since: None })
            })
        })
    }

    /// What nobody collects of which this node is the first to know.
    fn unowned<'a>(&'a self, facts: Facts<'a>) -> impl Iterator<Item = Finding> + 'a {
        self.peers.values().flat_map(move |peer| {
            let idle = peer.unowned.iter().filter(move |(target, _)| {
                let known = facts.assignment.knows(&target.component, target.key);
                known && facts.handover.standing(target).is_none()
            });
            idle.map(|(target, (why, since))| Finding {
                target: target.clone(),
                peer: peer.name.clone(),
                why: Some(*why),
                since: Some(*since),
            })
        })
    }

    /// What another node collects beside this one, which ranks higher, for longer than a move takes.
    fn doubled<'a>(&'a self, facts: Facts<'a>, now: Instant) -> impl Iterator<Item = Finding> + 'a {
        self.peers.values().flat_map(move |peer| {
            let name = &peer.name;
            let of_component =
                move |(component, difference): (&'a ComponentId, &'a super::Difference)| {
                    difference.doubled.iter().filter_map(move |(key, since)| {
                        let target = Target::new(component, *key);
                        let here = facts.handover.standing(&target).is_some_and(|s| s.collects());
                        let lasts =
                            now.saturating_duration_since(*since) >= Why::Unknown.patience();
                        let outranked =
                            facts.assignment.above(*key, &self.me).any(|other| other == name);
                        let finding =
                            Finding { target, peer: name.clone(), why: None, since: Some(*since) };
                        (here && lasts && !outranked).then_some(finding)
                    })
                };
            peer.differences.iter().flat_map(of_component)
        })
    }
}

fn covered(facts: Facts<'_>) -> impl Iterator<Item = Finding> {
    facts.handover.standings().filter_map(|(component, key, standing)| match standing {
        Standing::Yielding { to: Some(to), since, unknown: true } => Some(Finding {
            target: Target::new(component, key),
            peer: to,
            why: Some(Why::Unknown),
            since: Some(since),
        }),
        _ => None,
    })
}

fn drifts(theirs: Option<Fingerprint>, mine: Option<Fingerprint>) -> bool {
    matches!((theirs, mine), (Some(theirs), Some(mine)) if theirs != mine)
}
