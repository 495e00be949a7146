//! What happened last, to be told when something went wrong.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::time::Duration;

use membership::Event;

use crate::sim::EVENTS;
use crate::sim::host::Population;
use crate::sim::oracle::Fact;

/// The last events, oldest first.
#[derive(Debug)]
pub struct Journal {
    limit: usize,
    entries: VecDeque<(Duration, Entry)>,
}

impl Default for Journal {
    fn default() -> Self {
        Self { limit: EVENTS, entries: VecDeque::new() }
    }
}

#[derive(Debug)]
enum Entry {
    Booted(usize),
    Ended(usize),
    Swim(usize, Event),
    Fault(String),
}

impl Journal {
    /// Remembers so many of the last events from now on.
    pub fn remember(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Notes what the one who runs the world did to it.
    pub fn fault(&mut self, at: Duration, what: String) {
        self.push(at, Entry::Fault(what));
    }

    pub(super) fn note(&mut self, at: Duration, fact: Fact<'_>) {
        match fact {
            Fact::Booted { host } => self.push(at, Entry::Booted(host)),
            Fact::Ended { host } => self.push(at, Entry::Ended(host)),
            Fact::Swim { host, event } => self.push(at, Entry::Swim(host, event.clone())),
            _ => {}
        }
    }

    fn push(&mut self, at: Duration, entry: Entry) {
        self.entries.push_back((at, entry));
        if self.entries.len() > self.limit {
            self.entries.pop_front();
        }
    }

    /// One line for each.
    pub fn tell(&self, truth: &Population) -> String {
        let mut text = String::new();
        for (at, entry) in &self.entries {
            let line = match entry {
                Entry::Booted(host) => {
                    format!("{} boots at {}", truth.name(*host), truth.address(*host))
                }
                Entry::Ended(host) => format!("{} ends", truth.name(*host)),
                Entry::Swim(host, event) => format!("{}: {}", truth.name(*host), in_words(event)),
                Entry::Fault(what) => format!("-- {what}"),
            };
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{:10.3} s  {line}", at.as_secs_f64());
        }
        text
    }
}

fn in_words(event: &Event) -> String {
    match event {
        Event::Up(peer) => format!("{peer} is up"),
        Event::Down { peer, cause, .. } => format!("{peer} is down, {}", cause.as_str()),
        Event::Changed { to, .. } => format!("{to} has changed"),
        Event::Me { to, .. } => format!("I am {to}"),
        other => format!("{other:?}"),
    }
}
