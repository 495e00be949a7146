//! `shoal docs`: the reference, out of the declarations that decode the arguments.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Args;
use syntax::{FieldDoc, FieldKind, Stability, did_you_mean};

use super::console;
use crate::components::{Descriptor, Registry};

/// What to print.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// One component; a list of all of them when absent.
    #[arg(value_name = "COMPONENT")]
    component: Option<String>,
}

/// Blocks are shown this deep; a block may contain itself.
const MAX_DEPTH: usize = 8;

impl Arguments {
    pub(super) fn run(&self) -> ExitCode {
        let registry = Registry::shoal();
        let Some(name) = &self.component else { return console::print(&list(&registry)) };
        match registry.kind(name) {
            Some(kind) => console::print(&reference(kind.as_ref())),
            None => {
                let hint = did_you_mean(name, registry.names());
                let hint = hint.map(|hint| format!("; {hint}")).unwrap_or_default();
                console::fail(&format!("Shoal has no component {name:?}{hint}"))
            }
        }
    }
}

fn list(registry: &Registry) -> String {
    let width = registry.names().iter().map(|name| name.len()).max().unwrap_or(0);
    let mut out = String::new();
    for kind in registry.kinds() {
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(out, "{:width$}  {}", kind.name(), first_line(kind.summary()));
    }
    out
}

fn reference(kind: &dyn Descriptor) -> String {
    let mut out = format!("{}{}\n\n{}\n", kind.name(), level(kind.stability()), kind.summary());
    section(&mut out, "Arguments", &kind.arguments());
    section(&mut out, "Exports", &kind.exports());
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
