//! Shoal: one node of the collector.
