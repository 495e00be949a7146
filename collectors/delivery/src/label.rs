//! Whose log a directory holds.

use std::fs;
use std::path::Path;

use xxhash_rust::xxh3::xxh3_64;

use crate::config::EndpointConfig;

/// What tells a log apart that nobody opens: beside its segments, one value a line.
const LABEL: &str = "endpoint";

/// Writes down whose log it is. It is no loss if that fails: the log is then nobody's when its
/// endpoint is gone, and is removed in time.
pub(crate) fn label(directory: &Path, config: &EndpointConfig) {
    let url = url_of(config);
    let written = fs::write(directory.join(LABEL), format!("{}\n{url:016x}\n", config.name));
    if let Err(error) = written {
        tracing::warn!(endpoint = config.name, %error, "could not label the log");
    }
}

/// The name of the endpoint that a log was for, and the hash of its URL.
pub(crate) fn read_label(directory: &Path) -> Option<(String, u64)> {
    let text = fs::read_to_string(directory.join(LABEL)).ok()?;
    let (name, rest) = text.split_once('\n')?;
    Some((name.to_owned(), u64::from_str_radix(rest.trim_end(), 16).ok()?))
}

/// The hash of an endpoint's URL.
pub(crate) fn url_of(config: &EndpointConfig) -> u64 {
    xxh3_64(config.url.as_str().as_bytes())
}
