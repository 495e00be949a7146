//! Alloyjson back into what people read: the configuration language.

use std::fmt::Write as _;

use serde_json::Value;

/// What a page shows at most of anything that there may be very many of, as targets: more is for the
/// search, and for the API.
pub const MOST_SHOWN: usize = 500;

/// Elements of one list in arguments and exports that are shown.
const MOST_ELEMENTS: usize = 50;

/// A scraped target in a component's debug info.
pub(super) struct TargetLine {
    pub(super) url: String,
    pub(super) labels: String,
    pub(super) health: String,
    pub(super) last_error: String,
    pub(super) last_scrape: String,
    pub(super) duration: String,
}

/// A body of statements as text.
pub(super) fn render(body: &Value) -> String {
    let mut text = String::new();
    statements(&mut text, body, 0, &|_| true);
    text
}

/// The same without the `target` blocks, which have a table of their own.
pub(super) fn blocks(body: &Value) -> String {
    let mut text = String::new();
    statements(&mut text, body, 0, &|statement| statement["name"] != "target");
    text
}

/// The `target` blocks, as many as a page shows, and how many were left out.
pub(super) fn targets(body: &Value) -> (Vec<TargetLine>, usize) {
    let blocks: Vec<&Value> = body
        .as_array()
        .into_iter()
        .flatten()
        .filter(|statement| statement["name"] == "target" && statement["type"] == "block")
        .collect();
    let lines = blocks.iter().take(MOST_SHOWN).map(|block| target(&block["body"])).collect();
    let left_out: u64 = body
        .as_array()
        .into_iter()
        .flatten()
        .filter(|statement| statement["name"] == "target" && statement["type"] == "left_out")
        .filter_map(|statement| statement["count"].as_u64())
        .sum();
    let left_out = usize::try_from(left_out).unwrap_or(usize::MAX);
    (lines, blocks.len().saturating_sub(MOST_SHOWN).saturating_add(left_out))
}

fn target(body: &Value) -> TargetLine {
    let field = |name: &str| {
        let found = body.as_array().into_iter().flatten().find(|s| s["name"] == name);
        found.map_or_else(String::new, |statement| {
            let value = &statement["value"];
            match (value["value"].as_str(), value["type"] == "object") {
                (Some(text), _) => text.to_owned(),
                (None, true) => pairs(&value["value"]),
                (None, false) => expression(value, 0),
            }
        })
    };
    TargetLine {
        url: field("url"),
        labels: field("labels"),
        health: field("health"),
        last_error: field("last_error"),
        last_scrape: field("last_scrape"),
        duration: rounded(field("last_scrape_duration")),
    }
}

/// Labels on one line.
fn pairs(fields: &Value) -> String {
    let pair = |field: &Value| {
        let key = field["key"].as_str().unwrap_or_default();
        format!("{key}={}", expression(&field["value"], 0))
    };
    let pairs: Vec<String> = fields.as_array().into_iter().flatten().map(pair).collect();
    pairs.join(" ")
}

/// A duration as the language writes it, down to the nanosecond, with the digits that people want.
fn rounded(duration: String) -> String {
    match syntax::go::duration::parse(&duration) {
        Ok(parsed) => super::duration(parsed.as_secs_f64()),
        // A target that was never scraped has none.
        Err(_) => duration,
    }
}

fn statements(text: &mut String, body: &Value, depth: usize, wanted: &dyn Fn(&Value) -> bool) {
    let indent = "  ".repeat(depth);
    for statement in body.as_array().into_iter().flatten().filter(|s| wanted(s)) {
        let name = statement["name"].as_str().unwrap_or_default();
        if statement["type"] == "block" {
            let label = match statement["label"].as_str() {
                Some(label) if !label.is_empty() => format!(" \"{label}\""),
                _ => String::new(),
            };
            let _ = writeln!(text, "{indent}{name}{label} {{");
            statements(text, &statement["body"], depth + 1, &|_| true);
            let _ = writeln!(text, "{indent}}}");
        } else {
            let _ = writeln!(text, "{indent}{name} = {}", expression(&statement["value"], depth));
        }
    }
}

fn expression(value: &Value, depth: usize) -> String {
    let inner = &value["value"];
    match value["type"].as_str().unwrap_or_default() {
        "string" => format!("{:?}", inner.as_str().unwrap_or_default()),
        "array" => elements(value, depth, ["[", "]"], |element| expression(element, depth + 1)),
        "object" => elements(value, depth, ["{", "}"], |field| {
            let key = field["key"].as_str().unwrap_or_default();
            format!("{key} = {}", expression(&field["value"], depth + 1))
        }),
        "null" => "null".to_owned(),
        _ => match inner {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        },
    }
}

fn elements(
    value: &Value,
    depth: usize,
    [open, close]: [&str; 2],
    element: impl Fn(&Value) -> String,
) -> String {
    let Some(list) = value["value"].as_array().filter(|list| !list.is_empty()) else {
        return format!("{open}{close}");
    };
    let indent = "  ".repeat(depth + 1);
    let mut text = format!("{open}\n");
    for item in list.iter().take(MOST_ELEMENTS) {
        let _ = writeln!(text, "{indent}{},", element(item));
    }
    let cut = value["left_out"].as_u64().and_then(|cut| usize::try_from(cut).ok()).unwrap_or(0);
    let left_out = list.len().saturating_sub(MOST_ELEMENTS).saturating_add(cut);
    if left_out > 0 {
        let _ = writeln!(text, "{indent}// and {left_out} more");
    }
    let _ = write!(text, "{}{close}", "  ".repeat(depth));
    text
}
