//! The HTTP surface of a node.

pub mod components;
pub mod config;
