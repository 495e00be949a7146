//! The order of evaluation: dependencies first, cycles named.

#[cfg(test)]
mod tests;

/// A cycle: indexes of nodes, each of which depends on the next, and the last on the first.
pub(super) type Cycle = Vec<usize>;

/// Why there is no order: nodes that read each other in circles.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Knotted {
    /// One cycle of every knot, so that a user sees all of them at once.
    pub cycles: Vec<Cycle>,
    /// Every node once all the same, each after what it reads but for those in a knot: good for
    /// looking at all of them, not for running.
    pub order: Vec<usize>,
}

/// Orders nodes so that each comes after everything it depends on.
///
/// `dependencies[n]` are the nodes that `n` reads. Nodes that are free to come in any order keep
/// that of their indexes, so one configuration has one order.
///
/// # Errors
///
/// When there are cycles.
pub(super) fn evaluation_order(dependencies: &[Vec<usize>]) -> Result<Vec<usize>, Knotted> {
    let mut search = Search::new(dependencies);
    for node in 0..dependencies.len() {
        search.visit(node);
    }
    let Search { cycles, order, .. } = search;
    if cycles.is_empty() { Ok(order) } else { Err(Knotted { cycles, order }) }
}

/// Tarjan's strongly connected components with a stack of its own, since a chain of thousands of
/// components must not depend on how deep the thread's stack is.
struct Search<'a> {
    dependencies: &'a [Vec<usize>],
    state: Vec<Visit>,
    /// Nodes that are found but not yet in a component, in the order they were found.
    open: Vec<usize>,
    found: usize,
    order: Vec<usize>,
    cycles: Vec<Cycle>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Visit {
    New,
    /// On the stack: when it was found, and the earliest open node that it reaches.
    Open {
        found: usize,
        reaches: usize,
    },
    Done,
}

/// One node on the way down, and which of its dependencies is next.
struct Step {
    node: usize,
    next: usize,
}

impl<'a> Search<'a> {
    fn new(dependencies: &'a [Vec<usize>]) -> Self {
        Self {
            dependencies,
            state: vec![Visit::New; dependencies.len()],
            open: Vec::new(),
            found: 0,
            order: Vec::with_capacity(dependencies.len()),
            cycles: Vec::new(),
        }
    }

    fn visit(&mut self, root: usize) {
        if self.state[root] != Visit::New {
            return;
        }
        let mut path = vec![self.enter(root)];
        while let Some(step) = path.last_mut() {
            if let Some(&dependency) = self.dependencies[step.node].get(step.next) {
                step.next += 1;
                let node = step.node;
                match self.state[dependency] {
                    Visit::New => path.push(self.enter(dependency)),
                    Visit::Open { found, .. } => self.lower(node, found),
                    Visit::Done => {}
                }
            } else {
                let node = step.node;
                path.pop();
                let reaches = self.leave(node);
                if let (Some(above), Some(reaches)) = (path.last(), reaches) {
                    self.lower(above.node, reaches);
                }
            }
        }
    }

    fn enter(&mut self, node: usize) -> Step {
        self.state[node] = Visit::Open { found: self.found, reaches: self.found };
        self.found += 1;
        self.open.push(node);
        Step { node, next: 0 }
    }

    fn lower(&mut self, node: usize, to: usize) {
        if let Visit::Open { reaches, .. } = &mut self.state[node] {
            *reaches = (*reaches).min(to);
        }
    }

    /// Closes the component that `node` is the root of, or says how far up its component reaches.
    fn leave(&mut self, node: usize) -> Option<usize> {
        let Visit::Open { found, reaches } = self.state[node] else { return None };
        if reaches < found {
            return Some(reaches);
        }
        let start = self.open.iter().rposition(|&open| open == node)?;
        let component = self.open.split_off(start);
        for &member in &component {
            self.state[member] = Visit::Done;
        }
        if component.len() > 1 || self.dependencies[node].contains(&node) {
            self.cycles.push(self.cycle_within(&component));
        }
        self.order.extend(component);
        None
    }

    /// Walks inside a component until a node comes again; what lies between is a cycle.
    fn cycle_within(&self, component: &[usize]) -> Cycle {
        let first = component.iter().copied().min().unwrap_or_default();
        let mut walked = vec![first];
        loop {
            let last = walked[walked.len() - 1];
            let Some(next) =
                self.dependencies[last].iter().copied().find(|next| component.contains(next))
            else {
                return walked;
            };
            if let Some(start) = walked.iter().position(|&node| node == next) {
                return walked.split_off(start);
            }
            walked.push(next);
        }
    }
}
