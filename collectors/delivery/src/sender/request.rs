//! Requests: their headers, and the rare changes to their bodies.

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};

use super::Parcel;
use crate::config::EndpointConfig;
use crate::log::Content;
use crate::telemetry::Counts;
use crate::wire::{self, v1};

const VERSION: HeaderName = HeaderName::from_static("x-prometheus-remote-write-version");
const TYPE_V1: &str = "application/x-protobuf";
const TYPE_V2: &str = "application/x-protobuf;proto=io.prometheus.write.v2.Request";

/// What is the same in every request to an endpoint.
#[derive(Debug)]
pub(super) struct Template {
    uri: Uri,
    headers: HeaderMap,
}

impl Template {
    pub(super) fn new(config: &EndpointConfig) -> Self {
        let mut headers = config.headers.clone();
        if let Ok(agent) = HeaderValue::from_str(&config.user_agent) {
            headers.insert(USER_AGENT, agent);
        }
        // Set last: these are the protocol's.
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("snappy"));
        let uri = config.url.as_str().parse().expect("a URL with a host is a URI");
        Self { uri, headers }
    }

    pub(super) fn request(&self, content: Content, body: Bytes) -> Request<Bytes> {
        let (content_type, version) = match content {
            Content::WriteV1 => (TYPE_V1, "0.1.0"),
            Content::WriteV2 => (TYPE_V2, "2.0.0"),
        };
        let mut request = Request::new(body);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        let headers = request.headers_mut();
        headers.clone_from(&self.headers);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(VERSION, HeaderValue::from_static(version));
        request
    }
}

/// Takes everything older than `oldest` out of a parcel and measures it again.
pub(super) fn shed_older(parcel: &mut Parcel, oldest: i64) -> Result<(), wire::Error> {
    match parcel.content {
        Content::WriteV1 => {
            let mut request = wire::decode_v1(&parcel.body)?;
            for series in &mut request.timeseries {
                series.samples.retain(|sample| sample.timestamp >= oldest);
                series.histograms.retain(|sample| sample.timestamp >= oldest);
                series.exemplars.retain(|exemplar| exemplar.timestamp >= oldest);
            }
            request.timeseries.retain(|series| {
                !(series.samples.is_empty()
                    && series.histograms.is_empty()
                    && series.exemplars.is_empty())
            });
            measure_v1(&request.timeseries, parcel);
            parcel.body = wire::encode_v1(&request).into();
        }
        Content::WriteV2 => {
            let mut request = wire::decode_v2(&parcel.body)?;
            for series in &mut request.timeseries {
                series.samples.retain(|sample| sample.timestamp >= oldest);
                series.histograms.retain(|sample| sample.timestamp >= oldest);
                series.exemplars.retain(|exemplar| exemplar.timestamp >= oldest);
            }
            request.timeseries.retain(|series| {
                !(series.samples.is_empty()
                    && series.histograms.is_empty()
                    && series.exemplars.is_empty())
            });
            measure_v1(&request.to_v1()?.timeseries, parcel);
            parcel.body = wire::encode_v2(&request).into();
        }
    }
    Ok(())
}

/// Counts what is in some series.
pub(super) fn measure_v1(series: &[v1::TimeSeries], parcel: &mut Parcel) {
    let mut counts = Counts::default();
    (parcel.oldest_ms, parcel.newest_ms) = (i64::MAX, i64::MIN);
    let mut timestamp = |timestamp: i64| {
        parcel.oldest_ms = parcel.oldest_ms.min(timestamp);
        parcel.newest_ms = parcel.newest_ms.max(timestamp);
        1
    };
    for series in series {
        counts.samples += series.samples.iter().map(|s| timestamp(s.timestamp)).sum::<u32>();
        counts.histograms += series.histograms.iter().map(|s| timestamp(s.timestamp)).sum::<u32>();
        counts.exemplars += series.exemplars.iter().map(|e| timestamp(e.timestamp)).sum::<u32>();
    }
    parcel.counts = counts;
}
