//! How a key stands, with what is needed to go on from there.

use std::time::Instant;

use membership::Name;
use model::Seal;

use super::limits::{CLAIM_TIMEOUT, OFFER_AFTER};
use super::{MoveCause, Standing};

/// A key that is not idle.
#[derive(Debug)]
pub(super) enum Phase {
    Claiming(Box<Claiming>),
    Active,
    Yielding(Box<Yielding>),
    Sealing(Box<Sealing>),
}

/// Asking another node for a key.
#[derive(Debug)]
pub(super) struct Claiming {
    /// Who is asked; this node itself as long as there is nobody to ask.
    pub ask: Name,
    /// How often the claim was sent on to another node.
    pub follows: u8,
    /// Whether it has waited for an offer, since enough were asked in vain.
    pub waited: bool,
    /// Who has said that it does not collect the key, and who named another.
    pub without: Vec<Name>,
    pub pointed: Vec<Name>,
    pub since: Instant,
    /// When it is started without an answer.
    pub deadline: Instant,
    pub stage: Stage,
    /// Whose it is, when it has become another's meanwhile: if it comes all the same, it is
    /// collected until that one claims it.
    pub lost: Option<Name>,
    /// Whether the target is gone, though the key is on its way: what its last collector knew comes here,
    /// so its series are ended here. With `lost`, that one has claimed it meanwhile, and gets what comes.
    pub gone: bool,
    /// The last that others keep of what an earlier process of this node's name said of it, or was given.
    pub kept: Option<Seal>,
    /// Whether the last question got no answer, so that nobody knows whether it arrived.
    pub unheard: bool,
    /// Whether it was asked before: time runs from the first attempt.
    pub tried: bool,
    /// Whether the other node said that it stops for this one.
    pub promised: bool,
    pub cause: MoveCause,
}

/// How far a question has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Waits for a request to travel in.
    Queued,
    /// Asked, in the request of this number.
    Asked(u64),
    /// Asked again at this instant.
    Paused(Instant),
    /// This node is too new to start it. At this instant whoever is there then is asked.
    Settling(Instant),
}

/// Collecting what is another's.
#[derive(Debug)]
pub(super) struct Yielding {
    pub to: Option<Name>,
    pub since: Instant,
    pub stage: Stage,
    pub unknown: bool,
    pub cause: MoveCause,
}

/// Waiting for the seal of a key that was claimed.
#[derive(Debug)]
pub(super) struct Sealing {
    pub to: Name,
    /// Which process of that name claimed it.
    pub life: u64,
    /// When the collector's time is up.
    pub deadline: Instant,
    /// Whether the key is this node's, as it sees things.
    pub mine: bool,
    /// Whether the one who claimed it is gone.
    pub to_gone: bool,
    /// Whether the target is gone.
    pub gone: bool,
    pub cause: MoveCause,
}

impl Claiming {
    pub(super) fn new(ask: Name, cause: MoveCause, now: Instant) -> Self {
        Self {
            ask,
            follows: 0,
            waited: false,
            without: Vec::new(),
            pointed: Vec::new(),
            since: now,
            deadline: now + CLAIM_TIMEOUT,
            stage: Stage::Queued,
            lost: None,
            gone: false,
            kept: None,
            unheard: false,
            tried: false,
            promised: false,
            cause,
        }
    }
}

impl Claiming {
    /// Whether the other node may have stopped for this one: its answer may be under way, or lost.
    pub(super) fn is_on_its_way(&self) -> bool {
        self.promised || self.unheard || matches!(self.stage, Stage::Asked(_))
    }
}

impl Yielding {
    pub(super) fn new(to: Option<Name>, cause: MoveCause, now: Instant) -> Self {
        let stage = Stage::Paused(now + OFFER_AFTER);
        Self { to, since: now, stage, unknown: false, cause }
    }
}

impl Sealing {
    pub(super) fn new(
        (to, life): (Name, u64),
        mine: bool,
        cause: MoveCause,
        deadline: Instant,
    ) -> Self {
        Self { to, life, deadline, mine, to_gone: false, gone: false, cause }
    }
}

impl Phase {
    /// When it has to be looked at again.
    pub(super) fn due(&self) -> Option<Instant> {
        match self {
            Self::Claiming(claiming) => Some(match claiming.stage {
                Stage::Paused(until) | Stage::Settling(until) => until,
                Stage::Queued | Stage::Asked(_) => claiming.deadline,
            }),
            Self::Active => None,
            Self::Yielding(yielding) => match yielding.stage {
                Stage::Paused(until) if yielding.to.is_some() => Some(until),
                _ => None,
            },
            Self::Sealing(sealing) => Some(sealing.deadline),
        }
    }

    /// As it is shown.
    pub(super) fn standing(&self) -> Standing {
        match self {
            Self::Claiming(claiming) => {
                Standing::Claiming { from: claiming.ask.clone(), since: claiming.since }
            }
            Self::Active => Standing::Active,
            Self::Yielding(yielding) => Standing::Yielding {
                to: yielding.to.clone(),
                since: yielding.since,
                unknown: yielding.unknown,
            },
            Self::Sealing(sealing) => Standing::Sealing { to: sealing.to.clone() },
        }
    }
}
