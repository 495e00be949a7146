//! Which targets a search means.

use std::fmt::Write as _;

use crate::cluster::Announced;

/// Words that must all occur, upper and lower case alike, in a target's URL, its component, its
/// key, or one of its labels written `name=value`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::server) struct Search(Vec<String>);

impl Search {
    pub(in crate::server) fn new(text: &str) -> Self {
        Self(text.split_whitespace().map(str::to_lowercase).collect())
    }

    pub(in crate::server) fn matches(&self, component: &str, target: &Announced) -> bool {
        if self.0.is_empty() {
            return true;
        }
        let mut text = String::with_capacity(256);
        // Writing to a string cannot fail.
        let _ = write!(text, "{component}\n{}\n{}", target.url, target.key);
        for (name, value) in target.labels.iter() {
            let _ = write!(text, "\n{name}={value}");
        }
        text.make_ascii_lowercase();
        self.0.iter().all(|word| text.contains(word.as_str()))
    }
}
