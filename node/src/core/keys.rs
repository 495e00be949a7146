//! From the participants to starts and stops.

use std::time::Instant;

use membership::Name;
use ownership::{ComponentId, Key};

use super::{Change, ChangeCause, Core, Output, Record, StopReason};

/// What a change of the participants means for a key of this node.
enum Step {
    Start,
    Stop(StopReason),
}

impl Core {
    /// Makes `keys` all the targets of `component`, which this node shares with the others. The
    /// order is of no consequence, a repeated key counts once. No keys at all is how a component
    /// ends.
    pub fn set_keys(&mut self, component: &ComponentId, keys: Vec<Key>, now: Instant) {
        let me = self.me().name.clone();
        let mut steps = Vec::new();
        self.assignment.set_keys(component, keys, |moved| match moved.to {
            Some(to) if *to == me => steps.push((moved.key, Step::Start)),
            Some(_) => {}
            // Gone. It may run here even if the view gave it to another, while the gate is closed.
            None => steps.push((moved.key, Step::Stop(StopReason::Gone))),
        });
        for (key, step) in steps {
            self.take(component, key, step, ChangeCause::Targets, now);
        }
    }

    /// Acts on what membership found out.
    pub(super) fn move_keys(&mut self, now: Instant) {
        let turned = self.gate.update(self.present, now);
        if turned {
            self.outputs.push_back(Output::Gate { open: self.gate.is_open() });
        }
        if !self.joined.is_empty() || !self.left.is_empty() {
            self.move_participants(!turned, now);
        }
        if turned && self.gate.is_open() {
            self.resume(now);
        }
    }

    /// Takes over who joined and left. A gate that has just opened makes up for all keys afterwards,
    /// so that none is started only to be stopped.
    fn move_participants(&mut self, act: bool, now: Instant) {
        let mut joined: Vec<Name> = std::mem::take(&mut self.joined).into_iter().collect();
        let mut left: Vec<_> = std::mem::take(&mut self.left).into_iter().collect();
        joined.retain(|name| !self.assignment.contains(name));
        left.retain(|(name, _)| self.assignment.contains(name));
        let change = Change { at: now, joined, left };
        if !change.joined.is_empty() || !change.left.is_empty() {
            self.apply(&change, act, now);
            self.history.push_change(change);
        }
    }

    fn apply(&mut self, change: &Change, act: bool, now: Instant) {
        let me = self.me().name.clone();
        let left: Vec<Name> = change.left.iter().map(|(name, _)| name.clone()).collect();
        let mut steps = Vec::new();
        self.assignment.change(&change.joined, &left, |moved| {
            let step = match (moved.from, moved.to) {
                (_, Some(to)) if *to == me => Step::Start,
                (Some(from), to) if *from == me => Step::Stop(moved_to(to)),
                _ => return,
            };
            steps.push((moved.component.clone(), moved.key, step));
        });
        let withdrawn = change.left.contains(&(me, ChangeCause::Withdrawn));
        if act && self.gate.is_open() {
            for (component, key, step) in steps {
                self.take(&component, key, step, change.cause(), now);
            }
        }
        if withdrawn {
            self.stop_all(now);
        }
    }

    /// The gate has opened: what this node runs becomes what it owns.
    fn resume(&mut self, now: Instant) {
        let me = self.me().name.clone();
        let mut steps = Vec::new();
        for (component, _) in self.assignment.components() {
            let running = self.running.get(component);
            for (key, owner) in self.assignment.owners(component) {
                let runs = running.is_some_and(|keys| keys.contains(&key));
                match (owner == Some(&me), runs) {
                    (true, false) => steps.push((component.clone(), key, Step::Start)),
                    (false, true) => {
                        steps.push((component.clone(), key, Step::Stop(moved_to(owner))));
                    }
                    _ => {}
                }
            }
        }
        for (component, key, step) in steps {
            self.take(&component, key, step, ChangeCause::Gate, now);
        }
    }

    /// Another node has this node's name: whatever runs here, runs there.
    fn stop_all(&mut self, now: Instant) {
        for (component, keys) in std::mem::take(&mut self.running) {
            for key in keys {
                let cause = ChangeCause::Withdrawn;
                self.report(&component, key, Some(StopReason::Unowned), cause, now);
            }
        }
    }

    fn take(
        &mut self,
        component: &ComponentId,
        key: Key,
        step: Step,
        cause: ChangeCause,
        now: Instant,
    ) {
        match step {
            Step::Start => {
                if self.gate.is_open()
                    && self.running.entry(component.clone()).or_default().insert(key)
                {
                    self.report(component, key, None, cause, now);
                }
            }
            Step::Stop(reason) => {
                let Some(keys) = self.running.get_mut(component) else {
                    return;
                };
                if keys.remove(&key) {
                    if keys.is_empty() {
                        self.running.remove(component);
                    }
                    self.report(component, key, Some(reason), cause, now);
                }
            }
        }
    }

    fn report(
        &mut self,
        component: &ComponentId,
        key: Key,
        stopped: Option<StopReason>,
        cause: ChangeCause,
        now: Instant,
    ) {
        let component = component.clone();
        self.history.push_record(Record {
            at: now,
            component: component.clone(),
            key,
            stopped: stopped.clone(),
            cause,
        });
        self.outputs.push_back(match stopped {
            None => Output::Start { component, key },
            Some(reason) => Output::Stop { component, key, reason },
        });
    }
}

fn moved_to(owner: Option<&Name>) -> StopReason {
    owner.map_or(StopReason::Unowned, |to| StopReason::Moved { to: to.clone() })
}
