//! Target groups, as files and HTTP servers write them.

use std::collections::BTreeMap;

use model::Labels;
use serde::Deserialize;

#[cfg(test)]
mod tests;

/// A document with more targets is a mistake; past it a node could not collect them anyway.
const MAX_TARGETS: usize = 1_000_000;

/// How a document is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Yaml,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    #[serde(default)]
    targets: Option<Vec<Text>>,
    #[serde(default)]
    labels: Option<BTreeMap<String, Text>>,
}

/// A string, of which none is an empty one, as everywhere in Go.
type Text = Option<String>;

/// The targets of a document: a list of groups, each of addresses and the labels they share.
/// `extra` is added to each target.
///
/// # Errors
///
/// What is wrong with the document, with line and column where the format has them.
pub(crate) fn parse(
    document: &str,
    format: Format,
    extra: &[(&str, &str)],
) -> Result<Vec<Labels>, String> {
    let groups: Option<Vec<Option<Group>>> = match format {
        Format::Json => serde_json::from_str(document).map_err(|error| error.to_string())?,
        Format::Yaml if is_blank(document) => None,
        Format::Yaml => serde_saphyr::from_str_with_options(document, yaml_options())
            // The other formatter advises whoever calls the library.
            .map_err(|error| error.render_with_formatter(&serde_saphyr::UserMessageFormatter))?,
    };
    let mut found = Vec::new();
    for (index, group) in groups.unwrap_or_default().into_iter().enumerate() {
        let group = group.ok_or_else(|| format!("group {index} is null"))?;
        let labels = group.labels.unwrap_or_default();
        if labels.keys().any(String::is_empty) {
            return Err(format!("a label of group {index} has no name"));
        }
        for address in group.targets.unwrap_or_default() {
            if found.len() == MAX_TARGETS {
                return Err(format!("it has more than {MAX_TARGETS} targets"));
            }
            let shared = labels.iter().map(|(name, value)| (name.as_str(), text(value)));
            let own = [("__address__", text(&address))];
            // Of labels with one name the last wins: the address is the target's own.
            let extra = extra.iter().copied();
            found.push(Labels::from_pairs(shared.chain(extra).chain(own)));
        }
    }
    Ok(found)
}

fn text(text: &Text) -> &str {
    text.as_deref().unwrap_or_default()
}

/// Whether there is nothing but comments.
fn is_blank(document: &str) -> bool {
    document.lines().all(|line| {
        let line = line.trim();
        line.is_empty() || line.starts_with('#')
    })
}

/// The library's defaults stop at a quarter of a million nodes.
fn yaml_options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_nodes: 20 * MAX_TARGETS,
            max_events: 40 * MAX_TARGETS,
        },
        with_snippet: false,
    }
}
