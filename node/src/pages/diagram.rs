//! The component graph as a drawing: layers from left to right, along the flow of data.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::mark;
use crate::server::components::Component;

/// Past this a drawing helps nobody; the list below it does.
const MOST: usize = 150;

const BOX_WIDTH: usize = 210;
const BOX_HEIGHT: usize = 52;
const GAP_X: usize = 80;
const GAP_Y: usize = 22;
const MARGIN: usize = 12;
/// What an edge takes of a column that it passes through.
const LANE_HEIGHT: usize = 10;
/// Past so many lanes edges go straight, behind boxes if need be: nobody could follow them anyway.
const MOST_LANES: usize = 2_000;
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
        let mut layer_of = layers(components.len(), &flows);
        let routes = routes(&flows, &mut layer_of);
        let rows = order(&layer_of, &routes);
        let height_of =
            |item: usize| if item < components.len() { BOX_HEIGHT } else { LANE_HEIGHT };
        let used = |row: &Vec<usize>| {
            row.iter().map(|item| height_of(*item) + GAP_Y).sum::<usize>().saturating_sub(GAP_Y)
        };
        let height = MARGIN * 2 + rows.iter().map(used).max().unwrap_or(0);
        let mut place = vec![(0, 0); layer_of.len()];
        for (column, row) in rows.iter().enumerate() {
            let mut y = (height - used(row)) / 2;
            for item in row {
                place[*item] = (MARGIN + column * (BOX_WIDTH + GAP_X), y);
                y += height_of(*item) + GAP_Y;
            }
        }
        let boxes = components.iter().zip(&place).map(|(c, at)| draw_box(c, *at)).collect();
        let middle = |item: usize| (place[item].0, place[item].1 + height_of(item) / 2);
        let edges = routes.iter().map(|route| draw_edge(route, middle)).collect();
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

/// Curves between columns, straight lines through them. `middle` is the left end of an item's middle.
fn draw_edge(route: &Route, middle: impl Fn(usize) -> (usize, usize)) -> Edge {
    let bend = GAP_X / 2;
    let mut path = String::new();
    for (from, to) in route.steps() {
        let ((left, y1), (x2, y2)) = (middle(from), middle(to));
        let x1 = left + BOX_WIDTH;
        let begin = if path.is_empty() { format!("M{x1} {y1}") } else { format!("H{x1}") };
        let _ =
            write!(path, "{begin}C{} {y1} {} {y2} {x2} {y2}", x1 + bend, x2.saturating_sub(bend));
    }
    Edge { path, samples: route.samples }
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

/// The way of an edge: a component, a lane in every layer that it skips, a component.
struct Route {
    stops: Vec<usize>,
    samples: bool,
}

impl Route {
    fn steps(&self) -> impl Iterator<Item = (usize, usize)> {
        self.stops.windows(2).map(|pair| (pair[0], pair[1]))
    }
}

/// Gives every edge its way. Lanes are items like components, numbered after them; their layers are
/// added to `layer_of`.
fn routes(flows: &BTreeMap<(usize, usize), bool>, layer_of: &mut Vec<usize>) -> Vec<Route> {
    let skipped = |layer_of: &[usize], from: usize, to: usize| layer_of[from] + 1..layer_of[to];
    let lanes: usize = flows.keys().map(|(from, to)| skipped(layer_of, *from, *to).len()).sum();
    let route = |((from, to), samples): (&(usize, usize), &bool)| {
        let mut stops = vec![*from];
        if lanes <= MOST_LANES {
            for layer in skipped(layer_of, *from, *to) {
                stops.push(layer_of.len());
                layer_of.push(layer);
            }
        }
        stops.push(*to);
        Route { stops, samples: *samples }
    };
    flows.iter().map(route).collect()
}

/// The items of each layer, each near the mean of its neighbours, so that few lines cross.
fn order(layer_of: &[usize], routes: &[Route]) -> Vec<Vec<usize>> {
    let mut near = vec![Vec::new(); layer_of.len()];
    for (from, to) in routes.iter().flat_map(Route::steps) {
        near[from].push(to);
        near[to].push(from);
    }
    let last = layer_of.iter().copied().max().unwrap_or(0);
    let mut rows = vec![Vec::new(); last + 1];
    layer_of.iter().enumerate().for_each(|(item, layer)| rows[*layer].push(item));
    // A cycle may leave layers without anything.
    rows.retain(|row| !row.is_empty());
    for _ in 0..SWEEPS {
        let mut position = vec![0.0; layer_of.len()];
        for row in &rows {
            for (line, item) in row.iter().enumerate() {
                position[*item] = line as f64 / row.len() as f64;
            }
        }
        let pull: Vec<f64> = near
            .iter()
            .zip(&position)
            .map(|(near, own)| match near.len() {
                0 => *own,
                count => near.iter().map(|item| position[*item]).sum::<f64>() / count as f64,
            })
            .collect();
        for row in &mut rows {
            row.sort_by(|a, b| pull[*a].total_cmp(&pull[*b]));
        }
    }
    rows
}
