//! The component graph as a drawing: layers from left to right, along the flow of data.

use std::collections::{BTreeMap, BTreeSet};

use super::mark;
use crate::server::components::Component;

/// Past this a drawing helps nobody; the list below it does.
const MOST: usize = 150;

const BOX_WIDTH: usize = 210;
const BOX_HEIGHT: usize = 52;
const GAP_X: usize = 80;
const GAP_Y: usize = 22;
const MARGIN: usize = 12;
/// Sweeps that put boxes near their neighbours; more change nothing that can be seen.
const SWEEPS: usize = 6;

/// A drawing, in pixels.
pub(super) struct Diagram {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) boxes: Vec<Node>,
    pub(super) edges: Vec<Edge>,
}

/// A component as a box.
pub(super) struct Node {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) label: String,
    pub(super) x: usize,
    pub(super) y: usize,
    pub(super) state: &'static str,
    pub(super) shape: &'static str,
}

impl Node {
    pub(super) fn width(&self) -> usize {
        BOX_WIDTH
    }

    pub(super) fn height(&self) -> usize {
        BOX_HEIGHT
    }
}

/// The way data takes from one box to another, as an SVG path.
pub(super) struct Edge {
    pub(super) path: String,
    /// Whether samples flow here, and not only an export that is read.
    pub(super) samples: bool,
}

impl Diagram {
    /// Draws the components; `None` when there are none, or too many for a picture.
    pub(super) fn of(components: &[Component]) -> Option<Self> {
        if components.is_empty() || components.len() > MOST {
            return None;
        }
        let flows = flows(components);
        let layer_of = layers(components.len(), &flows);
        let rows = order(&layer_of, &flows);
        let tallest = rows.iter().map(Vec::len).max().unwrap_or(0);
        let height = MARGIN * 2 + tallest * (BOX_HEIGHT + GAP_Y) - GAP_Y;
        let mut place = vec![(0, 0); components.len()];
        for (column, row) in rows.iter().enumerate() {
            let used = row.len() * (BOX_HEIGHT + GAP_Y) - GAP_Y;
            let top = (height - used) / 2;
            for (line, index) in row.iter().enumerate() {
                let x = MARGIN + column * (BOX_WIDTH + GAP_X);
                place[*index] = (x, top + line * (BOX_HEIGHT + GAP_Y));
            }
        }
        let boxes = components.iter().zip(&place).map(|(c, at)| draw_box(c, *at)).collect();
        let edges = flows
            .iter()
            .map(|((from, to), samples)| draw_edge(place[*from], place[*to], *samples))
            .collect();
        let width = MARGIN * 2 + rows.len() * (BOX_WIDTH + GAP_X) - GAP_X;
        Some(Self { width, height, boxes, edges })
    }
}

fn draw_box(component: &Component, (x, y): (usize, usize)) -> Node {
    let (state, shape) = mark(&component.health.state);
    let label = match (component.label.as_str(), component.module_id.as_str()) {
        ("", "") => String::new(),
        (label, "") => label.to_owned(),
        (label, module) => format!("{module}/{label}"),
    };
    Node { id: component.id(), kind: component.name.clone(), label, x, y, state, shape }
}

fn draw_edge(from: (usize, usize), to: (usize, usize), samples: bool) -> Edge {
    let (x1, y1) = (from.0 + BOX_WIDTH, from.1 + BOX_HEIGHT / 2);
    let (x2, y2) = (to.0, to.1 + BOX_HEIGHT / 2);
    let bend = GAP_X / 2;
    let path = format!("M{x1} {y1}C{} {y1} {} {y2} {x2} {y2}", x1 + bend, x2.saturating_sub(bend));
    Edge { path, samples }
}

/// Who feeds whom, by index, and whether it is samples that flow.
fn flows(components: &[Component]) -> BTreeMap<(usize, usize), bool> {
    let index: BTreeMap<(&str, &str), usize> = components
        .iter()
        .enumerate()
        .map(|(i, c)| ((c.module_id.as_str(), c.local_id.as_str()), i))
        .collect();
    let mut flows = BTreeMap::new();
    for (at, component) in components.iter().enumerate() {
        let module = component.module_id.as_str();
        let places = |ids: &[String]| -> Vec<usize> {
            ids.iter().filter_map(|id| index.get(&(module, id.as_str())).copied()).collect()
        };
        for to in places(&component.data_flow_edges_to) {
            flows.insert((at, to), true);
        }
        for read in places(&component.references_to) {
            if !flows.contains_key(&(at, read)) {
                flows.entry((read, at)).or_insert(false);
            }
        }
    }
    flows
}

/// The layer of each component: one more than the highest of those that feed it.
fn layers(count: usize, flows: &BTreeMap<(usize, usize), bool>) -> Vec<usize> {
    let mut layer = vec![0; count];
    // A graph without cycles settles within `count` rounds; the bound keeps one with a cycle from
    // going round for ever.
    for _ in 0..count {
        let mut settled = true;
        for (from, to) in flows.keys() {
            if from != to && layer[*to] <= layer[*from] && layer[*from] + 1 < count {
                layer[*to] = layer[*from] + 1;
                settled = false;
            }
        }
        if settled {
            break;
        }
    }
    layer
}

/// The components of each layer, each near the mean of its neighbours, so that few lines cross.
fn order(layer_of: &[usize], flows: &BTreeMap<(usize, usize), bool>) -> Vec<Vec<usize>> {
    let used: BTreeSet<usize> = layer_of.iter().copied().collect();
    let mut rows: Vec<Vec<usize>> = used
        .iter()
        .map(|layer| (0..layer_of.len()).filter(|i| layer_of[*i] == *layer).collect())
        .collect();
    for _ in 0..SWEEPS {
        let mut position = vec![0.0; layer_of.len()];
        for row in &rows {
            for (line, index) in row.iter().enumerate() {
                position[*index] = line as f64 / row.len() as f64;
            }
        }
        let pull = |index: usize| {
            let near: Vec<f64> = flows
                .keys()
                .filter_map(|(from, to)| match index {
                    i if i == *from => Some(position[*to]),
                    i if i == *to => Some(position[*from]),
                    _ => None,
                })
                .collect();
            if near.is_empty() {
                position[index]
            } else {
                near.iter().sum::<f64>() / near.len() as f64
            }
        };
        for row in &mut rows {
            row.sort_by(|a, b| pull(*a).total_cmp(&pull(*b)));
        }
    }
    rows
}
