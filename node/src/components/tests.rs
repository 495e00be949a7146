//! Kinds run by the graph.

mod arguments;
mod documents;
mod pipeline;
mod servers;
mod world;
