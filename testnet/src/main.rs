//! The world around Shoal.

fn main() {}
