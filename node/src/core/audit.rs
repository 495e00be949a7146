//! What the nodes find when they compare what they know and collect.

use std::time::{Duration, Instant};

use bytes::Bytes;
use membership::Name;
use ownership::audit::{self, Facts, Figures, Fingerprint, Malformed, QuestionError, Report, Skew};

use super::{ChangeCause, Core, Output};

/// Targets that change so soon after another configuration was loaded change because of it. Discovery
/// that was made anew takes about this long for its first answer; what comes later looks like any
/// other change of discovery.
const RELOAD_SETTLES: Duration = Duration::from_secs(10);

/// What the audit looks at. A macro, because a method would borrow the audit along with it.
macro_rules! facts {
    ($core:expr, $clock:expr) => {
        Facts {
            assignment: &$core.assignment,
            handover: &$core.handover,
            open: $core.gate.is_open(),
            config: $core.config,
            clock: $clock,
        }
    };
}

impl Core {
    /// This configuration runs from now on, or is about to.
    pub fn set_config(&mut self, config: Fingerprint, now: Instant) {
        if self.config.is_some_and(|before| before != config) {
            self.reloaded = Some(now);
        }
        self.config = Some(config);
    }

    /// Answers what another node wants to compare. `clock` is that of this node, in microseconds since
    /// the Unix epoch, here and below.
    ///
    /// # Errors
    /// When there is no answer; the asker is to be told the error's text along with an error status.
    pub fn handle_audit(&mut self, body: &[u8], clock: i64) -> Result<Bytes, QuestionError> {
        self.audit.handle_question(body, facts!(self, clock))
    }

    /// Handles the answer to an [`Output::Audit`], which arrived at `now`.
    ///
    /// # Errors
    /// When it is no answer; the peer is asked again at the usual rhythm.
    pub fn handle_audit_reply(
        &mut self,
        id: u64,
        body: &[u8],
        clock: i64,
        now: Instant,
    ) -> Result<(), Malformed> {
        let result = self.audit.handle_answer(id, body, facts!(self, clock), now);
        self.settle(now);
        result
    }

    /// Notes that an [`Output::Audit`] got no answer.
    pub fn handle_audit_failure(&mut self, id: u64, now: Instant) {
        self.audit.handle_failure(id);
        self.settle(now);
    }

    /// What the audit has found, in numbers.
    pub fn audit_figures(&mut self, now: Instant) -> Figures {
        self.audit.figures(facts!(self, 0), now)
    }

    /// What the audit has found, with names.
    pub fn audit_report(&mut self, now: Instant) -> Report {
        self.audit.report(facts!(self, 0), now)
    }

    /// How far the clock of a peer is ahead, as far as is known.
    pub fn skew(&self, peer: &Name) -> Option<Skew> {
        self.audit.skew(peer)
    }

    /// What brings it about that targets change now.
    pub(super) fn cause_of_targets(&self, now: Instant) -> ChangeCause {
        match self.reloaded {
            Some(at) if now.saturating_duration_since(at) < RELOAD_SETTLES => ChangeCause::Reloaded,
            _ => ChangeCause::Targets,
        }
    }

    /// Does what the audit wants done.
    pub(super) fn compare(&mut self, now: Instant) {
        self.audit.handle_timeout(now);
        while let Some(output) = self.audit.poll_output() {
            match output {
                audit::Output::Ask { to, id, body } => match self.address_of(&to) {
                    Some(to) => self.outputs.push_back(Output::Audit { to, id, body }),
                    // It is gone, or about to come back; it is asked again if it does.
                    None => self.audit.handle_failure(id),
                },
                audit::Output::Cover { target, owner, holder, overlap } => {
                    self.handover.cover(&target, &owner, holder.as_ref(), overlap, now);
                }
                audit::Output::Relinquish { target, to } => {
                    self.handover.relinquish(&target, &to, now);
                }
            }
        }
    }
}
