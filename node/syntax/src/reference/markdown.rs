//! The reference as text that reads well in a terminal and on a page.

use super::{FieldDoc, FieldKind};
use crate::value::Stability;

/// What can be written in a body, as Markdown: a table of its attributes, then a section for
/// every block, blocks in blocks included. A block that contains itself is described once.
pub fn markdown(fields: &[FieldDoc]) -> String {
    let mut text = String::new();
    body(fields, &mut Vec::new(), &mut text);
    text
}

fn body(fields: &[FieldDoc], path: &mut Vec<&'static str>, text: &mut String) {
    let attributes: Vec<_> = fields.iter().filter_map(attribute).collect();
    if !attributes.is_empty() {
        text.push_str("| attribute | type | default | |\n|---|---|---|---|\n");
        attributes.iter().for_each(|line| text.push_str(line));
        text.push('\n');
    }
    for field in fields {
        if let FieldKind::Block { repeated, nested } = field.kind {
            block(field, repeated, nested, path, text);
        }
    }
}

fn attribute(field: &FieldDoc) -> Option<String> {
    let FieldKind::Attribute(kind) = &field.kind else { return None };
    let default = match (&field.default, field.required) {
        (Some(default), _) => format!("`{default}`"),
        (None, true) => "required".to_owned(),
        (None, false) => String::new(),
    };
    let cell = |text: &str| text.replace('|', "\\|").replace('\n', " ");
    Some(format!(
        "| `{}` | {} | {} | {} |\n",
        field.name,
        cell(&kind.to_string()),
        cell(&default),
        cell(&described(field)),
    ))
}

fn described(field: &FieldDoc) -> String {
    match field.stability {
        Stability::GenerallyAvailable => field.doc.to_owned(),
        level => format!("{} Needs `--stability.level={level}`.", field.doc).trim().to_owned(),
    }
}

fn block(
    field: &FieldDoc,
    repeated: bool,
    nested: fn() -> Vec<FieldDoc>,
    path: &mut Vec<&'static str>,
    text: &mut String,
) {
    let known = path.contains(&field.name);
    path.push(field.name);
    let fields = nested();
    let label = fields.iter().find(|field| matches!(field.kind, FieldKind::Label));
    let label = label.map_or("", |_| " \"label\"");
    let times = match (repeated, field.required) {
        (true, _) => "any number of times",
        (false, true) => "required",
        (false, false) => "at most once",
    };
    text.push_str(&format!("Block `{}{label}`, {times}.", path.join(" > ")));
    let doc = described(field);
    if !doc.is_empty() {
        text.push_str(&format!(" {doc}"));
    }
    text.push_str("\n\n");
    if !known {
        body(&fields, path, text);
    }
    path.pop();
}
