//! Answers to what the rest of the process asks.

use std::time::Instant;

use ownership::{Assignment, ComponentId, WhatIf, WhatIfError};

use super::Driver;
use super::audit::clock;
use crate::cluster::question::{
    Doings, Done, KeyHistory, KeyQuestion, Moved, Placed, Question, Recorded, Reported, Thought,
};
use crate::cluster::state::wall;
use crate::cluster::{check, detail};
use crate::core::{Record, StopReason};

/// Starts and stops that are told at one time. They are copied while nothing else happens to the cluster:
/// so many take some milliseconds.
const DONE_MAX: usize = 16_384;

impl Driver {
    /// Answers a question. Whoever asked may have gone away; then the answer is dropped.
    pub(super) fn answer(&mut self, question: Question) {
        let now = Instant::now();
        match question {
            Question::Subscribe { component, announced, deltas, checkpoints, first_ticks } => {
                // An earlier subscription of the component has ended, and with it what it ran.
                self.core.set_keys(&component, Vec::new(), now);
                self.act();
                self.subscribers.add(component, announced, deltas, (checkpoints, first_ticks));
            }
            Question::Sync { body, answer } => {
                let _ = answer.send(self.core.handle_sync(&body, now));
            }
            Question::Keys { keyring } => {
                self.core.set_keyring(keyring);
                self.unpublished = true;
            }
            Question::Checkpoint { body, answer } => {
                let _ = answer.send(self.keep(&body));
            }
            Question::Claim { body, answer } => self.asked(&body, answer),
            Question::Participate => self.core.participate(now),
            Question::Leave => self.core.leave(now),
            Question::Drained { done } => self.draining.push(done),
            Question::Remaining { answer } => {
                let _ = answer.send(self.core.remaining());
            }
            Question::Depart { done } => {
                self.departing.push(done);
                self.core.depart(now);
            }
            Question::Running { component, answer } => {
                let _ = answer.send(self.core.running(&component).collect());
            }
            Question::Detail { answer } => {
                let _ = answer.send(detail::of(&self.core, now));
            }
            Question::AwaitDatagram { nonce, arrived } => self.awaited.add(nonce, arrived),
            Question::SendDatagram { nonce, to } => self.transmit(to, &check::datagram(nonce)),
            Question::Place { keys, answer } => {
                let placed = keys.into_iter().map(|key| self.core.placement(key));
                let placed = placed.map(|placement| Placed {
                    owner: placement.owner.map(|name| name.to_string()).unwrap_or_default(),
                    deputy: placement.deputy.map(|name| name.to_string()).unwrap_or_default(),
                });
                let _ = answer.send(placed.collect());
            }
            Question::Audit { body, answer } => {
                let _ = answer.send(self.core.handle_audit(&body, clock()));
            }
            Question::Config { fingerprint, done } => {
                self.core.set_config(fingerprint, now);
                let _ = done.send(());
            }
            Question::Report { answer } => {
                let report = self.core.audit_report(now);
                let _ = answer.send(Reported { report, skew_limit: self.audited.skew_limit() });
            }
            Question::WhatIf { change, most, answer } => {
                let _ = answer.send(think(self.core.assignment(), &change, most));
            }
            Question::Done { answer } => {
                let me = self.core.me().name.as_str();
                let history = self.core.history();
                let done = history.records().rev().take(DONE_MAX).map(|record| Done {
                    component: record.component.to_string(),
                    key: record.key,
                    record: recorded(record, me, now),
                });
                let mut done: Vec<Done> = done.collect();
                done.reverse();
                let truncated = history.has_forgotten() || history.records().count() > done.len();
                let _ = answer.send(Doings { done, truncated });
            }
            Question::Explain { question, answer } => {
                let _ = answer.send(self.explain(&question, now));
            }
        }
        self.act();
    }

    fn explain(&self, question: &KeyQuestion, now: Instant) -> KeyHistory {
        let KeyQuestion { component, key } = question;
        let name = |name: &Option<membership::Name>| {
            name.as_ref().map(ToString::to_string).unwrap_or_default()
        };
        let history = self.core.history();
        let moves = self.core.moves(component, *key);
        let of_key = history.records().filter(|record| {
            record.key == *key && record.component == ComponentId::from(component.as_str())
        });
        KeyHistory {
            ranking: self.core.ranking(*key).iter().map(ToString::to_string).collect(),
            running: self.core.running(component).any(|running| running == *key),
            moves: moves
                .iter()
                .map(|moved| Moved {
                    at: wall(moved.at, now),
                    from: name(&moved.from),
                    to: name(&moved.to),
                    cause: moved.cause.as_str().to_owned(),
                })
                .collect(),
            forgotten: history.has_forgotten(),
            records: of_key
                .map(|record| recorded(record, self.core.me().name.as_str(), now))
                .collect(),
        }
    }
}

fn recorded(record: &Record, me: &str, now: Instant) -> Recorded {
    let before = record.from.as_ref().map(ToString::to_string).unwrap_or_default();
    let (action, from, to) = match &record.stopped {
        None => ("start", before, me.to_owned()),
        Some(StopReason::Moved { to }) => ("stop", me.to_owned(), to.to_string()),
        Some(StopReason::Gone | StopReason::Unowned) => ("stop", me.to_owned(), String::new()),
    };
    Recorded {
        at: wall(record.at, now),
        action: action.to_owned(),
        from,
        to,
        cause: record.cause.as_str().to_owned(),
        last_tick: record.last_tick,
        first_tick: record.first_tick,
        last_heard: record.last_heard.map(|at| wall(at, now)),
        took_micros: u64::try_from(record.took.as_micros()).unwrap_or(u64::MAX),
        overlap: record.overlap,
    }
}

/// What would move.
fn think(assignment: &Assignment, change: &WhatIf, most: usize) -> Result<Thought, WhatIfError> {
    let counts = assignment.components().map(|(id, count)| (id.to_string(), (0, count)));
    let mut thought = Thought { components: counts.collect(), ..Thought::default() };
    assignment.what_if(change, |moved| {
        let name =
            |name: Option<&membership::Name>| name.map(ToString::to_string).unwrap_or_default();
        let (from, to) = (name(moved.from), name(moved.to));
        if let Some((moves, _)) = thought.components.get_mut(&**moved.component) {
            *moves += 1;
        }
        if thought.moves.len() < most {
            let component = moved.component.to_string();
            thought.moves.push((component, moved.key, from.clone(), to.clone()));
        }
        *thought.matrix.entry((from, to)).or_default() += 1;
    })?;
    Ok(thought)
}
