//! One node of Shoal.

fn main() {}
