//! Answers to what the rest of the process asks.

use std::time::Instant;

use ownership::ComponentId;

use super::Driver;
use crate::cluster::question::{KeyHistory, KeyQuestion, Moved, Placed, Question, Recorded};
use crate::cluster::state::wall;
use crate::cluster::{check, detail};
use crate::core::StopReason;

impl Driver {
    /// Answers a question. Whoever asked may have gone away; then the answer is dropped.
    pub(super) fn answer(&mut self, question: Question) {
        let now = Instant::now();
        match question {
            Question::Subscribe { component, announced, deltas, checkpoints } => {
                // An earlier subscription of the component has ended, and with it what it ran.
                self.core.set_keys(&component, Vec::new(), now);
                self.act();
                self.subscribers.add(component, announced, deltas, checkpoints);
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
        let moves = history.moves(*key, self.core.assignment().participants());
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
            records: of_key
                .map(|record| Recorded {
                    at: wall(record.at, now),
                    action: if record.stopped.is_some() { "stop" } else { "start" }.to_owned(),
                    to: match &record.stopped {
                        Some(StopReason::Moved { to }) => to.to_string(),
                        _ => String::new(),
                    },
                    cause: record.cause.as_str().to_owned(),
                })
                .collect(),
        }
    }
}
