//! What configurations know from Go: the text of durations and sizes, upper and lower case.

pub mod case;
pub mod duration;
pub mod size;
#[cfg(test)]
mod tests;
