//! Text formats that configurations know from Go: durations and sizes.

pub mod duration;
pub mod size;
#[cfg(test)]
mod tests;
