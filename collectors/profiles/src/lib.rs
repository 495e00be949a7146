//! Fetching: a due target becomes profiles.
