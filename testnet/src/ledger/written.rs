//! How a receiver of remote write 2.0 says how much it kept.

use http::{HeaderMap, HeaderName, HeaderValue};

/// The headers, of samples, histograms and exemplars.
pub(super) const HEADERS: [HeaderName; 3] = [
    HeaderName::from_static("x-prometheus-remote-write-samples-written"),
    HeaderName::from_static("x-prometheus-remote-write-histograms-written"),
    HeaderName::from_static("x-prometheus-remote-write-exemplars-written"),
];

/// Says how many samples, histograms and exemplars were kept.
pub(crate) fn say(headers: &mut HeaderMap, kept: [u64; 3]) {
    for (name, count) in HEADERS.into_iter().zip(kept) {
        headers.insert(name, HeaderValue::from(count));
    }
}

/// Whether an answer says anything of it that can be read.
pub(super) fn is_said(headers: &HeaderMap) -> bool {
    let number = |name| headers.get(name)?.to_str().ok()?.trim().parse::<u32>().ok();
    HEADERS.iter().any(|name| number(name).is_some())
}
