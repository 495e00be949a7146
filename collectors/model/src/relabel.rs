//! Relabelling: rules that keep, drop and rewrite label sets.
