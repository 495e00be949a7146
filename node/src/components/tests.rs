//! Kinds run by the graph.

mod alloy;
mod arguments;
mod documents;
mod pipeline;
mod reloads;
mod servers;
mod world;
