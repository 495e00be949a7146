//! What a run says of itself when it panics: the arguments that give it again.

use std::fmt::Display;
use std::io::Write as _;

/// Held while a run is under way. When that panics, it says which run it was: a panic by itself
/// does not, and a seed that nobody knows is lost.
#[derive(Debug)]
pub(super) struct Blame<'a, T: Display>(pub(super) &'a T);

impl<T: Display> Drop for Blame<'_, T> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let line =
                format!("panicked; again:\n  cargo run --release -p testnet -- sim {}\n", self.0);
            // With nobody to read it there is nobody to tell.
            let _ = std::io::stderr().write_all(line.as_bytes());
        }
    }
}
