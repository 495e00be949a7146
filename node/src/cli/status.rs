//! `shoal status`: what a running node says of itself.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Args;
use http::Method;

use super::ask::Node;
use super::console;
use crate::server::{Queue, Status};

/// Whom to ask.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    node: Node,

    /// Print the answer as JSON.
    #[arg(long)]
    json: bool,
}

impl Arguments {
    pub(super) fn run(&self) -> ExitCode {
        let answer = self.node.ask(Method::GET, "/api/v1/status");
        let printed = answer.and_then(|body| {
            if self.json {
                return String::from_utf8(body).map_err(|error| error.to_string());
            }
            let status = serde_json::from_slice::<Status>(&body);
            status.map(|status| print(&status)).map_err(|error| error.to_string())
        });
        match printed {
            Ok(text) => console::print(&text),
            Err(problem) => {
                console::fail(&format!("no status from {}: {problem}", self.node.address()))
            }
        }
    }
}

/// The status as a text for people.
pub(super) fn print(status: &Status) -> String {
    let mut out = String::new();
    let ready =
        if status.ready { "ready".to_owned() } else { format!("not ready: {}", status.unready) };
    // Writing to a string cannot fail, here and below.
    let _ = writeln!(out, "{}  {}  {ready}", status.name, status.state);
    let _ = writeln!(
        out,
        "shoal {}, up {}, at {}",
        status.version,
        span(status.uptime_seconds),
        status.address
    );
    if status.cluster.enabled {
        cluster(&mut out, status);
    }
    let _ = writeln!(out, "\ncomponents");
    for component in &status.components {
        let health = format!("{:?}", component.health.state).to_lowercase();
        let targets = component
            .targets
            .map(|targets| format!("  {} of {} targets here", targets.local, targets.known));
        let _ = writeln!(out, "  {:9}  {}{}", health, component.id, targets.unwrap_or_default());
        if health == "unhealthy" {
            let _ = writeln!(out, "             {}", component.health.message);
        }
    }
    if !status.troubles.is_empty() {
        let _ = writeln!(out, "\nconfiguration");
    }
    for line in status.troubles.iter().flat_map(|trouble| trouble.lines()) {
        let _ = writeln!(out, "  {line}");
    }
    if !status.queues.is_empty() {
        let _ = writeln!(out, "\nqueues");
    }
    for queue in &status.queues {
        let Queue { component, url, samples, age_seconds, .. } = queue;
        let age = match *age_seconds {
            0.0 => String::new(),
            age => format!(", the oldest for {age:.1} s"),
        };
        let _ = writeln!(out, "  {component} to {url}: {samples} samples wait{age}");
    }
    out
}

fn cluster(out: &mut String, status: &Status) {
    let cluster = &status.cluster;
    let name = if cluster.name.is_empty() { "(no name)" } else { &cluster.name };
    let _ = writeln!(out, "\ncluster {name}, view {}", cluster.digest);
    if cluster.minimum_size > 1 {
        let ready = if cluster.ready { "reached" } else { "not reached: nothing new is started" };
        let _ = writeln!(out, "  minimum size {}: {ready}", cluster.minimum_size);
    }
    let width = cluster.peers.iter().map(|peer| peer.name.chars().count()).max().unwrap_or(0);
    for peer in &cluster.peers {
        let suspected = if peer.suspected { "  suspected" } else { "" };
        let _ = writeln!(
            out,
            "  {:width$}  {:11}  {}  {} targets{suspected}",
            peer.name, peer.state, peer.address, peer.targets
        );
    }
}

/// A time span in its two largest units.
fn span(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, minutes) => format!("{minutes}m{}s", seconds % 60),
        (0, hours, minutes) => format!("{hours}h{minutes}m"),
        (days, hours, _) => format!("{days}d{hours}h"),
    }
}
