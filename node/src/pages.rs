//! The pages that people open in a browser, as functions from what is known to HTML.
//!
//! Nothing here asks anybody anything: the server collects what a page shows and hands it in. The
//! pages work without scripts and without anything fetched from elsewhere.

mod clustering;
mod diagram;
mod format;
mod moves;
mod statements;

use askama::Template;

use crate::server::components::{Component, HealthState};
pub use clustering::{Shown, clustering};
use diagram::Diagram;
pub use format::{age, count, duration, moment};
pub use statements::MOST_SHOWN;
use statements::{TargetLine, blocks, render};

#[cfg(test)]
mod tests;

/// The one style sheet; served under [`STYLE_PATH`].
pub const STYLE: &str = include_str!("../templates/shoal.css");

/// Where the pages look for the style sheet, below the path prefix.
pub const STYLE_PATH: &str = "assets/shoal.css";

/// What surrounds every page.
#[derive(Debug, Clone)]
pub struct Frame {
    /// The path prefix of the pages, with a slash at both ends.
    pub prefix: String,
    /// This node's name.
    pub node: String,
    /// The cluster's name; empty when it has none.
    pub cluster: String,
    /// This node's state: `joining`, `participant` or `leaving`.
    pub state: String,
    /// Shoal's version.
    pub version: &'static str,
    /// What the operator has to know on every page, such as a clash of names; empty when all is
    /// well.
    pub warning: String,
}

/// A named number on a page.
#[derive(Debug, Clone)]
pub struct Tile {
    /// What it counts.
    pub name: &'static str,
    /// The number, ready to read.
    pub value: String,
    /// A remark; may be empty.
    pub note: String,
}

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview<'a> {
    frame: &'a Frame,
    tiles: &'a [Tile],
    troubles: &'a [String],
    components: &'a [Component],
    diagram: Option<Diagram>,
}

/// The first page: the node in numbers, what is wrong with its configuration, the component graph
/// drawn, and every component.
///
/// # Errors
///
/// When the template fails, which only a bug can cause.
pub fn overview(
    frame: &Frame,
    tiles: &[Tile],
    troubles: &[String],
    components: &[Component],
) -> Result<String, askama::Error> {
    let diagram = Diagram::of(components);
    Overview { frame, tiles, troubles, components, diagram }.render()
}

#[derive(Template)]
#[template(path = "component.html")]
struct ComponentPage<'a> {
    frame: &'a Frame,
    component: &'a Component,
    id: String,
    arguments: String,
    exports: String,
    debug: String,
    targets: Vec<TargetLine>,
    targets_left_out: usize,
}

/// One component: health, arguments, exports, debug info, and its targets where it has any.
///
/// # Errors
///
/// When the template fails, which only a bug can cause.
pub fn component(frame: &Frame, component: &Component) -> Result<String, askama::Error> {
    let (targets, targets_left_out) = statements::targets(&component.debug_info);
    ComponentPage {
        frame,
        component,
        id: component.id(),
        arguments: render(&component.arguments),
        exports: render(&component.exports),
        debug: blocks(&component.debug_info),
        targets,
        targets_left_out,
    }
    .render()
}

/// One target of the cluster, as a line.
#[derive(Debug, Clone, Default)]
pub struct TargetRow {
    /// What is requested.
    pub url: String,
    /// Its labels, ready to read.
    pub labels: String,
    /// The component that collects it.
    pub component: String,
    /// The node that collects it.
    pub owner: String,
    /// `up`, `down` or `unknown`.
    pub health: String,
    /// Why it is down.
    pub last_error: String,
    /// How long ago it was collected, ready to read.
    pub last_scrape: String,
    /// How long that took, ready to read.
    pub duration: String,
}

/// The answer to a search over the cluster.
#[derive(Debug, Clone, Default)]
pub struct TargetSearch {
    /// What was searched for.
    pub query: String,
    /// Only targets of this owner; empty for all.
    pub owner: String,
    /// Every owner there is to choose from.
    pub owners: Vec<String>,
    /// What was found, as far as the limit goes.
    pub rows: Vec<TargetRow>,
    /// How many were found in all.
    pub total: usize,
    /// Peers that did not answer, each with the reason.
    pub missing: Vec<String>,
}

#[derive(Template)]
#[template(path = "targets.html")]
struct Targets<'a> {
    frame: &'a Frame,
    search: &'a TargetSearch,
}

/// The targets of the whole cluster, searched.
///
/// # Errors
///
/// When the template fails, which only a bug can cause.
pub fn targets(frame: &Frame, search: &TargetSearch) -> Result<String, askama::Error> {
    Targets { frame, search }.render()
}

#[derive(Template)]
#[template(path = "missing.html")]
struct Missing<'a> {
    frame: &'a Frame,
    what: &'a str,
}

/// Something was asked for that is not there.
///
/// # Errors
///
/// When the template fails, which only a bug can cause.
pub fn missing(frame: &Frame, what: &str) -> Result<String, askama::Error> {
    Missing { frame, what }.render()
}

/// A state as a word and a shape, so that it can be told without colours.
fn mark(state: &HealthState) -> (&'static str, &'static str) {
    match state {
        HealthState::Healthy => ("healthy", "\u{25CF}"),
        HealthState::Unknown => ("unknown", "\u{25CB}"),
        HealthState::Unhealthy => ("unhealthy", "\u{25B2}"),
        HealthState::Exited => ("exited", "\u{25A0}"),
    }
}

/// [`count`] for templates, which pass everything by reference.
fn grouped(number: &usize) -> String {
    count(*number)
}
