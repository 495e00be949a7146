//! `shoal docs`: the reference, out of the declarations that decode the arguments.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Args;
use syntax::{FieldDoc, FieldKind, Stability, did_you_mean};

use super::console;
use crate::components::Registry;
use crate::{config, graph};

/// What to print.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// One component or block; a list of all of them when absent.
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

/// What there is to say about a component, or about a block that is none.
struct Entry {
    name: &'static str,
    summary: &'static str,
    stability: Stability,
    is_component: bool,
    arguments: Vec<FieldDoc>,
    exports: Vec<FieldDoc>,
}

/// Blocks are shown this deep; a block may contain itself.
const MAX_DEPTH: usize = 8;

impl Arguments {
    pub(super) fn run(&self) -> ExitCode {
        let entries = entries();
        let Some(name) = &self.name else { return console::print(&list(&entries)) };
        match entries.iter().find(|entry| entry.name == name) {
            Some(entry) => console::print(&reference(entry)),
            None => {
                let hint = did_you_mean(name, entries.iter().map(|entry| entry.name));
                let hint = hint.map(|hint| format!("; {hint}")).unwrap_or_default();
                console::fail(&format!("Shoal has no component or block {name:?}{hint}"))
            }
        }
    }
}

/// Components first, each sort by name.
fn entries() -> Vec<Entry> {
    let registry = Registry::shoal();
    let components = registry.kinds().map(|kind| Entry {
        name: kind.name(),
        summary: kind.summary(),
        stability: kind.stability(),
        is_component: true,
        arguments: kind.arguments(),
        exports: kind.exports(),
    });
    let blocks = config::reference().into_iter().chain(graph::import_reference());
    let blocks = blocks.map(|(name, summary, arguments)| Entry {
        name,
        summary,
        stability: Stability::GenerallyAvailable,
        is_component: false,
        arguments,
        exports: Vec::new(),
    });
    let mut entries: Vec<Entry> = components.chain(blocks).collect();
    entries.sort_by_key(|entry| (!entry.is_component, entry.name));
    entries
}

fn list(entries: &[Entry]) -> String {
    let width = entries.iter().map(|entry| entry.name.len()).max().unwrap_or(0);
    let mut out = String::new();
    for (title, components) in [("Components", true), ("\nBlocks", false)] {
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(out, "{title}\n");
        for entry in entries.iter().filter(|entry| entry.is_component == components) {
            let _ = writeln!(out, "  {:width$}  {}", entry.name, first_line(entry.summary));
        }
    }
    out
}

fn reference(entry: &Entry) -> String {
    let mut out = format!("{}{}\n\n{}\n", entry.name, level(entry.stability), entry.summary);
    section(&mut out, "Arguments", &entry.arguments);
    section(&mut out, "Exports", &entry.exports);
    out
}

fn section(out: &mut String, title: &str, fields: &[FieldDoc]) {
    if !fields.is_empty() {
        let _ = write!(out, "\n{title}\n\n");
        fields.iter().for_each(|field| describe(out, field, 1));
    }
}

fn describe(out: &mut String, field: &FieldDoc, depth: usize) {
    let indent = "  ".repeat(depth);
    let needed = if field.required { ", required" } else { "" };
    let default = match &field.default {
        Some(value) => format!(", default {value}"),
        None => String::new(),
    };
    let what = match &field.kind {
        FieldKind::Attribute(kind) => format!("= {kind}"),
        FieldKind::Block { repeated: true, .. } => "{ … }, any number".to_owned(),
        FieldKind::Block { repeated: false, .. } => "{ … }".to_owned(),
        FieldKind::Label => "the label".to_owned(),
    };
    let level = level(field.stability);
    let _ = writeln!(out, "{indent}{} {what}{needed}{default}{level}", field.name);
    for line in field.doc.lines() {
        let _ = writeln!(out, "{indent}    {}", line.trim());
    }
    if let FieldKind::Block { nested, .. } = &field.kind
        && depth < MAX_DEPTH
    {
        nested().iter().for_each(|field| describe(out, field, depth + 2));
    }
}

fn level(stability: Stability) -> &'static str {
    match stability {
        Stability::GenerallyAvailable => "",
        Stability::PublicPreview => " (public preview)",
        Stability::Experimental => " (experimental)",
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}
