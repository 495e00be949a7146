//! Kinds run by the graph.

mod arguments;
mod documents;
mod world;
