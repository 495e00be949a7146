//! Derives typed arguments and their reference from one declaration.
