//! What an answer means, by the rules of the remote-write specifications.

use std::time::{Duration, SystemTime};

use client::Response;
use http::header::{LOCATION, RETRY_AFTER};
use http::{HeaderMap, StatusCode, Uri};

use super::{MAX_RETRY_AFTER, Parcel};
use crate::config::{Protocol, QueueConfig};
use crate::telemetry::{Counts, DropReason};

/// Bytes of an answer that are read for its message.
const EXCERPT: usize = 1024;

/// Characters of the place that a redirect names.
const PLACE: usize = 200;

/// What to do after an answer, or after none.
#[derive(Debug)]
pub(super) enum Answer {
    /// Written as far as it says, and what it complained of.
    Written(Written, Option<String>),
    /// Send it again, not before `after` if that is given.
    Again {
        reason: String,
        after: Option<Duration>,
    },
    /// The endpoint does not speak 2.0, as it seems by this.
    NotUnderstood(String),
    /// Refused, in 2.0, by somebody who does not say what was written, and so may not know 2.0: there may
    /// be several behind the endpoint, or somebody on the way.
    Unsaid(String),
    /// Refused for samples that are there already or came too late; nothing is written then.
    Doubles {
        /// [`DropReason::Double`] or [`DropReason::OutOfOrder`].
        kind: DropReason,
        /// What the endpoint said.
        reason: String,
    },
    Refused(String),
}

/// What is known of an endpoint and 2.0.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spoken {
    /// It has been seen to speak it.
    pub(super) proven: bool,
    /// It is asked for throughout, so 1.0 may be what is not spoken there.
    pub(super) asked_for: bool,
}

/// What the endpoint says that it has written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// It does not say, so everything.
    Everything,
    /// By the headers of 2.0.
    Counted {
        counts: Counts,
        /// As what the rest is to be counted if it says that they are doubles.
        doubles: Option<DropReason>,
    },
}

impl Written {
    pub(super) fn of(self, sent: Counts) -> Counts {
        match self {
            Self::Everything => sent,
            Self::Counted { counts, .. } => Counts {
                samples: counts.samples.min(sent.samples),
                histograms: counts.histograms.min(sent.histograms),
                exemplars: counts.exemplars.min(sent.exemplars),
                metadata: sent.metadata,
            },
        }
    }

    pub(super) fn doubles(self) -> Option<DropReason> {
        match self {
            Self::Counted { doubles, .. } => doubles,
            Self::Everything => None,
        }
    }
}

impl Answer {
    pub(super) fn again(reason: String) -> Self {
        Self::Again { reason, after: None }
    }

    pub(super) async fn read(
        response: Response,
        parcel: &Parcel,
        queue: &QueueConfig,
        Spoken { proven, asked_for }: Spoken,
    ) -> Self {
        let status = response.status();
        let written = counted(response.headers());
        let after = retry_after(response.headers(), SystemTime::now());
        let v2 = parcel.protocol == Protocol::V2;
        if status.is_success() {
            // The connection can be used again once its body has been read.
            response.excerpt(EXCERPT).await;
            return match written {
                Some(counts) if v2 => {
                    Self::Written(Written::Counted { counts, doubles: None }, None)
                }
                // Who does not count what it wrote has not understood 2.0: to a receiver of 1.0 the
                // request looks like an empty one.
                None if v2 && parcel.counts.total() > 0 => {
                    let reason = format!("{status}, and nothing of what it wrote");
                    if proven { Self::Unsaid(reason) } else { Self::NotUnderstood(reason) }
                }
                _ => Self::Written(Written::Everything, None),
            };
        }
        if status.is_redirection() {
            let reason = redirected(&response);
            response.excerpt(EXCERPT).await;
            return Self::Again { reason, after };
        }
        let message = response.excerpt(EXCERPT).await;
        let reason = format!("{status}: {message}");
        match status {
            StatusCode::UNSUPPORTED_MEDIA_TYPE if v2 => return Self::NotUnderstood(reason),
            // Of who is to speak nothing else, and has, they are failures as others are.
            StatusCode::NOT_IMPLEMENTED | StatusCode::HTTP_VERSION_NOT_SUPPORTED
                if v2 && !(proven && asked_for) =>
            {
                return if proven { Self::Unsaid(reason) } else { Self::NotUnderstood(reason) };
            }
            StatusCode::TOO_MANY_REQUESTS if queue.retry_on_http_429 => {
                return Self::Again { reason, after };
            }
            // It says when, not what: it would say the same of 1.0.
            StatusCode::TOO_MANY_REQUESTS => return Self::Refused(reason),
            _ if status.is_server_error() => return Self::Again { reason, after },
            _ => {}
        }
        let may_name_some = matches!(status, StatusCode::BAD_REQUEST | StatusCode::CONFLICT);
        let doubles = doubles(&message).filter(|_| may_name_some);
        match (doubles, written) {
            // 2.0 writes what it can and says how much that was. Where that is nothing of many, one
            // may have kept the others out.
            (_, Some(counts))
                if v2
                    && (counts.total() > 0 || doubles.is_some() && parcel.counts.total() == 1) =>
            {
                Self::Written(Written::Counted { counts, doubles }, Some(reason))
            }
            (Some(kind), _) => Self::Doubles { kind, reason },
            // The specification names 415 alone, but who knows 1.0 only complains in other words.
            (None, None) if v2 && !proven && is_about_the_body(status) => {
                Self::NotUnderstood(reason)
            }
            (None, None) if v2 => Self::Unsaid(reason),
            _ => Self::Refused(reason),
        }
    }
}

/// What to say of a redirect that is not followed. The backend is elsewhere, and nothing was written: that
/// is put right here or there, and until then nothing is lost.
fn redirected(response: &Response) -> String {
    let status = response.status();
    let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
    match location.and_then(|location| location.parse::<Uri>().ok()) {
        // What stands before a host or behind a path may be secret.
        Some(uri) => {
            let place = [uri.host().unwrap_or_default(), uri.path()].concat();
            let place: String = place.chars().take(PLACE).collect();
            format!("{status}, to {place}, which is not followed: check the url")
        }
        None => format!("{status}, to nowhere: check the url"),
    }
}

/// Whether a request was refused for what is in it, not for who sent it, or when.
fn is_about_the_body(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_REQUEST | StatusCode::NOT_ACCEPTABLE | StatusCode::UNPROCESSABLE_ENTITY
    )
}

/// The headers by which 2.0 says what it has written; `None` when there is none of them.
pub(super) fn counted(headers: &HeaderMap) -> Option<Counts> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u32>().ok();
    let samples = number("x-prometheus-remote-write-samples-written");
    let histograms = number("x-prometheus-remote-write-histograms-written");
    let exemplars = number("x-prometheus-remote-write-exemplars-written");
    if samples.is_none() && histograms.is_none() && exemplars.is_none() {
        return None;
    }
    Some(Counts {
        samples: samples.unwrap_or(0),
        histograms: histograms.unwrap_or(0),
        exemplars: exemplars.unwrap_or(0),
        metadata: 0,
    })
}

/// When to come back: seconds, or a date.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match value.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        // A date that has passed means now.
        Err(_) => httpdate::parse_http_date(value).ok()?.duration_since(now).unwrap_or_default(),
    };
    Some(wait.min(MAX_RETRY_AFTER))
}

/// Whether the message of a refusal is about samples that are there already, came too late or too
/// early, in the words of the backends we know. Such a sample spoils its whole request on 1.0.
fn doubles(message: &str) -> Option<DropReason> {
    const DOUBLE: [&str; 2] = ["duplicate sample", "duplicate-timestamp"];
    const OUT_OF_ORDER: [&str; 6] = [
        "out of order",
        "out-of-order",
        "out of bounds",
        "too old sample",
        "sample-timestamp-too-old",
        "too far in the future",
    ];
    let message = message.to_ascii_lowercase();
    let names = |words: &[&str]| words.iter().any(|words| message.contains(words));
    let double = names(&DOUBLE).then_some(DropReason::Double);
    double.or_else(|| names(&OUT_OF_ORDER).then_some(DropReason::OutOfOrder))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        headers
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_and_bounded() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        let wait = |value| retry_after(&headers("retry-after", value), now);
        assert_eq!(wait("7"), Some(Duration::from_secs(7)));
        assert_eq!(wait("Sun, 06 Nov 1994 08:50:07 GMT"), Some(Duration::from_secs(30)));
        assert_eq!(wait("Sun, 06 Nov 1994 08:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(wait("999999999"), Some(MAX_RETRY_AFTER));
        assert_eq!(wait("soon"), None);
        assert_eq!(wait("-1"), None);
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }

    #[test]
    fn one_header_of_three_is_enough_to_speak_2_0() {
        let written = counted(&headers("x-prometheus-remote-write-samples-written", " 5 "));
        assert_eq!(written, Some(Counts { samples: 5, ..Counts::default() }));
        assert_eq!(counted(&headers("x-prometheus-remote-write-samples-written", "x")), None);
        assert_eq!(counted(&HeaderMap::new()), None);
    }

    #[test]
    fn the_words_of_known_backends_are_known() {
        for (message, reason) in [
            ("out of order sample", DropReason::OutOfOrder),
            ("duplicate sample for timestamp", DropReason::Double),
            ("Out of bounds", DropReason::OutOfOrder),
            ("too old sample", DropReason::OutOfOrder),
            (
                "user=1: err: the sample has been rejected (err-mimir-sample-out-of-order)",
                DropReason::OutOfOrder,
            ),
            ("err-mimir-sample-duplicate-timestamp", DropReason::Double),
        ] {
            assert_eq!(doubles(message), Some(reason), "{message}");
        }
        assert_eq!(doubles("label name \"é\" is not valid"), None);
        assert_eq!(doubles("snappy: corrupt input"), None);
    }
}
