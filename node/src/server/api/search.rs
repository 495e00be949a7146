//! Which targets a search means.

use std::fmt::Write as _;

use crate::cluster::Announced;

/// Words that must all occur, upper and lower case of ASCII alike, in a target's URL, its component, its
/// key, or one of its labels written `name=value` or, as pages show it, `name="value"`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::server) struct Search(Vec<String>);

impl Search {
    pub(in crate::server) fn new(text: &str) -> Self {
        Self(text.split_whitespace().map(|word| unquoted(word).to_ascii_lowercase()).collect())
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

/// `name="value"` without the quotes, and without what is around it in a list of labels.
fn unquoted(word: &str) -> String {
    let label = word.trim_start_matches('{').trim_end_matches(['}', ',']);
    match label.split_once("=\"").map(|(name, rest)| (name, rest.strip_suffix('"'))) {
        Some((name, Some(value))) => format!("{name}={value}"),
        _ => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_as_they_are_written_and_in_ascii_in_either_case() {
        let labels = model::Labels::from_pairs([("city", "Évian"), ("job", "Node")]);
        let target = Announced { labels, ..Announced::new(ownership::Key::from(7), "http://A/m") };
        for (text, found) in [
            ("Évian", true),
            ("city=Évian NODE http://a", true),
            ("évian", false),
            ("node nothing", false),
        ] {
            assert_eq!(Search::new(text).matches("prometheus.scrape.a", &target), found, "{text}");
        }
    }

    #[test]
    fn a_label_is_found_as_it_is_shown() {
        for (word, means) in [
            (r#"instance="host-1:80""#, "instance=host-1:80"),
            (r#"{job="a","#, "job=a"),
            (r#"b=""}"#, "b="),
            ("instance=host-1", "instance=host-1"),
            ("http://a/?x={1},", "http://a/?x={1},"),
            (r#"a="open"#, r#"a="open"#),
        ] {
            assert_eq!(unquoted(word), means);
        }
    }
}
