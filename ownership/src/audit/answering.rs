//! The side that is asked.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::digest::{BUCKETS, bounds, cared, sums};
use super::limits::{COMPONENTS, KEYS_PER_ANSWER};
use super::wire::{Answer, Ask, Bucket, Component, Keys, Question, Said};
use super::{Audit, Facts, QuestionError};
use crate::handover::Target;
use crate::{ComponentId, Key};

impl Audit {
    /// Answers the question of another node; the answer has at most [`super::ANSWER_MAX`] bytes.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn handle_question(
        &mut self,
        body: &[u8],
        facts: Facts<'_>,
    ) -> Result<Bytes, QuestionError> {
        let question = Question::decode(body).inspect_err(|_| self.counters.malformed += 1)?;
        if question.to != *self.me.name() || question.from == *self.me.name() {
            return Err(QuestionError::Misdirected(question.to));
        }
        self.counters.answered += 1;
        let said = match question.ask {
            Ask::Summary => Said::Summary(self.summary(facts)),
            Ask::Keys { component, first, known, collected } => {
                Said::Keys(self.keys(&component, first, (&known, &collected), facts))
            }
        };
        let from = self.me.name().clone();
        Ok(Answer { from, clock: facts.clock, config: facts.config, said }.encode())
    }

    fn summary(&mut self, facts: Facts<'_>) -> Vec<Component> {
        let collected = self.digests.held(&facts, self.me.name()).collected.clone();
        let known = self.digests.known.iter().take(COMPONENTS);
        known
            .map(|(component, known)| Component {
                component: component.to_string(),
                known: *known,
                collected: collected.get(component).copied().unwrap_or_default(),
            })
            .collect()
    }

    fn keys(
        &self,
        component: &str,
        first: u16,
        (known, collected): (&[u64], &[u64]),
        facts: Facts<'_>,
    ) -> Keys {
        let owners = facts.assignment.owners(component);
        let knows = sums(owners.map(|(key, _)| key));
        let cares = sums(cared(&facts, component));
        let id = ComponentId::from(component);
        let mut answer = Keys { buckets: Vec::new(), next: BUCKETS as u16 };
        let mut count = 0;
        for number in first..BUCKETS as u16 {
            let at = usize::from(number);
            if knows[at] == known[at] && cares[at] == collected[at] {
                continue;
            }
            if count >= KEYS_PER_ANSWER {
                answer.next = number;
                break;
            }
            let bucket = self.bucket(&id, number, facts);
            count += bucket.keys.len() + bucket.dropped.len();
            answer.buckets.push(bucket);
        }
        answer
    }

    fn bucket(&self, component: &ComponentId, number: u16, facts: Facts<'_>) -> Bucket {
        let (first, last) = bounds(number);
        let mut keys: BTreeMap<Key, bool> = facts
            .assignment
            .owners_between(component, first, last)
            .map(|(key, _)| (key, false))
            .collect();
        let cared = cared(&facts, component).filter(|key| (first..=last).contains(key));
        keys.extend(cared.map(|key| (key, true)));
        let dropped = self
            .dropped
            .between(Target::new(component, first), Target::new(component, last))
            .map(Key::as_u64);
        Bucket {
            number,
            dropped: dropped.collect(),
            keys: keys.into_iter().map(|(key, collected)| (key.as_u64(), collected)).collect(),
        }
    }
}
