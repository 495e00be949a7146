//! `shoal explain` and `shoal what-if`: how targets moved, and how they would.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Args;
use http::Method;
use serde::de::DeserializeOwned;

use super::ask::Node;
use super::console;
use crate::server::{Explanation, History, WhatIf};

#[cfg(test)]
mod tests;

/// Which target, and whom to ask.
#[derive(Debug, Args)]
pub(super) struct ExplainArguments {
    /// The target: a key, a URL, or words that occur in its URL or its labels.
    target: String,

    #[command(flatten)]
    node: Node,

    /// Print the answer as JSON.
    #[arg(long)]
    json: bool,
}

/// Which change, and whom to ask.
#[derive(Debug, Args)]
pub(super) struct WhatIfArguments {
    /// A node that would leave.
    #[arg(long, value_name = "NODE", conflicts_with = "join", required_unless_present = "join")]
    leave: Option<String>,

    /// The name of a node that would join.
    #[arg(long, value_name = "NAME")]
    join: Option<String>,

    #[command(flatten)]
    node: Node,

    /// Print the answer as JSON.
    #[arg(long)]
    json: bool,
}

impl ExplainArguments {
    pub(super) fn run(&self) -> ExitCode {
        let path = format!("/api/v1/explain?target={}", encode(&self.target));
        answer(&self.node, &path, self.json, print_explanation)
    }
}

impl WhatIfArguments {
    pub(super) fn run(&self) -> ExitCode {
        let (what, name) = match (&self.leave, &self.join) {
            (Some(name), _) => ("leave", name),
            (None, Some(name)) => ("join", name),
            // One of them is required.
            (None, None) => return console::fail("say who would leave or join"),
        };
        let path = format!("/api/v1/what-if?{what}={}", encode(name));
        answer(&self.node, &path, self.json, print_what_if)
    }
}

fn answer<T: DeserializeOwned>(
    node: &Node,
    path: &str,
    json: bool,
    print: impl Fn(&T) -> String,
) -> ExitCode {
    let answer = node.ask(Method::GET, path).and_then(|body| match json {
        true => Ok(String::from_utf8_lossy(&body).into_owned()),
        false => {
            let answer = serde_json::from_slice::<T>(&body);
            answer.map(|answer| print(&answer)).map_err(|error| error.to_string())
        }
    });
    match answer {
        Ok(text) => console::print(&text),
        Err(problem) => console::fail(&format!("no answer from {}: {problem}", node.address())),
    }
}

/// Everything but letters, digits and `-._~` as its bytes in hexadecimal.
fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            // Writing to a string cannot fail, here and below.
            other => drop(write!(out, "%{other:02X}")),
        }
    }
    out
}

/// An explanation as a text for people.
fn print_explanation(explanation: &Explanation) -> String {
    let mut out = String::new();
    for target in &explanation.matches {
        let _ = writeln!(out, "{}  key {}", target.url, target.key);
        for (name, value) in &target.hashed.labels {
            let _ = writeln!(out, "  {name}={value:?}");
        }
        let shared = if target.clustered { "" } else { ", which does not share its targets" };
        let _ = writeln!(out, "  component {}{shared}", target.component);
        let _ = writeln!(out, "  ranking {}", target.ranking.join(", "));
        let here = if target.collected_here { "collects it" } else { "does not collect it" };
        let _ = writeln!(out, "  {} {here}", target.node);
        for moved in &target.moves {
            let from = if moved.from.is_empty() { "nobody" } else { &moved.from };
            let to = if moved.to.is_empty() { "nobody" } else { &moved.to };
            let cause = &moved.cause;
            let _ = writeln!(out, "  {}  its owner changes from {from} to {to}: {cause}", moved.at);
        }
        for history in &target.history {
            let _ = writeln!(out, "  {}  {}", history.at, doing(history));
        }
        out.push('\n');
    }
    if explanation.truncated {
        out.push_str("and more targets: say more of the one you mean\n");
    }
    for forgetful in &explanation.forgotten {
        let _ = writeln!(out, "{forgetful} has forgotten what it did first");
    }
    for missing in &explanation.missing {
        let _ = writeln!(out, "without the history of {missing}");
    }
    out
}

fn doing(history: &History) -> String {
    let History { node, from, to, cause, .. } = history;
    if history.action == "stop" {
        return match to.is_empty() {
            true => format!("{node} stops: {cause}"),
            false => format!("{node} stops for {to}: {cause}"),
        };
    }
    let from = if from.is_empty() { String::new() } else { format!(" from {from}") };
    let gap = match (history.gap_seconds, history.gap_at_most_seconds) {
        (Some(0.0), _) => ", no gap".to_owned(),
        (Some(gap), _) => format!(", a gap of {gap:.1} s"),
        (None, Some(gap)) => format!(", a gap of at most {gap:.1} s"),
        (None, None) if history.gap_open => ", no tick so far".to_owned(),
        (None, None) => String::new(),
    };
    let overlap = match (history.overlap, history.overlap_seconds) {
        (false, _) => String::new(),
        (true, None) => ", perhaps beside another node".to_owned(),
        (true, Some(seconds)) => format!(", beside another node for {seconds:.1} s"),
    };
    let took = history.took_seconds * 1e3;
    format!("{node} starts{from}: {cause}, after {took:.1} ms{gap}{overlap}")
}

/// What would move, as a text for people.
fn print_what_if(what_if: &WhatIf) -> String {
    let mut out = String::new();
    let change = match what_if.leave.is_empty() {
        false => format!("{} left", what_if.leave),
        true => format!("{} joined", what_if.join),
    };
    let WhatIf { moves, targets, .. } = what_if;
    let percent = 100.0 * *moves as f64 / (*targets).max(1) as f64;
    let _ = writeln!(out, "if {change}, {moves} of {targets} targets would move ({percent:.1} %)");
    for component in &what_if.components {
        let _ = writeln!(
            out,
            "  {}: {} of {}",
            component.component, component.moves, component.targets
        );
    }
    if !what_if.flows.is_empty() {
        out.push('\n');
    }
    for flow in &what_if.flows {
        let to = if flow.to.is_empty() { "nobody" } else { &flow.to };
        let _ = writeln!(out, "  {} -> {to}: {}", flow.from, flow.moves);
    }
    if !what_if.examples.is_empty() {
        out.push('\n');
    }
    for moved in &what_if.examples {
        let to = if moved.to.is_empty() { "nobody" } else { &moved.to };
        let _ = writeln!(out, "  {}  {} -> {to}", moved.url, moved.from);
    }
    if what_if.truncated {
        let rest = what_if.moves - what_if.examples.len().min(what_if.moves);
        let _ = writeln!(out, "  and {rest} more");
    }
    out
}
