//! `shoal cluster` and `shoal check`: the cluster as a node sees it, and the paths between them.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Args;
use http::Method;

use super::ask::Node;
use super::console;
use crate::server::{Check, Cluster, Paths, Peer};

#[cfg(test)]
mod tests;

/// Whom to ask for its cluster.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    node: Node,

    /// Print the answer as JSON.
    #[arg(long)]
    json: bool,
}

impl Arguments {
    /// `shoal cluster`.
    pub(super) fn run(&self) -> ExitCode {
        let cluster = self.answer(Method::GET, "/api/v1/cluster", |cluster: &Cluster| {
            (print_cluster(cluster), true)
        });
        self.end("its cluster", cluster)
    }

    /// `shoal check`: fails when a path does, or the seeds.
    pub(super) fn check(&self) -> ExitCode {
        let check = self.answer(Method::POST, "/api/v1/cluster/check", |check: &Check| {
            (print_check(check), check.ok)
        });
        self.end("a check", check)
    }

    /// The answer as a text, and whether all is well.
    fn answer<T: serde::de::DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        print: impl Fn(&T) -> (String, bool),
    ) -> Result<(String, bool), String> {
        let body = self.node.ask(method, path)?;
        let answer: T = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
        let (text, well) = print(&answer);
        match self.json {
            true => Ok((String::from_utf8_lossy(&body).into_owned(), well)),
            false => Ok((text, well)),
        }
    }

    fn end(&self, what: &str, answer: Result<(String, bool), String>) -> ExitCode {
        match answer {
            Ok((text, true)) => console::print(&text),
            Ok((text, false)) => {
                // That it could not be printed is no worse than what it says.
                let _ = console::print(&text);
                ExitCode::FAILURE
            }
            Err(problem) => console::fail(&format!(
                "no answer about {what} from {}: {problem}",
                self.node.address()
            )),
        }
    }
}

/// The cluster as a text for people.
fn print_cluster(cluster: &Cluster) -> String {
    let mut out = String::new();
    let name = if cluster.name.is_empty() { "(no name)" } else { &cluster.name };
    let converged = if cluster.converged { "converged" } else { "not converged" };
    // Writing to a string cannot fail, here and below.
    let _ = writeln!(
        out,
        "cluster {name} as {} sees it: {} of {} nodes, {converged}, view {}",
        cluster.node, cluster.size, cluster.expected_size, cluster.digest
    );
    if !cluster.enabled {
        out.push_str("clustering is off: --cluster.enabled turns it on\n");
    }
    if !cluster.ready {
        let _ = writeln!(out, "{} is not ready: {}", cluster.node, cluster.unready);
    }
    for note in &cluster.notes {
        let _ = writeln!(out, "note: {note}");
    }
    if cluster.local_health > 0 {
        let health = cluster.local_health;
        let _ = writeln!(out, "note: {} doubts itself: local health {health} of 8", cluster.node);
    }
    out.push('\n');
    let width = cluster.peers.iter().map(|peer| peer.name.chars().count()).max().unwrap_or(0);
    for peer in &cluster.peers {
        print_peer(&mut out, cluster, peer, width);
    }
    if !cluster.lookups.is_empty() || !cluster.seeds.is_empty() {
        out.push_str("\nseeds\n");
    }
    for lookup in &cluster.lookups {
        let _ = writeln!(out, "  {}: {}", lookup.seed, lookup.detail);
    }
    for lost in &cluster.out_of_reach {
        let _ = writeln!(out, "  {}  left out: {}", lost.address, lost.reason);
    }
    for seed in &cluster.seeds {
        let earlier = if seed.remembered { "  (an earlier peer)" } else { "" };
        let _ = writeln!(out, "  {}  {}{earlier}", seed.address, seed.detail);
    }
    out
}

fn print_peer(out: &mut String, cluster: &Cluster, peer: &Peer, width: usize) {
    let _ = write!(
        out,
        "  {:width$}  {:11}  {}  generation {}  {} targets",
        peer.name, peer.state, peer.address, peer.generation, peer.targets
    );
    if peer.is_self {
        out.push_str("  (this node)");
    } else if let Some(heard) = &peer.last_heard {
        let _ = write!(out, "  heard {heard}");
    }
    if let Some(seconds) = peer.round_trip_seconds {
        let _ = write!(out, "  round trip {:.1} ms", seconds * 1e3);
    }
    if let Some(seconds) = peer.clock_skew_seconds {
        let _ = write!(out, "  clock {:+.1} ms", seconds * 1e3);
    }
    if peer.digest.as_ref().is_some_and(|digest| *digest != cluster.digest) {
        let _ = write!(out, "  sees view {}", peer.digest.as_deref().unwrap_or_default());
    }
    if let Some(suspicion) = &peer.suspicion {
        let _ = write!(
            out,
            "  suspected since {}, dead in {:.1} s",
            suspicion.since, suspicion.verdict_in_seconds
        );
    }
    out.push('\n');
}

/// A check as a text for people.
fn print_check(check: &Check) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "paths between {} at {} and", check.node, check.address);
    for lookup in check.lookups.iter().filter(|lookup| lookup.outcome != "found") {
        let _ = writeln!(out, "  seed {}: {}", lookup.seed, lookup.detail);
    }
    for problem in &check.problems {
        let _ = writeln!(out, "  {problem}");
    }
    if check.paths.is_empty() {
        out.push_str("  nobody: it knows of no other node\n");
    }
    for paths in &check.paths {
        let Paths { address, name, tcp, peer_api, udp_out, udp_in, .. } = paths;
        let name = if name.is_empty() { "(no name)" } else { name };
        let [tcp, api, udp_out, udp_in] = [tcp, peer_api, udp_out, udp_in].map(|p| p.as_str());
        let _ = writeln!(
            out,
            "  {name} at {address}: TCP {tcp}, peer API {api}, UDP out {udp_out}, UDP in {udp_in}"
        );
        if !paths.problem.is_empty() {
            let _ = writeln!(out, "    {}", paths.problem);
        }
    }
    if check.left_out > 0 {
        let _ = writeln!(out, "  and {} more that were not checked", check.left_out);
    }
    out
}
